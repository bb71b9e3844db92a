"""An ensemble: several trained networks that answer together, and are asked, judged and saved like one run.

On disk it is a folder: `ensemble.json` (who its members are and what each counts), the preparation that classes and units are
taken from, and one run folder per member. Values and arrays, no code.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.atomic import write_json
from trainwell.core.errors import CheckpointError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe, write_recipe
from trainwell.data.data import Data
from trainwell.data.preparation import Preparation
from trainwell.score.predictions import Predictions
from trainwell.study.ensemble.account import Account
from trainwell.train.combined import Combined
from trainwell.train.plan import Plan
from trainwell.train.run import Run

#: Version of `ensemble.json`.
FORMAT = 1


@dataclass(frozen=True)
class Making:
    """How an ensemble came to be.

    Args:
        how: what makes the members differ: seeds, bagging, folds, snapshot, boosting, or "given" for runs put together.
        blend: how they are weighed: average, greedy, stacked, or "sum" for boosting.
        recipe: the recipe of the members, before what makes them differ.
        data: fingerprint of the data.
        origin: where the data came from, as `Data.origin`.
    """

    how: str
    blend: str
    recipe: Recipe
    data: str
    origin: Mapping[str, str | None] | None = None


class Ensemble:
    """Several trained networks that answer together.

    Args:
        members: finished runs.
        weights: what each counts, one number per member; averages have weights that sum to 1.
        preparation: says what is predicted: classes or unit of the target.
        making: how it came to be.
        start: for sums: the score of every class, or the scaled value of every target, before the first member `(n_out,)`;
            None for averages.
        account: what is known of it.
        folder: where it lies; None in memory.

    Example:
        >>> import trainwell as tw
        >>> data = tw.load("iris")
        >>> team = tw.ensemble(tw.Recipe(model="mlp", epochs=20), data, members=3)
        >>> team.predict([{"sepal length (cm)": 5.1, "petal length (cm)": 1.4}]).columns[0], len(team)
        ('prediction', 3)
    """

    def __init__(
        self,
        members: Sequence[Run],
        weights: Sequence[float],
        preparation: Preparation,
        making: Making,
        *,
        start: np.ndarray | None = None,
        account: Account | None = None,
        folder: Path | None = None,
    ) -> None:
        if len(members) != len(weights) or not members:
            raise UsageError(f"{len(members)} members cannot have {len(weights)} weights")
        self.members, self.weights = tuple(members), tuple(float(w) for w in weights)
        self.preparation, self.making, self.start = preparation, making, start
        self.account, self.folder = account or Account(), folder

    def __len__(self) -> int:
        return len(self.members)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the members, before what makes them differ."""
        return self.making.recipe

    @property
    def plan(self) -> Plan:
        """The plan of a member, for the data of them all."""
        return replace(self.members[0].plan, data=self.making.data)

    @property
    def name(self) -> str:
        return self.folder.name if self.folder else f"{self.making.how} of {self.members[0].recipe.model.name}"

    @cached_property
    def together(self) -> Combined:
        """How they answer."""
        return Combined(self.members, self.weights, self.preparation, self.start)

    def combine(self, outputs: Iterable[np.ndarray]) -> np.ndarray:
        """One answer from those of the members, as `Combined.combine`."""
        return self.together.combine(outputs)

    def predictions(self, data: Data, rows: np.ndarray) -> Predictions:
        """Answers for rows of `data` beside what is true; each member sees them through its own preparation."""
        return self.together.predictions(data, rows)

    def predict(self, rows: Any) -> pl.DataFrame:
        """Answers for raw rows in any form that `Run.predict` takes; the columns are the same."""
        return self.together.predict(rows)

    def predict_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """Probabilities or values for one raw row `(n_out,)`."""
        return self.together.predict_row(row)

    def save(self, folder: str | Path) -> Ensemble:
        """Write the ensemble into a folder, from which `open` has it again; members that lie below it already stay there.

        Returns:
            The ensemble as it lies there.
        """
        folder = Path(folder)
        members = [_kept(run, number, folder) for number, run in enumerate(self.members)]
        folder.mkdir(parents=True, exist_ok=True)
        write_recipe(self.recipe, folder / "recipe.yaml")
        self.preparation.save(folder / "preparation")
        origin = None if self.making.origin is None else dict(self.making.origin)
        write_json(folder / "source.json", origin)
        write_json(folder / "ensemble.json", self.to_dict() | {"runs": members}, indent=1)
        return Ensemble.open(folder)

    def to_dict(self) -> dict[str, Any]:
        """Who the members are, what each counts, and what is known of them all, as plain data."""
        return {
            "format": FORMAT,
            "how": self.making.how,
            "blend": self.making.blend,
            "data": self.making.data,
            "weights": list(self.weights),
            "start": None if self.start is None else self.start.tolist(),
            "account": self.account.to_dict(),
        }

    @classmethod
    def open(cls, folder: str | Path) -> Ensemble:
        """The ensemble in a folder.

        Raises:
            CheckpointError: the folder holds no ensemble, or a member is missing.
        """
        folder = Path(folder)
        if not is_ensemble(folder):
            remedy = "Give a folder that `trainwell ensemble --out` wrote."
            raise CheckpointError("there is no ensemble here", where=str(folder), remedy=remedy)
        try:
            content = json.loads((folder / "ensemble.json").read_text())
            making = Making(content["how"], content["blend"], read_recipe(folder / "recipe.yaml"), content["data"])
            making = replace(making, origin=json.loads((folder / "source.json").read_text()))
            start = None if content["start"] is None else np.array(content["start"])
            account, runs, weights = Account.from_dict(content["account"]), content["runs"], content["weights"]
        except (ValueError, KeyError) as error:
            raise CheckpointError(f"not an ensemble of this version ({error})", where=str(folder)) from None
        members = [Run.open(folder / name) for name in runs]
        preparation = Preparation.load(folder / "preparation")
        return cls(members, weights, preparation, making, start=start, account=account, folder=folder)

    @cached_property
    def parameters(self) -> int:
        """Trained numbers of all members together."""
        return sum(p.numel() for member in self.members for p in member.network.parameters())

    def __repr__(self) -> str:
        kinds = sorted({member.recipe.model.name.rpartition(":")[2] for member in self.members})
        head = f"Ensemble({len(self)} x {' + '.join(kinds)}, {self.making.how}, {self.making.blend})"
        return "\n".join(line for line in (head, str(self.account)) if line)


def is_ensemble(folder: str | Path) -> bool:
    """Whether a folder holds an ensemble."""
    return (Path(folder) / "ensemble.json").exists()


def open_any(folder: str | Path) -> Run | Ensemble:
    """The run or the ensemble in a folder.

    Raises:
        CheckpointError: the folder holds neither.
    """
    return Ensemble.open(folder) if is_ensemble(folder) else Run.open(folder)


def _kept(run: Run, number: int, folder: Path) -> str:
    """The member's place below `folder`, where it is written unless it lies there."""
    if run.folder is not None and run.folder.is_relative_to(folder):
        return run.folder.relative_to(folder).as_posix()
    place = folder / "members" / f"{number:03}"
    run.save(place)
    return place.relative_to(folder).as_posix()
