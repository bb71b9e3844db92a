"""Some training rows for a bundle, and which of them a network takes to be most like a new row.

What is near is decided where the network decides: by what goes into its last layer. Rows of training are in a bundle only where
somebody asked for them, because whoever has the file can read them.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from trainwell.core.errors import CheckpointError, UsageError
from trainwell.data.data import Data
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.train.resume import load_again
from trainwell.train.run import Run

#: Bytes that examples take in a file at most; what does not fit is left out.
MOST_BYTES = 4 << 20
#: Numbers that stand for a row at most; more are mixed down by a fixed random projection, which about keeps distances.
MOST_FEATURES = 256
_LONGEST_TEXT, _LARGEST_EDGE = 240, 96
_SHOWN = frozenset({"number", "boolean", "category", "datetime", "text", "picture"})


@dataclass(frozen=True)
class Examples:
    """Training rows as they are shown, and where they stand for the network.

    Args:
        rows: cells by column; pictures as `data:image/png;base64,…`.
        answers: the true label, or the true value, of each.
        features: what goes into the last layer `(N, D)`.
    """

    rows: Sequence[Mapping[str, Any]]
    answers: Sequence[Any]
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, features: np.ndarray, n: int = 3) -> list[dict[str, Any]]:
        """The rows nearest to one `(D,)`, the nearest first.

        Example:
            >>> known = Examples([{"a": 1}, {"a": 5}], ["low", "high"], np.array([[0.0, 1.0], [3.0, 1.0]]))
            >>> known.nearest(np.array([2.9, 1.0]), 1)
            [{'row': {'a': 5}, 'answer': 'high', 'distance': 0.047}]
        """
        spread = self.features.std(axis=0)
        apart = np.sqrt((((self.features - features) / np.where(spread > 1e-6, spread, 1.0)) ** 2).mean(axis=1))
        order = np.argsort(apart, kind="stable")[:n].tolist()
        return [{"row": self.rows[i], "answer": self.answers[i], "distance": round(float(apart[i]), 3)} for i in order]

    def to_blocks(self) -> dict[str, bytes]:
        """What a bundle holds of them."""
        told = {"rows": self.rows, "answers": self.answers}
        features = save_tensors({"features": np.ascontiguousarray(self.features, np.float16)})
        return {"examples.json": json.dumps(told, ensure_ascii=False).encode(), "examples.safetensors": features}

    @classmethod
    def from_blocks(cls, told: Any, blob: bytes) -> Examples:
        """The opposite of `to_blocks`.

        Raises:
            ValueError: the two do not fit together.
        """
        rows, answers = told["rows"], told["answers"]
        features = load_tensors(blob)["features"].astype(np.float32)
        sound = isinstance(rows, list) and all(isinstance(row, dict) for row in rows) and isinstance(answers, list)
        if not sound or features.ndim != 2 or not len(rows) == len(answers) == len(features) or not np.isfinite(features).all():
            raise ValueError("its examples are no rows with answers and features")
        return cls(rows, answers, features)


def examples_of(run: Run, folder: Any, n: int) -> Examples:
    """Some training rows of a run, drawn at random, with what its network makes of them.

    Args:
        run: finished.
        folder: of the run or of the ensemble, beside which the data are found.
        n: rows; fewer where they would take more than `MOST_BYTES`.

    Raises:
        UsageError: rows of this kind cannot be shown, or there is no folder.
    """
    odd = {c.kind for c in run.preparation.columns} - _SHOWN
    if run.preparation.forecast is not None or run.preparation.gather is not None or odd or not run.preparation.columns:
        raise UsageError("examples are rows of numbers, labels, moments, texts and pictures, and these are others")
    if folder is None:
        raise UsageError("a run in memory has no training rows beside it", remedy="Save it first: run.save(folder).")
    data = load_again(folder)
    rows = np.random.default_rng(0).permutation(data.rows["train"])[:n]
    shown, answers = _shown(run.preparation, data, rows), _answers(run.preparation, data, rows)
    encoded = run.preparation.encode(taken(data.source, rows)).arrays
    features = features_of(run, [encoded[name] for name in run.preparation.shape.names])
    sizes = [len(json.dumps(row, ensure_ascii=False).encode()) + 2 * features.shape[1] + 64 for row in shown]
    kept = int((np.cumsum(sizes) <= MOST_BYTES).sum())
    return Examples(shown[:kept], answers[:kept], features[:kept])


def taken(source: Source, rows: np.ndarray) -> Source:
    """Some rows of a source."""
    frame = source.frame[rows] if source.frame.width else source.frame
    return replace(source, frame=frame, arrays={name: array[rows] for name, array in source.arrays.items()}, parts=None)


def _shown(preparation: Preparation, data: Data, rows: np.ndarray) -> list[dict[str, Any]]:
    columns = {column.name: column.kind for column in preparation.columns if column.name in data.source.frame.columns}
    columns |= {column.name: column.kind for column in preparation.columns if column.kind == "picture"}
    found: list[dict[str, Any]] = [{} for _ in rows]
    for name, kind in columns.items():
        if kind == "picture":
            described = next(i for i in preparation.shape.inputs if i.kind == "picture" and i.columns == (name,))
            cells: list[Any] = [_png(pixels) for pixels in data.arrays[described.name][rows]]
        else:
            cells = [_cell(cell) for cell in data.source.frame[name][rows].to_list()]
        for row, cell in zip(found, cells, strict=True):
            row[name] = cell
    return found


def _cell(cell: Any) -> Any:
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, float):
        return cell if np.isfinite(cell) else None
    text = str(cell)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _png(pixels: np.ndarray) -> str:
    """A picture (C, H, W) uint8 as a file in a line of text."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    image.thumbnail((_LARGEST_EDGE, _LARGEST_EDGE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _answers(preparation: Preparation, data: Data, rows: np.ndarray) -> list[Any]:
    target, values = preparation.target, data.arrays["target"][rows]
    if target.classes is not None:
        return [target.classes[code] if code >= 0 else None for code in values.tolist()]
    if target.labels:
        return ["; ".join(label for label, yes in zip(target.labels, row, strict=True) if yes > 0.5) for row in values.tolist()]
    decoded = preparation.decode_values(values).tolist()
    return [row[0] if len(row) == 1 else dict(zip(target.names, row, strict=True)) for row in decoded]


