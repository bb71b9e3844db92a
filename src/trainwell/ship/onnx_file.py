"""A trained network as one ONNX graph, from raw columns to answers: preparation, network and decoding.

Each column is an input of its own. Texts, series and tensors enter as the network sees them.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from trainwell import __version__
from trainwell.core.errors import CompileError
from trainwell.core.shape import Input
from trainwell.data.inputs import Fitted, whole_names
from trainwell.data.kinds.category import State as CategoryState
from trainwell.data.kinds.words import EMPTY
from trainwell.data.preparation import Preparation
from trainwell.score.decision import Decision
from trainwell.ship.answering import Answering, View, answering_of, dtype_of, graph_of, traced_quietly
from trainwell.ship.bundle import Bundle, Team
from trainwell.ship.onnx_graph import ML_OPSET, OPSET, Graph, need_onnx
from trainwell.ship.onnx_numbers import boolean_column, datetime_column, number_columns
from trainwell.ship.onnx_pictures import picture_column
from trainwell.ship.schema import schema_of
from trainwell.train.run import Run

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

#: What a raw column of each kind is in the graph: its type, and its axes behind the rows.
RAW: dict[str, tuple[type, tuple[int | str, ...]]] = {
    "number": (np.float64, (1,)),
    "boolean": (np.str_, (1,)),
    "category": (np.str_, (1,)),
    "datetime": (np.int64, (1,)),
    "picture": (np.uint8, ("height", "width", 3)),
}
#: Names of the graph's outputs.
LABEL, PROBABILITY, VALUE = "label", "probability", "value"


@dataclass(frozen=True)
class Asked:
    """One input of the graph.

    Args:
        name: a column, or an encoded input.
        dtype: numpy's type; `str` for text.
        axes: behind that of the rows.
        what: how it is given, in words.
    """

    name: str
    dtype: Any
    axes: tuple[int | str, ...]
    what: str


def asked_of(views: Sequence[View]) -> list[Asked]:
    """The inputs of the graph: every raw column once, then what is encoded outside."""
    raw: dict[str, tuple[str, Asked]] = {}
    outside: list[Asked] = []
    for view in views:
        for column in raw_columns(view.preparation):
            asked = _asked_raw(column)
            if raw.setdefault(column.name, (column.kind, asked)) != (column.kind, asked):
                what = f"members read the column {column.name!r} as {raw[column.name][0]} and as {column.kind}"
                raise CompileError(what, remedy="Say columns.NAME.kind in the recipe and train again.")
        for name, described in outside_inputs(view):
            outside.append(Asked(name, torch.zeros(0, dtype=dtype_of(described)).numpy().dtype.type, described.shape, ENCODED))
    return [asked for _, asked in raw.values()] + outside


ENCODED = "as Preparation.encode gives it"
WORDS = {
    "number": "a number; NaN for an empty cell",
    "boolean": "text, such as yes or no; empty text for an empty cell",
    "category": "the label as text without outer spaces; empty text for an empty cell",
    "datetime": "microseconds since 1970 in UTC; the least int64 for an empty cell",
    "picture": "decoded pixels of any size, the same for all pictures of a batch",
}


def _asked_raw(column: Fitted) -> Asked:
    dtype, axes = RAW[column.kind]
    if column.kind == "picture":
        axes = ("height", "width", column.state.channels)
    return Asked(column.name, dtype, axes, WORDS[column.kind])


def raw_columns(preparation: Preparation) -> list[Fitted]:
    """The columns whose preparation is in the graph."""
    return [column for column in preparation.columns if column.kind in RAW]


def outside_inputs(view: View) -> list[tuple[str, Input]]:
    """The inputs that are encoded before the graph, by their names in it."""
    return [(name, i) for name, i in view.inputs if i.kind in ("text", "series", "tensor")]


def onnx_model(trained: Run | Team | Bundle, *, batch: int | None = None) -> ModelProto:
    """The graph of a run, an ensemble or a bundle.

    Args:
        trained: what is exported.
        batch: rows of every batch; None for any number.

    Raises:
        MissingExtra: the extra `onnx` is not installed.
        CompileError: the network cannot be traced, or members read a column in different ways.
    """
    need_onnx()
    from onnx import checker, helper

    module, views = answering_of(trained)
    asked = asked_of(views)
    network = network_model(module, views, batch)
    graph = Graph("prepare/")
    for view in views:
        _prepare(graph, view)
    after = Graph("answer/")
    outputs = _outputs(after, trained, "network/answers", batch)
    nodes = [*graph.nodes, *network.graph.node, *after.nodes]
    constants = [*graph.constants, *network.graph.initializer, *after.constants]
    inputs = [_described(one.name, one.dtype, (batch or "rows", *one.axes)) for one in asked]
    whole = helper.make_graph(nodes, "trainwell", inputs, outputs, constants)
    versions = {entry.domain: entry.version for entry in network.opset_import} | {"ai.onnx.ml": ML_OPSET}
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid(*pair) for pair in versions.items()])
    model.ir_version, model.producer_name, model.producer_version = network.ir_version, "trainwell", __version__
    helper.set_model_props(model, _about(trained, asked))
    checker.check_model(model)
    return model


def _about(trained: Run | Team | Bundle, asked: Sequence[Asked]) -> dict[str, str]:
    schema = trained.schema if isinstance(trained, Bundle) else schema_of(trained.preparation)
    told = {one.name: one.what for one in asked}
    return {"trainwell.name": trained.name, "trainwell.inputs": json.dumps(told), "trainwell.schema": json.dumps(schema)}


def network_model(module: Answering, views: Sequence[View], batch: int | None) -> ModelProto:
    """The network with its decoding, for encoded inputs; every name begins with `network/`, the answers are the output."""
    from onnx import compose

    names = [name for view in views for name, _ in view.inputs]
    with traced_quietly(), without_remarks():
        program = graph_of(module, views, batch)
        made = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=names, output_names=["answers"], opset_version=OPSET
        )
    assert made is not None
    return compose.add_prefix(made.model_proto, "network/")


@contextmanager
def without_remarks() -> Iterator[None]:
    """The exporter's log lines say which libraries it could support and does not find."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _prepare(graph: Graph, view: View) -> None:
    """Nodes from raw columns to one view's inputs, under the names that the network has for them."""
    preparation = view.preparation
    features = _number_features(graph, preparation)
    names = whole_names(preparation.columns)
    for name, described in view.inputs:
        inside = f"network/{name}"
        if described.kind == "number":
            graph("Concat", *(features[feature] for feature in described.columns), axis=1, name=inside)
        elif described.kind == "category":
            codes = [_category(graph, c) for c in preparation.columns if c.kind == "category"]
            graph.cast(graph.beside(*codes), np.int32, name=inside)
        elif described.kind == "picture":
            column = next(c for c in preparation.columns if c.kind == "picture" and names[c.name] == described.name)
            graph("Identity", picture_column(graph, column.name, column.state), name=inside)
        else:
            graph("Identity", name, name=inside)


