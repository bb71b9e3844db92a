"""Every verb speaks English and Chinese: help, notes, errors' first word; chosen by flag, variable or system."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from house.verbs import verbs
from trainwell.core.i18n import VARIABLES

from .command import done, plain, trainwell

HAN = re.compile(r"[\u4e00-\u9fff]")
#: Words that both languages share: what one types, names of formats and programs.
ENGLISH_SENTENCE = re.compile(r"\b(the|of|and|with|that|not|for|from) [a-z]")


@pytest.fixture(autouse=True)
def _no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_a_page_in_chinese_is_whole_and_all_chinese(words: tuple[str, ...]) -> None:
    page = done(*words, "--help", "--language", "zh").out
    assert max(map(cell_len, page.splitlines())) <= 80
    assert "用法" in page
    assert "选项" in page
    told = [line for line in page.splitlines() if not line.startswith("   trainwell")]
    assert not [line for line in told if ENGLISH_SENTENCE.search(line)]
    assert not [line for line in told if line.endswith("… │") and "3e-3 …" not in line and "epochs=5 …" not in line]


def test_the_contents_are_chinese() -> None:
    page = done("--language=zh", "--help").out
    lines = [line for line in page.splitlines() if re.match(r"│ [a-z-]+ ", line)]
    assert len(lines) >= len(verbs())
    assert all(HAN.search(line) for line in lines)
    assert "Train" not in page


@pytest.mark.parametrize(
    ("name", "value", "chinese"),
    [
        ("TRAINWELL_LANGUAGE", "zh", True),
        ("LANG", "zh_CN.UTF-8", True),
        ("LC_ALL", "zh_TW", True),
        ("LANG", "de_DE.UTF-8", False),
        ("LANG", "C", False),
    ],
)
def test_the_system_decides_where_nobody_says(monkeypatch: pytest.MonkeyPatch, name: str, value: str, chinese: bool) -> None:
    monkeypatch.setenv(name, value)
    assert bool(HAN.search(done("runs", "--help").out)) == chinese


def test_the_flag_goes_before_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert not HAN.search(done("runs", "--language", "en", "--help").out)


def test_an_unknown_language_is_refused() -> None:
    said = trainwell("--language", "klingon", "runs")
    assert said.code == 2
    assert "klingon" in said.err
    assert "en or zh" in plain(said.err)
