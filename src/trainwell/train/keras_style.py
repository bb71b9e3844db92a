"""Keras's way of saying it: compile a module of your own, then fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Split
from trainwell.data.data import Data
from trainwell.data.load import wrap
from trainwell.score.registry import metrics as known_metrics
from trainwell.train.compile import Program, compile_program
from trainwell.train.fit import fit
from trainwell.train.job import Observer
from trainwell.train.predict import as_predictions, forward_rows
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, member_loss
from trainwell.train.summary import Layers, layers


class Compiled:
    """A module with its data, optimizer, loss and metrics, checked and ready to be trained.

    Args:
        module: the network; it is trained in place.
        train_set: what the data were made of; read again when validation data come along.
        recipe: how to train, as it was asked for.
        program: the checked network, loss and data.
    """

    def __init__(self, module: nn.Module, train_set: Any, recipe: Recipe, program: Program) -> None:
        self.module, self.train_set, self.recipe, self.program = module, train_set, recipe, program
        self.run: Run | None = None

    def __repr__(self) -> str:
        state = "not fitted yet" if self.run is None else self.run.status
        return f"Compiled({type(self.module).__name__}, {self.data!r}, {state})"

    @property
    def data(self) -> Data:
        """Training rows, and the validation rows chosen from them or given to `fit`."""
        return self.program.data

    def summary(self) -> Layers:
        """Every layer with its output shape, parameters and cost; printed, it is a table."""
        rows = self.data.rows["train"][:8]
        batch = tuple(torch.from_numpy(a[rows]).to(self.program.device) for a in self._inputs(self.data))
        return layers(self.module, as_floats(batch))

    def fit(
        self,
        *,
        epochs: float | None = None,
        validation_data: Any = None,
        folder: str | Path | None = None,
        observers: Sequence[Observer] = (),
    ) -> Run:
        """Train the module; afterwards it has its best weights.

        Args:
            epochs: passes over the training rows.
            validation_data: a data set to choose the best weights on; else a share of the training rows.
            folder: run folder, for resuming; None keeps everything in memory.
            observers: called with each measurement.

        Raises:
            UsageError: validation data for a `Data`, which has its own.
        """
        if validation_data is not None:
            self.program = replace(self.program, data=self._with(validation_data))
        recipe = self.recipe if epochs is None else self.recipe.but(epochs=epochs)
        seed = self.program.seed
        self.run = fit(recipe, self.data, seed=seed, folder=folder, network=self.module, observers=observers)
        return self.run

    def _with(self, validation_data: Any) -> Data:
        if isinstance(self.train_set, Data):
            raise UsageError(
                "the data have their validation rows already", remedy="Give them to tw.load or tw.wrap as valid=…."
            )
        return wrap(self.train_set, valid=validation_data, recipe=self.recipe)

    def evaluate(self, dataset: Any) -> dict[str, float]:
        """The loss and the metrics of the module on another data set, by name."""
        data = wrap(dataset, like=self.data)
        rows, target = np.arange(len(data.arrays["target"])), torch.from_numpy(data.arrays["target"])
        output = forward_rows(self.program.network.eval(), self._inputs(data), rows, stop=lambda: False)
        assert output is not None
        predictions = as_predictions(output, data, rows)
        loss = float(member_loss(self.program.loss, output, target))
        return {"loss": loss} | {name: known_metrics[name](predictions) for name in self.program.recipe.metrics}

    def predict(self, x: Any) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for inputs without targets."""
        if self.run is None:
            raise UsageError("the module has not been fitted", remedy="Call fit() first.")
        return self.run.predict_arrays(x)

    @staticmethod
    def _inputs(data: Data) -> list[np.ndarray]:
        return [np.asarray(data.arrays[name]) for name in data.shape.names]


#: All rows given to `compile` train or choose: those that judge are given to `evaluate`.
NO_TEST = Recipe(split=Split(test=0.0))


def compile(
    module: nn.Module,
    train_set: Any,
    *,
    optimizer: Any = "auto",
    loss: Any = "auto",
    metrics: Any = "auto",
    learning_rate: float | str = "auto",
    recipe: Recipe = NO_TEST,
    seed: int = 0,
) -> Compiled:
    """Check a module of your own against data, optimizer, loss and metrics, before anything is trained.

    Args:
        module: any `nn.Module`; it is called with the inputs of one batch.
        train_set: a torch `Dataset` of `(x, y)`, arrays `(x, y)`, or `Data`.
        optimizer: name, or mapping of name and options.
        loss: name, or mapping of name and options.
        metrics: names of scores on validation rows.
        learning_rate: top rate.
        recipe: any further keys; what is given above comes first.
        seed: seed of every draw.

    Raises:
        CompileError: the module's output does not fit the target.

    Example:
        >>> x, y = torch.randn(64, 4), torch.arange(64) % 3
        >>> program = compile(nn.Linear(4, 3), (x, y), loss="cross_entropy", metrics=["accuracy"])
        >>> program.summary()[0].parameters
        15
    """
    given = {"optimizer": optimizer, "loss": loss, "metrics": metrics, "learning_rate": learning_rate}
    chosen = recipe.but(**{key: value for key, value in given.items() if value != "auto"})
    data = train_set if isinstance(train_set, Data) else wrap(train_set, recipe=chosen)
    return Compiled(module, train_set, chosen, compile_program(chosen, data, seed=seed, network=module))
