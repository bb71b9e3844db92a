"""Many networks: recipes x seeds in, runs out. How they are executed, one by one or as one program, changes no caller."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.fingerprint import about_data
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import attempt, repeatable
from trainwell.train.loop import Observer
from trainwell.train.plan import Plan, Way, read_plan
from trainwell.train.run import Run
from trainwell.train.stack.choose import choose_way
from trainwell.train.stack.group import groups
from trainwell.train.stack.run import fit_stack

#: One network to be trained: how, and the seed of every draw.
Order = tuple[Recipe, int]

#: Most networks in one stack: beyond, a stack gains nothing more and only holds memory.
MOST_MEMBERS = 64


def fit_many(
    recipes: Recipe | Sequence[Recipe],
    data: Data,
    *,
    seeds: Sequence[int] = (0,),
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
    save_every: float = 20.0,
) -> list[Run]:
    """Train every recipe with every seed; called again after a crash, it continues to the same bits.

    Networks of one structure are trained as one program where that is measured to be faster.

    Args:
        recipes: one or several.
        data: loaded data; each recipe sees them under its own split and preparation.
        seeds: of initialisation, shuffling, augmentation and dropout.
        folder: where the runs are kept, one folder each, named by recipe and seed; runs that are there are not trained again.
            None keeps everything in memory.
        observers: called with each measurement, which carries the number of its `run`.
        save_every: seconds between checkpoints.

    Returns:
        `len(recipes) * len(seeds)` runs, all seeds of the first recipe first. A run whose loss became NaN or infinite is
        returned with the status "not finite", and the others go on.

    Example:
        >>> from trainwell.data.load import load
        >>> runs = fit_many(Recipe(epochs=1, preset="quick"), load("iris"), seeds=[0, 1])
        >>> [run.plan.seed for run in runs]
        [0, 1]
    """
    several = [recipes] if isinstance(recipes, Recipe) else list(recipes)
    orders = [(recipe, seed) for recipe in several for seed in seeds]
    return fit_orders(orders, data, folder=folder, observers=observers, save_every=save_every)


def fit_orders(
    orders: Sequence[Order],
    data: Data,
    *,
    folder: str | Path | None = None,
    observers: Sequence[Observer] = (),
    save_every: float = 20.0,
) -> list[Run]:
    """Train each (recipe, seed), as `fit_many` does, for pairings that are no full table of recipes and seeds.

    Raises:
        KeyboardInterrupt: a signal stopped it; what is trained so far is kept in the folder.
    """
    work = [_Work(order, number, _place(folder, order)) for number, order in enumerate(orders)]
    alike = {order_name(w.order): w for w in reversed(work)}  # the same order twice is trained once
    views: dict[str, Data] = {}
    done: dict[str, Run] = {}
    pending = []
    for name, one in reversed(alike.items()):
        seen = views.setdefault(str(about_data(_with_target(one.order[0], data))), data.under(one.order[0]))
        kept = one.finished(seen)
        if kept is not None:
            done[name] = kept
        else:
            pending.append((one, seen))
    for unit in _units(pending, Path(folder) if folder is not None else None):
        for one, run in unit.train(observers, save_every):
            done[order_name(one.order)] = run
    return [done[order_name(order)] for order in orders]


def order_name(order: Order) -> str:
    """The name of an order's folder: a digest of recipe and seed, so that the same order finds its run again."""
    recipe, seed = order
    return blake2b(f"{recipe.model_dump_json()}\0{seed}".encode(), digest_size=6).hexdigest()


def _place(folder: str | Path | None, order: Order) -> Path | None:
    return Path(folder) / order_name(order) if folder is not None else None


def _with_target(recipe: Recipe, data: Data) -> Recipe:
    return recipe if recipe.target is not None else recipe.but(target=data.recipe.target)


@dataclass(frozen=True)
class _Work:
    """An order, its number in the list, and its run folder."""

    order: Order
    number: int
    folder: Path | None

    def finished(self, data: Data) -> Run | None:
        """The run that is in the folder, if it is one of these data and has ended."""
        if self.folder is None or not (self.folder / "run.json").exists():
            return None
        return Run.open(self.folder) if read_plan(self.folder / "plan.json").data == data.fingerprint else None

    def begun(self) -> Plan | None:
        """The plan of a run that was stopped."""
        path = self.folder / "plan.json" if self.folder is not None else None
        return read_plan(path) if path is not None and path.exists() else None

    def forget(self) -> None:
        """Drop the plan of a run that cannot go on as it was begun."""
        if self.folder is not None:
            (self.folder / "plan.json").unlink()

    def watched(self, observers: Sequence[Observer]) -> list[Observer]:
        """Observers that are told the run's number with each measurement."""
        return [_numbered(observer, self.number) for observer in observers]


