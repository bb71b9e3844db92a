"""Spaces: what is written means what it says, and what cannot be meant is refused before anything is trained."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.recipe import Recipe
from trainwell.study.tuning.dimension import Choice, Range, dimension_of, is_searched, split_choices
from trainwell.study.tuning.ranges import known_range, usual_space
from trainwell.study.tuning.space import read_space

MLP = Recipe(model={"name": "mlp", "width": 64, "dropout": 0.2}, learning_rate=0.01, batch_size=64, epochs=10)

KNOWN = [
    ("learning_rate", "1e-4..1e-1:log", Range(1e-4, 1e-1, log=True)),
    ("lr", "1..2", Range(1.0, 2.0)),  # whole ends, but a rate takes fractions
    ("model.dropout", "0..0.5:step=0.1", Range(0.0, 0.5, step=0.1)),
    ("model.width", "32..256:step=32", Range(32, 256, step=32, whole=True)),
    ("model.width", "32..256:log", Range(32, 256, log=True, whole=True)),
    ("model.depth", "0..4", Range(0, 4, whole=True)),
    ("learning_rate", "1e-4..1e-1:log:points=4", Range(1e-4, 1e-1, log=True, points=4)),
    ("model.width", "64,128", Choice((64, 128))),
    ("model.width", [64, 128], Choice((64, 128))),
    ("model", "mlp,residual_mlp", Choice(("mlp", "residual_mlp"))),
    ("augment", "[],[flip, crop]", Choice(([], ["flip", "crop"]))),
    ("model.activation", "relu,{name: leaky_relu, slope: 0.2}", Choice(("relu", {"name": "leaky_relu", "slope": 0.2}))),
    ("prepare.indicator", "true,false", Choice((True, False))),
    ("weight_decay", 0.1, Choice((0.1,))),
]


@pytest.mark.parametrize(("key", "text", "meant"), KNOWN, ids=lambda v: str(v)[:30])
def test_what_is_written_means_what_it_says(key, text, meant):
    space = read_space({key: text}, MLP)
    assert list(space.dimensions.values()) == [meant]


@pytest.mark.parametrize(("key", "text", "meant"), KNOWN, ids=lambda v: str(v)[:30])
def test_a_dimension_as_text_is_read_back(key, text, meant):
    if not any(isinstance(v, dict | list) for v in (meant.values if isinstance(meant, Choice) else ())):
        key = next(iter(read_space({key: text}, MLP).dimensions))
        assert list(read_space({key: str(meant)}, MLP).dimensions.values()) == [meant]


def test_nested_dotted_and_underscored_keys_are_the_same():
    written = [{"model": {"width": [8, 16]}}, {"model.width": [8, 16]}, {"model__width": [8, 16]}]
    assert len({str(read_space(given, MLP).to_dict()) for given in written}) == 1


WRONG = [
    ({}, RecipeError, "empty"),
    ({"modl.width": "1..3"}, UnknownName, "Did you mean model"),
    ({"model.widht": "1..3"}, UnknownName, "Did you mean width"),
    ({"prepare.scal": "none,log"}, UnknownName, "Did you mean scale"),
    ({"model": "mlp,mpl"}, UnknownName, "Did you mean mlp"),
    ({"model.width": "1.5..3"}, RecipeError, "whole numbers"),
    ({"lr": "3..1"}, RecipeError, "does not rise"),
    ({"lr": "0..1:log"}, RecipeError, "starts at 0"),
    ({"lr": "1..2:lg"}, RecipeError, "Did you mean log"),
    ({"lr": "1e-3..1:log:step=0.1"}, RecipeError, "both log and step"),
    ({"lr": "-1..1"}, RecipeError, "learning_rate"),
    ({"model.width": "64,64"}, RecipeError, "twice"),
    ({"model.width": []}, RecipeError, "no value"),
    ({"model.numbers": "plain,foo"}, RecipeError, "foo"),
    ({"split.seed": "1..4"}, RecipeError, "cannot be compared|could not be compared"),
    ({"target": "a,b"}, RecipeError, "could not be compared"),
    ({"loss": "search"}, RecipeError, "no range is known"),
]


@pytest.mark.parametrize(("given", "kind", "says"), WRONG, ids=[str(w[0]) for w in WRONG])
def test_what_cannot_be_meant_is_refused(given, kind, says):
    with pytest.raises(kind, match=says):
        read_space(given, MLP)


def test_an_option_is_searched_only_where_the_part_has_it():
    space = read_space({"model.k": [4, 8], "model": ["mlp", "tabm"], "model.depth": "1..2"}, MLP)
    grid = space.grid()
    assert [c for c in grid if c["model"] == "mlp"] == [{"model": "mlp", "model.depth": 1}, {"model": "mlp", "model.depth": 2}]
    assert len(grid) == 2 + 4
    assert space.conditional
    assert not read_space({"model": ["mlp", "tabm"], "model.depth": "1..2"}, MLP).conditional


def test_a_candidate_keeps_what_is_not_searched():
    space = read_space({"model": ["mlp", "residual_mlp"], "model.depth": "1..2"}, MLP)
    same = space.recipe({"model": "mlp", "model.depth": 2})
    assert same.model.options == {"width": 64, "dropout": 0.2, "depth": 2}
    other = space.recipe({"model": "residual_mlp", "model.depth": 2})
    assert other.model.options == {"depth": 2}
    assert other.learning_rate == 0.01


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("learning_rate", "0.001..0.1:log"),
        ("model.width", "16..256:log"),
        ("model.depth", "1..4"),
        ("model.dropout", "0.0..0.5"),
        ("model.numbers", "plain,piecewise,periodic"),
        ("batch_size", "16,32,64,128,256"),
        ("epochs", "5..20:log"),
        ("weight_decay", "1e-06..0.1:log"),
    ],
)
def test_ranges_that_nobody_wrote(key, text):
    assert str(known_range(key, MLP)) == text


def test_the_usual_keys_are_those_that_the_network_has():
    assert "model.dropout" in usual_space(MLP)
    assert "model.depth" not in usual_space(Recipe(model="resnet"))
    assert usual_space(Recipe(model="my.module:Net")) == {"learning_rate": "search", "weight_decay": "search"}


@pytest.mark.parametrize("text", ["mlp", "0.1", "[flip, crop]", "{name: mlp, width: 8}", "a..b", "../data", "'a,b'", ""])
def test_one_value_is_not_a_search(text):
    assert not is_searched(text)


@given(st.lists(st.sampled_from(["1", "relu", "[a, b]", "{x: 1, y: 2}", "'a,b'"]), min_size=1, max_size=5))
def test_commas_inside_brackets_and_quotes_do_not_part(pieces):
    assert split_choices(",".join(pieces)) == pieces


@settings(max_examples=60)
@given(st.integers(1, 50), st.integers(1, 400), st.booleans(), st.integers(0, 9))
def test_a_grid_of_whole_numbers_stays_inside_its_ends(low, more, log, points):
    found = Range(low, low + more, log=log, points=points, whole=True)
    if not points and not log and more >= 32:
        with pytest.raises(RecipeError, match="how many"):
            found.points_of("model.width")
        return
    values = found.points_of("model.width")
    assert values == sorted(set(values))
    assert low <= values[0]
    assert values[-1] <= low + more
    assert all(isinstance(v, int) for v in values)


def test_a_range_of_fractions_in_a_grid_says_what_is_missing():
    with pytest.raises(RecipeError, match="points=4"):
        read_space({"lr": "1e-4..1e-1:log"}, MLP).grid()
    assert read_space({"lr": "0..1:step=0.25"}, MLP).dimensions["learning_rate"].points_of("lr") == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_ready_dimension_is_taken_as_it_is():
    assert dimension_of("lr", Range(0.1, 0.2), kind="float") == Range(0.1, 0.2)
