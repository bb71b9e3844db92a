"""What TensorBoard reads back is the history."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from train.small import numbers
from trainwell.core.errors import MissingExtra
from trainwell.train.fit import fit
from trainwell.train.trackers.tensorboard import tensorboard

from .runs import HOW, history_of, stop_at


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_every_measurement_is_read_back(tmp_path: Path) -> None:
    run = fit(HOW, numbers(), observers=[tensorboard(folder=str(tmp_path))])
    found = curves(tmp_path)
    assert set(found) == {"train/loss", "train/learning_rate", "valid/loss", "valid/accuracy"}
    for tag, points in found.items():
        assert points == history_of(run, tag)


def test_what_a_continued_run_measures_again_is_drawn_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    fit(HOW, numbers(), folder=folder, observers=[tensorboard(), stop_at(12)])
    (folder / "weights.safetensors").unlink()
    run = fit(HOW, numbers(), folder=folder, observers=[tensorboard()])
    assert curves(folder / "tensorboard")["valid/loss"] == history_of(run, "valid/loss")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[tensorboard\]"):
        tensorboard()
