"""What to try next: a pure function of the space, the study's seed, the candidate's number, and the results it may look at.

Optuna's samplers keep generator state from one call to the next. Here every candidate gets a sampler of its own, seeded with
its number, and a study in memory with just the results it may see; so a proposal can be made by any worker, made again after a
crash, and is the same bits.
"""

from __future__ import annotations

import importlib.util
import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from trainwell.core.errors import MissingExtra, RecipeError
from trainwell.core.seeds import draw_seed
from trainwell.study.tuning.dimension import Choice, Dimension
from trainwell.study.tuning.space import Space

if TYPE_CHECKING:
    import optuna

Method = Literal["grid", "random", "tpe", "gp"]
State = Literal["open", "done", "dropped"]
METHODS = ("grid", "random", "tpe", "gp")


@dataclass(frozen=True)
class Trial:
    """One candidate.

    Args:
        number: counted from 0 in the order of proposal.
        params: its values by recipe key.
        state: `open` until it has a score; `dropped` when halving stopped it before the full budget.
        score: mean of the metric over folds and seeds, at the largest budget it reached; infinite on the bad side when a
            training became not finite.
        rungs: score by rung of halving, counted from 1.
        seconds: that its training took.
        place: its number in Optuna's storage.
    """

    number: int
    params: dict[str, Any]
    state: State = "open"
    score: float | None = None
    rungs: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    place: int = -1


def need_optuna() -> None:
    """Raise `MissingExtra` where Optuna is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise MissingExtra("tuning needs the extra tune (Optuna)", remedy='Run pip install "trainwell[tune]".')


def propose(
    space: Space, method: Method, *, number: int, seed: int, seen: Sequence[Trial] = (), maximize: bool = False
) -> dict[str, Any]:
    """The values of candidate `number`.

    Args:
        space: what is searched.
        method: `grid` (in order), `random`, `tpe` (tree-structured Parzen estimators) or `gp` (a Gaussian process).
        number: of the candidate.
        seed: of the study.
        seen: earlier candidates; open ones count as running, and are kept away from.
        maximize: whether a high score is good.

    Raises:
        RecipeError: a grid has no candidate of this number.
        MissingExtra: Optuna is not installed.

    Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011 (TPE); Ginsbourger et al., "Kriging is
    well-suited to parallelize optimization", 2010 (why running candidates must count).

    Example:
        >>> from trainwell.core.recipe import Recipe
        >>> from trainwell.study.tuning.space import read_space
        >>> space = read_space({"learning_rate": "1e-4..1e-1:log"}, Recipe(model="mlp"))
        >>> propose(space, "random", number=3, seed=0) == propose(space, "random", number=3, seed=0)
        True
    """
    if method == "grid":
        grid = space.grid()
        if number >= len(grid):
            raise RecipeError(
                f"the grid has {len(grid)} candidates, number {number} was asked for", remedy="Ask for fewer trials."
            )
        return grid[number]
    need_optuna()
    with quiet():
        study = _study_of(space, method, seed=number_seed(seed, number), seen=seen, maximize=maximize)
        trial = study.ask()
        return space.draw(lambda key, dimension: to_value(dimension, _suggest(trial, key, distribution(dimension))))


def number_seed(seed: int, number: int) -> int:
    """The seed of the sampler of one candidate, in the 32 bits that NumPy's old generators take."""
    return draw_seed(seed, "propose", number) & 0xFFFF_FFFF


def _study_of(space: Space, method: Method, *, seed: int, seen: Sequence[Trial], maximize: bool) -> optuna.Study:
    from optuna.study import create_study

    study = create_study(
        direction="maximize" if maximize else "minimize", sampler=sampler(method, seed, group=space.conditional)
    )
    if method != "random":  # random draws look at nothing
        study.add_trials([frozen(trial, space) for trial in seen])
    return study


def sampler(method: Method, seed: int, *, group: bool = False) -> optuna.samplers.BaseSampler:
    """Optuna's sampler of a method.

    Args:
        method: "random", "tpe" or "gp".
        seed: of its draws.
        group: whether some candidates lack keys that others have.
    """
    from optuna.samplers import GPSampler, RandomSampler, TPESampler

    if method == "random":
        return RandomSampler(seed=seed)
    if method == "gp":
        return GPSampler(seed=seed, warn_independent_sampling=False)
    return TPESampler(seed=seed, multivariate=True, group=group, constant_liar=True)


def frozen(trial: Trial, space: Space) -> optuna.trial.FrozenTrial:
    """A trial as Optuna keeps it: open ones as running, dropped ones as pruned."""
    from optuna.trial import TrialState, create_trial

    states = {"open": TrialState.RUNNING, "done": TrialState.COMPLETE, "dropped": TrialState.PRUNED}
    return create_trial(
        state=states[trial.state],
        value=trial.score,
        params={key: label(space.dimensions[key], value) for key, value in trial.params.items()},
        distributions={key: distribution(space.dimensions[key]) for key in trial.params},
        intermediate_values=trial.rungs,
        user_attrs={"number": trial.number, "seconds": trial.seconds},
    )


def distribution(dimension: Dimension) -> optuna.distributions.BaseDistribution:
    """Optuna's word for a dimension."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choice):
        return CategoricalDistribution([label(dimension, value) for value in dimension.values])
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=int(dimension.step) or 1)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step or None)


def _suggest(trial: optuna.Trial, key: str, known: optuna.distributions.BaseDistribution) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(known, CategoricalDistribution):
        return trial.suggest_categorical(key, known.choices)
    if isinstance(known, IntDistribution):
        return trial.suggest_int(key, known.low, known.high, step=known.step, log=known.log)
    assert isinstance(known, FloatDistribution)
    return trial.suggest_float(key, known.low, known.high, step=known.step, log=known.log)


def label(dimension: Dimension, value: Any) -> Any:
    """What stands for a value in Optuna, which keeps words and numbers only: lists and mappings as their JSON."""
    plain = isinstance(dimension, Choice) and not isinstance(value, str | bool | int | float)
    return json.dumps(value) if plain else value


def to_value(dimension: Dimension, said: Any) -> Any:
    """The value that `label` stands for."""
    if isinstance(dimension, Choice):
        return next(value for value in dimension.values if label(dimension, value) == said)
    return said


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its log lines and its warnings that an option may change in a later version."""
    import optuna

    before = optuna.logging.get_verbosity()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings(
            "ignore", message="Clip non-finite values"
        )  # a diverged candidate is a bad one, as it should be
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(before)
