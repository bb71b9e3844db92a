"""What a verb was given: a run, an ensemble, or a bundle; and the labelled rows that it is judged on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainwell.core.errors import UsageError

if TYPE_CHECKING:
    from trainwell.data.data import Data
    from trainwell.ship.bundle import Bundle
    from trainwell.study.ensemble.ensemble import Ensemble
    from trainwell.train.run import Run


def open_trained(place: Path) -> Run | Ensemble | Bundle:
    """The bundle in a file, or the run or ensemble in a folder."""
    if is_bundle(place):
        return open_one(place)
    from trainwell.study.ensemble.ensemble import open_any

    return open_any(place)


def is_bundle(place: Path) -> bool:
    """Whether the path is meant as that of a bundle."""
    return place.is_file() or place.suffix == ".tw"


def open_one(place: Path) -> Run | Bundle:
    """The bundle in a file, or the run in a folder."""
    if is_bundle(place):
        from trainwell.ship.bundle import open_bundle

        return open_bundle(place)
    from trainwell.train.run import Run

    return Run.open(place)


def labelled_rows(trained: Run | Ensemble | Bundle, place: Path, other: str | None) -> Data:
    """The data of a run, or other labelled data; of a bundle always other ones, for it has none."""
    from trainwell.ship.bundle import Bundle
    from trainwell.ship.labelled import labelled
    from trainwell.train.resume import load_again

    if not isinstance(trained, Bundle):
        return load_again(place, other=other)
    if other is None:
        remedy = f"Give labelled data: trainwell evaluate {place} DATA."
        raise UsageError("a bundle has no data beside it", where=str(place), remedy=remedy)
    return labelled(trained, other)
