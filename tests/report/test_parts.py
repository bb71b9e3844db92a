"""What can stand in a recipe: everything is listed, in words a user writes, and explained."""

from __future__ import annotations

import json

import pytest

from house.registries import REGISTRIES as ALL
from trainwell.core.errors import UnknownName
from trainwell.core.recipe import ALIASES, Recipe
from trainwell.core.recipe_file import parse_value
from trainwell.core.recipe_sections import Column, Prepare, Series, Split, Transfer
from trainwell.report.parts import REGISTRIES, describe_parts, recipe_keys, registry, show_explanation, show_parts, value_text

EVERYTHING = {noun: describe_parts(noun)[noun] for noun in REGISTRIES}
NOISE = ("Union", "Optional", "Annotated", "FieldInfo", "NoneType", "typing", "Literal", "<", "class ")


def test_every_registry_of_the_package_is_listed() -> None:
    assert {r.noun for r in ALL} == set(REGISTRIES)
    assert all(registry(r.noun) is r for r in ALL)


def test_names_and_options_are_those_of_the_registries() -> None:
    for found in ALL:
        assert list(EVERYTHING[found.noun]) == found.names()
        for name in found.names():
            assert list(EVERYTHING[found.noun][name]["options"]) == list(found.options(name))
    assert describe_parts(None).keys() == {"recipe", *REGISTRIES}


def test_recipe_keys_are_the_leaves_of_a_recipe() -> None:
    sections = {"split": Split, "prepare": Prepare, "series": Series, "transfer": Transfer, "columns.NAME": Column}
    expected = [k for k in Recipe.model_fields if k not in sections]
    expected += [f"{section}.{key}" for section, model in sections.items() for key in model.model_fields]
    assert list(recipe_keys()) == expected


def test_types_are_in_words_and_everything_is_json() -> None:
    options = [o for names in EVERYTHING.values() for entry in names.values() for o in entry["options"].values()]
    for entry in [*recipe_keys().values(), *options]:
        assert entry["type"]
        assert not any(noise in entry["type"] for noise in NOISE), entry["type"]
    assert json.loads(json.dumps(EVERYTHING, default=str))


@pytest.mark.parametrize("value", [None, True, False, 3, 0.5, "relu", [1, 2], ["flip", "crop"], []])
def test_a_value_is_shown_as_the_command_line_reads_it(value: object) -> None:
    assert parse_value(value_text(value)) == value


@pytest.mark.parametrize(
    ("word", "noun"), [("models", "model"), ("losses", "loss"), ("metrics", "metric"), ("blocks", "block")]
)
def test_plurals_are_understood(word: str, noun: str) -> None:
    assert describe_parts(word) == {noun: EVERYTHING[noun]}


@pytest.mark.parametrize("noun", [None, "recipe", *REGISTRIES])
def test_every_list_shows_every_name(noun: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    found = describe_parts(noun)
    show_parts(found)
    shown = capsys.readouterr().out
    assert all(name in shown for names in found.values() for name in names)


def test_every_word_has_a_page_that_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    for word in {*recipe_keys(), *(name for names in EVERYTHING.values() for name in names)}:
        show_explanation(word)
        assert capsys.readouterr().out.startswith(word)


def test_a_page_shows_every_option_with_its_default_and_no_raw_sections(capsys: pytest.CaptureFixture[str]) -> None:
    show_explanation("mlp")
    page = capsys.readouterr().out
    for name, option in EVERYTHING["model"]["mlp"]["options"].items():
        line = next(line for line in page.splitlines() if line.split()[:1] == [name])
        assert line.split()[1] == value_text(option["default"])
    assert "Args:" not in page
    assert "Source:" in page


@pytest.mark.parametrize("word", ALIASES)
def test_words_of_other_libraries_lead_to_the_key(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_explanation(word)
    assert f"{ALIASES[word]} (recipe key)" in capsys.readouterr().out


def test_sections_show_their_keys(capsys: pytest.CaptureFixture[str]) -> None:
    show_explanation("split")
    page = capsys.readouterr().out
    assert all(f"split.{key} (recipe key)" in page for key in Split.model_fields)


def test_unknown_words_get_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="adamv") as error:
        show_explanation("adamv")
    assert "adamw" in error.value.remedy
    with pytest.raises(UnknownName):
        describe_parts("modle")
