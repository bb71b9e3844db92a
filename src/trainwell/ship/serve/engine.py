"""What computes the answers: the network itself, to the bit as `predict`, or ONNX Runtime, within a tolerance."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trainwell.core.errors import CompileError, TrainwellError, UsageError, did_you_mean
from trainwell.ship.answering import answering_of
from trainwell.ship.bundle import Bundle
from trainwell.ship.export import TOLERANCE, differing
from trainwell.ship.onnx_file import network_model
from trainwell.ship.onnx_graph import need_onnx
from trainwell.ship.onnx_rows import session_of
from trainwell.train.combined import Combined
from trainwell.train.run import Run

#: Engines by name, as people call them.
ENGINES = {"torch": "torch", "onnx": "ONNX Runtime"}
#: Encoded inputs to probabilities or values `(n, n_out)`.
Compute = Callable[[Sequence[np.ndarray]], np.ndarray]


def compute_of(model: Run | Bundle | Combined, engine: str) -> Compute:
    """The function that answers encoded rows.

    Args:
        model: opened.
        engine: `torch` or `onnx`.

    Raises:
        UsageError: there is no such engine.
        MissingExtra: `onnx` needs the extra `onnx`.
        CompileError: the network cannot be exported.
    """
    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}", remedy=did_you_mean(engine, ENGINES))
    return _onnx(model) if engine == "onnx" else model.predict_arrays


def _onnx(model: Run | Bundle | Combined) -> Compute:
    need_onnx()
    module, views = answering_of(model)
    try:
        graph = network_model(module, views, None)
    except TrainwellError:
        raise
    except Exception as error:  # tracing runs the user's own code
        raise refused(f"the network cannot be traced ({type(error).__name__}: {' '.join(str(error).split())[:200]})") from None
    session = session_of(graph.SerializeToString())
    names, asked = [name for view in views for name, _ in view.inputs], {told.name for told in session.get_inputs()}
    names = [f"network/{name}" for name in names]

    def compute(arrays: Sequence[np.ndarray]) -> np.ndarray:
        feeds = {name: np.ascontiguousarray(array) for name, array in zip(names, arrays, strict=True) if name in asked}
        return np.asarray(session.run(None, feeds)[0])

    return compute


def refused(why: str) -> CompileError:
    """The error of a network that ONNX Runtime does not answer for."""
    return CompileError(f"ONNX Runtime cannot answer for it: {why}", remedy="Serve it with --engine torch.")


def demand_alike(model: Run | Bundle | Combined, compute: Compute, inputs: Sequence[np.ndarray]) -> None:
    """Refuse an engine whose answers to `inputs` are not the network's.

    Raises:
        CompileError: they differ by more than `TOLERANCE`.
    """
    for rows in (slice(None), slice(0, 1), slice(3, 8)):
        some = [array[rows] for array in inputs]
        difference = differing(model.preparation, model.predict_arrays(some), compute(some))
        if not difference <= TOLERANCE:
            raise refused(f"its answers differ by {difference:.2g} where {TOLERANCE:g} is allowed")
