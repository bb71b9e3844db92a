"""Help pages are readable at 80 columns: examples stand on lines of their own, whole, to be copied."""

from __future__ import annotations

import re

import pytest

from house.verbs import verbs
from trainwell.cli.contents import CONTENTS
from trainwell.cli.main import EPILOG
from trainwell.cli.train_verbs import FIT_EXAMPLES

from .command import done


def commands(epilog: str) -> list[str]:
    """The lines of commands in an epilog, as a reader sees them."""
    return [line.replace("\\[", "[") for line in epilog.splitlines() if line.startswith("  trainwell")]


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(("words", "epilog"), [([], EPILOG), (["fit"], FIT_EXAMPLES)], ids=["trainwell", "fit"])
def test_each_example_is_one_line(words: list[str], epilog: str) -> None:
    lines = [line.rstrip() for line in done(*words, "--help").out.splitlines()]
    assert len(commands(epilog)) >= 5
    for command in commands(epilog):
        assert f" {command}" in lines


def test_every_verb_is_one_line_under_a_heading() -> None:
    listed = [verb for under in CONTENTS.values() for verb in under]
    assert sorted(listed) == [words[0] for words in verbs()], "a new verb needs a line in cli/contents.py"
    page = done("--help").out.splitlines()
    at = [next(i for i, text in enumerate(page) if re.match(rf"│ {verb} ", text)) for verb in listed]
    assert at == sorted(at)
    for under in CONTENTS.values():
        for verb, line in under.items():
            assert any(re.match(rf"│ {verb} +{re.escape(line)} ", text) for text in page)


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_pages_fit_80_columns_and_hide_no_word_as_markup(words: tuple[str, ...]) -> None:
    page = done(*words, "--help").out
    assert max(map(len, page.splitlines())) <= 80
    assert re.search(rf"^ +trainwell {words[0]}", page, re.MULTILINE)
    assert "runs/ " not in page  # "runs/<name>" must not lose its name
