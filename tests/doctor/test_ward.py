"""A part of the ward: planted faults are named first, their twins and healthy programs are left in peace."""

from __future__ import annotations

import pytest
import torch

from trainwell.testing import ward
from trainwell.ward.odd import odd_cases
from trainwell.ward.odd_fits import odd_fits
from trainwell.ward.rounds import healthy_cases, sick_cases, twin_cases

#: Quick ones of every kind; `benchmarks/ward.py` runs all.
SOME = {
    "A2",
    "A6",
    "A8",
    "A9",
    "B1",
    "B3",
    "B6",
    "C3",
    "D3",
    "D9",
    "D11",
    "D12",
    "E1",
    "E2",
    "E7",
    "E8",
    "E10",
    "E12",
    "F1",
    "F4",
    "F5",
}
TWINS = {"A9", "B6", "D9", "E2", "E8"}
HEALTHY = {
    "regression",
    "batch_one",
    "words_mean",
    "frozen_layers_declared",
    "multi_label",
    "accumulation",
    "no_validation_rows",
}
#: Of the programs drawn from seeds: ranks, tags of tokens, a forecast, and recipes of ranks and labels.
ODD = {"odd 005", "odd 011", "odd 013", "odd 019", "fit 018", "fit 003"}


def short(name: str) -> str:
    return name.split()[0]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.parametrize("case", [c for c in sick_cases() if short(c.name) in SOME], ids=lambda c: c.name)
def test_a_planted_fault_is_named_first(case):
    findings, _ = case.examine(0)
    assert findings, "nothing was found"
    assert findings[0].code in case.expected, [str(f) for f in findings]


@pytest.mark.parametrize("case", [c for c in twin_cases() if short(c.name) in TWINS], ids=lambda c: c.name)
def test_a_twin_without_the_fault_is_left_in_peace(case):
    findings, score = case.examine(0)
    assert not findings, (score, [str(f) for f in findings])


@pytest.mark.parametrize("case", [c for c in healthy_cases() if c.name in HEALTHY], ids=lambda c: c.name)
def test_a_healthy_program_is_left_in_peace(case):
    findings, score = case.examine(0)
    assert not findings, (score, [str(f) for f in findings])


@pytest.mark.parametrize("case", [c for c in (*odd_cases(), *odd_fits()) if c.name in ODD], ids=lambda c: c.name)
def test_an_odd_but_healthy_program_is_left_in_peace(case):
    findings, score = case.examine(0)
    assert not findings, (score, [str(f) for f in findings])


def test_every_fault_of_the_ward_has_its_codes():
    assert len(sick_cases()) == 59
    assert all(c.expected for c in sick_cases())


def test_a_round_goes_on_where_it_was_stopped_and_says_what_is_wrong(tmp_path):
    told: list[str] = []
    first = ward(["B3"], seeds=[0], groups=["sick", "twin"], folder=tmp_path, tell=told.append)
    assert first.shares() == {"sick: detected": (1, 1), "sick: right cause first": (1, 1), "twin: false alarms": (0, 1)}
    kept = (tmp_path / "done.jsonl").read_text()
    again = ward(["B3"], seeds=[0], groups=["sick", "twin"], folder=tmp_path, tell=None)
    assert again.to_dict() == first.to_dict()
    assert (tmp_path / "done.jsonl").read_text() == kept, "something was trained again"
    assert len(told) == 1, told
