"""Several processes train as one does, and stop, die and go on together."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from trainwell.core.errors import TrainingError
from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.train.checkpoint import checkpoints, step_of
from trainwell.train.distributed import Team, running_statistics
from trainwell.train.many import fit_many

from .teams import finish, losses, start, table, wait_for_a_checkpoint, workers_of


@pytest.mark.slow
def test_two_and_four_processes_follow_the_loss_of_one(tmp_path: Path) -> None:
    source = table(tmp_path / "t.csv", 600)
    words = ["target=y", "model=mlp", "model.dropout=0", "steps=50", "batch_size=66"]
    for processes in (1, 2, 4):
        finish(start(tmp_path / str(processes), source, *words, processes=processes))
    alone = losses(tmp_path / "1")
    for processes in (2, 4):
        np.testing.assert_allclose(losses(tmp_path / str(processes)), alone, rtol=1e-5)
    one, four = (History(tmp_path / n / "history.jsonl").column("loss", split="valid") for n in ("1", "4"))
    np.testing.assert_allclose(four, one, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("extra", "kills"), [([], 1), (["sharded=true", "ema=0.99"], 2)], ids=["whole", "in pieces"])
def test_a_killed_process_stops_all_and_the_same_command_ends_in_the_same_bits(
    extra: list[str], kills: int, tmp_path: Path
) -> None:
    words = ["model=cnn", "model.width=8", "steps=400", "batch_size=64", "augment=[crop]", *extra]
    finish(start(tmp_path / "whole", "digits", *words, processes=2))
    draw = random.Random(1)
    for _ in range(kills):
        before = [step_of(path) for path in checkpoints(tmp_path / "killed" / "checkpoints")]
        process = start(tmp_path / "killed", "digits", *words, processes=2)
        wait_for_a_checkpoint(tmp_path / "killed", after=max(before, default=0))
        os.kill(draw.choice(workers_of(process.pid)), signal.SIGKILL)
        process.communicate(timeout=120)
        assert process.returncode != 0
        assert not (tmp_path / "killed" / "weights.safetensors").exists()
    finish(start(tmp_path / "killed", "digits", *words, processes=2))
    whole, killed = (load_file(tmp_path / n / "weights.safetensors") for n in ("whole", "killed"))
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


@pytest.mark.slow
def test_a_signal_saves_and_another_number_of_processes_goes_on(tmp_path: Path) -> None:
    source = table(tmp_path / "t.csv", 600)
    words = ["target=y", "model=mlp", "model.dropout=0", "steps=1500", "batch_size=64"]
    finish(start(tmp_path / "one", source, *words, processes=1))
    process = start(tmp_path / "several", source, *words, processes=2)
    wait_for_a_checkpoint(tmp_path / "several")
    os.kill(workers_of(process.pid)[1], signal.SIGTERM)  # the one that does not write
    process.communicate(timeout=120)
    kept = sorted((tmp_path / "several" / "checkpoints").glob("*.safetensors"))
    assert 0 < int(kept[-1].stem.split("-")[1]) < 1500
    finish(start(tmp_path / "several", source, *words, processes=1))
    one, several = losses(tmp_path / "one"), losses(tmp_path / "several")
    np.testing.assert_allclose(several[: len(one) // 2], one[: len(one) // 2], rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("sharded", ["true", "false"])
def test_an_observer_of_the_first_process_stops_all(tmp_path: Path, sharded: str) -> None:
    words = ["model=mlp", "steps=200", "batch_size=64", f"sharded={sharded}"]
    finish(start(tmp_path / "run", "digits", *words, processes=2, stop_at=20))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped by an observer"


@pytest.mark.slow
def test_a_batch_that_does_not_go_round_is_refused(tmp_path: Path) -> None:
    process = start(tmp_path / "run", "digits", "batch_size=5", "accumulate=3", "steps=2", processes=2)
    assert "a batch of 5 rows cannot be shared by 2 processes in 3 micro-batches each" in process.communicate(timeout=120)[1]
    assert process.returncode != 0


def test_the_parts_of_a_batch_are_all_of_it_once() -> None:
    for n in range(1, 40):
        for size in range(1, 8):
            places = np.concatenate([np.arange(n)[Team(rank, size).part_of(n)] for rank in range(size)])
            assert places.tolist() == list(range(n))


def test_rows_spread_over_processes_come_back_in_order() -> None:
    rows = np.arange(100, 111)
    parts = [torch.from_numpy(Team(rank, 4).spread(rows)) for rank in range(4)]
    assert {len(part) for part in parts} == {3}
    assert torch.stack(parts, 1).flatten()[: len(rows)].tolist() == rows.tolist()


def test_running_statistics_are_those_of_batch_norm_alone() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.LayerNorm(4))
    network.register_buffer("constant", torch.ones(2))
    assert [tuple(t.shape) for t in running_statistics(network)] == [(4,), (4,)]


def test_many_networks_refuse_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match="several processes of torchrun"):
        fit_many(Recipe(epochs=1), load("iris"), seeds=[0, 1])
