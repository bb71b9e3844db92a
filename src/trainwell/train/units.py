"""How many networks are trained: in units that are one network, several one by one, or a stack; here or in processes."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.models.parametrize import plain
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import attempt, repeatable
from trainwell.train.job import Observer
from trainwell.train.make_plan import begin_folder, plan_for
from trainwell.train.plan import Plan, Way, read_plan
from trainwell.train.run import Run
from trainwell.train.stack.choose import choose_way
from trainwell.train.stack.engine import StackEngine
from trainwell.train.stack.group import groups
from trainwell.train.stack.run import fit_stack
from trainwell.train.workers import run_tasks

#: One network to be trained: how, and the seed of every draw.
Order = tuple[Recipe, int]

#: Most networks in one stack: beyond, a stack gains nothing more and only holds memory.
MOST_MEMBERS = 64


def order_name(order: Order) -> str:
    """The name of an order's folder: a digest of recipe and seed, so that the same order finds its run again."""
    recipe, seed = order
    return blake2b(f"{recipe.model_dump_json()}\0{seed}".encode(), digest_size=6).hexdigest()


@dataclass
class Work:
    """An order with all it needs.

    Args:
        order: recipe and seed.
        number: its place in the caller's list.
        data: under its recipe.
        root: the folder in which its run folder lies, or None.
    """

    order: Order
    number: int
    data: Data
    root: Path | None

    @cached_property
    def name(self) -> str:
        return order_name(self.order)

    @property
    def folder(self) -> Path | None:
        """Its run folder."""
        return self.root / self.name if self.root is not None else None

    @cached_property
    def program(self) -> Program:
        """Compiled, with a network nobody has trained."""
        with repeatable():
            return compile_program(self.order[0], self.data, seed=self.order[1])

    def finished(self) -> Run | None:
        """The run that is in the folder, if it is one of these data and has ended."""
        if self.folder is None or not (self.folder / "run.json").exists():
            return None
        same = read_plan(self.folder / "plan.json").data == self.data.fingerprint
        return Run.open(self.folder) if same else None

    def begun(self) -> Plan | None:
        """The plan of a run that was stopped."""
        path = self.folder / "plan.json" if self.folder is not None else None
        return read_plan(path) if path is not None and path.exists() else None

    def forget(self) -> None:
        """Drop the plan of a run that cannot go on as it was begun."""
        if self.folder is not None:
            (self.folder / "plan.json").unlink()

    def in_memory(self) -> Run:
        """The run of a folder that will be deleted, held in memory."""
        assert self.folder is not None
        kept = Run.open(self.folder)
        network = plain(self.program.network)
        if kept.error is None:
            network.load_state_dict(kept.weights())
        found = Run(
            folder=None,
            recipe=self.program.recipe,
            plan=kept.plan,
            preparation=self.data.preparation,
            network=network.eval(),
            summary=kept.summary,
            error=kept.error,
        )
        found.history.rows = kept.history.rows
        return found


@dataclass
class Unit:
    """What is trained at a time.

    Args:
        works: networks of one structure, or a single one.
        way: how; None leaves it to be measured.
        shared: whether it may be trained in a process of its own.
        engine: of the stack, if measuring has left one.
    """

    works: list[Work]
    way: Way | None = None
    shared: bool = False
    engine: StackEngine | None = None

    def train(self, observers: Sequence[Observer], save_every: float) -> list[Run]:
        """Train it; a signal ends the whole."""
        watching = [[_numbered(o, w.number) for o in observers] for w in self.works]
        runs: list[Run] = []
        if self.way is not None and self.way.machine.stack:
            root, folders = self.works[0].root, [w.folder for w in self.works]
            place = root / f"stack-{self.way.machine.stack}" if root is not None else None
            programs = [w.program for w in self.works]
            runs = fit_stack(
                programs, self.way, folders=folders, checkpoints=place, observers=watching, save_every=save_every,
                engine=self.engine,
            )  # fmt: skip
        else:
            for work, seen in zip(self.works, watching, strict=True):
                recipe, seed = work.order
                runs += [
                    attempt(
                        recipe, work.data, seed=seed, folder=work.folder, way=self.way, observers=seen, save_every=save_every
                    )
                ]
                _stop_if_told(runs[-1])
        for run in runs:
            _stop_if_told(run)
        return runs

    def begin(self) -> None:
        """Write down how it will be trained: after a crash what had not begun is trained in the same company as planned."""
        for work in self.works:
            if self.way is not None and work.folder is not None and work.begun() is None:
                begin_folder(work.program, plan_for(work.program, self.way), work.folder)


def _stop_if_told(run: Run) -> None:
    if run.signal == signal.SIGTERM:
        raise SystemExit(128 + signal.SIGTERM)
    if run.signal:
        raise KeyboardInterrupt


