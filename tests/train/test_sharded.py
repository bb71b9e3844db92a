"""A network in pieces is trained as a whole one is, and its checkpoints are read by any number of processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from trainwell.core.errors import CheckpointError, CompileError, RecipeError
from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.load import load, wrap
from trainwell.train.checkpoint import Checkpoint, Piece, checkpoints, forget_after, newest_checkpoint, read_checkpoint, step_of
from trainwell.train.checkpoint import write_checkpoint as write
from trainwell.train.fit import fit
from trainwell.train.run import Run
from trainwell.train.sharded import check_sharded

from .teams import finish, start, wait_for_a_checkpoint, workers_of

MLP = ["model=mlp", "model.dropout=0", "sharded=true"]
CRAFT = ["ema=0.9", "clip_norm=0.5", "accumulate=2", "l2=0.001", "max_norm=2", "label_smoothing=0.1"]
SAM = ["model=vit", "model.width=16", "model.depth=2", "augment=[]", "sam=0.05", "gradient_checkpointing=true"]


@pytest.mark.slow
@pytest.mark.parametrize("words", [CRAFT, SAM], ids=["craft", "sam"])
def test_two_and_three_processes_follow_the_loss_of_one(tmp_path: Path, words: list[str]) -> None:
    words = [*MLP, *words, "steps=50", "batch_size=67", "validate_every=5"]
    for processes in (1, 2, 3):
        finish(start(tmp_path / str(processes), "digits", *words, processes=processes))
    weights = load_file(tmp_path / "1" / "weights.safetensors")
    for folder in (tmp_path / "2", tmp_path / "3"):
        np.testing.assert_allclose(validated(folder), validated(tmp_path / "1"), rtol=1e-5)
        found = load_file(folder / "weights.safetensors")
        assert found.keys() == weights.keys()
        assert all(torch.allclose(found[name], weights[name], atol=1e-3) for name in weights)
        assert Run.open(folder).predict_arrays(load("digits").arrays["picture"][:5]).shape == (5, 10)


def validated(folder: Path) -> np.ndarray:
    return np.array(History(folder / "history.jsonl").column("loss", split="valid"))


@pytest.mark.slow
@pytest.mark.parametrize("words", [["ema=0.9", "learning_rate=0.1"], ["optimizer=schedule_free", "learning_rate=0.1"]])
def test_averages_leave_no_trace_where_a_validation_is_not_the_best(tmp_path: Path, words: list[str]) -> None:
    words = [*MLP, *words, "steps=12", "batch_size=33", "validate_every=1"]
    for processes in (1, 2):
        finish(start(tmp_path / str(processes), "digits", *words, processes=processes))
    best = [row["best"] for row in History(tmp_path / "1" / "history.jsonl").rows if row["split"] == "valid"]
    assert not all(best)
    np.testing.assert_allclose(validated(tmp_path / "2"), validated(tmp_path / "1"), rtol=1e-3)


@pytest.mark.slow
def test_a_network_of_ones_own_becomes_the_same_everywhere_and_may_share_weights(tmp_path: Path) -> None:
    program = tmp_path / "own.py"
    program.write_text(OWN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"sum-{rank}").read_text() for rank in (0, 1))
    assert first == second


#: Each process draws other weights and another fixed projection; two blocks are one, and a weight is tied.
OWN = """
import os
import pathlib

import torch
from torch import nn

import trainwell as tw


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(100 + int(os.environ["RANK"]))
        self.register_buffer("fixed", torch.randn(64, 16))
        block = nn.Sequential(nn.Linear(16, 16), nn.ReLU())
        tied = nn.Sequential(nn.Linear(16, 16), nn.ReLU())
        tied[0].weight = block[0].weight
        self.blocks = nn.ModuleList([block, block, tied, nn.Sequential(nn.Linear(16, 16), nn.ReLU())])
        self.last = nn.Linear(16, 10)

    def forward(self, x):
        x = x.flatten(1) @ self.fixed
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


