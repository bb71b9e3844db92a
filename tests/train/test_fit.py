"""Fit: the same bits every time and after every interruption, and a folder from which everything can be had again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from trainwell.core.errors import CheckpointError, CompileError, NonFinite, RecipeError, TrainingError, UnknownName
from trainwell.core.history import read_rows
from trainwell.data.load import load, wrap
from trainwell.train import saving
from trainwell.train.fit import fit
from trainwell.train.run import Run

from .small import Picky, numbers, pictures, recipe, weights

EVERYTHING = {
    "augment": ["flip", "crop", "mixup"],
    "clip_norm": 1.0,
    "ema": 0.9,
    "l1": 1e-4,
    "l2": 1e-4,
    "max_norm": 3.0,
    "label_smoothing": 0.1,
    "weight_decay": 0.01,
    "sampling": "balanced",
    "schedule": "one_cycle",
    "validate_every": 5,
}


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(tmp_path: Path, optimizer: str) -> None:
    data, how = pictures(), recipe(**EVERYTHING, optimizer=optimizer)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.rand(7)  # the caller's own draws must not matter
        fit(how, data, seed=seed, folder=tmp_path / name)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_the_callers_draws_and_threads_are_left_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    threads = torch.get_num_threads()
    torch.manual_seed(5)
    fit(recipe(epochs=1), pictures())
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("stop_at", [1, 7, 20, 39])
def test_an_interrupted_run_continues_to_the_same_bits(tmp_path: Path, stop_at: int) -> None:
    data, how = pictures(), recipe(**EVERYTHING, steps=40)
    fit(how, data, folder=tmp_path / "whole")

    def interrupt(row: dict) -> None:
        if row["split"] == "train" and row["step"] >= stop_at and not sent:
            sent.append(row["step"])
            os.kill(os.getpid(), signal.SIGTERM)

    sent: list[int] = []
    stopped = fit(how, data, folder=tmp_path / "torn", observers=[interrupt])
    assert stopped.signal == signal.SIGTERM
    assert stopped.status == "interrupted"
    fit(how, data, folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")


def test_the_history_of_a_resumed_run_is_that_of_an_undisturbed_one(tmp_path: Path) -> None:
    data, how = pictures(), recipe(**EVERYTHING, steps=40)
    plain = fit(how, data, folder=tmp_path / "whole")

    def stop_twice(row: dict) -> None:
        if row["split"] == "train" and row["step"] in (9, 21):
            os.kill(os.getpid(), signal.SIGINT)

    for _ in range(2):
        fit(how, data, folder=tmp_path / "torn", observers=[stop_twice])
    fit(how, data, folder=tmp_path / "torn")

    def timeless(folder: str) -> list[dict]:
        rows, _ = read_rows(tmp_path / folder / "history.jsonl")
        return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]

    # The log interval is measured; with equal plans the two must agree line by line.
    if json.loads((tmp_path / "torn/plan.json").read_text())["log_every"] == plain.plan.log_every:
        assert timeless("torn") == timeless("whole")
    else:
        scores = [[r for r in timeless(f) if r["split"] == "valid"] for f in ("torn", "whole")]
        assert scores[0] == scores[1]


def test_early_stopping_hands_back_the_best_weights() -> None:
    data = numbers(120)
    network = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 2))
    how = recipe(model="mlp", monitor="loss", early_stopping=3, epochs=200, learning_rate=0.05, weight_decay=0.0)
    run = fit(how, data, network=network)
    losses = run.history.column("loss", split="valid")
    assert run.status == "stopped early"
    assert len(losses) < 200
    assert run.summary["valid"]["loss"] == min(losses)
    # The network handed back scores what was written down as the best.
    again = fit(how.but(steps=1, learning_rate=1e-30, epochs=1), data, network=run.network)
    assert again.history.column("loss", split="valid")[0] == pytest.approx(min(losses), rel=1e-5)


def test_a_run_is_read_back_from_its_folder(tmp_path: Path) -> None:
    data = load("iris")
    run = fit(recipe(model="mlp", epochs=3), data, folder=tmp_path / "run")
    read = Run.open(tmp_path / "run")
    rows = [{"petal length (cm)": 1.4, "petal width (cm)": 0.2, "sepal length (cm)": 5.0, "sepal width (cm)": 3.4}]
    assert read.predict(rows).equals(run.predict(rows))
    np.testing.assert_allclose(read.predict_row(rows[0]), run.predict(rows).select("^p_.*$").row(0), atol=1e-7)
    assert read.recipe == run.recipe
    assert "mlp" in repr(read)


def test_another_recipe_seed_or_data_is_refused(tmp_path: Path) -> None:
    fit(recipe(), pictures(), folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"learning_rate=0\.01"):
        fit(recipe(learning_rate=0.02), pictures(), folder=tmp_path)
    with pytest.raises(CheckpointError, match="seed 0, now 1"):
        fit(recipe(), pictures(), seed=1, folder=tmp_path)
    with pytest.raises(CheckpointError, match="data have changed"):
        fit(recipe(), pictures(170), folder=tmp_path)


def test_accumulation_gives_the_gradient_of_the_whole_batch() -> None:
    data = numbers()
    plain = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    parts = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 2))
    parts.load_state_dict(plain.state_dict())
    fit(recipe(model="mlp", epochs=2), data, network=plain)
    fit(recipe(model="mlp", epochs=2, accumulate=4), data, network=parts)
    for one, other in zip(plain.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


class Hungry(nn.Linear):
    """Runs out of memory for more than four rows, as a GPU would."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > 4:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(x)


