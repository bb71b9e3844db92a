"""Everything a user can name is documented: registered names and their options, recipe keys, verbs, public names."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re

import pytest

import trainwell
from house.registries import ENTRIES, REGISTRIES, entry_id
from house.tree import MODULES, ROOT
from house.verbs import commands, verbs
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Column, Prepare, Series, Split, Transfer

GUIDE = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs" / "guide").glob("*.md")))


def test_every_kind_of_part_is_found():
    nouns = {registry.noun for registry in REGISTRIES}
    assert {"model", "loss", "metric", "optimizer", "schedule", "augmentation"} <= nouns


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda r: r.noun)
def test_a_registry_has_entries(registry):
    assert registry.names()


@pytest.mark.parametrize("entry", ENTRIES, ids=entry_id)
def test_a_registered_name_says_in_one_sentence_what_it_is(entry):
    _, name, function = entry
    summary = (inspect.getdoc(function) or "").split("\n\n")[0]
    assert summary, f"{name} has no docstring"
    assert summary.rstrip().endswith("."), f"{name}: {summary!r} is no sentence"


@pytest.mark.parametrize("entry", ENTRIES, ids=entry_id)
def test_every_option_is_explained_and_typed(entry):
    registry, name, _ = entry
    for option in registry.options(name).values():
        assert option.help, f"{registry.noun} {name}: no line for {option.name!r} under Args:"
        assert option.annotation is not inspect.Parameter.empty
        assert option.name not in {"name", "options"}, f"{registry.noun} {name}: a recipe uses the word {option.name!r} itself"


@pytest.mark.parametrize("entry", ENTRIES, ids=entry_id)
def test_every_registered_name_has_an_example_that_runs(entry):
    _, name, function = entry
    assert doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""), f"{name} has no >>> example"


@pytest.mark.parametrize("model", [Recipe, Split, Prepare, Series, Transfer, Column, Part], ids=lambda m: m.__name__)
def test_every_recipe_key_has_a_docstring(model):
    assert all(field.description for field in model.model_fields.values())


VERBS = pytest.mark.parametrize("words", verbs(), ids=" ".join)


@VERBS
def test_every_verb_says_what_it_does_and_shows_an_example(words):
    command = commands()[words]
    assert (command.help or "").split("\n")[0].strip().rstrip("\f").endswith((".", "?"))
    assert f"trainwell {' '.join(words)}" in f"{command.help}\n{command.epilog}", "no example in the help"
    for parameter in command.params:
        assert vars(parameter).get("help"), f"trainwell {' '.join(words)}: {parameter.name} has no help"


@VERBS
def test_every_verb_is_shown_in_the_guide(words):
    assert re.search(rf"trainwell {' '.join(words)}\b", GUIDE), f"no page of docs/guide shows trainwell {' '.join(words)}"


def test_the_public_names_are_those_of_the_package():
    for name in trainwell.__all__:
        # a package of the same name, once imported, must not take the place of a function
        assert not inspect.ismodule(getattr(trainwell, name)), f"trainwell.{name} is the package, not the public name"
        assert inspect.getdoc(getattr(trainwell, name)), f"trainwell.{name} has no docstring"
    public = {n for n in dir(trainwell) if not n.startswith("_")}
    modules = {n for n, value in vars(trainwell).items() if inspect.ismodule(value)}
    assert public - modules == set(trainwell.__all__)


@pytest.mark.parametrize("name", list(trainwell.__all__))
def test_every_public_name_is_shown_in_the_guide(name):
    assert re.search(rf"\b(tw\.)?{name}\b", GUIDE), f"no page of docs/guide shows {name}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_that_lists_its_names_lists_all_of_them(name):
    module = importlib.import_module(name)
    listed = vars(module).get("__all__")
    if listed is None or name == "trainwell":
        return
    own = {k for k, v in vars(module).items() if not k.startswith("_") and getattr(v, "__module__", None) == name}
    assert own == set(listed)


@pytest.mark.parametrize("name", sorted(n for n in MODULES if n != "trainwell.__main__"))
def test_every_example_in_a_docstring_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not result.failed
