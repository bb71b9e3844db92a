"""Raw rows as the inputs of an exported graph, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.gather_series import gathered
from trainwell.data.inputs import Fitted
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.words import as_cells, words_of
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.ship.answering import View, encoded
from trainwell.ship.onnx_file import PROBABILITY, VALUE, outside_inputs, raw_columns
from trainwell.ship.onnx_graph import need_onnx
from trainwell.ship.onnx_numbers import NO_MOMENT
from trainwell.train.raw_rows import source_of

Feeds = dict[str, np.ndarray]


def feeds_of(rows: Any, preparation: Preparation, views: Sequence[View]) -> Feeds:
    """The inputs of the graph for raw rows, as a program would give them that reads cells the way the training did.

    Args:
        rows: anything that `Run.predict` takes; pictures as arrays `(N, H, W, C)` uint8.
        preparation: says how cells are read.
        views: what the graph was made for.
    """
    source = source_of(rows, preparation)
    if preparation.gather is not None:
        source = gathered(source, preparation.gather)
    found = {c.name: _cells(c, source) for view in views for c in raw_columns(view.preparation)}
    for view in views:
        outside = outside_inputs(view)
        if outside:
            arrays = dict(zip((name for name, _ in view.inputs), encoded([view], source), strict=True))
            found |= {name: arrays[name] for name, _ in outside}
    return found


def _cells(column: Fitted, source: Source) -> np.ndarray:
    if column.kind == "picture":
        return _pixels(column, source)
    n = len(source)
    cells = source.frame[column.name] if column.name in source.frame.columns else pl.Series([None] * n, dtype=pl.String)
    raw = Raw(column.name, as_cells(cells), np.arange(n), source.base)
    if column.kind == "number":
        return np.asarray(column.does.clean(raw, column.form, Rule()).values, np.float64)[:, None]
    if column.kind == "datetime":
        cleaned = column.does.clean(raw, column.form, Rule())
        return np.where(cleaned.missing, NO_MOMENT, cleaned.values.astype("datetime64[us]").astype(np.int64))[:, None]
    words = words_of(raw.series)
    texts = np.array([*words.texts.to_list(), ""], object)
    return np.asarray(texts[words.codes])[:, None]  # code -1 is the last entry


def _pixels(column: Fitted, source: Source) -> np.ndarray:
    """Decoded pictures as they are; from files or bytes the ones that training would see."""
    if column.name in source.arrays:
        return np.asarray(source.arrays[column.name], np.uint8)
    cleaned = column.does.clean(
        Raw(column.name, source.frame[column.name], np.arange(len(source)), source.base), column.form, Rule()
    )
    return np.ascontiguousarray(column.does.encode(column.state, cleaned).transpose(0, 2, 3, 1))


def session_of(model: bytes | str | Path) -> Any:
    """A session of ONNX Runtime on one thread of the CPU.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        DataError: it is no ONNX graph.
    """
    need_onnx()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        where = "" if isinstance(model, bytes) else str(model)
        raise DataError(f"ONNX Runtime does not take this graph ({' '.join(str(error).split())[:300]})", where=where) from None


def answers_of(session: Any, feeds: Mapping[str, np.ndarray]) -> np.ndarray:
    """Probabilities `(N, n_out)` or values `(N, T)`."""
    name = next(output.name for output in session.get_outputs() if output.name in (PROBABILITY, VALUE))
    wanted = {value.name for value in session.get_inputs()}
    return np.asarray(session.run([name], {key: array for key, array in feeds.items() if key in wanted})[0])
