"""A recipe is frozen plain data; every change is `Recipe -> Recipe`, and a difference undoes itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from pydantic import BaseModel

from core.strategies import RECIPES
from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.nested import differences
from trainwell.core.part import Part, path_of
from trainwell.core.recipe import ALIASES, Recipe
from trainwell.core.recipe_sections import Column, Prepare, Split


@given(RECIPES, RECIPES)
@settings(deadline=None, max_examples=200)
def test_a_difference_applied_makes_the_other_recipe(a, b):
    assert a.with_keys({key: theirs for key, (_, theirs) in a.diff(b).items()}) == b


@given(RECIPES, RECIPES)
@settings(deadline=None)
def test_a_difference_is_empty_only_between_equals_and_turns_with_its_sides(a, b):
    assert (not a.diff(b)) == (a == b)
    assert not a.diff(a)
    assert {key.split(".")[0] for key in a.diff(b)} == {key.split(".")[0] for key in b.diff(a)}


@given(RECIPES)
@settings(deadline=None)
def test_a_dump_makes_the_recipe_again(recipe):
    assert Recipe(**recipe.model_dump()) == recipe
    assert recipe.but() == recipe


def test_but_leaves_the_original_as_it_was():
    recipe = Recipe(model={"name": "mlp", "width": 64})
    wider = recipe.but(model__width=256, split__test=0.1, lr=0.5)
    assert recipe == Recipe(model={"name": "mlp", "width": 64})
    assert (wider.model.options, wider.split.test, wider.learning_rate) == ({"width": 256}, 0.1, 0.5)


def test_a_name_and_its_options_may_change_together_in_any_order():
    recipe = Recipe(model={"name": "mlp", "width": 64})
    assert recipe.but(model__depth=3, model="resnet").model == Part(name="resnet", options={"depth": 3})
    assert recipe.with_keys({"model.depth": 3, "model": "resnet"}).model == Part(name="resnet", options={"depth": 3})


def test_dotted_keys_reach_columns_whose_names_hold_dots_and_underscores():
    recipe = Recipe().with_keys({"columns.zip.code.kind": "category", "columns.note": "ignore", "columns.a__b": "number"})
    assert {name: column.kind for name, column in recipe.columns.items()} == {
        "zip.code": "category",
        "note": "ignore",
        "a__b": "number",
    }
    assert Recipe().but(columns__a__b__kind="number").columns == {"a__b": Column(kind="number")}


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_every_alias_means_its_key(alias):
    key = ALIASES[alias]
    assert key in Recipe.model_fields
    value = {"epochs": 3.0, "steps": 7, "target": "y", "compile": "on"}.get(key, 1)
    value = "flip" if key in {"model", "loss", "schedule", "augment"} else value
    assert (
        Recipe(**{alias: value})
        == Recipe(**{key: value})
        == Recipe().but(**{alias: value})
        == Recipe().with_keys({alias: value})
    )


def test_a_key_given_under_two_names_is_an_error():
    with pytest.raises(RecipeError, match="'learning_rate' is given twice"):
        Recipe(lr=0.1, learning_rate=0.2)


MISSPELT = [
    ({"lerning_rate": 1}, "Did you mean learning_rate"),
    ({"modle": "mlp"}, "Did you mean model"),
    ({"split": {"tset": 0.1}}, "Did you mean test"),
    ({"prepare": {"outlier": "clip"}}, "Did you mean outliers"),
    ({"columns": {"age": {"knid": "number"}}}, "Did you mean kind"),
]


@pytest.mark.parametrize(("fields", "remedy"), MISSPELT)
def test_a_misspelt_key_is_an_error_with_a_suggestion(fields, remedy):
    with pytest.raises(UnknownName, match=remedy):
        Recipe(**fields)


def all_fields() -> list[str]:
    return sorted({name for model in (Recipe, Split, Prepare, Column) for name in model.model_fields if len(name) > 4})


@pytest.mark.parametrize("name", all_fields())
def test_any_key_with_two_letters_swapped_is_suggested(name):
    wrong = name[0] + name[2] + name[1] + name[3:] if name[1] != name[2] else name[:-1]
    owner = next(m for m in (Recipe, Split, Prepare, Column) if name in m.model_fields)
    inside = {Split: lambda f: {"split": f}, Prepare: lambda f: {"prepare": f}, Column: lambda f: {"columns": {"x": f}}}
    with pytest.raises(UnknownName, match=name):
        Recipe(**inside.get(owner, lambda f: f)({wrong: 1}))


BAD = [
    ({"lr": -1}, "learning_rate"),
    ({"lr": "fast"}, "learning_rate"),
    ({"lr": float("nan")}, "learning_rate"),
    ({"batch_size": -3}, "batch_size"),
    ({"batch_size": 2.5}, "batch_size"),
    ({"epochs": 0}, "epochs"),
    ({"ema": 1}, "ema"),
    ({"accumulate": 0}, "accumulate"),
    ({"split": {"valid": 1.0}}, "split.valid"),
    ({"split": {"how": "stratify"}}, "split.how"),
    ({"columns": {"age": "numeric"}}, "columns.age.kind"),
    ({"model": 3}, "model"),
    ({"model": {"name": ["a"]}}, "model"),
    ({"target": 3}, "target"),
]


@pytest.mark.parametrize(("fields", "key"), BAD)
def test_an_impossible_value_is_one_sentence_with_the_dotted_key(fields, key):
    with pytest.raises(RecipeError) as caught:
        Recipe(**fields)
    assert f"'{key}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_short_forms_mean_the_long_ones():
    assert Recipe(metrics="accuracy").metrics == ["accuracy"]
    assert Recipe(augment="flip") == Recipe(augment=[{"name": "flip"}]) == Recipe(augment={"name": "flip"})
    assert Recipe(compile=True).compile == "on"
    assert Recipe(jit_compile=False).compile == "off"
    assert Recipe(columns={"age": "number"}).columns["age"] == Column(kind="number")
    assert Part.of({"width": 3}) == Part(name="auto", options={"width": 3})
    assert Part.of(Part.of("mlp")) == Part(name="mlp")


class Network:
    """Stands for a user's module."""


