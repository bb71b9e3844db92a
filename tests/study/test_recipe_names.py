"""Names of recipes: what tells them apart, as it is typed on the command line."""

from __future__ import annotations

import pytest

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.study.recipe_names import named_by_difference


def test_typing_a_name_on_top_of_defaults_makes_the_recipe():
    recipes = [
        Recipe(model={"name": "mlp", "width": 8}, lr=0.1),
        Recipe(model={"name": "tabm", "k": 4}, metrics=["accuracy"]),
        Recipe(schedule={"name": "cosine", "warmup": 0.2}),
    ]
    for name, recipe in named_by_difference(recipes).items():
        typed = dict(pair.split("=") for pair in name.split(" ")) if "=" in name else {}
        assert Recipe().with_keys({key: _value(text) for key, text in typed.items()}) == recipe


def _value(text: str) -> object:
    from trainwell.core.recipe_file import parse_value

    return parse_value(text)


def test_columns_keep_their_names_whole():
    named = named_by_difference([Recipe(), Recipe(columns={"a.b": {"kind": "number"}})])
    assert len(named) == 2
    assert all("a.b." not in name for name in named)


def test_what_is_the_same_is_refused():
    with pytest.raises(UsageError, match="the same"):
        named_by_difference([Recipe(lr=0.1), Recipe(lr=0.1)])
