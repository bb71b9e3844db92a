"""Where a served network comes from, and how a new version of it is noticed: a run folder, a bundle, or a model in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from trainwell.core.errors import CheckpointError
from trainwell.ship.bundle import Bundle, open_bundle
from trainwell.ship.serve.served import Model, Served, served
from trainwell.train.run import Run

#: What the files of a version look like from outside: path, time, size and inode of each.
Signature = tuple[tuple[str, int, int, int], ...]

#: The files whose change makes a new version of a run folder or an ensemble.
_TELLING = ("weights.safetensors", "preparation.safetensors", "preparation.json", "plan.json", "ensemble.json")


@dataclass(frozen=True)
class Origin:
    """Where to read a network again.

    Args:
        path: a run folder, the folder of an ensemble, or a `.tw` file.
        open: reads it.
        engine: what computes its answers.
    """

    path: Path
    open: Callable[[Path], Model]
    engine: str = "torch"

    def signature(self) -> Signature:
        """Changes when a new version is written; empty while there is nothing."""
        path = self.path
        files = [path] if path.is_file() else [p for name in _TELLING for p in sorted(path.rglob(name)) if _counts(p, path)]
        try:
            stats = [(str(file), file.stat()) for file in files]
        except FileNotFoundError:
            return ()
        return tuple((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in stats)

    def served(self) -> Served:
        """The version that lies there now.

        Raises:
            TrainwellError: it cannot be opened.
        """
        return self.made_ready(self.open(self.path))

    def made_ready(self, model: Model) -> Served:
        """An opened version, with what lies beside it."""
        card = model.card if isinstance(model, Bundle) else card_of(self.path)
        return served(model, version=version_of(self.path), name=self.path.stem, card=card, engine=self.engine)


def _counts(file: Path, root: Path) -> bool:
    return "checkpoints" not in file.relative_to(root).parts


def origin_of(model: Model) -> Origin | None:
    """Where a run or a bundle was read from; None for one that is in memory only."""
    if isinstance(model, Bundle):
        return Origin(model.path, open_bundle)
    if isinstance(model, Run) and model.folder is not None:
        return Origin(model.folder, Run.open)
    return None


def version_of(path: Path) -> str:
    """Twelve hex digits that change with the weights, of the file or of all below the folder."""
    digest = sha256()
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("weights.safetensors") if _counts(p, path)):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def card_of(path: Path) -> Mapping[str, Any] | None:
    """The data card of a run folder."""
    card = path / "card.json"
    if not card.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(card.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"the data card cannot be read ({error})", where=str(card)) from None
    return found
