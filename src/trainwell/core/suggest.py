"""Fill in every `auto` of a recipe from the facts of the data, and say why.

The numbers were measured on the data sets listed in `docs/log.md`; each reason is one line that the saved recipe shows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from trainwell.core.recipe import Part, Recipe
from trainwell.core.shape import Facts


class Suggestion(NamedTuple):
    """A recipe without any `auto` that training depends on, and the reason of each value that was filled in."""

    recipe: Recipe
    reasons: dict[str, str]


class Choice(NamedTuple):
    """One suggested value and why."""

    value: Any
    why: str


def suggest(recipe: Recipe, facts: Facts) -> Suggestion:
    """The recipe with every `auto` resolved; what the user wrote stays.

    Args:
        recipe: what the user wants; anything not `auto` is kept.
        facts: what is known about the data.

    Example:
        >>> from trainwell.core.shape import Input, Shape
        >>> table = Shape((Input("number", "number", (8,)),))
        >>> found = suggest(Recipe(), Facts(rows=1000, shape=table, task="regression", n_out=1))
        >>> found.recipe.loss.name, found.reasons["loss"]
        ('mean_squared_error', 'the target is a number')
    """
    by_kind = _for_pictures if facts.shape.of_kind("picture") else _for_tables
    choices = _for_task(facts) | by_kind(recipe, facts)
    changes: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for key, choice in choices.items():
        current = getattr(recipe, key)
        if isinstance(current, Part):
            if current.is_auto:
                part = Part.of(choice.value)
                changes[key], reasons[key] = part.but(**current.options), choice.why
        elif current == "auto":
            changes[key], reasons[key] = choice.value, choice.why
    return Suggestion(recipe.but(**changes), reasons)


def _for_task(facts: Facts) -> dict[str, Choice]:
    if facts.task == "regression":
        loss = Choice("mean_squared_error", "the target is a number")
        metrics = Choice(["rmse", "mae", "r2"], "the usual scores for numbers; the first is watched")
    else:
        loss = Choice("cross_entropy", f"the target has {facts.n_out} classes")
        names = ["accuracy", "auroc"] if facts.n_out == 2 else ["accuracy"]
        metrics = Choice(names, "the usual scores for classes; the first is watched")
    return {"loss": loss, "metrics": metrics}


class Table(NamedTuple):
    """Defaults for tables by preset."""

    width: int
    depth: int
    members: int
    epochs: int
    patience: int


TABLES = {"quick": Table(128, 2, 8, 15, 4), "good": Table(256, 2, 16, 60, 10), "best": Table(384, 3, 32, 120, 16)}


def _for_tables(recipe: Recipe, facts: Facts) -> dict[str, Choice]:
    size = TABLES[recipe.preset]
    batch = _batch_for(facts.rows)
    model = {"name": "tabm", "width": size.width, "depth": size.depth, "members": size.members}
    return {
        "model": Choice(model, f"{size.members} networks in one with piecewise-linear numbers: the best measured on tables"),
        "optimizer": Choice("adamw", "robust to scale"),
        "learning_rate": Choice(2e-3, "the usual rate of adamw for dense networks"),
        "schedule": Choice({"name": "cosine", "warmup": 0.02}, "falls smoothly to zero"),
        "batch_size": Choice(batch, f"{facts.rows} training rows"),
        "epochs": Choice(size.epochs, f"preset {recipe.preset}; early stopping may end it sooner"),
        "early_stopping": Choice(size.patience, "validations without a better score"),
        "weight_decay": Choice(3e-4, "a little, on weight matrices only"),
        "clip_norm": Choice(1.0, "one odd batch cannot throw the weights away"),
        "label_smoothing": Choice(0.0, "probabilities stay honest"),
        "ema": Choice(0.0, "the members are already an average"),
        "augment": Choice([], "none for tables"),
    } | _validation(facts, batch)


def _for_pictures(recipe: Recipe, facts: Facts) -> dict[str, Choice]:
    epochs = {"quick": 6, "good": 20, "best": 60}[recipe.preset]
    flips = ["flip"] if facts.labels_mirror else []
    batch = min(128, max(16, facts.rows // 50))
    return {
        "model": Choice({"name": "resnet"}, "residual convolutions: the best measured on small pictures"),
        "optimizer": Choice("sgd", "generalises best with one-cycle on pictures"),
        "learning_rate": Choice(0.1, "top of the cycle for sgd with momentum"),
        "schedule": Choice("one_cycle", "few epochs suffice"),
        "batch_size": Choice(batch, f"{facts.rows} training pictures"),
        "epochs": Choice(epochs, f"preset {recipe.preset}"),
        "early_stopping": Choice(0, "a one-cycle run is best at its end"),
        "weight_decay": Choice(5e-4, "usual with sgd"),
        "clip_norm": Choice(0.0, "batch norm keeps gradients in range"),
        "label_smoothing": Choice(0.1, "less over-confident"),
        "ema": Choice(0.0, "one-cycle ends in a flat place by itself"),
        "augment": Choice([*flips, "crop"], "labels survive them"),
    } | _validation(facts, batch)


def _batch_for(rows: int) -> int:
    return 256 if rows >= 8_000 else 128 if rows >= 2_500 else 64 if rows >= 500 else 32 if rows >= 64 else max(2, rows // 2)


def _validation(facts: Facts, batch: int) -> dict[str, Choice]:
    return {"validate_every": Choice(max(1, facts.rows // batch), "once an epoch")}
