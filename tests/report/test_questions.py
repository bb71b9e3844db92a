"""Questions in plain words find the page that answers them."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from trainwell.cli.contents import CONTENTS
from trainwell.cli.main import app
from trainwell.report.questions import entries, search

ENTRIES = entries({verb: line for lines in CONTENTS.values() for verb, line in lines.items()})


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("why does it overfit?", "explain TW401"),
        ("loss nan", "explain TW311"),
        ("class imbalance", "explain TW008"),
        ("export onnx", "export --help"),
        ("continue training", "resume --help"),
        ("bad labels", "mislabelled --help"),
        ("use the gpu", "explain device"),
        ("freeze layers", "explain transfer.freeze"),
        ("cross validation", "cross-validate --help"),
        ("would more data help", "learning-curve --help"),
        ("过拟合", "explain TW401"),
        ("类别不平衡", "explain TW008"),
    ],
)
def test_the_first_page_named_answers(question: str, page: str) -> None:
    assert search(question, ENTRIES)[0].command == page


def test_what_nobody_speaks_of_finds_nothing() -> None:
    assert search("zzz qqq", ENTRIES) == []


def test_words_need_no_quotes_and_names_no_underscores() -> None:
    explained = CliRunner().invoke(app, ["explain", "learning", "rate"]).output
    assert explained.startswith("learning_rate (recipe key)")
    found = CliRunner().invoke(app, ["explain", "why", "does", "it", "overfit?"])
    assert "trainwell explain TW401" in found.output
    assert found.exit_code == 0
