"""A network as it is served: opened, described, tried out, and asked."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import TrainwellError, UsageError
from trainwell.core.shape import Input
from trainwell.data.preparation import Preparation, Problem
from trainwell.data.source import Source
from trainwell.score.decision import Decision
from trainwell.ship.bundle import Bundle, Team
from trainwell.ship.examples import Examples, demand_fitting, features_of
from trainwell.ship.serve.columns import Plain
from trainwell.ship.serve.encoding import Encoder
from trainwell.ship.serve.engine import compute_of, demand_alike, refused
from trainwell.ship.serve.fields import Field, fields_of
from trainwell.ship.serve.refusal import Refused
from trainwell.ship.serve.rows import Checker, Fault
from trainwell.train.answers import answer, problem_column
from trainwell.train.combined import Combined
from trainwell.train.raw_rows import as_source, picture_columns, refuse_answers, refuse_masks
from trainwell.train.run import Run

#: Sizes of requests with which it is tried out whether answers depend on company.
_TRIED = (1, 2, 3, 5, 8, 16, 31)
#: Seconds for which it is timed.
_LONG = 0.02


#: What can be served: a run, a bundle, or several runs that answer together, as an ensemble does.
Model = Run | Bundle | Combined | Team


@dataclass(frozen=True)
class Asked:
    """A request made ready for the network.

    Args:
        n: rows of the request.
        places: of the rows that can be answered.
        faults: what is wrong with the others.
        arrays: inputs of the rows that can be answered; None where the whole table is answered at once.
        source: that table, where there is one.
        problems: what is odd about the rows that are answered, by their number among them.
        rows: as they were sent, where they are no table.
        plain: all of them, where they were read straight into columns.
    """

    n: int
    places: Sequence[int]
    faults: Sequence[Fault] = ()
    arrays: list[np.ndarray] | None = None
    source: Source | None = None
    problems: Sequence[Problem] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    plain: Plain | None = None


@dataclass
class Served:
    """One version of a network.

    Args:
        model: opened.
        name: what it is called.
        version: the first digits of a digest of its weights, or of what stands for them.
        engine: what computes, as `ENGINES` has it.
        exact: whether requests that are computed together get the bits that each would get alone, or are not promised them.
        card: the data card as plain data, or None.
        by_row: whether rows are encoded here and answered one by one; else the whole table is answered at once: a forecast,
            series that are put together from rows, an ensemble whose members encode rows in ways of their own.
    """

    model: Run | Bundle | Combined
    name: str
    version: str
    card: Mapping[str, Any] | None = None
    engine: str = "torch"
    exact: bool = False
    by_row: bool = True

    def __post_init__(self) -> None:
        self.preparation = self.model.preparation
        self.fields: tuple[Field, ...] = fields_of(self.preparation, self.card)
        self.checker = Checker(self.fields, self.preparation)
        self.encoder = Encoder(self.preparation)
        self.decision = _decision_of(self.model)
        self.pictures = picture_columns(self.preparation)
        self.by_row = self.preparation.forecast is None and self.preparation.gather is None
        self._compute = compute_of(self.model, self.engine)
        self._first, self._more = math.inf, 0.0  # seconds of the first row, and of each further one
        self.slow = False  # once it took much longer than that
        self.examples: Examples | None = None

    def compute(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities or values for encoded rows, as `Run.predict_arrays`."""
        return self._compute(arrays)

    def seconds(self, rows: int) -> float:
        """How long so many rows take, as far as `try_out` has seen."""
        return math.inf if self.slow else self._first + (rows - 1) * self._more

    def ready(self, rows: list[Any]) -> Asked:
        """Rows of a request checked and encoded; what cannot be answered is listed."""
        good, places, faults = self.checker.check(rows)
        if not good:
            return Asked(len(rows), places, faults)
        if not self.by_row:
            return Asked(len(rows), places, faults, source=as_source(good, self.preparation), rows=good)
        known = self._quickly(len(rows), good, places, faults)
        return known if known is not None else self._encoded(len(rows), good, places, faults)

    def ready_plain(self, body: bytes, most: int) -> Asked | None:
        """A body in JSON whose rows are all plain, at most `most` of them; None where any other way has to be taken."""
        plain = self.encoder.read(body, most) if self.by_row else None
        return Asked(plain.n, range(plain.n), arrays=plain.arrays, plain=plain) if plain is not None else None

    def ready_quickly(self, rows: list[Any]) -> Asked | None:
        """The same for a few plain rows, in microseconds; None where the long way must be taken."""
        if not self.by_row:
            return None
        good, places, faults = self.checker.check(rows)
        return self._quickly(len(rows), good, places, faults) if good else None

    def _quickly(self, n: int, good: list[dict[str, Any]], places: list[int], faults: list[Fault]) -> Asked | None:
        try:
            arrays = self.encoder.quickly(good)
        except TrainwellError:
            return None  # a picture that cannot be decoded: the long way says which
        return Asked(n, places, faults, arrays, rows=good) if arrays is not None else None

    def ready_table(self, source: Source) -> Asked:
        """A table that was read from a file.

        Raises:
            Refused: 422, when the file names pictures by their paths, or has no column of the network.
        """
        if self.pictures:
            raise Refused(422, "a table cannot bring pictures: paths are not opened", remedy="Send pictures one by one.")
        if not self.by_row:
            return Asked(len(source), range(len(source)), source=source)
        try:
            arrays, problems, source = self.encoder.fully(source)
        except TrainwellError as error:
            raise Refused(422, error.what, remedy=error.remedy) from None
        return Asked(len(source), range(len(source)), arrays=arrays, source=source, problems=problems)

    def _encoded(self, n: int, good: list[dict[str, Any]], places: list[int], faults: list[Fault]) -> Asked:
        try:
            arrays, problems, source = self.encoder.fully(good)
            bad = {row: f"{says}" for row, column, says in problems if column in self.pictures and row >= 0}
        except TrainwellError as error:
            bad, arrays = self.encoder.one_by_one(good), []
            if not bad:
                raise Refused(422, error.what, remedy=error.remedy) from None
        if not bad:
            return Asked(n, places, faults, arrays, source, problems, good)
        column = self.pictures[0] if self.pictures else ""
        faults = [*faults, *(Fault(places[row], column, says) for row, says in bad.items())]
        kept = [row for row in range(len(good)) if row not in bad]
        if not kept:
            return Asked(n, [], faults)
        return self._encoded(n, [good[row] for row in kept], [places[row] for row in kept], faults)

    def whole_table(self, asked: Asked) -> pl.DataFrame:
        """The answers to a table that is answered at once."""
        assert asked.source is not None
        try:
            return self.model.predict(asked.source)
        except TrainwellError as error:
            raise Refused(422, error.what, field="rows", remedy=error.remedy) from None

    def frame(self, values: np.ndarray, asked: Asked) -> pl.DataFrame:
        """The answers to rows as `Run.predict` gives them."""
        found = answer(values, self.preparation, self.decision)
        return found.with_columns(problem=problem_column(asked.problems, len(found)))

    def try_out(self, *, rows: int = 64) -> None:
        """Compute made-up rows, alone and together: warms the network up, and finds whether answers depend on company.

        Matrix products of different heights may round differently. Where they do, requests are computed one after another, so
        that every client gets the bits of `Run.predict`, whoever else is asking. Another engine than torch promises no bits but
        a tolerance, which is looked at here.

        Raises:
            CompileError: the engine answers differently.
        """
        inputs = _made_up(self.preparation, rows) if self.by_row else []
        try:
            together = self.model.predict_arrays(inputs) if self.by_row else None
        except UsageError:  # members have preparations of their own
            together = None
        self.by_row = together is not None
        if self.engine != "torch":
            if not self.by_row:
                raise refused("rows are not encoded one by one for it, but by the network's own side")
            demand_alike(self.model, self.compute, inputs)
            self.exact = True
        elif together is not None:
            self.exact = self._is_exact(inputs, together)
        self.examples = self._fitting(inputs) if self.by_row else None
        if self.by_row:
            self._first = _seconds(lambda: self.compute([x[:1] for x in inputs]))
            self._more = max(0.0, _seconds(lambda: self.compute(inputs)) - self._first) / (rows - 1)

    def _fitting(self, inputs: list[np.ndarray]) -> Examples | None:
        """The examples of a bundle, once they are known to be of this network."""
        examples = self.model.examples if isinstance(self.model, Bundle) else None
        if examples is not None and len(examples):
            demand_fitting(examples, self._first_member, inputs)
            return examples
        return None

    @property
    def _first_member(self) -> Run:
        inner = self.model.answering if isinstance(self.model, Bundle) else self.model
        return inner if isinstance(inner, Run) else inner.members[0]

    def nearest(self, arrays: Sequence[np.ndarray]) -> list[list[dict[str, Any]]]:
        """For each encoded row the training rows of the bundle that its network takes to be most like it."""
        if self.examples is None:
            return [[] for _ in arrays[0]]
        return [self.examples.nearest(features) for features in features_of(self._first_member, arrays)]

    def _is_exact(self, inputs: list[np.ndarray], together: np.ndarray) -> bool:
        alone = [(start, n) for n in _TRIED for start in (0, 7)]
        return all(
            np.array_equal(self.compute([x[start : start + n] for x in inputs]), together[start : start + n])
            for start, n in alone
        )


