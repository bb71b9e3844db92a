"""Checkpoints: one safetensors file whose header carries the run's state as JSON and a SHA-256 of everything.

Written beside the target, flushed, renamed, and the folder flushed: a kill at any instant leaves a whole newest checkpoint or
a whole older one. The newest two are kept.

Of a network in pieces every process writes a file of its own, `step-N.0-of-4.safetensors`; the four are one checkpoint, which
any other number of processes can read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import CheckpointError

_NAME = re.compile(r"^step-(\d+)(?:\.(\d+)-of-(\d+))?\.safetensors$")
#: From the name of a tensor and all of it to what a process needs of it.
Cut = Callable[[str, Tensor], Tensor]


@dataclass
class Checkpoint:
    """The whole state of a run between two steps.

    Args:
        state: plain data: the step counter, the history's length, sums since the last log line.
        tensors: parameters, buffers, optimizer state, averages and best weights, by name.
    """

    state: dict[str, Any]
    tensors: dict[str, Tensor]


@dataclass(frozen=True)
class Piece:
    """What one of several processes writes of a checkpoint.

    Args:
        rank: its number.
        size: how many they are.
        split: names of the tensors of which each process has some rows; all others are the same everywhere.
    """

    rank: int
    size: int
    split: tuple[str, ...]


def write_checkpoint(folder: Path, checkpoint: Checkpoint, *, piece: Piece | None = None, keep: int = 2) -> Path:
    """Write `step-N.safetensors`, or a process's piece of it, and delete all but the newest `keep`."""
    folder.mkdir(parents=True, exist_ok=True)
    part = "" if piece is None else f".{piece.rank}-of-{piece.size}"
    path = folder / f"step-{checkpoint.state['step']:09d}{part}.safetensors"
    state = json.dumps(checkpoint.state | ({} if piece is None else {"split": piece.split}))
    tensors = apart(checkpoint.tensors)
    write_atomic(path, save(tensors, metadata={"state": state, "sha256": digest(state, tensors, tensors.__getitem__)}))
    if piece is None or piece.rank == 0:
        forget_before(folder, min(step_of(kept) for kept in checkpoints(folder)[:keep]))
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
    """The checkpoints of a folder, newest first; of one in pieces the file of the first process."""
    found = [p for p in folder.glob("step-*.safetensors") if (m := _NAME.match(p.name)) and m[2] in (None, "0")]
    return sorted(found, key=lambda path: (step_of(path), path.name), reverse=True)


def step_of(path: Path) -> int:
    """The step of a checkpoint file."""
    match = _NAME.match(path.name)
    return int(match[1]) if match else 0


def files_of(path: Path) -> list[Path]:
    """All files of the checkpoint to which this one belongs, whether they are there or not."""
    match = _NAME.match(path.name)
    if match is None or match[3] is None:
        return [path]
    return [path.with_name(f"step-{match[1]}.{rank}-of-{match[3]}.safetensors") for rank in range(int(match[3]))]


def forget_before(folder: Path, step: int) -> None:
    """Delete what is older than `step`, with all pieces."""
    for path in folder.glob("step-*.safetensors"):
        if _NAME.match(path.name) and step_of(path) < step:
            path.unlink(missing_ok=True)


def forget_after(folder: Path, step: int) -> None:
    """Delete what is newer than `step`: pieces of checkpoints that never became whole, or cannot be read."""
    for path in folder.glob("step-*.safetensors"):
        if step_of(path) > step:
            path.unlink(missing_ok=True)


def read_checkpoint(path: Path, *, rank: int = 0, size: int = 1, cut: Cut = lambda _name, whole: whole) -> Checkpoint:
    """The checkpoint in `path`, or what process `rank` of `size` needs of it.

    Args:
        path: its file; of one in pieces the first one.
        rank: the process that asks.
        size: how many they are. As many as wrote it read a piece each; others read all pieces and cut theirs out.
        cut: the part of a whole tensor that this process needs.

    Raises:
        CheckpointError: a single bit of it has changed, or a piece is missing.
    """
    files = files_of(path)
    if len(files) == size:
        kept = _File(files[rank])
        return Checkpoint(kept.state(), {name: kept.tensor(name) for name in kept.names})
    pieces = [_File(file) for file in files]
    if len({piece.state().get("mark") for piece in pieces}) > 1:
        raise CheckpointError("these are pieces of different checkpoints", where=str(path))
    split = set(pieces[0].split)
    tensors: dict[str, Tensor] = {}
    for name in pieces[0].names:
        rows = [piece.tensor(name) for piece in (pieces if name in split else pieces[:1])]
        # A copy, so that the rows cut out do not keep the whole in memory: of whole tensors there is one at a time.
        tensors[name] = cut(name, torch.cat(rows) if len(rows) > 1 else rows[0]).clone()
    return Checkpoint(pieces[0].state(), tensors)


class _File:
    """A file that has been found to be whole, whose tensors are read when they are asked for.

    Raises:
        CheckpointError: it is not.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = safe_open(path, framework="pt")
            self._metadata = self._file.metadata() or {}
            self.names: list[str] = list(self._file.keys())
            mark = digest(self._metadata["state"], self.names, self.tensor)
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
            raise CheckpointError(f"not a whole checkpoint ({error})", where=str(path)) from None
        if self._metadata.get("sha256") != mark:
            raise CheckpointError("the content does not match its SHA-256", where=str(path))
        self.split: list[str] = json.loads(self._metadata["state"]).get("split", [])

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._metadata["state"])
        found.pop("split", None)
        return found

    def tensor(self, name: str) -> Tensor:
        found: Tensor = self._file.get_tensor(name)
        return found


def newest_checkpoint(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, and a sentence for each damaged one that was passed over."""
    complaints: list[str] = []
    for path in checkpoints(folder):
        try:
            return read_checkpoint(path), complaints
        except CheckpointError as error:
            complaints.append(f"{error}. The checkpoint before it is used.")
    return None, complaints


def digest(state: str, names: Iterable[str], tensor_of: Callable[[str], Tensor]) -> str:
    """SHA-256 over the state and every tensor's name, type, shape and bytes."""
    total = hashlib.sha256(state.encode())
    for name in sorted(names):
        tensor = tensor_of(name)
        total.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.numel():
            total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()
