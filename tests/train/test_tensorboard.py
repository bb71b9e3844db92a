"""What TensorBoard reads back is the history."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from trainwell.core.errors import MissingExtra
from trainwell.train.fit import fit
from trainwell.train.tensorboard import tensorboard

from .small import numbers, recipe

HOW = recipe(model={"name": "mlp", "width": 8}, steps=24, validate_every=6, batch_size=16)


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = reader.EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def history_of(run, split: str, name: str) -> list[tuple[int, float]]:
    return [(row["step"], pytest.approx(row[name])) for row in run.history.matching(split=split)]


def test_every_measurement_is_read_back(tmp_path: Path) -> None:
    run = fit(HOW, numbers(), observers=[tensorboard(tmp_path)])
    found = curves(tmp_path)
    assert set(found) == {"train/loss", "train/learning_rate", "valid/loss", "valid/accuracy"}
    for tag, points in found.items():
        assert points == history_of(run, *tag.split("/"))


def test_what_a_continued_run_measures_again_is_drawn_once(tmp_path: Path) -> None:
    def stop(row: dict) -> bool:
        return row["split"] == "valid" and row["step"] >= 12

    folder = tmp_path / "run"
    fit(HOW, numbers(), folder=folder, observers=[tensorboard(tmp_path / "board"), stop])
    (folder / "weights.safetensors").unlink()
    run = fit(HOW, numbers(), folder=folder, observers=[tensorboard(tmp_path / "board")])
    assert curves(tmp_path / "board")["valid/loss"] == history_of(run, "valid", "loss")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[tensorboard\]"):
        tensorboard(tmp_path)