def _seconds(work: Callable[[], object]) -> float:
    """The least of a few times; of one that is long already."""
    least, start = math.inf, time.perf_counter()
    for _ in range(8):
        before = time.perf_counter()
        work()
        now = time.perf_counter()
        least = min(least, now - before)
        if now - start > _LONG:
            break
    return least


def _combined(team: Team) -> Combined:
    return Combined(team.members, team.weights, team.preparation, team.start)


def _decision_of(model: Run | Bundle | Combined) -> Decision:
    """How the probabilities of a network become labels."""
    inner = model.answering if isinstance(model, Bundle) else model
    return inner.decision if isinstance(inner, Run) else Decision(ordered=model.preparation.target.ordered)


def _made_up(preparation: Preparation, rows: int) -> list[np.ndarray]:
    """Inputs of the network's shape: normal numbers, uniform codes and pixels, texts of different lengths."""
    generator = np.random.default_rng(0)
    return [_input(spec, rows, generator) for spec in preparation.shape.inputs]


def _input(spec: Input, rows: int, generator: np.random.Generator) -> np.ndarray:
    shape = (rows, *spec.shape)
    match spec.kind:
        case "category":
            codes = [generator.integers(0, n, rows) for n in spec.cardinalities]
            return np.stack(codes, axis=1).astype(np.int32)
        case "picture":
            return generator.integers(0, 256, shape).astype(np.uint8)
        case "text":
            tokens = generator.integers(1, spec.cardinalities[0], shape)
            ends = generator.integers(1, spec.shape[0] + 1, (rows, 1))
            return np.where(np.arange(spec.shape[0]) < ends, tokens, 0).astype(np.int32)
    if spec.dtype.startswith("int"):
        return np.zeros(shape, spec.dtype)
    return generator.normal(size=shape).astype(spec.dtype)


def served(
    model: Model, *, version: str, name: str = "", card: Mapping[str, Any] | None = None, engine: str = "torch"
) -> Served:
    """A network made ready to be served: its weights are read, and it has answered made-up rows.

    Args:
        model: opened.
        version: what tells this one from the next one.
        name: what it is called, if not by its own name.
        card: the data card as plain data.
        engine: what computes: `torch` or `onnx`.

    Raises:
        CompileError: the network cannot be exported, or answers differently there.
        CheckpointError: it has no weights yet, or they are damaged.
        DataError: it writes texts or makes pictures, which is another thing than answering rows.
    """
    refuse_answers(model.preparation)
    refuse_masks(model.preparation)
    asked = model if isinstance(model, Run | Bundle | Combined) else _combined(model)
    own = "ensemble" if isinstance(model, Combined) else model.name
    found = Served(asked, name or own, version, card, engine)
    found.try_out()
    return found
