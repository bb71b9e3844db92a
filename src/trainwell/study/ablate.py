"""Which of the known tricks help on these data: each one taken out, put in, and judged against chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_json
from trainwell.core.errors import UsageError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.core.stats import Floats, Interval
from trainwell.data.data import Data
from trainwell.data.demand import demand
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.models.registry import models
from trainwell.study.compare import FalseAlarms, aa_check, judge_many
from trainwell.study.cost import seconds_of
from trainwell.study.power import fewest_pairs
from trainwell.study.recipe_names import value_words
from trainwell.study.repeats import again
from trainwell.study.repeats import repeats as orders_of
from trainwell.study.scores import Part, check_metric, higher_is_better, metric_of, score_runs
from trainwell.study.tricks import TRICKS, Trick
from trainwell.study.verdict import Verdict, pair_interval
from trainwell.train.job import Observer
from trainwell.train.many import Order, fit_orders, order_name

#: Pairs per comparison at least; more where so many tricks are judged that fewer pairs could tell none of them.
FEWEST = 8
#: Names of the arms that belong to no trick.
RECIPE, BARE, AGAIN = "the recipe", "the bare recipe", "the recipe again"


@dataclass(frozen=True)
class Effect:
    """What one trick does.

    Args:
        name: of the trick.
        on: what "with" means here, as recipe keys.
        off: what "without" means.
        present: whether the recipe has it.
        inside: with against without it, everything else as in the recipe; None where it has no place.
        alone: the bare recipe with it against the bare recipe; None where it has no place or was not asked for.
        not_for: why it has no place; "" where it has.
        source: where the trick comes from.
    """

    name: str
    on: str = ""
    off: str = ""
    present: bool = False
    inside: Verdict | None = None
    alone: Verdict | None = None
    not_for: str = ""
    source: str = ""

    @property
    def sentence(self) -> str:
        """The trick in one line."""
        if self.inside is None:
            return f"{self.name}: not tried, {self.not_for}"
        also = f"; alone {self.alone.word}, {self.alone.evidence}" if self.alone else ""
        return f"{self.name} ({self.on} against {self.off}): {self.inside.sentence}{also}"

    def to_dict(self) -> dict[str, Any]:
        verdicts = {key: found.to_dict() if (found := getattr(self, key)) else None for key in ("inside", "alone")}
        return asdict(self) | verdicts | {"sentence": self.sentence}


@dataclass(frozen=True)
class Ablation:
    """Which tricks help on these data.

    Args:
        metric: the score.
        part: the rows scored.
        higher_is_better: direction of the metric.
        repeats: pairs per comparison; each has its own split, initialisation and order.
        effects: one per trick, in the order asked for.
        score: the recipe's own score over the repeats.
        bare: the score without any of the tricks; None where it was not asked for.
        false_alarms: the recipe against itself.
        runs: networks trained.
        seconds: of training, all together.
    """

    metric: str
    part: str
    higher_is_better: bool
    repeats: int
    effects: list[Effect]
    score: Interval
    bare: Interval | None
    false_alarms: FalseAlarms
    runs: int
    seconds: float

    def of(self, name: str) -> Effect:
        """The effect of the trick of that name."""
        found = {effect.name: effect for effect in self.effects}
        if name not in found:
            raise UsageError(f"the trick {name!r} was not judged", remedy=did_you_mean(name, found))
        return found[name]

    @property
    def warnings(self) -> list[str]:
        """That so few pairs can tell none of so many tricks."""
        judged = sum(effect.inside is not None for effect in self.effects)
        least = fewest_pairs(self.false_alarms.verdict.alpha / max(1, judged))
        if self.repeats >= least:
            return []
        return [f"{self.repeats} pairs can tell none among {judged} tricks, whatever they show; {least} pairs can"]

    def __str__(self) -> str:
        head = f"{label(self.metric)} on {rows_named(self.part)}, {self.repeats} repeats, {self.runs} networks"
        lines = [f"{head}: {self.score.text()}"]
        lines += [f"without any of the tricks: {self.bare.text()}"] if self.bare else []
        return "\n".join([*lines, *(effect.sentence for effect in self.effects), *self.warnings, str(self.false_alarms)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        aa = self.false_alarms.to_dict()
        return asdict(self) | {"effects": [effect.to_dict() for effect in self.effects], "false_alarms": aa}

    def save(self, folder: str | Path) -> Path:
        """Write `ablation.json` into a folder."""
        return write_json(Path(folder) / "ablation.json", self.to_dict(), indent=1, default=str)


def ablate(
    recipe: Recipe,
    data: Data,
    *,
    tricks: Sequence[str] = (),
    repeats: int | None = None,
    alone: bool = True,
    metric: str | None = None,
    part: Part = "valid",
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
) -> Ablation:
    """Take every known trick out of a recipe, or put it in, and say which of them help on these data.

    Two questions are asked of each trick. *Inside*: the recipe with it against the recipe without it, whichever of the two the
    recipe is. *Alone*: the recipe stripped of all tricks, with this one against without. Each question is a family of its own,
    whose p-values are corrected for the number of tricks (Holm). All networks are handed over at once.

    Args:
        recipe: whose tricks are judged; `auto` is filled in first.
        data: loaded data.
        tricks: names; none means all that have a place in this recipe on these data.
        repeats: pairs per comparison; None is 8, or as many more as it takes for one trick among so many to be told at all.
        alone: whether to ask the second question, which doubles the work.
        metric: what to score; None is the recipe's monitor or first metric.
        part: "valid" while choosing; "test" for the final word.
        folder: where the runs and `ablation.json` are kept; the same call again trains only what is missing.
        observers: as in `fit_many`.

    Raises:
        UsageError: an unknown trick, or none of those asked for has a place here.

    Source: the design is one-factor-at-a-time with common random numbers; Lipton and Steinhardt, "Troubling trends in machine
    learning scholarship", 2018, for why it is owed.

    Example:
        >>> from trainwell.data.load import load
        >>> quick = Recipe(model={"name": "mlp", "width": 16}, epochs=5, threads=1)
        >>> found = ablate(quick, load("iris"), tricks=["dropout", "rate schedule"], repeats=6, alone=False)
        >>> [effect.name for effect in found.effects], found.runs
        (['dropout', 'rate schedule'], 24)
    """
    demand(data, recipe)
    facts = data.under(recipe).facts
    check_metric(metric, facts.task)
    design = designed(recipe, facts, tricks=tricks, repeats=repeats, alone=alone)
    whole, arms, orders = design.arms[RECIPE], design.arms, design.orders()
    different = {order_name(order): order for arm in orders.values() for order in arm}  # arms may be the same recipe
    runs = fit_orders(list(different.values()), data, folder=folder, observers=observers)
    judge_by = metric or metric_of(whole)
    each = dict(zip(different, score_runs(runs, data, metric=judge_by, part=part).tolist(), strict=True))
    scores = {name: np.array([each[order_name(order)] for order in arm]) for name, arm in orders.items()}
    found = Ablation(
        metric=judge_by,
        part=part,
        higher_is_better=higher_is_better(judge_by),
        repeats=design.pairs,
        effects=effects_of(design.asked, arms, scores, higher_is_better=higher_is_better(judge_by), facts=facts),
        score=pair_interval(scores[RECIPE]),
        bare=pair_interval(scores[BARE]) if alone else None,
        false_alarms=aa_check(scores[RECIPE], scores[AGAIN], higher_is_better=higher_is_better(judge_by)),
        runs=len(runs),
        seconds=seconds_of(runs),
    )
    if folder is not None:
        found.save(folder)
    return found


@dataclass(frozen=True)
class Design:
    """What an ablation trains.

    Args:
        asked: every trick asked for.
        arms: name → recipe of everything that is compared.
        pairs: repeats of each.
    """

    asked: list[Trick]
    arms: dict[str, Recipe]
    pairs: int

    def orders(self) -> dict[str, list[Order]]:
        """The networks of every arm, and of the recipe against itself."""
        found = {name: orders_of(arm, self.pairs) for name, arm in self.arms.items()}
        return found | {AGAIN: again(orders_of(self.arms[RECIPE], self.pairs))}


def designed(recipe: Recipe, facts: Facts, *, tricks: Sequence[str], repeats: int | None, alone: bool) -> Design:
    """The design of an ablation, before anything is trained.

    Raises:
        UsageError: an unknown trick, or none of those asked for has a place here.
    """
    whole, _ = recipe.resolved(facts)
    asked = chosen(tricks)
    fitting = [trick for trick in asked if not trick.not_for(whole, facts)]
    if not fitting:
        raise UsageError("none of these tricks has a place here", remedy=f"{asked[0].name}: {asked[0].not_for(whole, facts)}.")
    pairs = repeats or max(FEWEST, fewest_pairs(0.05 / len(fitting)))
    return Design(asked, arms_of(whole, facts, fitting, alone=alone), pairs)


def size_of(recipe: Recipe, data: Data, *, tricks: Sequence[str] = (), repeats: int | None = None, alone: bool = True) -> int:
    """How many networks an ablation trains.

    Example:
        >>> from trainwell.data.load import load
        >>> size_of(Recipe(model="mlp"), load("iris"), tricks=["dropout"], repeats=6, alone=False)
        18
    """
    design = designed(recipe, data.under(recipe).facts, tricks=tricks, repeats=repeats, alone=alone)
    return len({order_name(order) for arm in design.orders().values() for order in arm})


def chosen(names: Sequence[str]) -> list[Trick]:
    """The tricks of these names, all of them for none.

    Raises:
        UsageError: a name that no trick has.
    """
    known = {trick.name: trick for trick in TRICKS}
    for name in names:
        if name not in known:
            raise UsageError(f"there is no trick {name!r}", remedy=did_you_mean(name, known))
    return [known[name] for name in names] if names else list(TRICKS)


def arms_of(recipe: Recipe, facts: Facts, tricks: Sequence[Trick], *, alone: bool) -> dict[str, Recipe]:
    """Every recipe that is compared: the whole one, with and without each trick, and the bare one with each trick alone.

    Example:
        >>> from trainwell.core.shape import Input, Shape
        >>> facts = Facts(100, Shape((Input("number", "number", (3,)),)), "regression", 1)
        >>> recipe = Recipe(model="mlp").resolved(facts)[0]
        >>> arms = arms_of(recipe, facts, chosen(["dropout"]), alone=False)
        >>> arms["dropout off"].model.options["dropout"], arms["dropout on"] == recipe
        (0.0, True)
    """
    arms = {RECIPE: recipe}
    if alone:
        arms[BARE] = stripped(recipe, facts, tricks)
    for trick in tricks:
        arms[f"{trick.name} on"], arms[f"{trick.name} off"] = trick.on(recipe, facts), trick.off(recipe, facts)
        if alone:
            # Stripped of the others, so that it keeps the recipe's own setting.
            arms[f"{trick.name} alone"] = stripped(trick.on(recipe, facts), facts, [t for t in tricks if t is not trick])
    return arms


def stripped(recipe: Recipe, facts: Facts, tricks: Sequence[Trick]) -> Recipe:
    """The recipe without these tricks."""
    for trick in tricks:
        recipe = trick.off(recipe, facts)
    return recipe


def effects_of(
    asked: Sequence[Trick], arms: Mapping[str, Recipe], scores: Mapping[str, Floats], *, higher_is_better: bool, facts: Facts
) -> list[Effect]:
    """The verdicts on every trick, those of one question corrected together."""
    names = [trick.name for trick in asked if f"{trick.name} on" in arms]
    inside = {name: (scores[f"{name} on"], scores[f"{name} off"]) for name in names}
    alone = {name: (scores[f"{name} alone"], scores[BARE]) for name in names} if BARE in arms else {}
    verdicts = judge_many(inside, higher_is_better=higher_is_better, base="without it")
    lonely = judge_many(alone, higher_is_better=higher_is_better, base=BARE) if alone else {}
    found = []
    for trick in asked:
        if trick.name not in names:
            found.append(Effect(trick.name, not_for=trick.not_for(arms[RECIPE], facts), source=trick.source))
            continue
        on, off = settings(arms[f"{trick.name} on"], arms[f"{trick.name} off"])
        found.append(
            Effect(
                name=trick.name,
                on=on,
                off=off,
                present=arms[f"{trick.name} on"] == arms[RECIPE],
                inside=verdicts[trick.name],
                alone=lonely.get(trick.name),
                source=trick.source,
            )
        )
    return found


def settings(on: Recipe, off: Recipe) -> tuple[str, str]:
    """What two recipes say differently, as words for each: an option that one leaves out is shown with its default.

    Example:
        >>> base = Recipe(model="mlp", weight_decay=0.1)
        >>> settings(base, base.but(model__dropout=0.0, weight_decay=0.0))
        ('model.dropout=0.1, weight_decay=0.1', 'model.dropout=0.0, weight_decay=0.0')
    """
    pairs = {
        f"model.{key}": (_option(on, key), _option(off, key))
        for key in dict.fromkeys([*on.model.options, *off.model.options])
        if _option(on, key) != _option(off, key)
    }
    pairs |= {key: pair for key, pair in on.diff(off).items() if key.split(".")[0] != "model"}
    said = [", ".join(f"{key}={value_words(pair[side])}" for key, pair in pairs.items()) for side in (0, 1)]
    return said[0], said[1]


def _option(recipe: Recipe, key: str) -> Any:
    known = {} if ":" in recipe.model.name else models.options(recipe.model.name)
    return recipe.model.options.get(key, known[key].default if key in known else "default")