def _numbered(observer: Observer, number: int) -> Observer:
    return lambda row: observer({**row, "run": number})


def train_works(
    works: Sequence[Work], observers: Sequence[Observer], *, workers: int, save_every: float
) -> Iterator[tuple[Work, Run]]:
    """Train all of it, in the ways that are measured to be fastest; the run of each as it is done."""
    units = form_units(works, workers)
    shared = [unit for unit in units if unit.shared]
    for unit in units:
        unit.begin()
    for unit in units:
        if not unit.shared:
            yield from zip(unit.works, unit.train(observers, save_every), strict=True)
    yield from _train_shared(shared, observers, workers=workers, save_every=save_every)


def _train_shared(
    units: Sequence[Unit], observers: Sequence[Observer], *, workers: int, save_every: float
) -> Iterator[tuple[Work, Run]]:
    """Units in processes, which leave their runs in folders; runs that are wanted in memory pass through a temporary one."""
    if not units:
        return
    lasting = units[0].works[0].root is not None
    with nullcontext("") if lasting else tempfile.TemporaryDirectory() as scratch:
        for work in (w for unit in units for w in unit.works):
            work.root = work.root or Path(scratch)
            _ = work.data.fingerprint  # hashed here and kept: a fork has none of the threads that hash

        def tell_all(row: dict[str, Any]) -> bool:
            wishes = [observer(row) for observer in observers]  # all of them see the row, also after one said stop
            return any(wishes)

        run_tasks([partial(_task, unit, save_every) for unit in units], tell_all, workers=workers)
        for work in (w for unit in units for w in unit.works):
            assert work.folder is not None
            yield work, Run.open(work.folder) if lasting else work.in_memory()


def _task(unit: Unit, save_every: float, tell: Observer) -> None:
    unit.train([tell], save_every)


def form_units(works: Sequence[Work], workers: int) -> list[Unit]:
    """Works in units: what was begun goes on as it was, the rest is grouped by structure and each group measured."""
    units, fresh = resumed(works)
    single: list[Work] = []
    for places in groups([w.program for w in fresh]):
        group = [fresh[i] for i in places]
        if len(group) == 1:
            single += group
            continue
        chosen = choose_way([w.program for w in group[:MOST_MEMBERS]], workers=workers)
        units += _of_group(group, chosen.way, chosen.engine)
    several = workers > 1 and len(single) > 1 and all(w.program.device.type == "cpu" for w in single)
    return units + [Unit([work], shared=several) for work in single]


def _of_group(group: Sequence[Work], way: Way, engine: StackEngine | None) -> list[Unit]:
    if not way.machine.stack:
        return [Unit([w], way, shared=True) for w in group] if way.workers > 1 else [Unit(list(group), way)]
    stacks = max(way.workers, -(-len(group) // MOST_MEMBERS))
    shares = [list(group[place::stacks]) for place in range(stacks)]
    own = engine if stacks == 1 else None
    return [Unit(share, _named(way, share), shared=way.workers > 1, engine=own) for share in shares]


def _named(way: Way, works: Sequence[Work]) -> Way:
    return replace(way, machine=replace(way.machine, stack=stack_name(works)))


def stack_name(works: Sequence[Work]) -> str:
    """A digest of the members' names: the same members find their stack again."""
    return blake2b("\0".join(sorted(w.name for w in works)).encode(), digest_size=6).hexdigest()


def finished(works: Iterable[Work]) -> dict[str, Run]:
    """Runs that have ended, by name; those of a stack that was killed while it wrote them down go on with the others."""
    done = {work.name: run for work in works if (run := work.finished()) is not None}
    members: dict[str, list[Work]] = {}
    for work in works:
        if (plan := work.begun()) is not None and plan.machine.stack:
            members.setdefault(plan.machine.stack, []).append(work)
    for stack, company in members.items():
        if stack_name(company) == stack and not all(work.name in done for work in company):
            done = {name: run for name, run in done.items() if run.plan.machine.stack != stack}
    return done


def resumed(works: Sequence[Work]) -> tuple[list[Unit], list[Work]]:
    """Stacks and single runs that were stopped, and the works that have not begun."""
    begun: dict[str, list[Work]] = {}
    plans = {work.name: plan for work in works if (plan := work.begun()) is not None}
    for work in works:
        if work.name in plans:
            begun.setdefault(plans[work.name].machine.stack, []).append(work)
    units = [Unit([work]) for work in begun.pop("", [])]
    fresh = [work for work in works if work.name not in plans]
    for name, members in begun.items():
        if stack_name(members) == name:
            units.append(Unit(members, Way(plans[members[0].name].machine, 1.0)))
            continue
        # A stack of which only some are asked for cannot go on: its members begin again.
        for work in members:
            work.forget()
        fresh += members
    return units, fresh
