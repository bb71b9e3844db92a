"""Measurements as TensorBoard event files, for those who watch many runs in one browser page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainwell.core.recipe import Recipe
from trainwell.train.trackers.registry import trackers
from trainwell.train.trackers.tracker import Tracker, demand, measurements, words_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


@trackers.register
def tensorboard(*, folder: str = "") -> Tracker:
    """TensorBoard event files, where `tensorboard --logdir` finds them.

    Curves are called `train/loss`, `train/learning_rate`, `valid/accuracy` and so on; the recipe is a text. A run that is
    continued goes on in the same folder: what was measured after its checkpoint, and is measured again, is drawn once.

    Args:
        folder: created with the first measurement; empty is `tensorboard` in the run folder.

    Raises:
        MissingExtra: the extra `tensorboard` is not installed.

    Example:
        >>> import tempfile
        >>> import trainwell as tw
        >>> place = tempfile.mkdtemp()
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"), observers=[tensorboard(folder=place)])
        >>> [path.name.split(".")[0] for path in Path(place).iterdir()]
        ['events']
    """
    demand("tensorboard", "tensorboard")
    return TensorBoard(Path(folder) if folder else None)


class TensorBoard(Tracker):
    """What `tensorboard` returns.

    Args:
        folder: where the files go; None is `tensorboard` in the run folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self.recipe: Recipe | None = None
        self.writer: SummaryWriter | None = None

    def begin(self, recipe: Recipe, folder: Path | None) -> None:
        self.recipe = recipe
        self.folder = self.folder or (folder or Path()) / "tensorboard"
        self.known = self.folder.exists()

    def __call__(self, row: dict[str, Any]) -> None:
        if self.writer is None:
            self.writer = self._writer(row)
        for name, value in measurements(row).items():
            self.writer.add_scalar(name, value, row["step"])
        self.writer.flush()  # a browser may be watching

    def _writer(self, first: Mapping[str, Any]) -> SummaryWriter:
        from torch.utils.tensorboard import SummaryWriter  # takes a second to import

        continued = first["split"] == "plan" and first["step"] > 0
        writer = SummaryWriter(str(self.folder), purge_step=first["step"] + 1 if continued else None)
        if self.recipe is not None and not continued:
            writer.add_text("recipe", "\n".join(f"    {key}: {value}" for key, value in words_of(self.recipe).items()))
        return writer

    def keep(self, scores: Mapping[str, float], files: Sequence[Path]) -> None:
        """Nothing: TensorBoard draws curves, and the files lie beside its own."""

    def close(self, status: str) -> None:
        del status  # a curve has none
        if self.writer is not None:
            self.writer.close()
