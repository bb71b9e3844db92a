"""Checkpoints: one safetensors file whose header carries the run's state as JSON and a SHA-256 of everything.

Written beside the target, flushed, renamed, and the folder flushed: a kill at any instant leaves a whole newest checkpoint or
a whole older one. The newest two are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CheckpointError

_NAME = re.compile(r"^step-(\d+)\.safetensors$")


@dataclass
class Checkpoint:
    """The whole state of a run between two steps.

    Args:
        state: plain data: the step counter, the history's length, sums since the last log line.
        tensors: parameters, buffers, optimizer state, averages and best weights, by name.
    """

    state: dict[str, Any]
    tensors: dict[str, Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int = 2) -> Path:
    """Write `step-N.safetensors` and delete all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"step-{checkpoint.state['step']:09d}.safetensors"
    state = json.dumps(checkpoint.state)
    tensors = apart(checkpoint.tensors)
    write_atomic(path, save(tensors, metadata={"state": state, "sha256": digest(state, tensors)}))
    for old in checkpoints(folder)[keep:]:
        old.unlink(missing_ok=True)
    return path


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as a file can hold them: on the CPU, contiguous, each in memory of its own, also those of two names."""
    found: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        found[name] = plain.clone() if place in taken else plain
        taken.add(place)
    return found


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoint files of a folder, newest first."""
    found = [p for p in folder.glob("step-*.safetensors") if _NAME.match(p.name)] if folder.is_dir() else []
    return sorted(found, reverse=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in `path`; `CheckpointError` when a single bit of it has changed."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  a method, not a mapping
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"not a whole checkpoint ({error})", where=str(path)) from None
    state = metadata.get("state", "")
    if metadata.get("sha256") != digest(state, tensors):
        raise CheckpointError("the content does not match its SHA-256", where=str(path))
    return Checkpoint(json.loads(state), tensors)


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and a sentence for each damaged one that was passed over."""
    complaints: list[str] = []
    for path in checkpoints(folder):
        try:
            return read_checkpoint(path), complaints
        except CheckpointError as error:
            complaints.append(f"{error}. The checkpoint before it is used.")
    return None, complaints


def digest(state: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over the state and every tensor's name, type, shape and bytes."""
    total = hashlib.sha256(state.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.numel():
            total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
