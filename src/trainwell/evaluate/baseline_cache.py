"""Answers of the baselines on disk, so that judging a second run on the same data costs no fitting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from trainwell.core.atomic import write_atomic

#: Raise when a baseline changes, so that older answers are not used any more.
VERSION = 1


def _path(folder: Path, prepared: str, part: str) -> Path:
    return Path(folder) / f"baselines-{prepared[:16]}-{part}.safetensors"


def _key(prepared: str, part: str) -> str:
    from sklearn import __version__

    return f"{VERSION} scikit-learn {__version__} {prepared} {part}"


def read_cached(folder: Path | None, prepared: str, part: str) -> list[dict[str, Any]] | None:
    """What was fitted before for the same prepared data, part and scikit-learn; None if nothing was, or it is damaged."""
    if folder is None or not _path(folder, prepared, part).exists():
        return None
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(_path(folder, prepared, part), framework="np") as file:
            said = file.metadata() or {}
            if said.get("key") != _key(prepared, part):
                return None
            entries: list[dict[str, Any]] = json.loads(said["entries"])
            return [entry | {"output": file.get_tensor(entry["name"])} for entry in entries]
    except SafetensorError:
        return None


def write_cached(folder: Path | None, prepared: str, part: str, fitted: list[dict[str, Any]]) -> None:
    """Keep what was fitted; without a folder, nothing is kept."""
    if folder is None:
        return
    from safetensors.numpy import save

    Path(folder).mkdir(parents=True, exist_ok=True)
    outputs = {entry["name"]: np.ascontiguousarray(entry["output"]) for entry in fitted}
    entries = [{k: v for k, v in entry.items() if k != "output"} for entry in fitted]
    said = {"key": _key(prepared, part), "entries": json.dumps(entries)}
    write_atomic(_path(folder, prepared, part), save(outputs, said))
