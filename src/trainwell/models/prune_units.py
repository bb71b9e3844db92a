"""Take whole units and channels out of a trained network, so that what is left is the same network, narrower.

Which units belong together (both sides of a residual sum, a channel and its norm, a channel and its pixels after flattening) is
read from the graph of the network: numbers of units travel through it in place of values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from trainwell.core.errors import CompileError

#: A `torch.fx.Node`; what its arguments are only its operation knows.
Node = Any

#: Operations that move numbers about and compute nothing: they do the same with numbers of units.
MOVES = {"view", "reshape", "flatten", "unflatten", "permute", "transpose", "expand", "unsqueeze", "squeeze", "cat", "stack"}
MOVES |= {"slice", "select", "flip", "unbind", "chunk", "alias", "clone", "contiguous", "detach", "to", "getitem"}
#: Operations that join places along axes other than that of the units.
POOLS = {"avg_pool1d", "avg_pool2d", "max_pool1d", "max_pool2d", "adaptive_avg_pool1d", "adaptive_avg_pool2d"}
REDUCTIONS = {"mean", "sum", "amax", "any"}
REMEDY = "Make it smaller by distillation instead."


class Axis(NamedTuple):
    """One axis of a parameter or buffer and the units along it."""

    name: str
    axis: int
    units: Tensor


@dataclass
class Units:
    """Units of a network: which are one and the same, and along which axes of which tensors they lie. Unit 0 is kept always."""

    parents: list[int] = field(default_factory=lambda: [0])
    lies: list[Axis] = field(default_factory=list)
    made: list[Axis] = field(default_factory=list)
    used: list[Axis] = field(default_factory=list)

    def fresh(self, count: int) -> Tensor:
        """New units, `(count,)`."""
        first = len(self.parents)
        self.parents.extend(range(first, first + count))
        return torch.arange(first, first + count)

    def root(self, unit: int) -> int:
        while self.parents[unit] != unit:
            unit = self.parents[unit]
        return unit

    def roots(self, units: Tensor) -> Tensor:
        return torch.tensor([self.root(unit) for unit in units.tolist()], dtype=torch.long)

    def unite(self, one: Tensor, other: Tensor) -> None:
        """Units in the same places are the same; a unit beside 0 is kept always."""
        for a, b in torch.stack([one.flatten(), other.flatten()], 1).unique(dim=0).tolist():
            first, second = sorted((self.root(a), self.root(b)))
            self.parents[second] = first

    def pin(self, units: Tensor) -> None:
        """These are kept always."""
        self.unite(units, torch.zeros_like(units))

    def put(self, name: str, axis: int, units: Tensor) -> Tensor:
        """Units along an axis of a tensor; where some lie there already, they are the same."""
        for other in self.lies:
            if (other.name, other.axis) == (name, axis):
                self.unite(units, other.units)
                return other.units
        self.lies.append(Axis(name, axis, units))
        return units


def along(units: Tensor) -> tuple[int, Tensor] | None:
    """The one axis along which the units differ, and they; None where they lie across several axes."""
    for axis in range(units.ndim):
        line = units.movedim(axis, 0).flatten(1)
        if torch.equal(line, line[:, :1].expand_as(line)):
            return axis, line[:, 0]
    return None


class _Walk:
    """The way of the units through the graph of a network."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        signature = program.graph_signature
        self.names: Mapping[str, str] = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self.units, self.seen = Units(), dict[Node, Any]()
        for node in program.graph.nodes:
            self.seen[node] = self._of(node)

    def _of(self, node: Node) -> Any:
        if node.op == "output":
            for given in node.all_input_nodes:
                self.units.pin(self.seen[given])
            return None
        if node.op != "call_function":
            return _nothing(node)
        kind = "getitem" if node.target is operator.getitem else str(node.target).split(".")[1]
        known: dict[str, Callable[[Node], Tensor | None]] = {
            "linear": self._linear,
            "conv1d": self._convolution,
            "conv2d": self._convolution,
            "batch_norm": lambda n: self._norm(n, 1, n.args[1:5]),
            "layer_norm": lambda n: self._norm(n, -1, n.args[2:4]),
            "embedding": self._embedding,
            "bmm": lambda n: self._product(n, n.args),
            "baddbmm": lambda n: self._product(n, n.args[1:], n.args[0]),
        }
        if not any(t.any() for t in self._given(node)) and kind not in known:
            return _nothing(node)
        found = self._moved(node) if kind in MOVES else known.get(kind, self._other)(node)
        return self._unknown(node) if found is None else found

    def _given(self, node: Node) -> list[Tensor]:
        found = [self.seen[n] for n in node.all_input_nodes]
        return [t for one in found for t in (one if isinstance(one, list | tuple) else [one]) if isinstance(t, Tensor)]

    def _unknown(self, node: Node) -> Any:
        for given in self._given(node):
            self.units.pin(given)
        return _nothing(node)

    def _moved(self, node: Node) -> Any:
        if node.target is not operator.getitem and str(node.target) == "aten.to.dtype":
            return self.seen[node.args[0]]
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda n: self.seen[n])
        return node.target(*args, **kwargs)

    def _linear(self, node: Node) -> Tensor | None:
        x, weight, *bias = node.args
        return self._matrix(node, x, weight, (1, 0, -1), bias)

    def _convolution(self, node: Node) -> Tensor | None:
        x, weight, *rest = node.args
        groups = rest[4] if len(rest) > 4 else 1
        return self._matrix(node, x, weight, (1, 0, 1), rest[:1]) if groups == 1 else self._depthwise(node)

    def _depthwise(self, node: Node) -> Tensor | None:
        """Each channel by itself: its unit goes through."""
        x, weight, *bias = node.args[:3]
        found = along(self.seen[x])
        if found is None or found[0] != 1 or tuple(weight.meta["val"].shape[:2]) != (len(found[1]), 1):
            return None
        self._beside(found[1], [weight, *bias])
        return _spread(node, 1, found[1])

    def _matrix(self, node: Node, x: Any, weight: Any, axes: tuple[int, int, int], bias: list[Any]) -> Tensor | None:
        """A weight takes units along one of its axes and makes new ones along another; the third axis is the value's."""
        takes, makes, axis = axes
        name = self.names.get(weight.name)
        if name is None or not self._take(x, name, takes, axis):
            return None
        new = self.units.put(name, makes, self.units.fresh(weight.meta["val"].shape[makes]))
        self.units.made.append(Axis(name, makes, new))
        self._beside(new, bias)
        return _spread(node, axis, new)

    def _take(self, x: Any, name: str, takes: int, axis: int) -> bool:
        units = self.seen[x]
        if not units.any():
            return True
        found = along(units)
        if found is None or found[0] != axis % units.ndim:
            return False
        self.units.used.append(Axis(name, takes, self.units.put(name, takes, found[1])))
        return True

    def _beside(self, units: Tensor, tensors: Iterable[Any], axis: int = 0) -> None:
        """Biases and scales that have one number for each unit."""
        for tensor in tensors:
            if tensor is not None and tensor.name in self.names:
                self.units.put(self.names[tensor.name], axis, units)

    def _product(self, node: Node, factors: Any, bias: Any = None) -> Tensor | None:
        """Many linear layers at once: a weight `(N, n_in, n_out)`, a bias `(N, 1, n_out)`."""
        x, weight = factors
        found = self._matrix(node, x, weight, (1, 2, -1), [])
        if found is not None:
            self._beside(self.units.made[-1].units, [bias], axis=2)
        return found

    def _embedding(self, node: Node) -> Tensor | None:
        name = self.names.get(node.args[0].name)
        if name is None:
            return None
        new = self.units.put(name, 1, self.units.fresh(node.meta["val"].shape[-1]))
        self.units.made.append(Axis(name, 1, new))
        return _spread(node, -1, new)

    def _norm(self, node: Node, axis: int, tensors: Iterable[Any]) -> Tensor | None:
        units = self.seen[node.args[0]]
        if not units.any():
            return _nothing(node)
        found = along(units)
        if found is None or found[0] != axis % units.ndim:
            return None
        self._beside(found[1], tensors)
        return units

    def _other(self, node: Node) -> Tensor | None:
        kind, units = str(node.target).split(".")[1], self._given(node)[0]
        if kind in REDUCTIONS and len(node.args) > 1:
            most, least = (function(units, *node.args[1:3]) for function in (torch.amax, torch.amin))
            return most if torch.equal(most, least) else None
        if kind in POOLS:
            found = along(units)
            return _spread(node, 1, found[1]) if found is not None and found[0] == 1 else None
        return self._pointwise(node) if torch.Tag.pointwise in node.target.tags or kind == "where" else None

    def _pointwise(self, node: Node) -> Tensor | None:
        """Values in the same place meet: their units are one; a parameter has a number for each unit."""
        shape = node.meta["val"].shape
        values = [n for n in node.all_input_nodes if n.name not in self.names]
        whole = torch.zeros(shape, dtype=torch.long)
        for given in (self.seen[n] for n in values if self.seen[n].any()):
            given = given.expand(shape)
            if whole.any():
                self.units.unite(whole, given)
            whole = given
        found = along(whole)
        if found is None:
            return None
        from_end, units = found[0] - len(shape), found[1]
        for given in values:
            size = self.seen[given].shape
            if not self.seen[given].any() and len(size) >= -from_end and size[from_end] > 1:
                return None  # nothing can be taken out of a value that is no unit's
        for given in node.all_input_nodes:
            size = given.meta["val"].shape
            if given.name in self.names and len(size) >= -from_end and size[from_end] > 1:
                self.units.put(self.names[given.name], len(size) + from_end, units)
        return whole


