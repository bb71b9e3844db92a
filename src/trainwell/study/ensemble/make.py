"""Make an ensemble: train its members, all handed over at once, weigh them, and say what they are worth together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from trainwell.core.errors import TrainingError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import rows_named
from trainwell.score.defaults import report_metrics
from trainwell.score.predictions import Predictions
from trainwell.score.scores import score_intervals
from trainwell.study.cost import seconds_of
from trainwell.study.ensemble.account import Account, gain_of
from trainwell.study.ensemble.blend import greedy, score_by, stacked
from trainwell.study.ensemble.boost import boost
from trainwell.study.ensemble.ensemble import Ensemble, Making
from trainwell.study.ensemble.snapshots import snapshots
from trainwell.study.ensemble.unseen import Unseen, on_valid, out_of_bag, out_of_fold
from trainwell.study.scores import metric_of, run_ended
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders
from trainwell.train.run import Run

How = Literal["seeds", "bagging", "folds", "snapshot", "boosting"]
Blend = Literal["average", "greedy", "stacked"]
HOWS: tuple[How, ...] = ("seeds", "bagging", "folds", "snapshot", "boosting")
BLENDS: tuple[Blend, ...] = ("average", "greedy", "stacked")


def ensemble(
    recipes: Recipe | Sequence[Recipe],
    data: Data,
    *,
    members: int = 16,
    how: How = "seeds",
    blend: Blend = "average",
    rate: float = 0.3,
    seed: int = 0,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Ensemble:
    """Train several networks that answer together; called again after a crash, it continues to the same bits.

    Args:
        recipes: one, or several whose networks stand side by side; they share target and split.
        data: loaded data.
        members: networks of each recipe; 16 bring most of what averaging can.
        how: what makes members differ. `seeds`: initialisation and order alone, which for networks is usually best; `bagging`:
            each is also trained on a bootstrap sample, and rows outside it give an honest score without validation rows;
            `folds`: each leaves out another fold; `snapshot`: the ends of one training whose rate falls and restarts, for the
            price of one network; `boosting`: each learns what the sum of those before it still gets wrong.
        blend: `average`; `greedy` (Caruana's selection) or `stacked` (best convex combination), chosen on validation rows, with
            `folds` on out-of-fold rows. Boosting sums.
        rate: boosting only: share of each member's best step that is taken; smaller ones need more members and overfit less.
        seed: first seed; member i has `seed + i`.
        folder: where the ensemble and its members' runs are kept; None keeps everything in memory.
        observers: called with each measurement of each member.

    Returns:
        The ensemble; `print` says its score beside one member's.

    Raises:
        UsageError: how and blend do not go together, or the recipes disagree about the data.
        TrainingError: no member was trained to finite weights.

    Source: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep ensembles", NeurIPS 2017;
    Breiman, "Bagging predictors", Machine Learning 1996; Huang et al., "Snapshot ensembles", ICLR 2017;
    Friedman, "Greedy function approximation", Annals of Statistics 2001.

    Example:
        >>> from trainwell.data.load import load
        >>> team = ensemble(Recipe(model="mlp", epochs=20), load("iris"), members=4, how="bagging")
        >>> len(team), team.account.unseen["accuracy"].value > 0.8
        (4, True)
    """
    several = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    demand(data, *several)
    check(several, members=members, how=how, blend=blend)
    place = Path(folder) if folder is not None else None
    base = data.under(several[0])
    base.preparation.demand_rows()
    if base.task == "segmentation":
        raise UsageError(
            "answers of several networks for masks are not averaged", remedy="Train one network, with preset=best."
        )
    runs_in = place / "members" if place else None
    if how == "boosting":
        team = boost(several[0], base, members=members, rate=rate, seed=seed, folder=runs_in, observers=observers)
    else:
        if how == "snapshot":
            runs = [r for x in several for r in snapshots(x, base, members, seed=seed, folder=runs_in, observers=observers)]
        else:
            orders = [order for recipe in several for order in orders_of(recipe, members, how=how, seed=seed)]
            runs = fit_orders(orders, data, folder=runs_in, observers=observers)
        making = Making(how, blend, several[0], base.fingerprint, base.origin)
        team = weighed(Trained(runs, data, base, len(several)), making)
    return team.save(place) if place else team


def check(recipes: Sequence[Recipe], *, members: int, how: str, blend: str) -> None:
    """Refuse what makes no sense before anything is trained."""
    if how not in HOWS:
        raise UsageError(f"there is no ensemble {how!r}", remedy=f"One of: {', '.join(HOWS)}.")
    if blend not in BLENDS:
        raise UsageError(f"there is no blend {blend!r}", remedy=f"One of: {', '.join(BLENDS)}.")
    if members < (2 if how == "folds" else 1) or not recipes:
        raise UsageError(f"an ensemble cannot have members={members}", remedy="Give members=16, or another number.")
    if how == "boosting" and (len(recipes) > 1 or blend != "average"):
        raise UsageError("boosting sums the members of one recipe", remedy="Give one recipe, and leave blend out.")
    if any(recipe.task == "generation" for recipe in recipes):
        raise UsageError("networks that make pictures have no answers to average", remedy="Use `trainwell sample`.")
    for recipe in recipes[1:]:
        for word in ("target", "task", "split"):
            if getattr(recipe, word) != getattr(recipes[0], word):
                raise UsageError(f"the recipes have different {word}s", remedy="Members are judged on the same rows.")
    if how in ("bagging", "folds") and (recipes[0].split.bag, recipes[0].split.fold) != (None, None):
        raise UsageError("the recipe names a bag or fold already", remedy="Leave split.bag and split.fold out.")


def orders_of(recipe: Recipe, members: int, *, how: str, seed: int) -> list[Order]:
    """One order per member: what differs besides the seed is a key of the recipe.

    Example:
        >>> [(r.split.bag, seed) for r, seed in orders_of(Recipe(), 3, how="bagging", seed=7)]
        [(0, 7), (1, 8), (2, 9)]
    """
    if how == "bagging":
        return [(recipe.but(split__bag=i), seed + i) for i in range(members)]
    if how == "folds":
        return [(recipe.but(split__fold=i, split__folds=members), seed + i) for i in range(members)]
    return [(recipe, seed + i) for i in range(members)]


def team_of(runs: Sequence[Run], data: Data, *, blend: Blend = "average") -> Ensemble:
    """Runs that exist already, put together.

    Args:
        runs: finished runs on these data, of one split.
        data: their data; weights other than equal ones are chosen on its validation rows.
        blend: `average`, `greedy` or `stacked`.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.many import fit_many
        >>> data = load("iris")
        >>> runs = fit_many([Recipe(model="mlp", epochs=9), Recipe(model="residual_mlp", epochs=9)], data)
        >>> len(team_of(runs, data))
        2
    """
    check([run.recipe for run in runs], members=len(runs), how="seeds", blend=blend)
    base = data.under(runs[0].recipe)
    return weighed(Trained(runs, data, base, len(runs)), Making("given", blend, runs[0].recipe, base.fingerprint, base.origin))


@dataclass(frozen=True)
class Trained:
    """Runs that have ended, those of the first recipe first, with their data."""

    runs: Sequence[Run]
    data: Data
    base: Data
    recipes: int


def weighed(trained: Trained, making: Making) -> Ensemble:
    """The ensemble of the runs that ended well, each with its weight; members without weight stay out."""
    good = [run for run in trained.runs if run_ended(run)]
    if not good:
        remedy = "Lower learning_rate, or set clip_norm=1."
        raise TrainingError(f"all {len(trained.runs)} members became NaN or infinite", remedy=remedy)
    lost = len(trained.runs) - len(good)
    if lost and making.how == "folds":
        remedy = "Lower learning_rate: every fold needs its member."
        raise TrainingError(f"{lost} of {len(trained.runs)} members became NaN or infinite", remedy=remedy)
    unseen = _unseen(replace(trained, runs=good), making.how)
    weights = member_weights(unseen, len(good), good[0].recipe, making.blend)
    chosen = [i for i, weight in enumerate(weights) if weight > 0]
    runs, shares = [good[i] for i in chosen], [float(weights[i]) for i in chosen]
    notes = [f"{lost} of {len(trained.runs)} members became NaN or infinite and were left out"] if lost else []
    if len(chosen) < len(good):
        notes.append(f"{len(good) - len(chosen)} of {len(good)} members got no weight and were left out")
    account = Account(seconds=seconds_of(good), notes=notes)
    account = accounted(account, unseen, weights, making, good[0].recipe)
    if making.how == "bagging":
        account = _with_out_of_bag(account, runs, shares, trained)
    return Ensemble(runs, shares, trained.base.preparation, making, account=account)


def _unseen(trained: Trained, how: str) -> Unseen | None:
    if how == "folds":
        return out_of_fold(trained.runs, trained.data, trained.base, trained.recipes)
    return on_valid(trained.runs, trained.base)


def member_weights(unseen: Unseen | None, members: int, recipe: Recipe, blend: str) -> np.ndarray:
    """What each member counts `(members,)`; the members of a group share its weight."""
    if blend == "average":
        return np.full(members, 1 / members)
    if unseen is None:
        raise UsageError(f"blend={blend} needs rows to choose the weights on", remedy="Set split.valid above 0, or how=folds.")
    if blend == "greedy":
        groups = greedy(unseen.outputs, score_by(recipe, unseen.like))
    else:
        groups = stacked(unseen.outputs, unseen.like.target, classes=unseen.like.task == "classification")
    sizes = np.bincount(unseen.group)
    return np.array([groups[g] / sizes[g] for g in unseen.group])


def accounted(account: Account, unseen: Unseen | None, weights: np.ndarray, making: Making, recipe: Recipe) -> Account:
    """With the score of the blend beside its members', and of out-of-fold rows."""
    if unseen is None:
        return account
    groups = np.bincount(unseen.group, weights=weights)
    team = unseen.blended(groups)
    if making.how == "folds":
        account = replace(account, unseen=_scores(team, recipe), unseen_part=unseen.part)
    if len(groups) > 1:
        alone = [unseen.beside(output) for output in unseen.outputs]
        account = replace(account, gain=gain_of(team, alone, metric_of(recipe), part=unseen.part))
        if making.blend != "average":
            account.notes.append(f"the weights were chosen on the same {rows_named(unseen.part)}: judge them on test rows")
    return account


def _with_out_of_bag(account: Account, runs: list[Run], shares: list[float], trained: Trained) -> Account:
    found = out_of_bag(runs, shares, trained.data, trained.base)
    if found is None:
        account.notes.append("no row lies outside a bag, so there is no out-of-bag score")
        return account
    return replace(account, unseen=_scores(found, runs[0].recipe), unseen_part="out-of-bag")


def _scores(predictions: Predictions, recipe: Recipe) -> dict[str, Interval]:

    usual = report_metrics(predictions.task, predictions.n_out)[:1]
    return score_intervals(predictions, list(recipe.metrics) if recipe.metrics not in ("auto", []) else usual)
