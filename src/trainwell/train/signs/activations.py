"""What the units do on a fixed set of rows: one forward, one pass over each activation.

Operations are seen as they are executed, not by module type, so that `F.relu` in a forward of the user's own is seen too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from trainwell.train.seeing import Seeing

#: Operations whose zero side passes no gradient.
RECTIFIERS = {"relu", "relu_", "hardtanh", "threshold", "clamp_min"}
#: Operations with two flat ends, and the values beyond which they count as flat: 1% of the range, as for |tanh| > 0.99.
SQUASHERS = {"tanh": (-0.99, 0.99), "tanh_": (-0.99, 0.99), "sigmoid": (0.01, 0.99), "sigmoid_": (0.01, 0.99)}
#: Everything else that bends.
BENDS = frozenset(
    [
        "gelu",
        "silu",
        "elu",
        "celu",
        "leaky_relu",
        "softplus",
        "mish",
        "hardswish",
        "hardsigmoid",
        "exp",
        "sin",
        "cos",
        "pow",
        "abs",
        "square",
        "log_sigmoid_forward",
        "prelu",
        "_prelu_kernel",
        "softsign",
        "hardshrink",
        "softshrink",
        "erf",
        "maximum",
        "max_pool2d",
        "max_pool2d_with_indices",
        "max",
        "amax",
        "rrelu_with_noise",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "div",
    ]
)
SOFTMAXES = {"_softmax": "softmax", "_log_softmax": "log_softmax", "_safe_softmax": "softmax"}
LINEAR = frozenset(
    ["addmm", "mm", "bmm", "baddbmm", "convolution", "mkldnn_linear", "linear", "_mkldnn_linear", "matmul", "addmv", "mv"]
)
#: Operations that change the form but no value: the operation before them is the one that counts.
FORM = frozenset(
    [
        "view",
        "_unsafe_view",
        "reshape",
        "squeeze",
        "unsqueeze",
        "t",
        "transpose",
        "permute",
        "clone",
        "detach",
        "alias",
        "expand",
        "slice",
        "select",
        "contiguous",
        "_to_copy",
        "as_strided",
        "unbind",
        "cat",
        "stack",
        "copy",
        "empty_like",
        "empty",
        "native_dropout",
        "bernoulli",
        "split",
        "chunk",
        "lift_fresh",
        "ones_like",
        "zeros_like",
        "zeros",
        "_reshape_alias",
    ]
)


@dataclass
class Look:
    """What one forward showed.

    Args:
        output: what the network returned.
        operations: names of the operations in order, without those that only change the form.
        names: one name per hidden activation: module and operation.
        kinds: `rectifier` or `squasher` of each.
        silent: share of units that are never above zero, over all rows.
        saturated: share of values on a flat end.
        zero: share of zeros.
        mean: mean of all values.
        spread: standard deviation of all values.
        layers: standard deviation of the output of each linear operation, in order.
        widths: units that each of them has, products of two activations left out.
    """

    output: Any = None
    operations: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    silent: list[float] = field(default_factory=list)
    saturated: list[float] = field(default_factory=list)
    zero: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    layers: list[float] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)


class _Watching(Seeing):
    """Sees every operation of a forward and notes the activations."""

    def __init__(self, look: Look, module: Callable[[], str], rows: int, statistics: bool) -> None:
        super().__init__()
        self.look, self.module, self.rows, self.statistics = look, module, rows, statistics

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = str(func.overloadpacket.__name__)
        if name.rstrip("_") in FORM or name in FORM:
            return result
        self.look.operations.append(SOFTMAXES.get(name, name.rstrip("_")))
        if self.statistics and isinstance(result, Tensor) and result.is_floating_point():
            if name in LINEAR:
                self.look.layers.append(float(result.std()) if result.numel() > 1 else 0.0)
                if name not in ("bmm", "baddbmm", "matmul") and result.ndim > 1:
                    self.look.widths.append(result.shape[1] if name == "convolution" else result.shape[-1])
            # Attention weights and gates of one number per row are no hidden layer.
            elif result.ndim >= 2 and len(result) == self.rows and result.shape[1] > 1:
                self._note(name, result)
        return result

    def _note(self, name: str, x: Tensor) -> None:
        look = self.look
        if name in RECTIFIERS:
            units = x.amax(dim=(0, *range(2, x.ndim))) if x.ndim != 3 else x.amax(dim=(0, 1))
            look.kinds.append("rectifier")
            look.silent.append(float((units <= 0).float().mean()))
            look.saturated.append(0.0)
        elif name in SQUASHERS:
            low, high = SQUASHERS[name]
            look.kinds.append("squasher")
            look.silent.append(0.0)
            look.saturated.append(float(((x < low) | (x > high)).float().mean()))
        else:
            return
        look.names.append(f"{self.module()}.{name.rstrip('_')}".lstrip("."))
        look.zero.append(float((x == 0).float().mean()))
        look.mean.append(float(x.mean()))
        look.spread.append(float(x.std()))


def look_through(network: nn.Module, inputs: tuple[Tensor, ...], *, statistics: bool = True) -> Look:
    """One forward with every operation seen; call it in `undisturbed`.

    Args:
        network: the network.
        inputs: what it is called with.
        statistics: measure the activations; without, only the operations are noted.
    """
    look, stack = Look(), [""]
    handles = []
    for name, module in network.named_modules():
        handles.append(module.register_forward_pre_hook(lambda _m, _i, n=name: stack.append(n)))
        handles.append(module.register_forward_hook(lambda _m, _i, _o: stack.__delitem__(-1)))
    try:
        with _Watching(look, lambda: stack[-1], len(inputs[0]), statistics):
            look.output = network(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return look
