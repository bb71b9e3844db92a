"""A Java project around an exported graph: sources for DJL, the model, sample rows and the answers that they have to get."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_atomic, write_json
from trainwell.ship.bundle import Bundle, Team
from trainwell.train.run import Run

_SOURCES = ("Model.java", "Column.java", "Types.java", "SelfCheck.java")


def write_project(
    folder: Path, model: bytes, trained: Run | Team | Bundle, feeds: Mapping[str, np.ndarray], answers: np.ndarray
) -> None:
    """Write the project into a folder, which is made if needed.

    Args:
        folder: of the project.
        model: the bytes of the ONNX file.
        trained: what was exported.
        feeds: the graph's inputs for real rows, in its order.
        answers: what the network answers to them `(N, n_out)`.
    """
    sources, inside = folder / "src" / "main" / "java" / "trainwell", folder / "model"
    for place in (sources, inside):
        place.mkdir(parents=True, exist_ok=True)
    for name in _SOURCES:
        write_atomic(sources / name, _template(name))
    write_atomic(folder / "build.gradle", _template("build.gradle"))
    write_atomic(folder / "settings.gradle", f"rootProject.name = {_word(trained.name)!r}\n")
    write_atomic(folder / "README.md", _readme(trained, feeds))
    write_atomic(inside / "model.onnx", model)
    rows = {"columns": [_column(name, array) for name, array in feeds.items()]}
    write_json(inside / "rows.json", rows, indent=None, ensure_ascii=False)
    target = trained.preparation.target
    unit = max(target.spread) if target.task == "regression" else 1.0
    expected = {"answers": answers.ravel().tolist(), "unit": unit, "names": target.classes or target.labels or target.names}
    write_json(inside / "expected.json", expected, indent=None, ensure_ascii=False)


def _template(name: str) -> str:
    return (files("trainwell.ship") / "java" / name).read_text(encoding="utf-8")


def _readme(trained: Run | Team | Bundle, feeds: Mapping[str, np.ndarray]) -> str:
    target = trained.preparation.target
    inputs = "\n".join(f"{place}. `{name}`: {_type(array)}" for place, (name, array) in enumerate(feeds.items(), start=1))
    said = ", ".join(target.classes or target.labels or target.names)
    return _template("README.md").replace("NAME", trained.name).replace("INPUTS", inputs).replace("ANSWERS", said)


def _word(name: str) -> str:
    """A name that a build file may have."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in name) or "network"


def _type(array: np.ndarray) -> str:
    return "string" if array.dtype == object else str(array.dtype)


def _column(name: str, array: np.ndarray) -> dict[str, Any]:
    """One input as JSON; NaN is null, which JSON can say."""
    cells = [None if isinstance(cell, float) and cell != cell else cell for cell in array.ravel().tolist()]
    return {"name": name, "type": _type(array), "shape": list(array.shape), "cells": cells}