def _nothing(node: Node) -> Any:
    """No units, in the shape of a value."""
    value = node.meta.get("val")
    if isinstance(value, list | tuple):
        return [torch.zeros(v.shape, dtype=torch.long) for v in value]
    return torch.zeros(value.shape if isinstance(value, Tensor) else (), dtype=torch.long)


def _spread(node: Node, axis: int, units: Tensor) -> Tensor:
    """The units along one axis of a value."""
    shape = node.meta["val"].shape
    line = [1] * len(shape)
    line[axis] = len(units)
    return units.view(line).expand(shape)


def units_of(network: nn.Module, inputs: tuple[Tensor, ...]) -> Units:
    """The units of a network, read from its graph.

    Args:
        network: in evaluation mode.
        inputs: two rows or more.

    Raises:
        CompileError: torch cannot draw its graph.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1, bias=False)).eval()
        >>> [(axis.name, axis.axis, axis.units.tolist()) for axis in units_of(network, (torch.ones(2, 2),)).lies]
        [('0.weight', 0, [1, 2, 3]), ('2.weight', 1, [1, 2, 3]), ('2.weight', 0, [4])]
    """
    try:
        with torch.no_grad():
            program = torch.export.export(network, inputs)
    except Exception as error:  # torch has many kinds of errors for networks whose way depends on their values
        what = f"torch cannot draw the graph of this network ({type(error).__name__})"
        raise CompileError(what, remedy=REMEDY) from None
    return _Walk(program).units


