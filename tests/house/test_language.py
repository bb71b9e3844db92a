"""Nothing that is said lacks its Chinese, and no entry of the catalogues is idle or disagrees with itself."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from house.sentences import sentences_in, told_by
from house.tree import FILES, PACKAGE, parsed
from trainwell.core.i18n import chinese, entries

#: Who shows a text to a reader, and at which place it takes it.
SPEAKERS = {"spoken": 0, "say": 0, "note": 0, "told": 0, "section": 0, "figure": 0, "masthead": 0, "Check": 2, "_remark": 0}
SPEAKERS |= {"StudyProgress": 0, "TrainingProgress": 0, "Finding": 0, "Remedy": 0}
ASKED = "each of these needs its Chinese in src/trainwell/core/chinese (docs/guide/languages.md says how):"
#: Put together from pieces; every whole that can come of it has its entry.
COMPOSED = {
    "7 entry, 7 7",
    "7 entries, 7 7",
    "There are no 7 rows: 7.",
    "Column 7 7: 7.",
    "7; it was kept: 7",
    "Column 7 7 in all training steps.",
    "Column 7: 7.",
    "7 and 7",
    "prescribed for 7: 7 Prove it: trainwell treat 7",
    "7 on 7",
    "7: targets or rows of the test part reach the network.",
    "7: nothing is learned where there is nothing to learn.",
    "7 of each step is spent waiting for the batch ( ms)",
}
#: Files that say whole sentences; the others put theirs together from pieces.
SPEAKING = """study/intervals study/mislabelled study/ensemble/account evaluate/baselines data/multilabel doctor/remedies
doctor/rules/curves doctor/rules/steps"""
#: What Typer and Rich say.
TYPERS = ("Show this message and exit. Install completion for the current shell. Arguments Options Commands Usage", "(dynamic)")
TYPERS += ("Show completion for the current shell, to copy it or customize the installation.", "[env var: [default: [required]")
WORD = re.compile(r"[a-z]{3,}")
HOLE = re.compile(r"\{(\w*)([!#]?)\}")
CATALOGUES = sorted((PACKAGE / "core" / "chinese").glob("*.json"))


def package(file: str) -> Path:
    return next(f for f in FILES if f.as_posix().endswith(f"trainwell/{file}"))


def worded(text: str) -> bool:
    """Whether there is something to translate: letters outside the values."""
    return bool(re.search(r"[A-Za-z]{3}", text))


def test_what_is_shown_has_its_chinese():
    found = [(at, text) for file in FILES for at, text in told_by(file, SPEAKERS)]
    assert len(found) > 300
    missing = [f"{at}: {text!r}" for at, text in found if worded(text) and text not in COMPOSED and not chinese(text)]
    assert not missing, "\n".join([ASKED, *missing])


@pytest.mark.parametrize("name", SPEAKING.split())
def test_a_file_that_speaks_says_nothing_without_chinese(name: str):
    found = [(at, text.strip(" ,;")) for at, text in sentences_in(package(f"{name}.py"))]
    missing = [f"{at}: {text!r}" for at, text in found if worded(text) and not chinese(text)]
    assert not missing, "\n".join([ASKED, *missing])


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda f: f.stem)
def test_a_catalogue_keeps_its_holes(file: Path):
    for english, translated in json.loads(file.read_text(encoding="utf-8")).items():
        known = {name for name, _ in HOLE.findall(english)}
        assert {name for name, _ in HOLE.findall(translated)} <= known, english
        assert translated.strip()


def test_no_text_is_translated_in_two_ways():
    seen: dict[str, str] = {}
    for file in CATALOGUES:
        for english, translated in json.loads(file.read_text(encoding="utf-8")).items():
            assert seen.setdefault(english, translated) == translated, f"{file.name}: {english}"
    assert seen == entries()


def test_no_entry_is_idle():
    """A sentence that was reworded takes its Chinese along: every word of an entry stands somewhere in the source."""
    constants = (n.value for f in FILES for n in ast.walk(parsed(f)) if isinstance(n, ast.Constant))
    pages = [f.read_text(encoding="utf-8") for kind in ("js", "html") for f in (PACKAGE / "report").rglob(f"*.{kind}")]
    known = set(WORD.findall(" ".join([*(c for c in constants if isinstance(c, str)), *pages, *TYPERS]).lower()))
    known |= {f"{word}s" for word in known}
    idle = {english: {*WORD.findall(HOLE.sub(" ", english).lower())} - known for english in entries()}
    assert not {english: words for english, words in idle.items() if words}
