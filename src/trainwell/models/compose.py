"""Networks composed in a recipe from plain lists of blocks.

    model:
      name: sequential
      blocks:
        - {name: conv, width: 32}
        - batch_norm
        - relu
        - name: parallel
          join: concat
          branches:
            - [{name: conv, width: 16, kernel: 1}]
            - [{name: conv, width: 16, kernel: 5}, relu]
        - {name: residual, blocks: [{name: conv, width: 32}, relu]}
        - global_average

A block is a registered block, activation or norm, or your own as `package.module:Class`. The last linear layer is added.
"""

from __future__ import annotations

from math import prod
from typing import Any, Literal

import torch
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError, TrainwellError, UnknownName, did_you_mean
from trainwell.core.shape import Shape
from trainwell.models.blocks import NESTED, BlockList, Parallel, Size
from trainwell.models.custom import build_own
from trainwell.models.inputs import Inputs
from trainwell.models.picture import Normalize
from trainwell.models.registry import Named, activations, blocks, models, name_and_options, norm, norms

Join = Literal["concat", "sum"]


class Composed(nn.Module):
    """Encoded inputs, the blocks of a recipe, one linear head.

    **Shape:** the inputs of the network → `(B, n_out)`.
    """

    def __init__(self, inputs: nn.Module, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.inputs, self.body, self.head = inputs, body, head

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(self.inputs(*inputs)).flatten(1))
        return out


@models.register
def sequential(shape: Shape, n_out: int, *, blocks: list[Named]) -> nn.Module:
    """A network of blocks one after the other; a linear layer to the outputs is added at the end.

    A picture is normalised first; a table enters as one row of features, as in `mlp`.

    Args:
        blocks: names, or mappings with `name` and options; `trainwell parts block` lists them.

    Raises:
        RecipeError: a block or option that is unknown or makes no sense; the message counts the blocks from 1.
        CompileError: a block that does not fit what the block before it gives.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("picture", "picture", (1, 8, 8)),))
        >>> network = sequential(shape, 10, blocks=[{"name": "conv", "width": 4}, "relu", "global_average"])
        >>> network(torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    inputs, size = _first(shape)
    body, size = chain(blocks, size, where="model.blocks")
    return Composed(inputs, body, nn.Linear(prod(size), n_out))


@models.register
def parallel(shape: Shape, n_out: int, *, branches: list[list[Named]], join: Join = "concat") -> nn.Module:
    """A network of branches that all see the inputs; a linear layer to the outputs is added after they are joined.

    Args:
        branches: lists of blocks as in `sequential`.
        join: `concat` puts the branches' features side by side, `sum` adds them up.

    Example:
        >>> import torch
        >>> from trainwell.core.shape import Input
        >>> shape = Shape((Input("number", "number", (4,)),))
        >>> deep = [{"name": "linear", "width": 8}, "relu"]
        >>> parallel(shape, 3, branches=[deep, []])(torch.randn(2, 4)).shape
        torch.Size([2, 3])
    """
    return sequential(shape, n_out, blocks=[{"name": "parallel", "branches": branches, "join": join}])


def _first(shape: Shape) -> tuple[nn.Module, Size]:
    """What the blocks begin with, and the size of one example behind it."""
    if len(shape.inputs) == 1 and shape.inputs[0].kind in ("picture", "tensor"):
        given = shape.inputs[0]
        return (Normalize(given.shape[0]) if given.kind == "picture" else nn.Identity()), given.shape
    encoder = Inputs(shape, numbers="plain", number_width=1, bins=1, one_hot=64, category_width=16)
    return encoder, (encoder.width,)


def chain(listed: BlockList, size: Size, *, where: str) -> tuple[nn.Sequential, Size]:
    """The blocks of a list one after the other, and the size of one example that comes out.

    Args:
        listed: blocks as a recipe writes them.
        size: of one example that comes in.
        where: place in the recipe, for messages.
    """
    layers = nn.Sequential()
    for number, piece in enumerate(listed, 1):
        name, options = name_and_options(piece, "block")
        here = f"{where}, block {number} ({name})"
        layer = _block(name, options, size, here)
        size = _size_after(layer, size, here)
        layers.append(layer)
    return layers, size


def _block(name: str, options: dict[str, Any], size: Size, here: str) -> nn.Module:
    if name in NESTED:
        return _nested(name, options, size, here)
    try:
        return _single(name, options, size)
    except TrainwellError as error:
        if error.where:
            raise
        raise type(error)(error.what, where=here, remedy=error.remedy) from None


def _single(name: str, options: dict[str, Any], size: Size) -> nn.Module:
    new: nn.Module
    if ":" in name:
        new = build_own(name, Shape(()), 0, options)
    elif name in blocks:
        new = blocks.bind(name, options)(size)
    elif name in activations:
        new = activations.bind(name, options)()
    elif name in norms:
        new = norm({"name": name, **options}, size[0], picture=len(size) == 3)
    else:
        known = [*NESTED, *blocks.names(), *activations.names(), *norms.names()]
        raise UnknownName(f"there is no block {name!r}", remedy=did_you_mean(name, known))
    return new


def _nested(name: str, options: dict[str, Any], size: Size, here: str) -> nn.Module:
    for key in options:
        if key not in NESTED[name]:
            raise UnknownName(f"{name} has no option {key!r}", where=here, remedy=did_you_mean(key, NESTED[name]))
    if name == "parallel":
        return _parallel(options.get("branches"), options.get("join", "concat"), size, here)
    inner, out = chain(_list(options.get("blocks"), "blocks", here), size, where=here)
    if name == "sequential":
        return inner
    if out != size:
        raise CompileError(
            f"the blocks give {out}, however the shortcut brings {size}", where=here, remedy="Keep the size inside residual."
        )
    return Parallel([inner, nn.Identity()], "sum")


def _parallel(branches: Any, join: Any, size: Size, here: str) -> nn.Module:
    if join not in ("concat", "sum"):
        raise RecipeError(f"join must be concat or sum, however: {join!r}", where=here)
    built = [
        chain(_list(branch, "every branch", here), size, where=f"{here}, branch {i}")
        for i, branch in enumerate(_list(branches, "branches", here), 1)
    ]
    if not built:
        raise RecipeError("parallel needs at least one branch", where=here)
    sizes = [out for _, out in built]
    compared = {out[1:] if join == "concat" else out for out in sizes}
    if len(compared) != 1:
        raise CompileError(
            f"the branches give {' and '.join(map(str, sizes))}, which {join} cannot join",
            where=here,
            remedy="Give all branches the same number of pixels" + (" and channels." if join == "sum" else "."),
        )
    return Parallel([module for module, _ in built], join)


def _list(value: Any, noun: str, here: str) -> list[Any]:
    if not isinstance(value, list):
        raise RecipeError(f"{noun} must be a list of blocks, however: {value!r}", where=here)
    return value


def _size_after(layer: nn.Module, size: Size, here: str) -> Size:
    """The size of one example behind `layer`, found by sending two examples of zeros through it."""
    was_training = layer.training
    try:
        with torch.no_grad():
            out = layer.eval()(torch.zeros(2, *size))
    except (RuntimeError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise CompileError(f"the block does not take an input of size {size}: {reason}", where=here) from None
    layer.train(was_training)
    return tuple(out.shape[1:])
