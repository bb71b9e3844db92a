"""How deep, how wide, how much dropout, which activation, which batch, which rate: measured on these data, with the reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.models.registry import models
from trainwell.study.advice import advised
from trainwell.study.cost import seconds_of
from trainwell.study.probe import (
    NoiseScale,
    gradient_by_layer,
    idle_units,
    network_noise,
    parameters_of,
    probe_rows,
    step_seconds,
)
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import Part, check_metric, higher_is_better, metric_of, run_ended, score_runs, views
from trainwell.study.sweep import Point, Sweep
from trainwell.study.ties import tie_groups
from trainwell.study.verdict import pair_interval
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import repeatable
from trainwell.train.job import Observer
from trainwell.train.many import fit_orders
from trainwell.train.run import Run
from trainwell.train.steps import batch_of

Topic = Literal["depth", "width", "dropout", "activation", "batch", "learning_rate"]
TOPICS: tuple[Topic, ...] = ("depth", "width", "dropout", "activation", "batch", "learning_rate")
#: Rows of the smaller batch from which the gradient noise scale is estimated; the larger has eight times as many.
SMALL_BATCH = 32
#: Options that say how deep or wide a network is, by what networks call them.
DEPTHS, WIDTHS = ("depth", "stages", "layers"), ("width",)
#: What is tried, as factors of the recipe's own value or as values.
FACTORS = {"width": (0.25, 0.5, 1, 2, 4), "batch": (0.25, 0.5, 1, 2, 4), "learning_rate": (0.1, 0.3, 1, 3, 10)}
VALUES: dict[str, tuple[Any, ...]] = {
    "depth": (1, 2, 3, 4, 6, 8),
    "dropout": (0.0, 0.1, 0.2, 0.3, 0.5),
    "activation": ("relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"),
}


@dataclass(frozen=True)
class Guidance:
    """A sweep of one choice, and what it advises.

    Args:
        topic: what was swept.
        key: the recipe key.
        metric: the score.
        part: the rows scored.
        higher_is_better: direction of the metric.
        points: one per value, in the order swept.
        chosen: the value advised.
        sentence: the advice with its evidence.
        repeats: networks per value.
        noise: "start" and "end" → gradient noise scale before and after training (batch only).
        seconds: of training, all together.
    """

    topic: str
    key: str
    metric: str
    part: str
    higher_is_better: bool
    points: list[Point]
    chosen: Any
    sentence: str
    repeats: int
    noise: dict[str, NoiseScale] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [f"{p.value!s:>12}  {p.score.text()}{'  tied with the best' if p.group == 0 else ''}" for p in self.points]
        return "\n".join([f"{self.key}, {label(self.metric)} on {rows_named(self.part)}", *lines, self.sentence])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def save(self, folder: str | Path) -> Path:
        """Write `guide-TOPIC.json` into a folder."""
        return write_json(Path(folder) / f"guide-{self.topic}.json", self.to_dict(), indent=1, default=str)


def guide(
    topic: Topic,
    recipe: Recipe,
    data: Data,
    *,
    values: Sequence[Any] = (),
    repeats: int = 6,
    metric: str | None = None,
    part: Part = "valid",
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Guidance:
    """Sweep one choice, everything else as in the recipe, and advise: the cheapest value that cannot be told from the best.

    All networks are handed over at once. After training, each is looked at on fixed rows: units that are dead or saturated,
    the gradient of every layer before and after. For the batch, the gradient noise scale is measured, too. Batches of any size
    make the same passes over the rows; the rate is left as it is.

    Args:
        topic: depth, width, dropout, activation, batch or learning_rate.
        recipe: everything else; `auto` is filled in first.
        data: loaded data.
        values: what to try; none means a usual sweep around the recipe's own value.
        repeats: networks per value, each with its own split, initialisation and order.
        metric: what to score; None is the recipe's monitor or first metric.
        part: "valid" while choosing.
        folder: where the runs and the JSON are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: an unknown topic, or the network has no such option.

    Source: McCandlish et al., "An empirical model of large-batch training", 2018 (batch); He and Sun, "Convolutional neural
    networks at constrained time cost", CVPR 2015, for depth against width at a given cost.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(model={"name": "mlp", "width": 16}, epochs=4)
        >>> found = guide("depth", quick, load("iris"), values=[1, 2], repeats=2)
        >>> [point.value for point in found.points], found.chosen in (1, 2)
        ([1, 2], True)
    """
    demand(data, recipe)
    whole, _ = recipe.resolved(data.under(recipe).facts)
    check_metric(metric, data.facts.task)
    sweep = sweep_of(topic, whole, data.facts, values)
    arms = [orders_of(arm, repeats) for arm in sweep.recipes]
    runs = fit_orders([order for arm in arms for order in arm], data, folder=folder, observers=observers)
    judge_by = metric or metric_of(whole)
    scores = score_runs(runs, data, metric=judge_by, part=part).reshape(len(arms), repeats)
    better = higher_is_better(judge_by)
    groups = tie_groups(scores.T, higher_is_better=better)
    points = [
        _looked_at(Point(value, pair_interval(own[np.isfinite(own)]), own.tolist(), group), runs[i * repeats :][:repeats], data)
        for i, (value, own, group) in enumerate(zip(sweep.values, scores, groups, strict=True))
    ]
    noise = _noise(runs, data, whole) if topic == "batch" else {}
    advice = advised(topic, points, sweep, metric=judge_by, higher_is_better=better, noise=noise)
    found = Guidance(topic, sweep.key, judge_by, part, better, points, *advice, repeats, noise, seconds_of(runs))
    if folder is not None:
        found.save(folder)
    return found


def sweep_of(topic: str, recipe: Recipe, facts: Facts, values: Sequence[Any] = ()) -> Sweep:
    """The recipes of a sweep over a resolved recipe.

    Example:
        >>> from trainwell.core.shape import Input, Shape
        >>> facts = Facts(1000, Shape((Input("number", "number", (3,)),)), "regression", 1)
        >>> sweep_of("width", Recipe(model={"name": "mlp", "width": 64}).resolved(facts)[0], facts).values
        [16, 32, 64, 128, 256]
    """
    if topic not in TOPICS:
        raise UsageError(f"there is no guidance on {topic!r}", remedy=did_you_mean(topic, TOPICS))
    key = _key(topic, recipe)
    own = _own(key, recipe)
    chosen = list(values) or usual_values(topic, own, facts)
    return Sweep(key, chosen, [recipe if value == own else _set(recipe, key, value) for value in chosen], own)


def _key(topic: str, recipe: Recipe) -> str:
    if topic in ("batch", "learning_rate"):
        return {"batch": "batch_size"}.get(topic, topic)
    name, wanted = recipe.model.name, {"depth": DEPTHS, "width": WIDTHS}.get(topic, (topic,))
    known = {} if ":" in name else models.options(name)
    for option in wanted:
        if option in known:
            return f"model.{option}"
    raise UsageError(f"the model {name} has no option {' or '.join(wanted)}", remedy="Use a model that has, such as mlp.")


def _own(key: str, recipe: Recipe) -> Any:
    head, _, option = key.partition(".")
    if not option:
        return getattr(recipe, head)
    return recipe.model.options.get(option, models.options(recipe.model.name)[option].default)


def _set(recipe: Recipe, key: str, value: Any) -> Recipe:
    """The recipe with the value; a batch of another size makes the same passes over the rows."""
    if key == "batch_size" and recipe.steps:
        steps = max(1, round(recipe.steps * int(str(recipe.batch_size)) / value))
        return recipe.but(batch_size=value, steps=steps)
    return recipe.with_keys({key: value})


def usual_values(topic: str, own: Any, facts: Facts) -> list[Any]:
    """A usual sweep around the recipe's own value, which is always among them."""
    if topic in VALUES:
        found = [*VALUES[topic]]
        found = found if own in found else [*found, own]
        return found if topic == "activation" else sorted(found)
    if topic == "learning_rate":
        return [float(f"{own * factor:.3g}") for factor in FACTORS[topic]]
    sizes = sorted({max(1, round((own or facts.rows) * factor)) for factor in FACTORS[topic]})
    return [size for size in sizes if topic != "batch" or size <= facts.rows]