def _numbered(observer: Observer, number: int) -> Observer:
    return lambda row: observer({**row, "run": number})


@dataclass(frozen=True)
class _Unit:
    """What is trained at a time: networks one by one, in a way that may be known, or a stack of them."""

    works: list[_Work]
    views: list[Data]
    programs: list[Program]
    way: Way | None = None
    folder: Path | None = None

    def train(self, observers: Sequence[Observer], save_every: float) -> list[tuple[_Work, Run]]:
        """Train it; a signal ends the whole."""
        if self.way is not None and self.way.machine.stack:
            runs = fit_stack(
                self.programs,
                self.way,
                folders=[w.folder for w in self.works],
                checkpoints=self.folder / f"stack-{self.way.machine.stack}" if self.folder else None,
                observers=[w.watched(observers) for w in self.works],
                save_every=save_every,
            )
        else:
            pairs = zip(self.works, self.views, strict=True)
            runs = [self._alone(work, data, observers, save_every) for work, data in pairs]
        for run in runs:
            if run.signal == signal.SIGTERM:
                raise SystemExit(128 + signal.SIGTERM)
            if run.signal:
                raise KeyboardInterrupt
        return list(zip(self.works, runs, strict=True))

    def _alone(self, work: _Work, data: Data, observers: Sequence[Observer], save_every: float) -> Run:
        recipe, seed = work.order
        seen = work.watched(observers)
        return attempt(recipe, data, seed=seed, folder=work.folder, way=self.way, observers=seen, save_every=save_every)


def _units(pending: Sequence[tuple[_Work, Data]], folder: Path | None) -> list[_Unit]:
    """The work in units: what was begun goes on as it was, the rest is grouped by structure and each group measured."""
    if not pending:
        return []
    with repeatable():
        programs = [compile_program(w.order[0], data, seed=w.order[1]) for w, data in pending]
        units, fresh = _resumed(pending, programs, folder)
        for group in groups([programs[i] for i in fresh]):
            for start in range(0, len(group), MOST_MEMBERS):
                places = [fresh[i] for i in group[start : start + MOST_MEMBERS]]
                name = _stack_name([pending[i][0] for i in places])
                way = choose_way([programs[i] for i in places], name) if len(places) > 1 else None
                units.append(_unit(places, pending, programs, way, folder))
    return units


def _resumed(
    pending: Sequence[tuple[_Work, Data]], programs: Sequence[Program], folder: Path | None
) -> tuple[list[_Unit], list[int]]:
    """Stacks and single runs that were stopped, and the places of those that have not begun."""
    begun: dict[str, list[int]] = {}
    plans = {place: plan for place, (work, _) in enumerate(pending) if (plan := work.begun()) is not None}
    for place, plan in plans.items():
        begun.setdefault(plan.machine.stack, []).append(place)
    units = [_unit([place], pending, programs, None, folder) for place in begun.pop("", [])]
    for name, places in begun.items():
        # A stack of which only some are asked for cannot go on: its members begin again.
        if _stack_name([pending[i][0] for i in places]) == name:
            units.append(_unit(places, pending, programs, Way(plans[places[0]].machine, 1.0), folder))
        else:
            plans = {place: plan for place, plan in plans.items() if place not in places}
            for place in places:
                pending[place][0].forget()
    return units, [place for place in range(len(pending)) if place not in plans]


def _unit(
    places: Sequence[int],
    pending: Sequence[tuple[_Work, Data]],
    programs: Sequence[Program],
    way: Way | None,
    folder: Path | None,
) -> _Unit:
    return _Unit([pending[i][0] for i in places], [pending[i][1] for i in places], [programs[i] for i in places], way, folder)


def _stack_name(works: Sequence[_Work]) -> str:
    names = sorted(order_name(w.order) for w in works)
    return blake2b("\0".join(names).encode(), digest_size=6).hexdigest()
