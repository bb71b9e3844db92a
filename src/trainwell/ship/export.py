"""A trained network in formats that other programs run; each is compared with the network on real rows before it is written."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CompileError, DataError, TrainwellError, UsageError, did_you_mean
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.data.splits import spread
from trainwell.ship.answering import Answering, View, answering_of, encoded, example, graph_of, traced_quietly
from trainwell.ship.bundle import Bundle, Team
from trainwell.ship.export_maker import maker_file
from trainwell.ship.onnx_file import onnx_model
from trainwell.ship.onnx_rows import answers_of, feeds_of, session_of
from trainwell.ship.schema import schema_of
from trainwell.train.combined import Combined
from trainwell.train.raw_rows import source_of
from trainwell.train.resume import load_again
from trainwell.train.run import Run, as_run

#: Formats, and the suffix that asks for each.
PROJECT = "-java"
FORMS = {"onnx": ".onnx", "pt2": ".pt2", "torchscript": ".ts", "djl": PROJECT}
#: Real rows on which an export is compared.
MOST_ROWS = 256
#: Sample rows in a project, where batches may have any size.
SAMPLES = 16
#: Largest difference from the network: of probabilities, and of values in units of the target's deviation.
TOLERANCE = 1e-5

Trained = Run | Team | Bundle
#: Answers to a source, from the bytes that are about to be written.
Answer = Callable[[Source], np.ndarray]


@dataclass(frozen=True)
class Exported:
    """What was written, and how far its answers are from the network's.

    Args:
        path: the file, or the folder of a project.
        form: onnx, pt2, torchscript or djl.
        rows: real rows on which both were compared; of tables some rows of odd cells came on top.
        difference: the largest difference, of probabilities or in units of the target's deviation.
        inputs: what the file asks for, by name.
    """

    path: Path
    form: str
    rows: int
    difference: float
    inputs: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "path": str(self.path)}

    def __str__(self) -> str:
        return f"{self.path}: answers differ from the network's by {self.difference:.1e} at most on {self.rows} rows"


def export(
    trained: Trained,
    to: str | Path,
    *,
    form: str | None = None,
    batch: int | None = None,
    rows: Any = None,
    tolerance: float = TOLERANCE,
) -> Exported:
    """Write a run, an ensemble or a bundle for another program.

    `onnx` has the preparation of tables and pictures inside and takes raw columns; `pt2` (`torch.export`) and `torchscript`
    take what `Preparation.encode` gives; `djl` is a Java project around the ONNX file. A network that makes pictures takes
    noise (or pictures that are to be turned) and class codes, and gives pictures.

    Args:
        trained: what is exported.
        to: the file, or the folder of a project.
        form: onnx, pt2, torchscript or djl; None goes by the suffix.
        batch: rows of every batch; None for any number.
        rows: real rows to compare on; None takes those of the run's own data.
        tolerance: largest difference that is written.

    Raises:
        CompileError: the network cannot be exported, or its export answers differently.
        DataError: there are no rows to compare on.
        MissingExtra: `onnx` and `djl` need the extra `onnx`.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), data)
        >>> done = export(run, Path(tempfile.mkdtemp(), "iris.pt2"), rows=data.source)
        >>> done.form, done.difference < 1e-5
        ('pt2', True)
    """
    to = Path(to)
    form = form_of(to, form)
    if trained.preparation.target.task == "generation":
        if rows is not None:
            raise UsageError(
                "a network that makes pictures is compared on noise or pictures of its own", remedy="Give no rows."
            )
        file = maker_file(as_run(trained), form, batch=batch)
        _demand_alike(form, file.difference, tolerance, to)
        to.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(to, file.content)
        return Exported(to, form, file.rows, file.difference, file.inputs)
    module, views = answering_of(trained)
    source = real_rows(trained, rows)
    made, answer, inputs = _made(form, trained, module, views, batch)
    difference = _compared(trained, source, answer, batch=batch)
    _demand_alike(form, difference, tolerance, to)
    to.parent.mkdir(parents=True, exist_ok=True)
    if form == "djl":
        from trainwell.ship.djl import write_project

        some = _taken(source, np.arange(batch or SAMPLES) % len(source))
        write_project(to, made, trained, feeds_of(some, trained.preparation, views), said(trained, some))
    else:
        write_atomic(to, made)
    return Exported(to, form, len(source), difference, inputs)


def _demand_alike(form: str, difference: float, tolerance: float, to: Path) -> None:
    if not difference <= tolerance:
        what = f"the {form} file would answer differently from the network: by {difference:.2g} where {tolerance:g} is allowed"
        remedy = "Nothing was written. Ship a bundle instead, or allow more with tolerance."
        raise CompileError(what, where=str(to), remedy=remedy)


def suffix_of(form: str) -> str:
    """How a file of this format ends; a project is a folder.

    Raises:
        UsageError: there is no such format.

    Example:
        >>> suffix_of("torchscript"), suffix_of("djl")
        ('.ts', '-java')
    """
    if form not in FORMS:
        raise UsageError(f"there is no format {form!r}", remedy=did_you_mean(form, FORMS))
    return FORMS[form]


def form_of(to: Path, form: str | None) -> str:
    """The format that is asked for, or that the suffix names.

    Example:
        >>> form_of(Path("income.onnx"), None), form_of(Path("income"), "djl")
        ('onnx', 'djl')
    """
    by_suffix = {suffix: name for name, suffix in FORMS.items() if suffix != PROJECT}
    form = form or by_suffix.get(to.suffix)
    if form is None:
        raise UsageError(f"{to} does not say which format is wanted", remedy=f"End it in {', '.join(by_suffix)}, or name it.")
    if suffix_of(form) != PROJECT and to.is_dir():
        raise UsageError(f"{to} is a folder", remedy=f"Give the name of a file, such as {to.name}{FORMS[form]}.")
    return form


def _made(
    form: str, trained: Trained, module: Answering, views: Sequence[View], batch: int | None
) -> tuple[bytes, Answer, dict[str, str]]:
    """The bytes of the file, a function that answers from them, and what the file asks for."""
    try:
        if form in ("onnx", "djl"):
            return _as_onnx(trained, views, batch)
        return (_as_pt2 if form == "pt2" else _as_torchscript)(trained, module, views, batch)
    except TrainwellError:
        raise
    except Exception as error:  # tracing runs the user's own code
        told = " ".join(str(error).split())[:300]
        remedy = "Ship a bundle instead, or write the network without steps that depend on values."
        raise CompileError(f"the network cannot be traced ({type(error).__name__}: {told})", remedy=remedy) from None


def _as_onnx(trained: Trained, views: Sequence[View], batch: int | None) -> tuple[bytes, Answer, dict[str, str]]:
    model = onnx_model(trained, batch=batch)
    content = model.SerializeToString()
    session = session_of(content)
    asked = json.loads(next(prop.value for prop in model.metadata_props if prop.key == "trainwell.inputs"))
    return content, lambda source: answers_of(session, feeds_of(source, trained.preparation, views)), asked


def _as_pt2(
    trained: Trained, module: Answering, views: Sequence[View], batch: int | None
) -> tuple[bytes, Answer, dict[str, str]]:
    buffer = io.BytesIO()
    with traced_quietly():
        torch.export.save(graph_of(module, views, batch), buffer, extra_files={"trainwell.json": _told(trained, views)})
        loaded = torch.export.load(io.BytesIO(buffer.getvalue())).module()
    return buffer.getvalue(), _by_torch(loaded, views), _encoded_inputs(views)


def _as_torchscript(
    trained: Trained, module: Answering, views: Sequence[View], batch: int | None
) -> tuple[bytes, Answer, dict[str, str]]:
    buffer = io.BytesIO()
    with traced_quietly(), torch.no_grad():
        traced = torch.jit.trace(module, example(views, batch or 3), check_trace=False)
        torch.jit.save(traced, buffer, _extra_files={"trainwell.json": _told(trained, views)})
        loaded = torch.jit.load(io.BytesIO(buffer.getvalue()))
    return buffer.getvalue(), _by_torch(loaded, views), _encoded_inputs(views)


def _by_torch(loaded: Callable[..., torch.Tensor], views: Sequence[View]) -> Answer:
    def answer(source: Source) -> np.ndarray:
        with torch.no_grad(), traced_quietly():
            return loaded(*(torch.from_numpy(array) for array in encoded(views, source))).numpy()

    return answer


def _encoded_inputs(views: Sequence[View]) -> dict[str, str]:
    return {name: f"{described.kind}, as Preparation.encode gives it" for view in views for name, described in view.inputs}


def _told(trained: Trained, views: Sequence[View]) -> str:
    """What lies in the file for whoever opens it."""
    schema = trained.schema if isinstance(trained, Bundle) else schema_of(trained.preparation)
    return json.dumps({"name": trained.name, "inputs": _encoded_inputs(views), "schema": schema}, ensure_ascii=False)


def real_rows(trained: Trained, rows: Any) -> Source:
    """Rows to compare on: those given, else test rows of the run's own data.

    Raises:
        DataError: there are none.
    """
    if rows is not None:
        return _some(source_of(rows, trained.preparation), None)
    if trained.folder is None:
        what = "an export is compared with the network on real rows, and there are none beside a bundle or a run in memory"
        raise DataError(what, remedy="Give some: rows=… in Python, --rows FILE on the command line.")
    data = load_again(trained.folder)
    part = next(part for part in ("test", "valid", "train") if len(data.rows[part]))
    return _some(data.source, data.rows[part])


def _some(source: Source, rows: np.ndarray | None) -> Source:
    rows = np.arange(len(source)) if rows is None else rows
    if not len(rows):
        raise DataError("there is no row to compare on", where=source.origin)
    return _taken(source, spread(rows, MOST_ROWS))


def _taken(source: Source, rows: np.ndarray) -> Source:
    return replace(
        source, frame=source.cells(rows), arrays={name: array[rows] for name, array in source.arrays.items()}, parts=None
    )


def said(trained: Trained, source: Source) -> np.ndarray:
    """What the network itself answers: probabilities `(N, n_out)` or values `(N, T)`."""
    inner = trained.answering if isinstance(trained, Bundle) else trained
    if isinstance(inner, Run):
        arrays = inner.preparation.encode(source).arrays
        return inner.predict_arrays([arrays[name] for name in inner.preparation.shape.names])
    team = Combined(tuple(inner.members), tuple(inner.weights), inner.preparation, inner.start)
    return np.asarray(team.outputs(source))


def _compared(trained: Trained, source: Source, answer: Answer, *, batch: int | None) -> float:
    """The largest difference on real rows, one of them alone, and rows of odd cells."""
    sources = [source, _some(source, np.zeros(1, np.int64)), *_odd_rows(trained.preparation)]
    if batch is not None:
        sources = [_taken(one, np.arange(batch) % len(one)) for one in sources]
    return max(differing(trained.preparation, said(trained, one), answer(one)) for one in sources)


def differing(preparation: Preparation, ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of probabilities, or of values in units of the target's deviation, or of themselves where they are larger."""
    if ours.shape != theirs.shape or not np.isfinite(theirs).all():
        return float("inf")
    target = preparation.target
    spread = np.resize(target.spread or (1.0,), ours.shape[1])
    unit = np.maximum(spread, np.abs(ours)) if target.task == "regression" else 1.0
    return float((np.abs(ours - theirs) / unit).max(initial=0.0))


def _odd_rows(preparation: Preparation) -> list[Source]:
    """A table of empty cells, labels that nobody saw, and numbers beyond all bounds; none where columns are not all cells."""
    if not preparation.columns or not {c.kind for c in preparation.columns} <= {"number", "category", "boolean", "datetime"}:
        return []
    numbers = [None, float("nan"), float("inf"), -1e30, 1e39, 0.0]
    cells: dict[str, list[Any]] = {
        "number": numbers,
        "datetime": [None] * 6,
        "boolean": [None, "?", "", "never", "unknown", None],
    }
    cells["category"] = [None, "never seen", "", "NaN", "n/a", "never seen"]
    return [Source(pl.DataFrame({c.name: pl.Series(cells[c.kind]) for c in preparation.columns}), "odd rows")]