# ---- where a row stands for a network


def features_of(run: Run, arrays: Sequence[np.ndarray]) -> np.ndarray:
    """What goes into the last layer with weights, for encoded rows `(N, D)`; its answers where that cannot be told."""
    n, pieces = len(arrays[0]), list[torch.Tensor]()
    last = _last_layer(run, [array[:1] for array in arrays])
    if last is not None:
        hook = last.register_forward_pre_hook(lambda _, given: pieces.append(given[0].detach()))
        try:
            outputs = run.predict_arrays(list(arrays))
        finally:
            hook.remove()
        flat = [_flat(piece) for piece in pieces]
        found = torch.cat(flat)[:n].double().numpy() if flat else np.zeros((0, 0))
        if len(found) == n and np.isfinite(found).all():
            return _mixed(found)
    else:
        outputs = run.predict_arrays(list(arrays))
    return _mixed(outputs)


def _last_layer(run: Run, arrays: list[np.ndarray]) -> nn.Module | None:
    """The last module that is called of those that hold a matrix of weights and no other module."""
    called: list[nn.Module] = []
    hooks = [
        module.register_forward_pre_hook(lambda module, given: called.append(module) if _is_rows(given) else None)
        for module in run.network.modules()
        if not list(module.children()) and any(weight.ndim >= 2 for weight in module.parameters(recurse=False))
    ]
    try:
        run.predict_arrays(arrays)
    finally:
        for hook in hooks:
            hook.remove()
    return called[-1] if called else None


def _is_rows(given: tuple[Any, ...]) -> bool:
    return bool(given) and isinstance(given[0], torch.Tensor) and given[0].is_floating_point() and given[0].ndim >= 2


def _flat(x: torch.Tensor) -> torch.Tensor:
    """(N, D); members (N, K, D) and places of a picture (N, C, H, W) are averaged."""
    if x.ndim == 4:
        return x.mean((2, 3))
    return x.mean(1) if x.ndim == 3 else x.flatten(1)


def _mixed(features: np.ndarray) -> np.ndarray:
    features = features.clip(-6e4, 6e4)  # what half precision holds
    if features.shape[1] <= MOST_FEATURES:
        return features.astype(np.float32)
    mix = np.random.default_rng(0).normal(size=(features.shape[1], MOST_FEATURES)) / np.sqrt(MOST_FEATURES)
    return np.asarray(features @ mix, np.float32).clip(-6e4, 6e4)


def demand_fitting(examples: Examples, run: Run, arrays: Sequence[np.ndarray]) -> None:
    """Refuse examples that another network made.

    Raises:
        CheckpointError: they have other features than this network.
    """
    width = features_of(run, [array[:1] for array in arrays]).shape[1]
    if examples.features.shape[1] != width:
        raise CheckpointError(f"its examples have {examples.features.shape[1]} features, the network has {width}")
