"""Watch the `fit` of a Keras 3 model on the torch backend: what Keras calls differently, put in the words of `Watch`.

Keras itself is never imported here: a model brings its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError
from trainwell.core.history import History
from trainwell.doctor.finding import Finding
from trainwell.train.watch_loop import Tell, Watch

Arrays = tuple[Any, Any]


class KerasWatch:
    """What `watch` returns for a Keras model: a context around `model.fit`; `findings` and `history` are of the latest one."""

    def __init__(self, model: Any, *, train: Any, valid: Any, tell: Tell | None, budget: float, path: Path | None) -> None:
        self.model = model
        self._given: dict[str, Any] = {"train": train, "valid": valid}
        self._options: dict[str, Any] = {"tell": tell, "budget": budget}
        self._path, self._fits = path, 0
        self._watch: Watch | None = None
        self._data: dict[str, Any] = {}
        self._loaded = False

    def __enter__(self) -> Self:
        self._fit, self._step, self._compute = self.model.fit, self.model.train_step, self.model.compute_loss
        for name, method in (("fit", self._fitting), ("train_step", self._stepping)):
            object.__setattr__(self.model, name, method)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in ("fit", "train_step"):
            object.__delattr__(self.model, name)

    @property
    def findings(self) -> list[Finding]:
        """Every finding of the latest `fit` so far, causes before symptoms; empty when nothing is wrong."""
        return self._watch.findings if self._watch is not None else []

    @property
    def history(self) -> History:
        """What was measured in the latest `fit`."""
        return self._watch.history if self._watch is not None else History()

    def _fitting(self, x: Any = None, y: Any = None, *args: Any, **options: Any) -> Any:
        """`model.fit`, ended by the last word of the doctor."""
        self._data = self._given if self._given["train"] is not None else _shown(x, y, options)
        self._watch, error = None, None
        self._loaded = y is None  # arrays are at hand: what lies between steps is bookkeeping of Keras
        try:
            return self._fit(x, y, *args, **options)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._end(error)

    def _end(self, error: BaseException | None) -> None:
        if self._watch is not None:
            object.__delattr__(self.model, "compute_loss")
            self._watch.__exit__(type(error) if error else None, error, None)

    def _stepping(self, data: Any) -> Any:
        """A training step; with the first one the model is built, and can be looked at."""
        if self._watch is None:
            self._watch = self._begin(data)
        found = self._step(data)
        self._watch.stepped()
        return found

    def _begin(self, data: Any) -> Watch:
        model, self._fits = self.model, self._fits + 1
        called, rule = KerasCalled(model, _first(data)), KerasRule(model.optimizer, model.trainable_variables)
        targets = {part: _suited(model, given) for part, given in self._data.items()}
        path = self._path if self._path is None or self._fits == 1 else self._path.with_stem(f"{self._path.stem}-{self._fits}")
        watch = Watch(called, rule, _loss_of(model), path=path, heard=KerasCalls(model), **targets, **self._options)  # type: ignore[arg-type]

        def compute_loss(x: Any = None, y: Any = None, y_pred: Any = None, *args: Any, **named: Any) -> Any:
            found = self._compute(x, y, y_pred, *args, **named)
            if isinstance(y, Tensor) and isinstance(y_pred, Tensor):
                watch.loss_seen(y_pred, _target(y, y_pred.shape[-1]), found)
            return found

        object.__setattr__(model, "compute_loss", compute_loss)
        watch.waits = self._loaded
        return watch.__enter__()


class KerasCalled(nn.Module):
    """A Keras model as the doctor calls it: in evaluation, its inputs as separate arguments.

    Args:
        model: the Keras model, built.
        inputs: a batch, for the form in which several inputs are given.
    """

    def __init__(self, model: Any, inputs: Any) -> None:
        super().__init__()
        self._model, self._form = (model,), inputs
        for layer in model._flatten_layers(include_self=True, recursive=True):
            own = [*layer._trainable_variables, *layer._non_trainable_variables]
            if own:
                name = layer.name.replace(".", "_")  # cells of nested layers may be called alike
                self.add_module(f"{name}_{len(self._modules)}" if name in self._modules else name, _held(layer, own))

    def forward(self, *inputs: Tensor) -> Tensor:
        """The model's answer without dropout."""
        form = self._form
        given: Any = inputs[0] if len(inputs) == 1 else list(inputs)
        given = dict(zip(form, inputs, strict=True)) if isinstance(form, Mapping) else given
        out: Tensor = self._model[0](given, training=False)
        return out


def _held(layer: Any, variables: Sequence[Any]) -> nn.Module:
    """A layer's variables under torch's names; a table of an embedding stays one."""
    if type(layer).__name__ == "Embedding":
        table = nn.Embedding(*layer.embeddings.shape)
        table.weight = layer.embeddings.value
        return table
    holder = nn.Module()
    for variable in variables:
        name = "weight" if variable.name == "kernel" else variable.name
        holder.register_parameter(name, variable.value)
    return holder


