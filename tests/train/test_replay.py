"""Replay: the state before any update is the run's own to the bit, and what went wrong is found where it was planted."""

from __future__ import annotations

import math

import polars as pl
import pytest
import torch

from trainwell.core.errors import CheckpointError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.report.replay import show_replay, write_replay
from trainwell.train.checkpoint import checkpoints, read_checkpoint
from trainwell.train.fit import attempt, fit
from trainwell.train.replay import Tape, outcome, replay
from trainwell.train.run import Run

SMALL = Recipe(model={"name": "mlp", "width": 16}, epochs=3, threads=1, batch_size=32, ema=0.9, schedule="cosine")
ALL = Recipe(model={"name": "cnn", "width": 8}, augment=["crop"], steps=30, threads=1, clip_norm=0.5, accumulate=2)


@pytest.fixture(scope="module")
def digits():
    return load("digits")


@pytest.fixture(scope="module")
def exploded(digits, tmp_path_factory):
    recipe = SMALL.but(optimizer="sgd", lr=30.0, schedule="constant", ema=0.0, model__depth=3)
    return attempt(recipe, digits, folder=tmp_path_factory.mktemp("exploded") / "run")


@pytest.mark.parametrize("recipe", [SMALL.but(epochs=1), ALL], ids=["averages", "augmented, clipped, in micro-batches"])
def test_any_instant_of_a_run_comes_back_to_the_bit(recipe, digits, tmp_path):
    run = fit(recipe, digits, folder=tmp_path / "run", save_every=0.0)
    kept = read_checkpoint(checkpoints(tmp_path / "run" / "checkpoints")[1])
    for path in checkpoints(tmp_path / "run" / "checkpoints"):
        path.unlink()  # so that it winds from the beginning
    tape = Tape(Run.open(tmp_path / "run"), digits.under(run.recipe))
    tape.wind_to(kept.state["step"])
    known = {name: t for name, t in kept.tensors.items() if not name.startswith("best.")}
    assert known.keys() <= tape.state().keys()
    assert all(torch.equal(t, tape.state()[name]) for name, t in known.items())


def test_logged_losses_are_met_again(digits):
    run = fit(SMALL, digits)
    found = replay(run, run.plan.steps - 1, data=digits)
    assert found.met > 10
    assert found.agreed == found.met


def test_a_checkpoint_spares_the_way_and_changes_nothing(digits, tmp_path):
    run = fit(SMALL.but(epochs=1), digits, folder=tmp_path / "run", save_every=0.0)
    last = run.plan.steps - 1
    near, far = (replay(run, last, data=digits, back=back) for back in (0, last))
    assert near.start == last > far.start
    assert near.loss == far.loss
    assert near.layers == far.layers


def test_the_update_that_failed_is_found_with_its_layer_and_rows(exploded):
    found = replay(exploded)
    assert found.step == exploded.summary["steps"]
    assert "layer" in found.began or "loss" in found.began or "gradient" in found.began
    assert len(found.rows) == 10
    as_it_was, *others = found.what_ifs
    assert not as_it_was.finite
    assert f"update {found.step}" in outcome(as_it_was)
    assert any(other.finite for other in others)


def test_a_run_is_only_read(exploded):
    before = {p: p.read_bytes() for p in exploded.folder.rglob("*") if p.is_file()}
    replay(exploded, 1)
    assert {p: p.read_bytes() for p in exploded.folder.rglob("*") if p.is_file()} == before


def test_the_worst_row_is_the_one_with_the_wrong_label():
    frame = pl.DataFrame({"x": [-1.0, 1.0] * 40, "y": ["a", "b"] * 40})
    wrong = 7
    frame[wrong, "y"] = "a"
    data = load(frame, target="y", recipe=Recipe(split={"test": 0, "valid": 0}))
    recipe = SMALL.but(split={"test": 0, "valid": 0}, model__dropout=0.0, epochs=60, batch_size=0, ema=0.0, lr=0.05)
    run = attempt(recipe, data)
    assert replay(run, data=data).rows[0][0] == wrong


def test_what_cannot_be_replayed_is_said(digits, exploded):
    with pytest.raises(UsageError, match="no update 9999"):
        replay(exploded, 9999)
    with pytest.raises(CheckpointError, match="not the data"):
        replay(exploded, 0, data=load("iris"))


def test_tables_and_pages(exploded, tmp_path, capsys):
    found = replay(exploded)
    show_replay(found)
    told = " ".join(capsys.readouterr().out.split())
    assert "It began with" in told
    assert "half the rate" in told
    assert "Layers" in write_replay(found, tmp_path).read_text()
    assert math.isfinite(found.rate)
