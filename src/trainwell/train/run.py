"""A run: what one training left behind, in memory and as a folder one can read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.errors import CheckpointError, NonFinite, UsageError
from trainwell.core.history import History
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import read_recipe, write_recipe
from trainwell.data.data import Data
from trainwell.data.demand import as_trained
from trainwell.data.forecast.last_windows import ends_of
from trainwell.data.gather_series import gathered
from trainwell.data.preparation import Preparation
from trainwell.data.readers.read import read
from trainwell.models.custom import build_own
from trainwell.models.int8 import unpacked
from trainwell.models.one_logit import as_named
from trainwell.models.parametrize import plain
from trainwell.models.registry import models
from trainwell.score.decision import Decision
from trainwell.score.predictions import Predictions
from trainwell.train.answers import answers, own_unit
from trainwell.train.checkpoint import apart
from trainwell.train.plan import Plan, read_plan, write_plan
from trainwell.train.predict import finish, forward_rows, predict_rows, trimmed_inputs
from trainwell.train.raw_rows import array_of, as_source, as_table, refuse_answers, refuse_masks
from trainwell.train.steps import infer
from trainwell.train.summary import Layers, layers, typical_inputs

#: The file of what the doctor measured, in a run folder.
SIGNS = "signs.jsonl"


class Run:
    """A trained network with its recipe, preparation, history and plan.

    Args:
        folder: the run folder, or None for a run kept in memory.
        recipe: without any `auto`.
        plan: the frozen numbers of the training.
        preparation: turns raw rows into the network's inputs, and its outputs into answers.
        network: the trained network with its best weights; None reads it from the folder on first use.
        history: what was measured.
        signs: what the doctor measured, as `trainwell.doctor.chart` describes it; empty where nobody looked.
        summary: how the training ended, as in `run.json`.
        signal: the signal that interrupted it, or 0.
        error: what `fit` raises, when NaN or infinity ended the training.

    Example:
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> run.predict([{"sepal length (cm)": 5.1, "petal length (cm)": 1.4}]).columns[0]
        'prediction'
    """

    def __init__(
        self,
        *,
        folder: Path | None,
        recipe: Recipe,
        plan: Plan,
        preparation: Preparation,
        network: nn.Module | None = None,
        history: History | None = None,
        signs: History | None = None,
        summary: Mapping[str, Any] | None = None,
        signal: int = 0,
        error: NonFinite | None = None,
    ) -> None:
        self.folder, self.recipe, self.plan, self.preparation = folder, recipe, plan, preparation
        self.history = history if history is not None else History()
        self.signs = signs if signs is not None else History()
        self.summary = dict(summary or {})
        self.signal, self.error = signal, error
        if network is not None:
            self.network = network

    @classmethod
    def open(cls, folder: str | Path) -> Run:
        """The run in a folder.

        Raises:
            CheckpointError: the folder holds no run, or something in it is damaged.
        """
        folder = Path(folder)
        if not (folder / "plan.json").exists():
            remedy = "Give a folder that `trainwell fit --out` wrote; `trainwell runs` lists them."
            raise CheckpointError("there is no run here", where=str(folder), remedy=remedy)
        path = folder / "run.json"
        summary: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"status": "interrupted"}
        error = summary.pop("error", None)
        return cls(
            folder=folder,
            recipe=read_recipe(folder / "recipe.yaml"),
            plan=read_plan(folder / "plan.json"),
            preparation=Preparation.load(folder / "preparation"),
            history=History(folder / "history.jsonl"),
            signs=History(folder / SIGNS),
            summary=summary,
            error=NonFinite(**error) if error else None,
        )

    @property
    def status(self) -> str:
        """How the training ended: finished, stopped early, stopped by an observer, interrupted, not finite."""
        return str(self.summary.get("status", "interrupted"))

    @property
    def name(self) -> str:
        return self.folder.name if self.folder else self.recipe.model.name.rpartition(":")[2]

    @cached_property
    def network(self) -> nn.Module:
        """The trained network in evaluation mode."""
        assert self.folder is not None
        weights = self.weights()
        network = as_named(self.build(), weights)
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            own = "A module put together by hand cannot be built again from its class: name a class of your own in the recipe."
            what = f"the weights cannot be used ({' '.join(str(error).split())})"
            where = str(self.folder / "weights.safetensors")
            raise CheckpointError(what, where=where, remedy=own if ":" in self.recipe.model.name else "") from None
        return network.eval()

    def weights(self) -> dict[str, Tensor]:
        """The final weights as they lie in the folder, by name.

        Raises:
            CheckpointError: the training has not ended, or the file is damaged.
            NonFinite: NaN or infinity ended the training.
        """
        assert self.folder is not None
        path = self.folder / "weights.safetensors"
        if self.error is not None:
            raise self.error
        if not path.exists():
            remedy = f"Continue it first: trainwell fit {self.folder}"
            raise CheckpointError(
                "the training has not ended, there are no final weights", where=str(self.folder), remedy=remedy
            )
        try:
            return unpacked(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            what = f"the weights cannot be used ({' '.join(str(error).split())})"
            raise CheckpointError(what, where=str(path)) from None

    def build(self) -> nn.Module:
        """The recipe's network with fresh weights, for this run's inputs."""
        part, shape, n_out = self.recipe.model, self.preparation.shape, self.preparation.target.n_out
        with torch.random.fork_rng():
            if ":" in part.name:
                return build_own(part.name, shape, n_out, part.options)
            return plain(models.bind(part.name, part.options)(shape, n_out))  # as the final weights are kept

    def layers(self) -> Layers:
        """The network layer by layer, as a batch of typical rows runs through it."""
        return layers(self.network, typical_inputs(self.preparation.shape))

    def predict(self, rows: Any) -> pl.DataFrame:
        """Answers for raw rows, with the preparation of the training.

        Args:
            rows: a table file, frame, list of row dicts or array, columns in any order; for a network that looks at pictures
                also a picture file, a Pillow image, a list of either, or a folder, all pictures below it in the order of their
                paths.

        Returns:
            A frame with one row per input row: `prediction`, for classes `confidence` and one probability column per class;
            `problem` names what was wrong with the row and is null when nothing was. Pictures from files have their path first.
            A forecast has a row per series and future step: series, time, the columns and the limits of their 80% intervals.
        """
        if self.preparation.forecast is not None:
            return self._forecast(rows)
        source = as_source(rows, self.preparation)
        if self.preparation.gather is not None:
            source = gathered(source, self.preparation.gather)
        encoded = self.preparation.encode(source)
        values = self.predict_arrays(self._in_order(encoded.arrays))
        return answers(values, self.preparation, source, encoded.problems, decision=self.decision)

    def _forecast(self, rows: Any) -> pl.DataFrame:
        """The steps after the end of each series, with the limits of their interval."""
        state = self.preparation.forecast
        assert state is not None
        ends = ends_of(read(as_table(rows)), state)
        said = self._outputs([ends.arrays[name] for name in self.preparation.shape.names])
        limits = {end: said + np.asarray(offset) for end, offset in self.summary.get("limits", {}).items()}
        return ends.table(state, said, limits)

    def predictions(self, data: Data, rows: np.ndarray) -> Predictions:
        """Answers for rows of `data`, which is encoded as the network was trained to see it, beside what is true."""
        found = self.uncorrected(data, rows)
        if found.decision is not None:
            several, decision = found.task == "multilabel", self.decision
            return replace(found, output=decision.probabilities(found.output, several=several), decision=decision)
        limits = {end: np.asarray(offset) for end, offset in self.summary.get("limits", {}).items()}
        return replace(found, ahead=replace(found.ahead, **limits)) if found.ahead is not None else found

    def uncorrected(self, data: Data, rows: np.ndarray) -> Predictions:
        """The same as the network says it, without calibration and threshold."""
        return predict_rows(self.network, data, rows)

    @property
    def decision(self) -> Decision:
        """How probabilities are corrected and become labels, as fitted on validation rows."""
        return Decision.of(self.summary.get("decision", {}), ordered=self.preparation.target.ordered)

    def _in_order(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        return [arrays[name] for name in self.preparation.shape.names]

    def predict_arrays(self, x: Any) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for encoded inputs: one array, or one per input of the network.

        Of a network for masks, the probabilities of every pixel's classes `(N, n_out, H, W)`.

        Raises:
            DataError: the arrays are not shaped as those of the training.
        """
        refuse_answers(self.preparation)
        given = x if isinstance(x, (tuple, list)) else (x,)
        arrays = [array_of(a) if isinstance(a, Tensor) else np.asarray(a) for a in given]
        arrays = as_trained(arrays, self.preparation.shape)
        return self._corrected(self._outputs(arrays))

    def _outputs(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        self.preparation.demand_rows()
        texts = self.preparation.shape.texts
        output = forward_rows(self.network, arrays, np.arange(len(arrays[0])), stop=lambda: False, texts=texts)
        assert output is not None
        if not len(output):
            return np.empty((0, self.preparation.target.n_out))
        return finish(output, self.preparation.target.task)

    def predict_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """Probabilities or values for one raw row `(n_out,)`: the shortest way from a dict to an answer."""
        refuse_answers(self.preparation)
        refuse_masks(self.preparation)
        arrays = self._in_order(self.preparation.encode_row(row))
        inputs = trimmed_inputs([torch.from_numpy(array) for array in arrays], self.preparation.shape.texts)
        return self._corrected(finish(infer(self.network, inputs), self.preparation.target.task))[0]

    def _corrected(self, output: np.ndarray) -> np.ndarray:
        target = self.preparation.target
        if target.task == "segmentation":
            return output
        if target.task == "multilabel" or target.classes:
            return self.decision.probabilities(output, several=not target.classes)
        return own_unit(output, self.preparation)

    def save(self, folder: str | Path) -> Run:
        """Write a run that was kept in memory into a folder, from which `Run.open` has it again; returns that run.

        Raises:
            CheckpointError: the folder holds another run.
        """
        folder = Path(folder)
        if (folder / "plan.json").exists():
            raise CheckpointError("the folder holds a run already", where=str(folder), remedy="Choose another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        write_recipe(self.recipe, folder / "recipe.yaml")
        self.preparation.save(folder / "preparation")
        write_atomic(folder / "weights.safetensors", weights_of(self.network))
        for name, rows in (("history.jsonl", self.history.rows), (SIGNS, self.signs.rows)):
            kept = History(folder / name)
            for row in rows:
                kept.add(**row)
            kept.close()
        write_json(folder / "run.json", self.summary)
        write_plan(self.plan, folder / "plan.json")  # last: a folder with a plan is a run
        return Run.open(folder)

    def __repr__(self) -> str:
        best = {k: v for k, v in self.summary.get("valid", {}).items() if isinstance(v, float) and k not in ("epoch",)}
        scores = ", ".join(f"{k} {v:.4g}" for k, v in best.items())
        return f"Run({self.name!r}, {self.recipe.model.name.rpartition(':')[2]}, {self.status}, valid: {scores or 'not yet'})"


def weights_of(network: nn.Module) -> bytes:
    """Weights and buffers of a network as the bytes of a safetensors file."""
    return save_tensors(apart(network.state_dict()))


class Bundled(Protocol):
    """What holds runs without being one: an opened bundle."""

    @property
    def members(self) -> tuple[Run, ...]:
        """The runs inside."""


def as_run(given: Run | Bundled | str | Path) -> Run:
    """A run, the run in a folder, or the run in an opened bundle."""
    if isinstance(given, (str, Path)):
        if Path(given).suffix == ".tw":
            raise UsageError(f"{given} is a bundle", remedy=f"Open it: tw.open_bundle({str(given)!r}).")
        return Run.open(given)
    if isinstance(given, Run):
        return given
    members: tuple[Run, ...] = tuple(getattr(given, "members", ()))
    if len(members) != 1:
        raise UsageError(f"{type(given).__name__} is not one run", remedy="Give a run, its folder, or an opened bundle of it.")
    return members[0]
