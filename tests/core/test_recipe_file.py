"""A recipe on disk is the recipe: in YAML, with reasons as comments, and described to editors by a JSON Schema."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from core.strategies import RECIPES, VALUES, WORDS
from trainwell.core import recipe_file
from trainwell.core.errors import RecipeError, UnknownName
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import json_schema, parse_value, read_recipe, to_yaml, write_recipe


@given(RECIPES)
@settings(deadline=None, max_examples=200)
def test_a_recipe_written_and_read_is_the_same(tmp_path_factory, recipe):
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    write_recipe(recipe, path, reasons={"model": "a reason\non two lines: # with marks"})
    assert read_recipe(path) == recipe


@given(VALUES)
@settings(deadline=None)
def test_a_value_in_a_recipe_keeps_its_type(value):
    recipe = Recipe(model={"name": "mlp", "x": value})
    again = Recipe(**yaml_of(recipe)).model.options["x"]
    assert (repr(again), type(again)) == (repr(value), type(value))


def yaml_of(recipe):
    return parse_value(to_yaml(recipe))


def test_reasons_stand_above_their_keys():
    text = to_yaml(Recipe(lr=0.001), {"learning_rate": "measured"})
    assert "# measured\nlearning_rate: 0.001\n" in text


WORDS_ON_THE_COMMAND_LINE = [
    ("1e-3", 1e-3), ("3", 3), ("-2.5", -2.5), (".5", 0.5), ("017", 17), ("true", True), ("null", None), ("", None),
    ("on", "on"), ("off", "off"), ("yes", "yes"), ("2026-01-31", "2026-01-31"), ("1:30", "1:30"), ("1_000", "1_000"),
    ("0x1F", "0x1F"), ("[flip, {name: crop, pad: 2}]", ["flip", {"name": "crop", "pad": 2}]), ("a: b: c", "a: b: c"),
    ("'3'", "3"), ("{", "{"), ("@x", "@x"), ("学习", "学习"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), WORDS_ON_THE_COMMAND_LINE)
def test_command_line_values_are_what_a_user_means(text, value):
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


@given(WORDS)
def test_any_text_is_some_value(text):
    parse_value(text)


def test_switches_written_without_quotes_are_words(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text("compile: on\nmodel: mlp\nlr: 1e-3\n")
    assert read_recipe(path) == Recipe(compile="on", model="mlp", lr=1e-3)


def test_an_empty_file_is_the_default_recipe(tmp_path):
    (tmp_path / "recipe.yaml").write_text("# nothing yet\n")
    assert read_recipe(tmp_path / "recipe.yaml") == Recipe()


BROKEN = [
    ("model: mlp\nmodel: cnn\n", RecipeError, "'model' is given twice"),
    ("split: {test: 0.1, test: 0.2}\n", RecipeError, "'test' is given twice"),
    ("model: [mlp\n", RecipeError, "line 2"),
    ("just words\n", RecipeError, "expected `key: value` lines"),
    ("3: 4\n", RecipeError, "3 is not text"),
    ("modle: mlp\n", UnknownName, "Did you mean model"),
    ("lr: fast\n", RecipeError, "learning_rate"),
    ("model: !!python/object/apply:os.system ['true']\n", RecipeError, "could not determine a constructor"),
]


@pytest.mark.parametrize(("text", "kind", "said"), BROKEN)
def test_a_broken_file_is_named_with_what_is_wrong_in_it(tmp_path, text, kind, said):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(kind, match=said) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("path", ["missing.yaml", "."])
def test_what_cannot_be_read_is_said(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(path)


def test_bytes_that_are_no_text_are_said(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes(b"model: \xff\xfe")
    with pytest.raises(RecipeError, match="not a recipe in YAML"):
        read_recipe(tmp_path / "recipe.yaml")


SCHEMA = jsonschema.Draft202012Validator(json.loads(json_schema()))


@given(RECIPES)
@settings(deadline=None)
def test_the_schema_accepts_every_recipe_as_it_is_written(recipe):
    SCHEMA.validate(yaml_of(recipe))


@pytest.mark.parametrize("fields", [{"lr": 0.1, "metrics": "accuracy"}, {"columns": {"a": "number"}}, {"augment": "flip"}])
def test_the_schema_accepts_short_forms_and_aliases(fields):
    Recipe(**fields)
    SCHEMA.validate(fields)


@pytest.mark.parametrize("fields", [{"modle": "mlp"}, {"lr": -1}, {"split": {"tset": 0.1}}, {"columns": {"a": "numeric"}}])
def test_the_schema_refuses_what_a_recipe_refuses(fields):
    with pytest.raises(RecipeError):
        Recipe(**fields)
    assert not SCHEMA.is_valid(fields)


def test_the_schema_documents_every_key():
    fields = json.loads(json_schema())["properties"]
    assert all(field.get("description") for field in fields.values())


def test_what_is_written_is_plain_yaml_that_other_readers_load():
    assert yaml.safe_load(to_yaml(Recipe(compile="on", lr=0.5)))["compile"] in {"on", True}


def test_the_fast_emitter_writes_what_the_plain_one_does():
    recipe = Recipe(
        model={"name": "mlp", "width": 8},
        metrics=["accuracy"],
        augment=["flip", {"name": "crop", "pixels": 2}],
        columns={"a: b": {"kind": "number"}, "0x1": {"kind": "category"}, "on": {"kind": "ignore"}, "日本": {"kind": "ignore"}},
    )

    class Plain(yaml.SafeDumper):
        yaml_implicit_resolvers = recipe_file._Dumper.yaml_implicit_resolvers
        ignore_aliases = recipe_file._Dumper.ignore_aliases

    written = [yaml.dump({k: v}, Dumper=Plain, sort_keys=False, allow_unicode=True) for k, v in recipe.model_dump().items()]
    assert to_yaml(recipe) == "".join(written)
