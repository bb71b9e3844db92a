"""Odd but healthy recipes, drawn from a seed: tables, ranks, labels, texts, forecasts and pictures through `fit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.doctor.examine import examine
from trainwell.doctor.finding import Finding
from trainwell.train.fit import fit
from trainwell.ward.odd import MANY

#: Nothing is left to a measurement of the machine.
FIXED = {"threads": 1, "memory_format": "contiguous", "compile": "off", "device": "cpu", "precision": "float32"}
ACTIVATIONS = ("relu", "gelu", "tanh", "silu", "leaky_relu", "elu")
#: Update rules, each with rates that one would choose.
RULES: tuple[tuple[str, list[float]], ...] = (
    ("adamw", [1e-3, 2e-3, 3e-3]),
    ("adam", [1e-3, 3e-3]),
    ("nadam", [1e-3, 2e-3]),
    ("radam", [2e-3]),
    ("lion", [2e-4]),
    ("rmsprop", [1e-3]),
    ("sgd", [0.03, 0.05]),
    ("schedule_free", [3e-3]),
)
#: Rules whose decay is a part of the update, not of the gradient.
DECOUPLED = ("adamw", "lion", "schedule_free")
#: How many times the usual updates a rule wants.
MORE = {"sgd": 2.5, "radam": 1.8, "lion": 1.5}
Made = tuple[Data, Recipe]


@dataclass(frozen=True)
class Fitted:
    """A recipe on its data, trained by `fit` and examined."""

    name: str
    build: Callable[[], Made]
    expected: Sequence[str] = ()

    def examine(self, seed: int, *, path: Path | None = None) -> tuple[list[Finding], float]:
        """The findings, and the first score on validation rows."""
        data, recipe = self.build()
        run = fit(recipe, data, seed=seed, observers=[_unheard])
        if path is not None:
            kept = History(path)
            for row in [*run.history.rows, *run.signs.rows]:
                kept.add(**row)
            kept.close()
        found = [v for k, v in run.summary["valid"].items() if k not in ("step", "epoch", "loss") and isinstance(v, float)]
        return examine(run), found[0] if found else float("nan")


def _unheard(row: Any) -> None:
    del row


def odd_fits(n: int = MANY) -> list[Fitted]:
    """Recipes number 0 to n - 1; each number is always the same recipe and data."""
    return [Fitted(f"fit {i:03}", lambda i=i: odd_recipe(i)) for i in range(n)]  # type: ignore[misc]


def odd_recipe(number: int) -> Made:
    """Recipe `number` with its data: each kind of task in turn, everything else drawn."""
    draws = Random(1000 + number)
    data, recipe = KINDS[number % len(KINDS)](draws, np.random.default_rng(number))
    keys: dict[str, Any] = FIXED | _rule(draws) | _habits(draws)
    if keys["optimizer"] == "schedule_free":  # it averages the weights itself
        keys = {k: v for k, v in keys.items() if k not in ("ema", "swa")}
    if keys["optimizer"] not in DECOUPLED:  # as a part of the gradient, as much decay is too much
        keys["weight_decay"] = min(keys["weight_decay"], 1e-4)
    updates = keys.pop("steps") * recipe.steps / max(0.7, min(1.5, (keys["batch_size"] / 32) ** 0.5))
    given = recipe.model_dump(exclude_unset=True) | {"steps": round(updates)}
    return data, Recipe(**(keys | given))


def _rule(draws: Random) -> dict[str, Any]:
    """An update rule at a rate one would choose, a schedule, a limit, and how many times the usual updates it wants."""
    kind, rates = draws.choice(RULES)
    schedule = (
        draws.choice(["constant", "cosine", "one_cycle", "step", "polynomial"]) if kind != "schedule_free" else "constant"
    )
    return {
        "optimizer": kind,
        "lr": draws.choice(rates),
        "schedule": schedule,
        "clip_norm": draws.choice([0.0, 0.0, 1.0]),
        "steps": MORE.get(kind, 1.0),
    }


def _habits(draws: Random) -> dict[str, Any]:
    """Batches, accumulation, averages of weights, decay, stopping."""
    batch = draws.choice([16, 32, 32, 64])
    average = draws.choice([{}, {}, {"ema": 0.98}, {"swa": 0.3}, {"sam": 0.05}])
    more = {"batch_size": batch, "accumulate": draws.choice([1, 1, 2, 4]), "early_stopping": draws.choice([0, 0, 8])}
    return average | more | {"weight_decay": draws.choice([0.0, 1e-4, 1e-2]), "augment": []}


def _net(draws: Random, **more: Any) -> dict[str, Any]:
    name = draws.choice(["mlp", "mlp", "residual_mlp", "tabm"])
    if name == "tabm":
        return {"name": name, "width": 64, "k": 8, **more}
    norm = draws.choice(["none", "batch_norm", "layer_norm"]) if name == "mlp" else "batch_norm"
    depth, dropout = draws.choice([1, 2, 3]), draws.choice([0.0, 0.1, 0.3, 0.6])
    return {"name": name, "width": draws.choice([64, 96, 128]), "depth": depth, "dropout": dropout,
            "activation": draws.choice(ACTIVATIONS), "norm": norm} | more  # fmt: skip


def _bundled(draws: Random, rng: np.random.Generator) -> Made:
    """A bundled table of classes."""
    del rng
    name, steps = draws.choice([("digits", 900), ("breast_cancer", 250), ("wine", 250), ("iris", 500)])
    ways: list[dict[str, Any]] = [
        {},
        {"label_smoothing": 0.1},
        {"loss": "focal", "label_smoothing": 0.0},
        {"class_weight": "balanced"},
    ]
    return load(name), Recipe(model=_net(draws), steps=steps, **draws.choice([*ways, {"sampling": "balanced"}]))


def _frame(rng: np.random.Generator, n: int = 900) -> tuple[dict[str, Any], np.ndarray]:
    """Columns of three kinds, and a hidden number that they tell well."""
    x, city = rng.normal(size=(n, 4)), rng.integers(0, 4, n)
    z = x[:, 0] - 0.8 * x[:, 1] + 0.6 * x[:, 2] * x[:, 3] + np.array([-1.0, 0.0, 0.5, 1.0])[city]
    holes = [None if rng.random() < 0.05 else float(v) for v in np.exp(x[:, 1])]
    columns = {
        "a": x[:, 0],
        "b": holes,
        "c": 1000 * x[:, 2],
        "d": x[:, 3],
        "city": np.array(["Oslo", "Lima", "Accra", "Hanoi"])[city],
    }
    return columns, (z - z.mean()) / z.std()


def _numbers(draws: Random, rng: np.random.Generator) -> Made:
    """One number or two, under one of four losses, also of a size far from one."""
    columns, z = _frame(rng)
    y = {"y": 40_000 + 9000 * (z + 0.2 * rng.normal(size=len(z)))}
    y |= {"v": z**2 + 0.1 * rng.normal(size=len(z))} if draws.random() < 0.3 else {}
    loss = draws.choice(["mean_squared_error", "mean_absolute_error", "huber", {"name": "quantile", "q": 0.5}])
    return load(pl.DataFrame(columns | y), target=list(y)), Recipe(model=_net(draws), loss=loss, steps=600)


def _ranks(draws: Random, rng: np.random.Generator) -> Made:
    """Stars from 1 to 4, 5 or 6: noise moves a row to its neighbours; as ranks, or as classes without order."""
    columns, z = _frame(rng)
    k = draws.choice([4, 5, 6])
    stars = np.digitize(z + draws.choice([0.2, 0.4, 0.7]) * rng.normal(size=len(z)), np.linspace(-1.4, 1.4, k - 1)) + 1
    task = draws.choice(["ordinal", "ordinal", "classification"])
    recipe = Recipe(task=task, model=_net(draws, dropout=0.3), steps=500)
    return load(pl.DataFrame(columns | {"stars": stars}), target="stars", recipe=recipe.but(target="stars")), recipe


def _labels(draws: Random, rng: np.random.Generator) -> Made:
    """Two to four labels that hold together, rare ones among them."""
    columns, z = _frame(rng)
    a = np.asarray(columns["a"])
    asked = {"dance": z > 0, "loud": a > 0.5, "calm": (z < -0.3) & (a < 0.5), "rare": z > 1.5}
    chosen = draws.sample(sorted(asked), draws.choice([2, 3, 4]))
    tags = ["; ".join(t for t in chosen if asked[t][i]) for i in range(len(z))]
    return load(pl.DataFrame(columns | {"tags": tags}), target="tags"), Recipe(model=_net(draws), steps=500, task="multilabel")


def _texts(draws: Random, rng: np.random.Generator) -> Made:
    """Short reviews, by one of three kinds of networks."""
    like = rng.integers(0, 2, 500)
    words = {0: ["bad", "cold", "awful", "rude", "slow"], 1: ["good", "fine", "tasty", "friendly", "warm"]}
    other = ["soup", "fish", "cake", "waiter", "table", "window", "evening"]
    rows = [
        f"the {rng.choice(other)} was {rng.choice(words[int(k)])} and the {rng.choice(other)} {rng.choice(other)} too"
        for k in like
    ]
    frame = pl.DataFrame({"review": rows, "again": np.where(like == 1, "yes", "no")})
    model = draws.choice(["bag_of_ngrams", "textcnn", {"name": "rnn", "width": 32}])
    return load(frame, target="again"), Recipe(model=model, steps=250)


def _forecast(draws: Random, rng: np.random.Generator) -> Made:
    """Hourly load with a day's wave, forecast by linear, recurrent or mixing networks."""
    hour = np.arange(1500)
    load_of = 50 + 10 * np.sin(hour * 2 * np.pi / 24) + draws.choice([0.5, 1.0, 3.0]) * rng.normal(size=len(hour))
    times = [datetime(2024, 1, 1) + timedelta(hours=int(h)) for h in hour]
    model = draws.choice(["dlinear", "nlinear", {"name": "gru", "width": 32}, {"name": "tsmixer", "width": 16}])
    recipe = Recipe(series={"horizon": draws.choice([6, 12, 24])}, model=model, steps=350, target="load")
    return load(pl.DataFrame({"time": times, "load": load_of}), target="load", recipe=recipe), recipe


