"""Checks that every registered part has to pass, yours as well as ours; each raises `AssertionError` with a sentence.

from trainwell.testing import check_model

def test_my_network() -> None:
    check_model("mixer")

`ward()` trains programs with a planted fault and healthy ones under the doctor, and prints how many faults it named and how
often it spoke without one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import torch

from trainwell.core.errors import CompileError, DataError, RecipeError
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.data.augment.draw import Draw
from trainwell.data.augment.registry import augmentations
from trainwell.data.data import Data
from trainwell.data.load import load, wrap
from trainwell.models.registry import models
from trainwell.optim.registry import schedules
from trainwell.optim.schedules import Moment
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.many import fit_many
from trainwell.train.run import Run
from trainwell.ward.rounds import ward as ward

#: Nothing is left to measurement, and every run is over in a blink.
FIXED = {"threads": 1, "memory_format": "contiguous", "compile": "off", "device": "cpu", "precision": "float32"}
FIXED |= {"batch_size": 8, "steps": 6, "validate_every": 6, "early_stopping": 0, "doctor": "off", "learning_rate": 1e-3}
#: Sizes by which a network is made small, where it has such options.
SMALL = {"width": 8, "depth": 1, "hidden": 8, "heads": 2, "k": 2, "maps": 4, "buckets": 256}
#: Two ways of computing the same may round differently: largest difference of a weight after six updates.
ROUNDING = 2e-4


def table(rows: int = 48) -> Data:
    """Numbers and categories, two classes."""
    draw = np.random.default_rng(0)
    x, label = draw.normal(size=(rows, 3)), draw.choice(["red", "green", "blue"], rows)
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "colour": label, "y": np.where(x[:, 0] > 0, "yes", "no")})
    return load(frame, target="y")


def numbers(rows: int = 48) -> Data:
    """Numbers alone, and one to be predicted."""
    x = np.random.default_rng(0).normal(size=(rows, 3))
    return load(pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "y": x.sum(1)}), target="y")


def pictures(rows: int = 48) -> Data:
    """Grey pictures `(16, 16)`, two classes."""
    x = np.random.default_rng(0).integers(0, 256, (rows, 1, 16, 16)).astype(np.uint8)
    return wrap((x, np.arange(rows) % 2))


def masks(rows: int = 48) -> Data:
    """Grey pictures `(16, 16)` with the class of every pixel: dark or bright."""
    x = np.random.default_rng(0).integers(0, 256, (rows, 16, 16)).astype(np.uint8)
    return wrap((x, (x > 127).astype(np.int64)))


def texts(rows: int = 48) -> Data:
    """Texts of some words, two classes."""
    draw, y = np.random.default_rng(0), np.arange(rows) % 2
    words = [["good", "fine", "soup"], ["bad", "cold", "soup"]]
    said = [" ".join(draw.choice(words[label], draw.integers(3, 8))) for label in y]
    return load(pl.DataFrame({"said": said, "y": y}), target="y", recipe=Recipe(columns={"said": "text"}))


def series(rows: int = 48) -> Data:
    """Whole series of two channels, two classes."""
    x = np.random.default_rng(0).normal(size=(rows, 2, 20)).astype(np.float32)
    return wrap((x, np.arange(rows) % 2), recipe=Recipe(columns={"input": "series"}))


def forecast(rows: int = 160) -> Data:
    """One series whose next steps are asked for."""
    values = np.sin(np.arange(rows) / 5) + np.random.default_rng(0).normal(0, 0.1, rows)
    return load(pl.DataFrame({"value": values}), target="value", recipe=Recipe(series={"horizon": 4, "lookback": 16}))


def running_text(characters: int = 2_000) -> Data:
    """A text to be written on."""
    words = np.random.default_rng(0).choice(["the ", "cat ", "sat ", "on ", "a ", "mat. "], characters // 4)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "text.txt"
        path.write_text("".join(words))
        return load(path, recipe=Recipe(task="language"))


#: Data of every kind, by name.
KINDS: dict[str, Callable[[], Data]] = {
    "numbers": numbers,
    "table": table,
    "pictures": pictures,
    "masks": masks,
    "texts": texts,
    "series": series,
    "forecast": forecast,
    "running text": running_text,
}


def check_model(name: str, *, options: Mapping[str, Any] | None = None) -> list[str]:
    """A registered network takes some kind of data, repeats itself, resumes to the bit, and is in a stack what it is alone.

    Args:
        name: as registered.
        options: instead of small sizes.

    Returns:
        The kinds of data that it takes.

    Raises:
        AssertionError: it fails; the sentence says in what.

    Example:
        >>> check_model("mlp")
        ['numbers', 'table', 'pictures', 'texts', 'series', 'forecast']
    """
    if options is None:
        known = models.options(name)
        options = {key: size for key, size in SMALL.items() if key in known and known[key].annotation is int}
    part, made = Part(name=name, options=dict(options)), {kind: make() for kind, make in KINDS.items()}
    taken = [kind for kind, data in made.items() if _takes(data.recipe.but(**FIXED, model=part), data)]
    assert taken, f"the network {name!r} takes no kind of data: {', '.join(KINDS)} are all refused"
    for kind in taken:
        _check_on(made[kind], part)
    return taken


def _check_on(data: Data, part: Part) -> None:
    name, recipe = part.name, data.recipe.but(**FIXED, model=part)
    whole = check_resume(recipe, data)
    again = fit(recipe, data)
    assert same_bits(whole, again), f"the network {name!r} gives other bits when it is trained again with the same seed"
    first, _ = fit_many(recipe, data, seeds=[0, 1])
    far = furthest(whole, first)
    assert far <= ROUNDING, f"the network {name!r} is {far:.1e} from itself when it is trained beside another one"


def _takes(recipe: Recipe, data: Data) -> bool:
    try:
        compile_program(recipe, data.under(recipe))
    except (CompileError, DataError, RecipeError):
        return False
    return True


def check_resume(recipe: Recipe, data: Data) -> Run:
    """A run that is stopped half-way and continued ends in the same bits; the run that was not stopped.

    Raises:
        AssertionError: it ends in others.
    """
    with TemporaryDirectory() as folder:
        whole = fit(recipe, data, folder=f"{folder}/whole", observers=[lambda _row: None])
        half, stopped = whole.plan.steps // 2, f"{folder}/stopped"
        fit(recipe, data, folder=stopped, observers=[lambda row: row["split"] == "train" and row["step"] >= half])
        continued = fit(recipe, data, folder=stopped, observers=[lambda _row: None])
        what = f"{recipe.model.name} with {recipe.optimizer.name}"
        assert continued.summary["steps"] == whole.summary["steps"], f"{what} does not go on after it was stopped"
        assert same_bits(whole, continued), f"{what} ends in other bits when it is stopped and continued"
        return whole


def same_bits(one: Run, other: Run) -> bool:
    """Whether two runs have the same weights."""
    a, b = one.network.state_dict(), other.network.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def furthest(one: Run, other: Run) -> float:
    """The largest difference between two runs' weights."""
    a, b = one.network.state_dict(), other.network.state_dict()
    return max(float((a[key].double() - b[key].double()).abs().max()) for key in a if a[key].numel())


