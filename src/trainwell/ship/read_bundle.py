"""From the blocks of a bundle to runs that answer. Values and arrays are read; nothing in the file is ever executed.

A network is built by this package from its name and options, first without memory, and only if its weights are exactly those in
the file is it built for real: a file cannot make it larger than the file is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import torch
from polars.exceptions import PolarsError
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)

from trainwell.core.errors import CheckpointError, TrainwellError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Input, Shape
from trainwell.data.inputs import shape_of
from trainwell.data.language.state import Language
from trainwell.data.preparation import Preparation
from trainwell.data.preparation_file import from_plain
from trainwell.models.custom import build_own
from trainwell.models.one_logit import as_named
from trainwell.models.parametrize import plain
from trainwell.models.registry import models
from trainwell.ship.container import Container
from trainwell.train.plan import plan_from
from trainwell.train.run import Run

#: Makes the user's own network again, where a bundle holds only its weights.
Maker = Callable[..., nn.Module]

#: Longest description of weights that is read: tens of thousands of them.
_LONGEST_HEADER = 2 << 20
#: Modules that a network may have: some, and some more for each of its weights.
_MODULES, _MODULES_EACH = 500, 20
#: Largest picture or series, in numbers, that a column may ask for.
_LARGEST_CELL = 1 << 26
#: What damaged values raise where they are put together.
DAMAGED = (
    ValidationError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    PolarsError,
)


def run_from(box: Container, entry: Mapping[str, Any], preparation: Preparation, make: Maker | None) -> Run:
    """The run that an entry of a bundle describes.

    Args:
        box: the bundle.
        entry: names of its blocks.
        preparation: read already.
        make: the user's own network, for a bundle that holds only its weights.

    Raises:
        CheckpointError: the blocks do not fit together.
    """
    try:
        recipe = Recipe(**box.read_json(entry["recipe"]))
        summary, plan = dict(box.read_json(entry["summary"])), plan_from(box.read_json(entry["plan"]))
        weights = read_weights(box, entry["weights"])
        network = network_from(recipe, preparation, weights, make)
    except UsageError as error:
        raise UsageError(error.what, where=str(box.path), remedy=error.remedy) from None
    except (TrainwellError, *DAMAGED) as error:
        raise _refused(box, error) from None
    return Run(folder=None, recipe=recipe, plan=plan, preparation=preparation, network=network, summary=summary)


def preparation_from(box: Container, stem: str) -> Preparation:
    """The preparation in two blocks of a bundle."""
    try:
        tensors = box.read(f"{stem}.safetensors")
        _check_header(tensors)
        preparation = Preparation(*from_plain(box.read_json(f"{stem}.json"), tensors, where=str(box.path)))
        _check_shape(preparation)
        _try_out(preparation)
    except (TrainwellError, *DAMAGED) as error:
        raise _refused(box, error) from None
    return preparation


def _refused(box: Container, error: Exception) -> Exception:
    if isinstance(error, CheckpointError) and error.where == str(box.path):
        return error
    said = error.what if isinstance(error, TrainwellError) else f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return box.refusal(said)


def read_weights(box: Container, name: str) -> dict[str, Tensor]:
    """The weights in a block of safetensors."""
    blob = box.read(name)
    _check_header(blob)
    try:
        return load_tensors(blob)
    except SafetensorError as error:
        raise box.refusal(f"the weights in {name!r} cannot be read ({error})") from None


def _check_header(blob: bytes) -> None:
    """The description of the arrays is short enough to be read."""
    if int.from_bytes(blob[:8], "little") > _LONGEST_HEADER:
        raise ValueError("its arrays are described at greater length than those of any network")


def _check_shape(preparation: Preparation) -> None:
    """The inputs are those that the columns make, and no cell asks for more memory than a picture can."""
    columns, shape = preparation.columns, preparation.shape
    if preparation.forecast is not None:
        expected = preparation.forecast.shape
    elif preparation.language is not None:
        _check_language(preparation.language)
        expected = preparation.language.shape
    else:
        for column in columns:
            _check_column(column.kind, column.state)
        expected = Shape((*shape_of(columns, {}).inputs, *(i for i in shape.inputs if i.kind == "tensor")))
    if len(expected.inputs) != len(shape.inputs) or not all(map(_alike, expected.inputs, shape.inputs)):
        raise ValueError("the inputs of the network are not those that its columns make")
    if any(not 0 <= i.size <= _LARGEST_CELL for i in shape.inputs):
        raise ValueError("an input of the network is larger than any picture")


def _check_language(language: Language) -> None:
    """A vocabulary of letters in their order, or of subwords as training writes them, and a window to read by."""
    level = language.level
    letters = all(isinstance(token, str) and len(token) == 1 for token in level.tokens)
    if level.length < 1 or not (level.model or letters) or any(a >= b for a, b in pairwise(level.tokens)):
        raise ValueError("the vocabulary of a text is none that training writes")
    language.codes("a")
    language.text([level.size - 1])
    if len(language.names) != level.size:
        raise ValueError("a text has more codes than tokens")


def _try_out(preparation: Preparation) -> None:
    """An empty row goes through the columns of cells, so that what is damaged in them is found before anybody asks."""
    if preparation.columns and all(i.kind in ("number", "category", "text") for i in preparation.shape.inputs):
        names = [column.name for column in preparation.columns]
        preparation.encode(pl.DataFrame({name: pl.Series([None], dtype=pl.String) for name in names}))
    target = preparation.target
    preparation.decode_target(np.zeros(1, np.int64) if target.classes else np.zeros((1, target.n_out // target.horizon)))


def _alike(made: Input, said: Input) -> bool:
    """Whether an input is the one that the columns make, whatever room for more codes it was given."""
    roomy = len(made.cardinalities) == len(said.cardinalities) and all(
        0 <= there <= 2 * own + 64 for own, there in zip(made.cardinalities, said.cardinalities, strict=True)
    )
    return roomy and replace(said, cardinalities=made.cardinalities) == made


def _check_column(kind: str, state: Any) -> None:
    if kind == "category" and not 0 <= state.missing <= len(state.labels) + 1:
        raise ValueError("a category has a code beyond its labels")
    if kind == "text":
        for level in state.cuts:
            if not level.model and level.size != len(level.tokens) + 2:
                raise ValueError("a text has more codes than tokens")


def network_from(recipe: Recipe, preparation: Preparation, weights: Mapping[str, Tensor], make: Maker | None) -> nn.Module:
    """The network with these weights, built by this package, or by `make` where it is the user's own."""
    part, shape, n_out = recipe.model, preparation.shape, preparation.target.n_out
    if ":" in part.name:
        if make is None:
            remedy = f"In Python: tw.open_bundle(path, model={part.name.rpartition(':')[2]})."
            what = f"it holds the weights of a network of your own, {part.name}, and no code"
            raise UsageError(what, remedy=f"Say which class they belong to. {remedy}")
        network = as_named(build_own(make, shape, n_out, part.options), weights)
    else:
        build = models.bind(part.name, part.options)
        with no_larger_than(weights), torch.device("meta"):
            _compare(plain(build(shape, n_out)), weights)
        with torch.random.fork_rng():
            network = plain(build(shape, n_out))
    _compare(network, weights)
    network.load_state_dict(dict(weights))
    return network.eval()


