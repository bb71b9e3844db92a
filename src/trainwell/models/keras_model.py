"""Keras 3 models of the torch backend as torch modules; Keras itself is never imported here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from torch import Tensor, nn

from trainwell.core.errors import UsageError


class KerasModel(nn.Module):
    """A Keras model that is called in the mode it is in.

    A Keras model of the torch backend is a torch module, but `train()` reaches neither its dropout nor its batch norm: they go
    by an argument of the call. Without it a plain loop trains such a model as it is evaluated, and nothing says so.

    **Shape:** the inputs and the output of the model, in its own layout: pictures `(B, H, W, C)` unless Keras was told
    otherwise.

    Source: https://keras.io/guides/writing_a_custom_training_loop_in_torch

    Args:
        model: the Keras model; built, for its weights have to be there.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = (model,)  # not as a child: Keras numbers its layers by how many were made before, and so their weights
        for number, variable in enumerate(model.variables):
            self.register_parameter(f"{number}_{variable.name}", variable.value)

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self._model[0](inputs[0] if len(inputs) == 1 else list(inputs), training=self.training)
        return out

    def __deepcopy__(self, memo: dict[int, Any]) -> KerasModel:
        return KerasModel(deepcopy(self._model[0], memo))  # the copy's weights must be those that it computes with


def as_module(network: nn.Module) -> nn.Module:
    """The network as a loop can train it: one of Keras gets its mode with every call, any other is taken as it is.

    Raises:
        UsageError: it is a class, no module at all, or a Keras model that is not built.

    Example:
        >>> as_module(nn.Linear(2, 1))
        Linear(in_features=2, out_features=1, bias=True)
    """
    if isinstance(network, type):
        name = network.__name__
        raise UsageError(f"the class {name} stands where a module made of it is asked for", remedy=f"Call it: {name}(…).")
    if not isinstance(network, nn.Module):
        remedy = "Give an nn.Module, or a Keras model made with KERAS_BACKEND=torch."
        raise UsageError(f"a {type(network).__name__} stands where a module is asked for", remedy=remedy)
    from_keras = any(kind.__module__.partition(".")[0] == "keras" for kind in type(network).__mro__)
    if from_keras and not network.built:
        remedy = "Call model.build((None, 8)) with your shape, or begin it with keras.Input."
        raise UsageError("the Keras model has no weights yet", remedy=remedy)
    return KerasModel(network) if from_keras else network