class KerasCalls:
    """The calls of a Keras model, as hooks of a torch module hear them.

    Args:
        model: the Keras model.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def register_forward_pre_hook(self, hook: Any) -> Any:
        """Call `hook` before each call; several inputs reach it one by one."""

        def unpacked(module: Any, args: tuple[Any, ...]) -> None:
            hook(module, flat(args[0]) if args else ())

        return self.model.register_forward_pre_hook(unpacked)

    def register_forward_hook(self, hook: Any) -> Any:
        """Call `hook` after each call."""
        return self.model.register_forward_hook(hook)


class KerasRule:
    """A Keras optimizer in the form of one of torch: parameter groups, and hooks around an update.

    Args:
        rule: the Keras optimizer.
        variables: what it trains.
    """

    def __init__(self, rule: Any, variables: Any) -> None:
        self.rule = rule
        self.params = [v.value for v in variables]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """One group, with today's rate."""
        options = vars(self.rule)
        momentum, beta = options.get("momentum"), options.get("beta_1")
        group: dict[str, Any] = {"params": self.params, "lr": float(self.rule.learning_rate), "rule": type(self.rule).__name__}
        group |= {"weight_decay": float(options.get("weight_decay") or 0.0), "momentum": float(momentum or 0.0)}
        return [group | ({"betas": (float(beta),)} if beta is not None else {})]

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> _Apply:
        """Call `hook` before each update."""
        return _Apply(self, before=hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> _Apply:
        """Call `hook` after each update."""
        return _Apply(self, after=hook)


class _Apply:
    """A call around the optimizer's `apply`, which can be taken back."""

    def __init__(
        self, rule: KerasRule, before: Callable[..., Any] | None = None, after: Callable[..., Any] | None = None
    ) -> None:
        self.rule = rule
        self.inner = inner = rule.rule.apply

        def apply(*args: Any, **named: Any) -> Any:
            if before is not None:
                before(rule, (), {})
            found = inner(*args, **named)
            if after is not None:
                after(rule, (), {})
            return found

        object.__setattr__(rule.rule, "apply", apply)

    def remove(self) -> None:
        """Take the call back; the method of the class shows again."""
        vars(self.rule.rule).pop("apply", None)


def flat(given: Any) -> tuple[Any, ...]:
    """The inputs of a call in order, whether it is given one, a list or a mapping.

    Example:
        >>> flat({"a": 1, "b": 2}), flat([3, 4]), flat(5)
        ((1, 2), (3, 4), (5,))
    """
    if isinstance(given, Mapping):
        return tuple(given.values())
    return tuple(given) if isinstance(given, (list, tuple)) else (given,)


def _first(data: Any) -> Any:
    return data[0] if isinstance(data, (list, tuple)) else data


def _shown(x: Any, y: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Training and validation arrays as `fit` was given them; None where it was given something else."""
    valid, share = options.get("validation_data"), float(options.get("validation_split") or 0.0)
    train = (x, y) if y is not None and all(isinstance(a, (np.ndarray, Tensor)) for a in (*flat(x), y)) else None
    if train is not None and valid is None and share:
        n = int(len(y) * (1 - share))
        cut = [type(x)(a[:n] for a in x), type(x)(a[n:] for a in x)] if isinstance(x, (list, tuple)) else [x[:n], x[n:]]
        return (
            {"train": (cut[0], y[:n]), "valid": (cut[1], y[n:])}
            if not isinstance(x, Mapping)
            else {"train": None, "valid": None}
        )
    pair = isinstance(valid, (list, tuple)) and all(isinstance(a, (np.ndarray, Tensor)) for a in (*flat(valid[0]), valid[1]))
    return {"train": train, "valid": tuple(valid[:2]) if pair and train is not None else None}  # type: ignore[index]


def _suited(model: Any, given: Arrays | None) -> Arrays | None:
    """Arrays as Keras hands them to the network: 32 bits, and targets of one unit as a column."""
    if given is None:
        return None
    inputs = tuple(_narrow(torch.as_tensor(a)) for a in flat(given[0]))
    return inputs, _target(torch.as_tensor(given[1]), int(model.output_shape[-1]))


def _narrow(x: Tensor) -> Tensor:
    return x.float() if x.dtype == torch.float64 else x


def _target(y: Tensor, units: int) -> Tensor:
    """A target as Keras takes it: what one unit answers is a column of numbers, codes of classes are one axis."""
    if units == 1:
        return y.reshape(len(y), -1).float()
    if y.is_floating_point():
        return y[:, 0].long() if y.ndim == 2 and y.shape[1] == 1 else _narrow(y)
    one_hot = y.ndim == 2 and y.shape[1] == units
    return y.float() if one_hot else (y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y).long()


def _loss_of(model: Any) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The loss that the model was compiled with, `(output, target) -> ()`; None where several outputs have one each."""
    named = model.loss
    if named is None or isinstance(named, (list, tuple, Mapping)):
        return None
    function = model._compile_loss if not callable(named) else named

    def loss(output: Tensor, target: Tensor) -> Tensor:
        found: Tensor = function(target, output)
        return found.mean()

    return loss


def keras_watch(model: nn.Module, **options: Any) -> KerasWatch:
    """A watch around the `fit` of a Keras model; `options` as of `KerasWatch`.

    Raises:
        CompileError: the model is no Keras model, or was not compiled.
    """
    kinds = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    if "keras" not in kinds:
        text = "a loop around a module is watched together with its optimizer"
        raise CompileError(text, remedy="Call `watch(model, optimizer, loss)`; only a Keras model brings its own.")
    if not vars(model).get("optimizer"):
        raise CompileError("the Keras model was not compiled", remedy="Call `model.compile(optimizer=…, loss=…)` before it.")
    return KerasWatch(model, **options)