def test_out_of_memory_halves_the_micro_batch_and_changes_no_result(tmp_path: Path) -> None:
    data = numbers()
    torch.manual_seed(0)
    network, plain = Hungry(5, 2), nn.Linear(5, 2)
    plain.load_state_dict(network.state_dict())
    fit(recipe(model="mlp", epochs=2), data, network=network)
    fit(recipe(model="mlp", epochs=2), data, network=plain)
    torch.testing.assert_close(network.weight, plain.weight, atol=1e-5, rtol=1e-4)


class Exploding(nn.Module):
    """Divides by zero in its second layer once its weight has moved."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 4), Division()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))[:, :2]


class Division(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        return x / (0.0 if self.calls > 40 else 1.0)


def test_a_nan_is_caught_in_its_step_and_its_layer_named() -> None:
    network = Exploding()
    with pytest.raises(NonFinite, match=r"layer 'second' \(Division\)"):
        fit(recipe(model="mlp", epochs=50), numbers(), network=network)
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_a_nan_in_the_data_is_named_with_its_row() -> None:
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    x[17, 3] = np.nan
    data = wrap((x, np.arange(60) % 2))
    if 17 not in data.rows["train"]:
        pytest.fail("the split of the test data has moved: choose another row")
    with pytest.raises(NonFinite, match="row 17"):
        fit(recipe(model="mlp", epochs=3), data, network=nn.Linear(5, 2))


def test_wrong_shapes_speak_before_step_zero() -> None:
    with pytest.raises(CompileError, match="3 entries, the target has 2 classes"):
        fit(recipe(model="mlp"), numbers(), network=nn.Linear(5, 3))
    with pytest.raises(CompileError, match="layer '0' refuses the data"):
        fit(recipe(model="mlp"), numbers(), network=nn.Sequential(nn.Linear(6, 2)))
    with pytest.raises(CompileError, match="broadcast silently"):
        fit(recipe(metrics=["rmse"]), numbers(regression=True), network=nn.Sequential(nn.Linear(5, 1), nn.Flatten(0)))


def test_misspelt_names_get_a_suggestion() -> None:
    for key, value, hint in (
        ("optimizer", "adamv", "adamw"),
        ("loss", "cross_entrpy", "cross_entropy"),
        ("model", "resnte", "resnet"),
    ):
        with pytest.raises(UnknownName, match=f"recipe key '{key}'.*Did you mean.*{hint}"):
            fit(recipe(**{key: value}), pictures())
    with pytest.raises(RecipeError, match="accuracy"):
        fit(recipe(metrics=["acuracy"], monitor="loss"), pictures())


def test_an_observer_may_stop_the_run() -> None:
    run = fit(recipe(epochs=50), pictures(), observers=[lambda row: row["split"] == "valid"])
    assert run.status == "stopped by an observer"
    assert len(run.history.column("loss", split="valid")) == 1


def test_a_full_disk_is_one_sentence_and_the_run_continues_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, how = pictures(), recipe(**EVERYTHING)
    fit(how, data, folder=tmp_path / "whole")
    real = saving.write_checkpoint
    count = iter(range(100))

    def full(*args, **kwargs):
        if next(count) == 3:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(saving, "write_checkpoint", full)
    with pytest.raises(TrainingError, match=r"No space left on device.*Free space"):
        fit(how, data, folder=tmp_path / "torn", save_every=0.0)
    monkeypatch.setattr(saving, "write_checkpoint", real)
    fit(how, data, folder=tmp_path / "torn")
    assert weights(tmp_path / "torn") == weights(tmp_path / "whole")


def test_a_time_limit_becomes_a_step_count() -> None:
    run = fit(recipe(epochs=100_000, time_limit=1.0), pictures())
    assert run.status == "finished"
    assert run.summary["steps"] == run.plan.steps < 100_000
    assert run.summary["seconds"] < 3.0


def test_without_validation_rows_the_last_weights_are_kept() -> None:
    run = fit(recipe(split={"valid": 0.0}), pictures())
    assert run.status == "finished"
    assert run.summary["best_step"] == run.plan.steps


def test_full_batch_and_one_example_descent() -> None:
    data = numbers(60)
    assert fit(recipe(model="mlp", batch_size=0, epochs=3), data).plan.batch_size == len(data.rows["train"])
    assert fit(recipe(model="mlp", batch_size=1, epochs=1), data).plan.steps == len(data.rows["train"])


def test_a_class_path_is_found_again(tmp_path: Path) -> None:
    run = fit(recipe(), pictures(), folder=tmp_path)
    assert run.recipe.model.name.endswith(":Picky")
    assert isinstance(Run.open(tmp_path).build(), Picky)
