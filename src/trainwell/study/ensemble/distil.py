"""Distil: one network that is trained to say what an ensemble says, and what is lost by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.errors import TrainingError, UsageError
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.data.augment.registry import mixes
from trainwell.data.data import Data
from trainwell.data.relabel import asks_like, relabelled
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.evaluate.run import seen_by
from trainwell.evaluate.verdicts import paired_differences
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics
from trainwell.study.ensemble.ensemble import Ensemble
from trainwell.study.intervals import better_by
from trainwell.study.scores import metric_of, run_ended
from trainwell.train.fit import attempt
from trainwell.train.job import Observer
from trainwell.train.run import Run


@dataclass(frozen=True)
class Distilled:
    """A pupil beside its teacher.

    Args:
        run: the pupil, a run like any other.
        part: the rows scored.
        metric: the score.
        teacher: the ensemble's score.
        pupil: the one network's.
        member: mean score of the ensemble's members, None for boosting, whose members answer nothing alone.
        difference: how much better the pupil is than the teacher (positive is better), paired by rows.
        parameters: trained numbers of teacher and pupil.
    """

    run: Run
    part: str
    metric: str
    teacher: Interval
    pupil: Interval
    member: float | None
    difference: Interval
    parameters: tuple[int, int]

    def __str__(self) -> str:
        d, (before, after) = self.pupil.decimals, self.parameters
        beside = "" if self.member is None else f"; one member of the ensemble {self.member:,.{d}f}"
        lines = [f"{label(self.metric)} on {rows_named(self.part)}: ensemble {self.teacher}, distilled {self.pupil}{beside}"]
        lines.append(f"the one network is {better_by(self.difference)}; {before:,} parameters became {after:,}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, without the run itself."""
        fields = asdict(replace(self, run=None))  # type: ignore[arg-type]  # asdict would copy the network
        return fields | {"run": str(self.run.folder) if self.run.folder else None}


def distil(
    team: Ensemble,
    data: Data,
    *,
    recipe: Recipe | None = None,
    hard: float = 0.0,
    part: str = "valid",
    seed: int = 0,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Distilled:
    """Train one network on an ensemble's answers to the training rows.

    For classes it learns the ensemble's probabilities by cross-entropy, for numbers its values by squared error; which weights
    are kept is decided by how well it copies answers to validation rows. The result answers like any run.

    Args:
        team: the teacher.
        data: the ensemble's data.
        recipe: of the pupil; None takes the ensemble's own.
        hard: share of the truth mixed into the answers; 0 learns from the teacher alone.
        part: rows on which both are scored; keep "test" for the final word.
        seed: of the pupil.
        folder: where the run is kept; the same call again opens it.
        observers: called with each measurement.

    Raises:
        UsageError: `hard` is no share, or the recipe has other words about the target.
        TrainingError: the pupil became NaN or infinite.

    Source: Bucila, Caruana and Niculescu-Mizil, "Model compression", KDD 2006; Hinton, Vinyals and Dean, "Distilling the
    knowledge in a neural network", 2015 (here with temperature 1).

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> team = tw.ensemble(tw.Recipe(model="mlp", epochs=20), data, members=3)
        >>> distil(team, data).run.predict_row({"petal length (cm)": 1.4}).shape
        (3,)
    """
    if not 0 <= hard < 1:
        raise UsageError(f"hard is a share of the truth in [0, 1), however: {hard}", remedy="Give hard=0.1.")
    base = seen_by(team, data.under(team.recipe))
    place = Path(folder) if folder is not None else None
    if place is not None and (place / "plan.json").exists():
        pupil = Run.open(place)
    else:
        pupil = _pupil(team, base, recipe or team.recipe, hard=hard, seed=seed, folder=place, observers=observers)
    rows = base.rows[part]
    members = [] if team.start is not None else [m.predictions(seen_by(m, base), rows) for m in team.members]
    return _beside(team, pupil, base, part, members)


def _pupil(
    team: Ensemble,
    base: Data,
    recipe: Recipe,
    *,
    hard: float,
    seed: int,
    folder: Path | None,
    observers: Sequence[Observer],
) -> Run:
    """The trained network as a run on the ensemble's own target."""
    answers = (1 - hard) * team.predictions(base, np.arange(len(base))).output + hard * _truth(base)
    names = [f"answer {i}" for i in range(base.n_out)]
    spread = 1.0 if base.task == "classification" else base.preparation.target.spread
    centre = 0.0 if base.task == "classification" else np.array(base.preparation.target.centre)
    labelled = relabelled(base, answers - centre, names, spread=spread)
    whole, _ = recipe.resolved(base.facts)
    soft = pupil_recipe(whole, base)
    training = folder / "training" if folder else None
    run = attempt(asks_like(soft, labelled), labelled, seed=seed, folder=training, observers=observers)
    if not run_ended(run):
        raise TrainingError("the pupil became NaN or infinite", remedy="Lower learning_rate, or set clip_norm=1.")
    pupil = Run(
        folder=None,
        recipe=asks_like(whole, base),
        plan=replace(run.plan, data=base.fingerprint),
        preparation=base.preparation,
        network=run.network,
        history=run.history,
        summary=run.summary | {"distilled_from": team.name},
    )
    if folder is None:
        return pupil
    origin = None if base.origin is None else dict(base.origin)
    kept = pupil.save(folder)
    write_json(folder / "source.json", origin)
    write_atomic(folder / "card.json", json.dumps(base.card.to_dict(), indent=2, ensure_ascii=False))
    return kept


def pupil_recipe(recipe: Recipe, data: Data) -> Recipe:
    """The recipe under which answers are learned: cross-entropy takes probabilities as it takes classes."""
    loss = "cross_entropy" if data.task == "classification" else "mean_squared_error"
    soft = recipe.but(loss=loss, metrics=[], monitor="loss", label_smoothing=0.0, class_weight="none", sampling="shuffle")
    # Mixing two answers is no answer of the teacher's to the mixed picture.
    return soft.but(augment=[part for part in recipe.augment if isinstance(part, Part) and part.name not in mixes.names()])


def _truth(data: Data) -> np.ndarray:
    """What is true of every row, as the ensemble would answer if it were certain; 0 where nothing is known."""
    target = data.arrays["target"]
    if data.task == "regression":
        return np.nan_to_num(data.preparation.decode_values(target))
    return np.eye(data.n_out)[np.maximum(target, 0)] * (target >= 0)[:, None]


def _beside(team: Ensemble, pupil: Run, data: Data, part: str, members: Sequence[Predictions]) -> Distilled:
    rows = data.rows[part]
    if not len(rows):
        raise UsageError(f"there are no {rows_named(part)} to score on", remedy="Give part='test', or set split.valid above 0.")
    metric = metrics[metric_of(team.members[0].recipe if team.start is None else pupil.recipe)]
    name = metric.__name__
    taught, said = team.predictions(data, rows), pupil.predictions(data, rows)
    difference = paired_differences({name: metric.statistic(said)}, {name: metric.statistic(taught)})[name]
    return Distilled(
        run=pupil,
        part=part,
        metric=name,
        teacher=metric.interval(taught),
        pupil=metric.interval(said),
        member=float(np.mean([metric(p) for p in members])) if members else None,
        difference=difference,
        parameters=(team.parameters, sum(p.numel() for p in pupil.network.parameters())),
    )
