"""The lab: every claim is seen where it should hold and not where it is said to fail; its words are there in both languages."""

from __future__ import annotations

import numpy as np
import pytest

from trainwell.core.errors import UnknownName
from trainwell.data.load import load
from trainwell.report.lab import show_claims, show_lesson, write_lessons
from trainwell.study.compare import judge
from trainwell.study.lab.carry_out import lab
from trainwell.study.lab.claim import outcome_of
from trainwell.study.lab.claims import CLAIMS
from trainwell.study.lab.measures import MEASURES
from trainwell.study.lab.words import texts, told, word

QUICK = ("one-update", "weight-decay-shrinks")
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in CLAIMS if name not in QUICK]


@pytest.mark.parametrize("name", [*QUICK, *SLOW])
def test_a_claim_holds_where_it_should_and_not_where_it_fails(name):
    here, limit = lab(name).scenes
    assert here.outcome == "holds", here.verdict.sentence
    assert limit.outcome != "holds", limit.verdict.sentence


def test_every_text_is_there_in_both_languages():
    for name, claim in CLAIMS.items():
        for part in ("title", "claim", "here", "limit"):
            assert told(name, part, "en")
            assert any("\u4e00" <= c <= "\u9fff" for c in told(name, part, "zh")), f"{name} {part}"
        assert claim.origin
    assert texts()["claims"].keys() == CLAIMS.keys()
    assert texts()["measures"].keys() == {*MEASURES, "share_of_foretold"}
    assert word("words", "limit", "zh")


def test_recipes_of_a_scene_differ_in_what_the_claim_is_about():
    for claim in CLAIMS.values():
        for scene in claim.scenes:
            assert 1 <= len(scene.one.diff(scene.other)) <= 6, claim.name


def test_backpropagation_agrees_with_moving_the_weight():
    lines = lab("one-update").lines
    assert lines["gradient"] == pytest.approx(lines["gradient_by_difference"], rel=1e-4)
    assert lines["new_weight"] == pytest.approx(lines["weight"] - lines["rate"] * lines["gradient"], abs=1e-15)


@pytest.mark.parametrize(
    ("difference", "says", "outcome"),
    [
        (0.1, "higher", "holds"),
        (0.1, "lower", "fails"),
        (-0.1, "lower", "holds"),
        (0.1, "same", "fails"),
        (1e-4, "same", "holds"),
    ],
)
def test_outcomes(difference, says, outcome):
    pairs = difference + 1e-6 * np.arange(8)
    assert outcome_of(judge(pairs, np.zeros(8), higher_is_better=True), says, margin=0.01) == outcome


def test_own_data_are_taken_and_words_are_shown(tmp_path, capsys):
    lesson = lab("weight-decay-shrinks", data=load("iris"), repeats=6, folder=tmp_path / "runs")
    assert lesson.data == load("iris").card.origin
    show_claims("zh")
    show_lesson(lesson, "zh")
    assert "权重衰减" in capsys.readouterr().out
    page = write_lessons([lesson, lab("one-update")], tmp_path).read_text()
    assert page.count("<svg") == 4


def test_unknown_claims_are_refused():
    with pytest.raises(UnknownName, match="adam-beats-sgd"):
        lab("adam-beats-sdg")
