"""Offline, Weights & Biases has the run in files of its own, which say what the history says."""

from __future__ import annotations

import importlib.util
import json
import time
from pathlib import Path

import pytest

from train.small import numbers
from trainwell.core.errors import MissingExtra
from trainwell.train.fit import fit
from trainwell.train.trackers.wandb import wandb

from .runs import HOW, history_of

pytestmark = pytest.mark.filterwarnings("ignore::Warning:wandb", "ignore::ResourceWarning")


def finished_records(folder: Path) -> list:
    """The records when the last one is written: a process of the library's own writes them, a moment later."""
    for _ in range(100):
        found = records(folder)
        if any(record.HasField("exit") for record in found):
            return found
        time.sleep(0.1)
    raise AssertionError("the offline file was never finished")


def records(folder: Path) -> list:
    """What an offline file holds: a seven-byte head, then records in LevelDB's log format, in blocks of 32 kB."""
    proto = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    written = next(folder.rglob("*.wandb")).read_bytes()
    at, whole, found = 7, b"", []
    while at + 7 <= len(written):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        size, kind = int.from_bytes(written[at + 4 : at + 6], "little"), written[at + 6]
        whole += written[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            found.append(proto.Record.FromString(whole))
            whole = b""
    return found


@pytest.mark.slow
def test_measurements_and_recipe_are_in_the_offline_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    run = fit(HOW, numbers(), folder=tmp_path / "run", observers=[wandb(project="small")])
    found = finished_records(tmp_path / "run" / "wandb")
    histories = [record.history.item for record in found if record.HasField("history")]
    rows = [{item.nested_key[0]: json.loads(item.value_json) for item in items} for items in histories]
    assert [(row["step"], row["valid/loss"]) for row in rows if "valid/loss" in row] == history_of(run, "valid/loss")
    words = {u.key: json.loads(u.value_json) for r in found if r.HasField("run") for u in r.run.config.update}
    assert words["optimizer"] == run.recipe.optimizer.name
    assert list((tmp_path / "run" / "wandb").rglob("files/recipe.yaml"))


def test_nothing_is_sent_unasked_and_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert wandb().mode == "offline"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[wandb\]"):
        wandb()