def _pictures(draws: Random, rng: np.random.Generator) -> Made:
    """The digits as pictures, by small convolutions."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    take = rng.permutation(len(x))[:900]
    x8 = (x[take].reshape(-1, 8, 8) * 15.9).astype(np.uint8)
    norm = draws.choice(["batch_norm", "group_norm", "none"])
    model = {"name": "cnn", "width": 16, "stages": 2, "norm": norm, "dropout": draws.choice([0.0, 0.3])}
    return load((x8, y[take])), Recipe(model=model, steps=1400)


def _uneven(draws: Random, rng: np.random.Generator) -> Made:
    """One class in fifteen, which the columns tell well."""
    columns, z = _frame(rng, 1200)
    extra: dict[str, Any] = draws.choice([{"class_weight": "balanced"}, {"sampling": "balanced"}, {"threshold": "f1"}])
    frame = pl.DataFrame(columns | {"y": np.where(z > 1.5, "rare", "usual")})
    return load(frame, target="y"), Recipe(model=_net(draws), steps=500, metrics=["balanced_accuracy"], **extra)


KINDS: tuple[Callable[[Random, np.random.Generator], Made], ...] = (
    _bundled, _numbers, _ranks, _labels, _texts, _forecast, _pictures, _uneven,
)  # fmt: skip