def _compare(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    built = {name: (tuple(t.shape), t.dtype) for name, t in network.state_dict().items()}
    found = {name: (tuple(t.shape), t.dtype) for name, t in weights.items()}
    if built != found:
        odd = sorted({name for name in {*built, *found} if built.get(name) != found.get(name)})
        raise ValueError(f"the weights are not those of the network ({odd[0]!r} and {len(odd) - 1} others differ)")


@contextmanager
def no_larger_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stops the building of a network, in this thread, that grows beyond so many weights."""
    here, left = threading.get_ident(), {"modules": _MODULES + _MODULES_EACH * len(weights)}
    # Tied weights are registered twice; what is not saved can be rebuilt from what is.
    left["weights"], left["numbers"] = 3 * len(weights) + 100, 3 * sum(t.numel() for t in weights.values()) + (1 << 20)

    def spend(kind: str, amount: int) -> None:
        left[kind] -= amount
        if threading.get_ident() == here and left[kind] < 0:
            raise ValueError(f"the network has more {kind} than the file has weights for")

    def module(_: nn.Module, __: str, child: nn.Module | None) -> None:
        spend("modules", child is not None and threading.get_ident() == here)

    def tensor(_: nn.Module, __: str, value: Tensor | None) -> None:
        if value is not None and threading.get_ident() == here:
            spend("weights", 1)
            spend("numbers", value.numel())

    hooks = [
        register_module_module_registration_hook(module),
        register_module_parameter_registration_hook(tensor),
        register_module_buffer_registration_hook(tensor),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def without_base(preparation: Preparation) -> Preparation:
    """The preparation without the folder of the training's pictures."""
    return replace(preparation, base="")