def test_own_code_is_named_by_its_path():
    assert Recipe(model=Network).model.name == path_of(Network) == f"{Network.__module__}:Network"


@pytest.mark.parametrize("thing", [Recipe(), Split(), Prepare(), Column(), Part()])
def test_recipes_are_frozen(thing):
    field = next(iter(type(thing).model_fields))
    with pytest.raises(ValueError, match="frozen"):
        setattr(thing, field, getattr(thing, field))


@pytest.mark.parametrize("model", [Recipe, Split, Prepare, Column, Part])
def test_every_field_is_documented(model: type[BaseModel]):
    assert model.__doc__
    for name, field in model.model_fields.items():
        assert field.description, f"{model.__name__}.{name} has no docstring"
        assert field.description.strip().endswith("."), f"{model.__name__}.{name}: write a sentence"


def test_an_option_that_only_one_side_has_is_none_in_the_other():
    assert differences({"model": "mlp"}, {"model": {"name": "mlp", "width": 3}}) == {"model.width": (None, 3)}
    assert differences({"model": {"name": "mlp", "width": 3}}, {"model": "mlp"}) == {
        "model": ({"name": "mlp", "width": 3}, "mlp")
    }


@pytest.mark.parametrize("key", ["model", "optimizer", "loss"])
def test_an_object_where_a_name_stands_is_told_where_it_belongs(key):
    with pytest.raises(RecipeError, match="a Nameless object") as error:
        Recipe(**{key: Nameless()})
    assert "parts recipe" not in error.value.remedy


class Nameless:
    """Can be called, as a module, a loss and an optimizer can, and has no name."""

    def __call__(self) -> None: ...