def _looked_at(point: Point, runs: Sequence[Run], data: Data) -> Point:
    """The point with what its networks show on fixed rows: idle units of all of them, cost and gradients of the first."""
    ended = [run for run in runs if run_ended(run)]
    if not ended:
        return point
    view, idle = views(data), []
    for run in ended:
        own = view(run.recipe)
        idle.append(idle_units(run.network, batch_of(own, probe_rows(own))[0]))
    first = ended[0]
    own = view(first.recipe)
    program = _program(first, own)
    inputs, target = batch_of(own, probe_rows(own))
    batch = batch_of(own, own.rows["train"][: first.plan.batch_size])
    return replace(
        point,
        parameters=parameters_of(first.network),
        seconds=first.plan.steps * step_seconds(program.network, *batch, program.loss),
        dead=_mean([i.dead for i in idle]),
        saturated=_mean([i.saturated for i in idle]),
        gradient_start=gradient_by_layer(program.network, inputs, target, program.loss),
        gradient_end=gradient_by_layer(first.network, inputs, target, program.loss),
    )


def _program(run: Run, data: Data) -> Program:
    """The run's network as it was before training, with its loss."""
    with repeatable():
        return compile_program(run.recipe, data, seed=run.plan.seed)


def _mean(shares: Sequence[float]) -> float:
    known = [share for share in shares if math.isfinite(share)]
    return float(np.mean(known)) if known else math.nan


def _noise(runs: Sequence[Run], data: Data, recipe: Recipe) -> dict[str, NoiseScale]:
    """The noise scale before and after a training with the recipe's own batch, or with the first that ended well."""
    ended = [run for run in runs if run_ended(run)]
    run = next((run for run in ended if run.recipe.batch_size == recipe.batch_size), ended[0] if ended else None)
    if run is None:
        return {}
    own = data.under(run.recipe)
    program = _program(run, own)
    small = max(1, min(SMALL_BATCH, len(own.rows["train"]) // 32))
    networks = {"start": program.network, "end": run.network}
    return {when: network_noise(network, own, program.loss, small=small) for when, network in networks.items()}