def check_optimizer(name: str, *, options: Mapping[str, Any] | None = None) -> None:
    """A registered update rule trains a network, resumes to the bit, and does nothing at a rate of zero without decay.

    Args:
        name: as registered.
        options: its options, where the defaults are not wanted.

    Raises:
        AssertionError: it fails; the sentence says in what.

    Example:
        >>> check_optimizer("adamw")
    """
    part, data = Part(name=name, options=dict(options or {})), table()
    plain = {
        "model": Part(name="mlp", options={"width": 8, "dropout": 0.0}),
        "optimizer": part,
        "weight_decay": 0.0,
        "ema": 0.0,
    }
    recipe = Recipe(**{**FIXED, **plain})
    check_resume(recipe, data)
    losses = fit(recipe.but(steps=120, learning_rate="auto"), data).history.column("loss", split="train")
    assert all(map(math.isfinite, losses)), f"the update rule {name!r} leads to a loss that is not finite"
    assert losses[-1] < losses[0], f"the update rule {name!r} does not lower the loss: {losses[0]:.3g} to {losses[-1]:.3g}"
    still = recipe.but(learning_rate=0.0, schedule="constant")
    start, end = compile_program(still, data).network.state_dict(), fit(still, data).network.state_dict()
    moved = [key for key in start if not torch.equal(start[key], end[key])]
    assert not moved, f"the update rule {name!r} moves {moved[0]!r} at a rate of zero"


def check_schedule(name: str, *, options: Mapping[str, Any] | None = None) -> None:
    """A registered schedule is a factor from 0 to 1 at every moment, and the same when asked again.

    Raises:
        AssertionError: it is not.

    Example:
        >>> check_schedule("cosine")
    """
    factor = schedules.bind(name, dict(options or {}))
    moments = [Moment(step / 200, [0.1] * (step // 20)) for step in range(200)]
    found = [factor(moment) for moment in moments]
    wrong = next((i for i, f in enumerate(found) if not 0.0 <= f <= 1.0), None)
    assert wrong is None, f"the schedule {name!r} gives {found[wrong or 0]} at {(wrong or 0) / 200:.0%} of the run, not 0 to 1"
    assert found == [factor(moment) for moment in moments], f"the schedule {name!r} gives another factor when asked again"


def check_augmentation(name: str, *, options: Mapping[str, Any] | None = None) -> None:
    """A registered change of pictures keeps shape and range, leaves its input alone, and repeats itself.

    Raises:
        AssertionError: it does not.

    Example:
        >>> check_augmentation("flip")
    """
    change = augmentations.bind(name, dict(options or {}))
    for shape in ((4, 1, 8, 8), (3, 3, 20, 13)):
        x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        before = x.clone()
        one, two = (change(x, Draw(torch.Generator().manual_seed(1))) for _ in range(2))
        assert torch.equal(x, before), f"the augmentation {name!r} changes the pictures that it is given"
        assert one.shape == x.shape, f"the augmentation {name!r} makes {tuple(one.shape)} of {shape}"
        assert one.ge(0).logical_and(one.le(1)).all(), f"the augmentation {name!r} leaves [0, 1]"
        assert torch.equal(one, two), f"the augmentation {name!r} gives something else for the same draws"