def _number_features(graph: Graph, preparation: Preparation) -> dict[str, str]:
    numbers = [column for column in preparation.columns if column.kind == "number"]
    found = number_columns(graph, numbers) if numbers else {}
    for column in preparation.columns:
        if column.kind == "boolean":
            found |= boolean_column(graph, column)
        elif column.kind == "datetime":
            found |= datetime_column(graph, column)
    return found


def _category(graph: Graph, column: Fitted) -> str:
    """Codes `(B, 1)` int64 of labels; 0 for labels that training never showed often enough."""
    state: CategoryState = column.state
    known = {label: code for code, label in enumerate(state.labels, start=1)}
    cases = {"".join(letters) for empty in EMPTY for letters in itertools.product(*({c, c.upper()} for c in empty))}
    known = dict.fromkeys(sorted(cases), state.missing) | known
    return graph(
        "LabelEncoder",
        column.name,
        domain="ai.onnx.ml",
        keys_strings=list(known),
        values_int64s=list(known.values()),
        default_int64=0,
    )


def _outputs(graph: Graph, trained: Run | Team | Bundle, answers: str, batch: int | None) -> list[ValueInfoProto]:
    """Names the answers, and for classes says which one; of several labels 1 for each that is said, of masks a code a pixel."""
    inner = trained.answering if isinstance(trained, Bundle) else trained
    target, rows = trained.preparation.target, batch or "rows"
    if target.task == "segmentation":
        height, width = trained.preparation.shape.inputs[0].shape[1:]
        graph("Identity", answers, name=PROBABILITY)
        graph("ArgMax", answers, axis=1, keepdims=0, name=LABEL)
        mask = _described(LABEL, np.int64, (rows, height, width))
        return [mask, _described(PROBABILITY, np.float64, (rows, target.n_out, height, width))]
    if target.task == "regression":
        graph("Identity", answers, name=VALUE)
        return [_described(VALUE, np.float64, (rows, target.n_out))]
    decision = inner.decision if isinstance(inner, Run) else Decision(ordered=target.ordered)
    graph("Identity", answers, name=PROBABILITY)
    probability = _described(PROBABILITY, np.float64, (rows, target.n_out))
    if target.classes is None:
        least = graph.constant(np.array(decision.thresholds or (0.5,)))
        graph.cast(graph("GreaterOrEqual", answers, least), np.int64, name=LABEL)
        return [_described(LABEL, np.int64, (rows, target.n_out)), probability]
    graph("Gather", graph.constant(np.array(target.classes, object)), _best(graph, answers, decision, target.n_out), name=LABEL)
    return [_described(LABEL, np.str_, (rows,)), probability]


def _best(graph: Graph, answers: str, decision: Decision, classes: int) -> str:
    """Codes of the classes that are said `(B,)`, as `Decision.labels` has them."""
    if decision.ordered:
        total = graph("CumSum", answers, graph.constant(np.int64(1)))
        below = graph.cast(graph("Less", total, graph.constant(np.float64(0.5 - 1e-9))), np.int64)
        count = graph("ReduceSum", below, graph.constant(np.array([1], np.int64)), keepdims=0)
        return graph("Min", count, graph.constant(np.int64(classes - 1)))
    if decision.thresholds and classes == 2:
        second = graph("Gather", answers, graph.constant(np.int64(1)), axis=1)
        return graph.cast(graph("GreaterOrEqual", second, graph.constant(np.float64(decision.thresholds[0]))), np.int64)
    return graph("ArgMax", answers, axis=1, keepdims=0)


def _described(name: str, dtype: Any, shape: tuple[int | str, ...]) -> ValueInfoProto:
    from onnx import TensorProto, helper

    kind = TensorProto.STRING if dtype is np.str_ else helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, shape)
