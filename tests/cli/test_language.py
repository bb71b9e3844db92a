"""Every verb speaks English and Chinese: help, notes, errors' first word; chosen by flag, variable or system."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from house.verbs import verbs
from trainwell.core.i18n import VARIABLES, spoken

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


def test_the_verdict_on_overfitting_is_one_chinese_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLES[0], "zh")
    apart = "(95% CI +0.011 to +0.091 between them); more regularisation, data or augmentation may help"
    said = spoken(f"overfit: accuracy 0.905 on training rows and 0.857 on test rows {apart}")
    assert said.startswith("过拟合：训练集上准确率 0.905，测试集上 0.857（相差 ")
    assert not re.search("[a-z]{3}", said)
    assert (
        spoken("guessing scores 0.80, 10 nearest neighbours 0.81, the network 0.83")
        == "猜测得 0.80，10 个最近邻得 0.81，网络得 0.83"
    )
