"""A preparation on disk: `preparation.json` and `preparation.safetensors`. Values and arrays, no code."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CheckpointError
from trainwell.core.shape import Input, Shape
from trainwell.data.forecast.state import Forecast
from trainwell.data.inputs import Fitted
from trainwell.data.kinds.known import KINDS
from trainwell.data.language.state import Language
from trainwell.data.source import Gather
from trainwell.data.target import Target

VERSION = 1
Plain = tuple[dict[str, Any], dict[str, np.ndarray]]


def to_plain(
    columns: tuple[Fitted, ...],
    shape: Shape,
    target: Target,
    base: str,
    forecast: Forecast | None = None,
    gather: Gather | None = None,
    language: Language | None = None,
) -> Plain:
    """A JSON header, and the arrays of the states as `place.field`, those of a forecast as `forecast.field`."""
    header = {
        "version": VERSION,
        "columns": [_header(column) for column in columns],
        "shape": [asdict(i) for i in shape.inputs],
        "target": asdict(target),
        "base": base,
    }
    states = [_state(column) for column in columns]
    arrays = {f"{i}.{k}": np.ascontiguousarray(v) for i, state in enumerate(states) for k, v in state.items() if _is_array(v)}
    if forecast is not None:
        header["forecast"], found = forecast.to_plain()
        arrays |= {f"forecast.{k}": np.ascontiguousarray(v) for k, v in found.items()}
    if gather is not None:
        header["gather"] = asdict(gather)
    if language is not None:
        header["language"] = language.to_plain()
    return header, arrays


def _header(column: Fitted) -> dict[str, Any]:
    plain = {name: value for name, value in _state(column).items() if not _is_array(value)}
    return {"name": column.name, "kind": column.kind, "form": dict(column.form), "state": plain}


def _state(column: Fitted) -> dict[str, Any]:
    return {f.name: getattr(column.state, f.name) for f in fields(column.state)}


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


#: What a preparation is made of, in the order of its fields.
Fields = tuple[tuple[Fitted, ...], Shape, Target, str, Forecast | None, Gather | None, Language | None]


def as_bytes(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[bytes, bytes]:
    """The two files: JSON and safetensors."""
    return json.dumps(header, ensure_ascii=False, indent=1).encode(), save_tensors(arrays)


def documents(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
    """The two files by name, in the order in which they are written."""
    plain, tensors = as_bytes(header, arrays)
    return {"preparation.safetensors": tensors, "preparation.json": plain}


def write(folder: Path, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Both files, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in documents(header, arrays).items():
        write_atomic(folder / name, content)


def read(folder: Path) -> Fields:
    """What `write` got, from its folder."""
    try:
        header = json.loads((folder / "preparation.json").read_text(encoding="utf-8"))
        tensors = (folder / "preparation.safetensors").read_bytes()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"the preparation cannot be read: {error}", where=str(folder)) from None
    return from_plain(header, tensors, where=str(folder))


def from_plain(header: Any, tensors: bytes, *, where: str) -> Fields:
    """What `write` got, from the parsed JSON and the bytes of the arrays.

    Raises:
        CheckpointError: something is missing, damaged, or of another version.
    """
    try:
        arrays = load_tensors(tensors)
        if header["version"] != VERSION:
            raise CheckpointError(f"preparation version {header['version']} is not {VERSION}", where=where)
        columns = _columns(header["columns"], arrays)
        shape = Shape(tuple(_input(i) for i in header["shape"]))
        known = _forecast(header, arrays), _gather(header), _language(header)
        return columns, shape, _target(header["target"]), header["base"], *known
    except (ValueError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        raise CheckpointError(f"the preparation cannot be read: {error}", where=where) from None


def _columns(headers: list[dict[str, Any]], arrays: Mapping[str, np.ndarray]) -> tuple[Fitted, ...]:
    by_place: dict[int, dict[str, np.ndarray]] = defaultdict(dict)
    for name, array in arrays.items():
        place, _, key = name.partition(".")
        if place != "forecast":
            by_place[int(place)][key] = array
    return tuple(
        Fitted(h["name"], h["kind"], h["form"], KINDS[h["kind"]].State(**h["state"], **by_place[place]))
        for place, h in enumerate(headers)
    )


def _input(plain: dict[str, Any]) -> Input:
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Input(**fields)


def _gather(header: dict[str, Any]) -> Gather | None:
    if "gather" not in header:
        return None
    listed: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in header["gather"].items()
    }
    return Gather(**listed)


def _language(header: dict[str, Any]) -> Language | None:
    return Language.from_plain(header["language"]) if "language" in header else None


def _forecast(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Forecast | None:
    own = {name.removeprefix("forecast."): array for name, array in arrays.items() if name.startswith("forecast.")}
    return Forecast.from_plain(header["forecast"], own) if "forecast" in header else None


def _target(plain: dict[str, Any]) -> Target:
    listed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in plain.items()}
    return Target(**listed)
