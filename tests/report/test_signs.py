"""The picture beside a finding shows what was measured, and nothing where nothing was."""

from __future__ import annotations

import pytest

from trainwell.doctor.finding import Finding
from trainwell.doctor.pages import pages
from trainwell.report.findings import findings_section
from trainwell.report.signs import PICTURES, picture_of

PROBE = {"split": "probe", "gradient": [1e-6, 1e-3, 1.0], "update": [0.5, 0.2, 0.1], "weight": [1.0] * 3, "floor": [1.0] * 3}
PROBE |= {"silent": [0.0, 0.9], "saturated": [0.0, 0.0], "wait": 0.004, "work": 0.001}
CHECK = {"split": "check", "train_loss": 0.4, "valid_loss": 0.9, "train_se": 0.01, "valid_se": 0.02, "valid_score": 0.7}
FACTS = {"split": "facts", "step": 0, "layers": ["a", "b", "c"], "activations": ["1.relu", "3.relu"], "reference": 0.9}
FACTS |= {"chance": 0.1, "reference_name": "a ridge line"}
ROWS = [FACTS, *({**part, "step": step} for step in (0, 5, 40) for part in (PROBE, CHECK))]


@pytest.mark.parametrize("code", sorted(PICTURES))
def test_a_measured_finding_has_its_picture(code):
    assert code in pages()
    assert "<svg" in str(picture_of(code, ROWS))
    assert picture_of(code, []) is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 0.0])
def test_a_picture_survives_what_a_sick_run_measures(bad):
    sick = [FACTS, *({**PROBE, "step": s, "gradient": [bad] * 3, "update": [bad] * 3} for s in (0, 5, 9))]
    sick += [{**CHECK, "step": s, "train_loss": bad, "valid_loss": bad, "valid_score": 0.0} for s in (0, 5, 9)]
    for code in PICTURES:
        picture = picture_of(code, sick)
        assert picture is None or "nan" not in str(picture)


def test_the_section_puts_it_below_the_sentence():
    found = str(findings_section([Finding("the loss has not fallen", code="TW301", name="rate_too_high")], ROWS))
    assert found.index("The loss has not fallen") < found.index("<svg")
