"""Measurements as TensorBoard event files, for those who watch many runs in one browser page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainwell.core.errors import MissingExtra
from trainwell.train.loop import Observer

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

#: Places in a run; everything else that is a number is drawn over the step.
_PLACES = {"step", "epoch", "seconds"}


def tensorboard(folder: str | Path) -> Observer:
    """An observer that writes every measurement into `folder`, where `tensorboard --logdir` finds it.

    Curves are called `train/loss`, `train/learning_rate`, `valid/accuracy` and so on. A run that is continued goes on in the
    same folder: what was measured after its checkpoint, and is measured again, is drawn once.

    Args:
        folder: created with the first measurement.

    Raises:
        MissingExtra: the extra `tensorboard` is not installed.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> folder = tempfile.mkdtemp()
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"), observers=[tensorboard(folder)])
        >>> [path.name.split(".")[0] for path in Path(folder).iterdir()]
        ['events']
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise MissingExtra("TensorBoard files need the extra tensorboard", remedy='Run pip install "trainwell[tensorboard]".')
    writers: list[SummaryWriter] = []

    def observe(row: dict[str, Any]) -> None:
        if not writers:
            writers.append(_writer(Path(folder), row))
        for name, value in row.items():
            if isinstance(value, float) and name not in _PLACES:
                writers[0].add_scalar(f"{row['split']}/{name}", value, row["step"])
        writers[0].flush()  # nobody says when a run ends, and a browser may be watching

    return observe


def _writer(folder: Path, first: dict[str, Any]) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter  # takes a second to import

    continued = first["split"] == "plan" and first["step"] > 0
    return SummaryWriter(str(folder), purge_step=first["step"] + 1 if continued else None)