recipe = tw.Recipe(steps=30, threads=1, sharded=True, optimizer="adamw", validate_every=30, doctor="off")
run = tw.fit(recipe, tw.load("digits"), network=Own(), observers=[lambda row: None])
total = sum(float(t.double().sum()) for t in run.network.state_dict().values())
pathlib.Path(__file__).with_name(f"sum-{os.environ['RANK']}").write_text(repr(total))
"""


@pytest.mark.slow
def test_a_process_that_cannot_see_the_checkpoints_stops_all_and_deletes_nothing(tmp_path: Path) -> None:
    words = [*MLP, "steps=3000", "batch_size=64"]
    process = start(tmp_path / "run", "digits", *words, processes=2)
    wait_for_a_checkpoint(tmp_path / "run")
    os.kill(workers_of(process.pid)[1], signal.SIGTERM)
    process.communicate(timeout=120)
    folder = tmp_path / "run" / "checkpoints"
    for path in folder.glob("*.1-of-2.safetensors"):
        path.rename(path.with_suffix(".away"))
    before = sorted(folder.iterdir())
    process = start(tmp_path / "run", "digits", *words, processes=2)
    assert "no checkpoint can be read by all processes" in process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert sorted(folder.iterdir()) == before


@pytest.mark.slow
def test_a_process_keeps_its_share_of_weights_and_memory(tmp_path: Path) -> None:
    finish(start(tmp_path / "run", "digits", *MLP, "model.width=256", "steps=5", processes=2))
    (newest, *_), sizes = checkpoints(tmp_path / "run" / "checkpoints"), []
    for rank in (0, 1):
        kept = read_checkpoint(newest, rank=rank, size=2)
        sizes.append(sum(t.numel() for name, t in kept.tensors.items() if name.startswith(("network.", "optimizer."))))
    whole = sum(t.numel() for name, t in read_checkpoint(newest).tensors.items() if name.startswith(("network.", "optimizer.")))
    assert max(sizes) < 0.51 * whole


@pytest.mark.slow
def test_other_numbers_of_processes_go_on_from_the_pieces(tmp_path: Path) -> None:
    words = [*MLP, "steps=3000", "batch_size=64"]
    finish(start(tmp_path / "one", "digits", *words, processes=1))
    begun, steps = tmp_path / "several", [0]
    for processes in (2, 3):
        process = start(begun, "digits", *words, processes=processes)
        wait_for_a_checkpoint(begun, after=steps[-1])
        os.kill(workers_of(process.pid)[1], signal.SIGTERM)  # not the first one
        process.communicate(timeout=120)
        newest = checkpoints(begun / "checkpoints")[0]
        assert newest.name.endswith(f".0-of-{processes}.safetensors")
        steps.append(step_of(newest))
    assert steps[0] < steps[1] < steps[2] < 3000
    finish(start(begun, "digits", *words, processes=1))
    one, several = validated(tmp_path / "one"), validated(begun)
    assert len(one) == len(several)
    np.testing.assert_allclose(several, one, rtol=0.05)  # rounding grows over thousands of updates
    np.testing.assert_allclose(several[: len(one) // 10], one[: len(one) // 10], rtol=1e-3)


@pytest.mark.slow
def test_numbers_that_are_not_finite_are_named_by_the_layer(tmp_path: Path) -> None:
    words = [*MLP, "optimizer=sgd", "learning_rate=1e30", "clip_norm=0", "steps=50"]
    process = start(tmp_path / "run", "digits", *words, processes=2)
    assert "NaN or infinity in layer" in process.communicate(timeout=120)[1]


@settings(deadline=None, max_examples=30)
@given(rows=st.lists(st.integers(1, 9), min_size=1, max_size=4), wrote=st.integers(2, 5), reads=st.integers(1, 5))
def test_what_so_many_processes_wrote_any_number_reads(
    tmp_path_factory: pytest.TempPathFactory, rows: list[int], wrote: int, reads: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    whole = {f"network.{i}": torch.randn(n, 3) for i, n in enumerate(rows)}
    for rank in range(wrote):
        piece = {name: part(t, rank, wrote) for name, t in whole.items()} | {"same": torch.tensor(7)}
        write(folder, Checkpoint({"step": 4}, piece), piece=Piece(rank, wrote, tuple(whole)))
    (path,) = checkpoints(folder)
    found = [
        read_checkpoint(path, rank=r, size=reads, cut=lambda name, t, r=r: part(t, r, reads) if name in whole else t).tensors
        for r in range(reads)
    ]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([kept[name] for kept in found]), tensor)
    assert all(kept["same"] == 7 for kept in found)


def part(tensor: torch.Tensor, rank: int, size: int) -> torch.Tensor:
    parts = tensor.chunk(size)
    return parts[rank] if rank < len(parts) else tensor[:0]


def test_a_checkpoint_without_one_of_its_pieces_is_passed_over(tmp_path: Path) -> None:
    for step in (10, 20):
        for rank in (0, 1):
            tensors = {"network.w": torch.full((1, 2), float(step + rank))}
            write(tmp_path, Checkpoint({"step": step}, tensors), piece=Piece(rank, 2, ("network.w",)))
    (tmp_path / "step-000000020.1-of-2.safetensors").unlink()
    with pytest.raises(CheckpointError, match="1-of-2"):
        read_checkpoint(checkpoints(tmp_path)[0])
    found, complaints = newest_checkpoint(tmp_path)
    assert found is not None
    assert found.state == {"step": 10}
    assert found.tensors["network.w"].tolist() == [[10, 10], [11, 11]]
    assert "before it is used" in complaints[0]
    forget_after(tmp_path, 10)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"step-000000010.{rank}-of-2.safetensors" for rank in (0, 1)]


def test_pieces_of_different_checkpoints_are_not_joined(tmp_path: Path) -> None:
    for rank, mark in ((0, "a"), (1, "b")):
        write(tmp_path, Checkpoint({"step": 4, "mark": mark}, {"w": torch.ones(1)}), piece=Piece(rank, 2, ("w",)))
    with pytest.raises(CheckpointError, match="pieces of different checkpoints"):
        read_checkpoint(checkpoints(tmp_path)[0])


def test_the_two_newest_are_kept_with_all_their_pieces(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        for rank in (1, 0):
            write(tmp_path, Checkpoint({"step": step}, {"w": torch.ones(1)}), piece=Piece(rank, 2, ("w",)))
    write(tmp_path, Checkpoint({"step": 5}, {"w": torch.ones(2)}))
    names = ["step-000000004.0-of-2", "step-000000004.1-of-2", "step-000000005"]
    assert sorted(p.stem for p in tmp_path.iterdir()) == names


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"optimizer": "muon"}, "muon looks at whole matrices"),
        ({"optimizer": "lamb"}, "lamb looks at whole matrices"),
        ({"optimizer": "torch.optim:Adafactor"}, "may look at whole matrices"),
        ({"compile": "on"}, "compile='on'"),
        ({"memory_format": "channels_last"}, "memory_format='channels_last'"),
        ({"time_limit": 60}, "time_limit=60"),
        ({"parametrize": "weight_norm"}, "parametrize='weight_norm'"),
        ({"transfer": {"freeze": "body", "unfreeze": 0.5}}, "transfer.unfreeze=0.5"),
    ],
)
def test_what_needs_a_whole_network_is_refused_by_name(changes: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        check_sharded(Recipe(sharded=True).but(**changes), nn.Linear(2, 2))


def test_a_weight_without_rows_is_refused() -> None:
    network = nn.Linear(2, 2)
    network.scale = nn.Parameter(torch.tensor(1.0))
    with pytest.raises(CompileError, match=r"scale: a weight that is a single number"):
        check_sharded(Recipe(sharded=True), network)


def test_the_suggested_optimizer_looks_at_single_numbers_and_one_process_has_all_of_the_network() -> None:
    draw = np.random.default_rng(0)
    data = wrap((draw.integers(0, 256, (64, 1, 28, 28)).astype(np.uint8), draw.integers(0, 3, 64)))
    assert Recipe.suggest(data).optimizer.name == "muon"
    run = fit(Recipe(sharded=True, steps=3), data, observers=[lambda _row: None])
    assert run.recipe.optimizer.name == "adamw"
    assert all(p.numel() for p in run.network.parameters())