def slim(wide: nn.Module, narrow: nn.Module, inputs: tuple[Tensor, ...], losses: Iterable[Tensor]) -> dict[str, Tensor]:
    """The tensors of a trained network for a narrower one: of each layer's units those that matter most to the loss.

    What a unit matters is how much the loss would change if it said 0, to first order: its activation times the gradient, which
    is the sum of weight times gradient over the weights that read it, squared and summed over batches.

    Args:
        wide: the trained network, in evaluation mode.
        narrow: the same network with fewer units; it gives the sizes.
        inputs: two rows or more, from which the graph is drawn.
        losses: the wide network's loss on some batches, each computed when it is asked for.

    Returns:
        The narrow network's state.

    Raises:
        CompileError: units cannot be taken out so that these sizes are left.

    Source: Molchanov et al., "Importance estimation for neural network pruning", CVPR 2019; Fang et al., "DepGraph: towards any
    structural pruning", CVPR 2023.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> wide, narrow = (nn.Sequential(nn.Linear(2, w), nn.ReLU(), nn.Linear(w, 1)).eval() for w in (3, 2))
        >>> x, _ = torch.ones(4, 2), wide[0].bias.data.fill_(9.0)
        >>> _ = wide[2].weight.data[0, 1].zero_()  # nobody listens to the second unit
        >>> found = slim(wide, narrow, (x,), [wide(x).square().sum()])
        >>> torch.equal(found["0.weight"], wide[0].weight[[0, 2]])
        True
    """
    units = units_of(wide, inputs)
    state, sizes = wide.state_dict(), {name: t.shape for name, t in narrow.state_dict().items()}
    kept = _kept(units, _scores(units, wide, losses), sizes)
    found = {name: tensor.detach().clone() for name, tensor in state.items()}
    for name, axis, along_it in units.lies:
        places = kept[along_it].nonzero()[:, 0]
        found[name] = found[name].index_select(axis, places)
    wrong = [name for name, size in sizes.items() if name not in found or found[name].shape != size]
    if wrong:
        raise CompileError(f"the units of this network cannot be taken out one by one (layer {wrong[0]})", remedy=REMEDY)
    return {name: tensor.contiguous() for name, tensor in found.items()}


def _scores(units: Units, network: nn.Module, losses: Iterable[Tensor]) -> Tensor:
    """What each unit matters, `(units,)`."""
    roots = units.roots(torch.arange(len(units.parents)))
    parameters = dict(network.named_parameters())
    total = torch.zeros(len(roots), dtype=torch.float64)
    wanted = [parameters[name] for name, _, _ in units.used]
    for loss in losses if wanted else ():
        gradients = torch.autograd.grad(loss, wanted, allow_unused=True)
        change = torch.zeros_like(total)
        for (_, axis, along_it), weight, gradient in zip(units.used, wanted, gradients, strict=True):
            if gradient is not None:
                each = (weight.detach() * gradient).double().movedim(axis, 0).flatten(1).sum(1)
                change.index_add_(0, roots[along_it], each)
        total += change.square()
    return total[roots]


def _kept(units: Units, scores: Tensor, sizes: Mapping[str, torch.Size]) -> Tensor:
    """Whether each unit stays, `(units,)`."""
    roots = units.roots(torch.arange(len(units.parents)))
    stays: dict[int, bool] = {0: True}
    for name, axis, along_it in units.made:
        if name not in sizes:
            continue
        own = roots[along_it]
        free = [unit for unit in own.unique().tolist() if unit not in stays]
        left = int(sizes[name][axis]) - sum(stays.get(unit, False) for unit in own.tolist())
        best = sorted(free, key=lambda unit: -float(scores[unit]))[: max(0, left)]
        stays |= {unit: unit in best for unit in free}
    return torch.tensor([stays.get(int(root), True) for root in roots])
