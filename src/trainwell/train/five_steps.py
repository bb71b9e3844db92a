"""Keras's way of saying it: compile a module of your own, then fit, evaluate and predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import wrap
from trainwell.score.registry import metrics as known_metrics
from trainwell.train.compile import compile_program
from trainwell.train.fit import fit
from trainwell.train.loop import Observer
from trainwell.train.predicting import predict_rows
from trainwell.train.run import Run
from trainwell.train.summary import Layer, layers, typical_inputs


class Compiled:
    """A module with its data, optimizer, loss and metrics, checked and ready to be trained.

    Args:
        module: the network; it is trained in place.
        data: training rows, and validation rows if there are any.
        recipe: how to train.
        seed: seed of every draw.
    """

    def __init__(self, module: nn.Module, data: Data, recipe: Recipe, *, seed: int) -> None:
        self.module, self.data, self.recipe, self.seed = module, data, recipe, seed
        self.run: Run | None = None

    def summary(self) -> list[Layer]:
        """Every layer with its output shape, parameters and cost."""
        return layers(self.module, typical_inputs(self.data.shape))

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
        """
        if validation_data is not None:
            self.data = wrap(self.data.source, valid=validation_data, recipe=self.recipe)
        recipe = self.recipe if epochs is None else self.recipe.but(epochs=epochs)
        self.run = fit(recipe, self.data, seed=self.seed, folder=folder, network=self.module, observers=observers)
        return self.run

    def evaluate(self, dataset: Any) -> dict[str, float]:
        """The metrics of the module on another data set, by name."""
        data = wrap(dataset, like=self.data)
        predictions = predict_rows(self.module.eval(), data, np.arange(len(data.arrays["target"])))
        names = self.recipe.metrics if self.recipe.metrics != "auto" else (self.run.recipe.metrics if self.run else [])
        return {name: known_metrics[name](predictions) for name in names}

    def predict(self, x: Any) -> np.ndarray:
        """Probabilities `(N, n_out)` or values `(N, T)` for inputs without targets."""
        if self.run is None:
            raise UsageError("the module has not been fitted", remedy="Call fit() first.")
        return self.run.predict_arrays(x)


def compile(
    module: nn.Module,
    train_set: Any,
    *,
    optimizer: Any = "adamw",
    loss: Any = "auto",
    metrics: Any = "auto",
    learning_rate: float | str = "auto",
    recipe: Recipe | None = None,
    seed: int = 0,
) -> Compiled:
    """Check a module of your own against data, optimizer, loss and metrics, before anything is trained.

    Args:
        module: any `nn.Module`; it is called with the inputs of one batch.
        train_set: a torch `Dataset` of `(x, y)`, arrays `(x, y)`, or `Data`.
        optimizer: name, or mapping of name and options.
        loss: name, mapping, or your own function of output and target.
        metrics: names of scores on validation rows.
        learning_rate: top rate.
        recipe: any further keys.
        seed: seed of every draw.

    Raises:
        CompileError: the module's output does not fit the target.

    Example:
        >>> import torch
        >>> x, y = torch.randn(64, 4), torch.arange(64) % 3
        >>> program = compile(nn.Linear(4, 3), (x, y), loss="cross_entropy", metrics=["accuracy"])
        >>> program.summary()[0].parameters
        15
    """
    recipe = (recipe or Recipe()).but(optimizer=optimizer, loss=loss, metrics=metrics, learning_rate=learning_rate)
    recipe = recipe.but(model=type(module))
    data = train_set if isinstance(train_set, Data) else wrap(train_set, recipe=recipe)
    compile_program(recipe, data, seed=seed, network=module)
    return Compiled(module, data, recipe, seed=seed)
