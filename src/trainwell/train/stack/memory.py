"""A traced step that makes no more memory than it must: what never changes is computed once, results go where they belong.

A step of many small networks is as much a matter of memory as of arithmetic: every operation that writes a new tensor pushes
another one out of the cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node

aten = torch.ops.aten

#: Operations that give another view of their input's memory.
VIEWS = {
    aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.transpose.int, aten.t.default, aten.permute.default,
    aten.unsqueeze.default, aten.squeeze.dim, aten.squeeze.dims, aten.select.int, aten.slice.Tensor, aten.alias.default,
    aten.detach.default,
}  # fmt: skip
#: Operations whose result depends on their input's shape alone, and what they fill it with.
FILLED = {aten.ones_like.default: 1.0, aten.zeros_like.default: 0.0}
#: Operations that can overwrite their first argument, and how.
IN_PLACE = {
    aten.add.Tensor: aten.add_.Tensor,
    aten.sub.Tensor: aten.sub_.Tensor,
    aten.mul.Tensor: aten.mul_.Tensor,
    aten.div.Tensor: aten.div_.Tensor,
    aten.mul.Scalar: aten.mul_.Scalar,
    aten.div.Scalar: aten.div_.Scalar,
    aten.neg.default: aten.neg_.default,
    aten.relu.default: aten.relu_.default,
    aten.tanh.default: aten.tanh_.default,
    aten.sigmoid.default: aten.sigmoid_.default,
}
#: Operations whose result is memory of its own.
FRESH = {*IN_PLACE, *IN_PLACE.values(), aten.bmm.default, aten.baddbmm.default, aten.threshold_backward.default}


@dataclass(frozen=True)
class Step:
    """A graph whose fixed arguments are bound.

    Args:
        graph: `(*changing, *bound) -> (losses (K,),)`; gradients are written into their places.
        bound: tensors that are the same at every step, changed in place by the update rule.
    """

    graph: GraphModule
    bound: tuple[Tensor, ...]

    def __call__(self, *changing: Tensor) -> Tensor:
        losses: Tensor = self.graph.forward(*changing, *self.bound)
        return losses


def settle(traced: GraphModule, fixed: Sequence[Tensor], drawn: int, places: Sequence[Tensor]) -> Step:
    """The step that writes gradients into `places` and computes once what no step changes.

    Args:
        traced: `(*fixed, *inputs, target, *drawn) -> (losses, *gradients)`.
        fixed: parameters and buffers, whose memory stays where it is.
        drawn: how many factors of dropout the last arguments are; none of them is negative.
        places: where each gradient belongs.
    """
    graph, constants = traced.graph, dict(traced.named_buffers())
    arguments = [node for node in graph.nodes if node.op == "placeholder"]
    bound = _hoist(graph, dict(zip(arguments, fixed, strict=False)), constants)
    changing = arguments[len(fixed) :]
    _outer_instead(graph)
    _mask_instead(graph, set(changing[len(changing) - drawn :]) if drawn else set())
    bound |= _write_gradients(graph, places)
    _sweep(graph)
    bound = {argument: tensor for argument, tensor in bound.items() if argument.users}
    _overwrite(graph)
    _order_arguments(graph, changing, bound)
    traced.recompile()
    return Step(traced, tuple(bound.values()))


def _hoist(graph: Graph, known: dict[Node, Tensor], constants: Mapping[str, Tensor]) -> dict[Node, Tensor]:
    """Compute what depends on nothing that changes; the tensors that are left to be given, by argument."""
    constant, changed = set[Node](), _changed(graph)
    for node in graph.nodes:
        if node.op == "get_attr":
            known[node] = constants[str(node.target)]
            constant.add(node)
        if node.op != "call_function":
            continue
        if node.target in FILLED and node not in changed:
            value = node.meta["val"]
            known[node] = torch.full(value.shape, FILLED[node.target], dtype=value.dtype, device=node.meta["device"])
            constant.add(node)
        elif node.all_input_nodes and node not in changed and all(n in constant for n in node.all_input_nodes):
            known[node] = _evaluate(node, known)
            constant.add(node)
        elif node.target in VIEWS and node.args[0] in known:
            known[node] = _evaluate(node, known)
    needed = {n: t for n, t in known.items() if any(user not in known for user in n.users)}
    return {_as_argument(graph, n) if n.op != "placeholder" else n: t for n, t in needed.items()}


def _changed(graph: Graph) -> set[Node]:
    """What is written to later on, by itself or through a view: no step may find it as another one left it."""
    found: set[Node] = set()
    for node in graph.nodes:
        for source in node.all_input_nodes if node.op == "call_function" and _writes(node) else ():
            found.add(source)
            while source.target in VIEWS:
                source = source.args[0]
                found.add(source)
    return found


def _evaluate(node: Node, known: dict[Node, Tensor]) -> Tensor:
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda n: known[n])
    value: Tensor = node.target(*args, **kwargs)  # type: ignore[operator]  # call_function's target is callable
    return value


def _as_argument(graph: Graph, node: Node) -> Node:
    """An argument in place of a node."""
    first = next(iter(graph.nodes))
    with graph.inserting_before(first):
        argument = graph.placeholder(f"bound_{node.name}")
    argument.meta = dict(node.meta)
    node.replace_all_uses_with(argument)
    return argument


def _outer_instead(graph: Graph) -> None:
    """Products over a single number each are no work for a matrix product, which takes some times longer over them."""
    for node in graph.nodes:
        first = node.args[0].meta.get("val") if node.target is aten.bmm.default and isinstance(node.args[0], Node) else None
        if isinstance(first, Tensor) and first.shape[-1] == 1:
            node.target = aten.mul.Tensor


def _mask_instead(graph: Graph, factors: set[Node]) -> None:
    """Where relu's output is masked, the masked output tells relu's gradient as well: what is masked has no gradient anyway."""
    for node in graph.nodes:
        if node.target is not aten.threshold_backward.default or node.args[2] != 0:
            continue
        gradient, output = node.args[:2]
        factor = next((a for a in gradient.args if a in factors), None) if gradient.target is aten.mul.Tensor else None
        masked = next((u for u in output.users if u.target is aten.mul.Tensor and factor in u.args), None)
        if factor is not None and masked is not None:
            node.args = (gradient, masked, 0)


def _write_gradients(graph: Graph, places: Sequence[Tensor]) -> dict[Node, Tensor]:
    """Let products and sums write straight into the gradients' places; the rest is copied there."""
    output = next(node for node in reversed(graph.nodes) if node.op == "output")
    losses, *gradients = output.args[0]
    bound: dict[Node, Tensor] = {}
    for gradient, place in zip(gradients, places, strict=True):
        source, target = gradient, place
        if (
            gradient.target is aten.view.default
            and len(gradient.users) == 1
            and gradient.args[0].target is aten.sum.dim_IntList
        ):
            source, target = gradient.args[0], place.view(gradient.args[0].meta["val"].shape)
        argument = _new_argument(graph, target, gradient)
        bound[argument] = target
        with graph.inserting_before(output):
            form = {aten.bmm.default: aten.bmm.out, aten.sum.dim_IntList: aten.sum.IntList_out}.get(source.target)
            if form is not None and len(source.users) == 1:
                graph.call_function(form, source.args, {**source.kwargs, "out": argument})
            else:
                graph.call_function(aten.copy_.default, (argument, gradient))
    output.args = (losses,)
    return bound


def _sweep(graph: Graph) -> None:
    """Take out what nobody uses and what writes nowhere."""
    for node in reversed(list(graph.nodes)):
        if node.op == "call_function" and not node.users and not _writes(node):
            graph.erase_node(node)


def _writes(node: Node) -> bool:
    return isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable


def _new_argument(graph: Graph, like: Tensor, near: Node) -> Node:
    with graph.inserting_before(next(iter(graph.nodes))):
        argument = graph.placeholder(f"place_{near.name}")
    argument.meta = {"val": like}
    return argument


def _overwrite(graph: Graph) -> None:
    """Operations whose argument nobody needs afterwards overwrite it."""
    for node in graph.nodes:
        turns = node.target is aten.mul.Tensor or (node.target is aten.add.Tensor and not node.kwargs)
        if turns and not _spent(node.args[0], node) and _spent(node.args[1], node):
            node.args = (node.args[1], node.args[0])
        if not node.args or not _spent(node.args[0], node):
            continue
        if node.target in IN_PLACE:
            node.target = IN_PLACE[node.target]
        elif node.target is aten.threshold_backward.default:
            node.target = aten.threshold_backward.grad_input
            node.kwargs = {"grad_input": node.args[0]}


def _spent(x: Any, by: Node) -> bool:
    """Whether `x` is memory of its own, of the result's form, that nothing but `by` uses."""
    if not isinstance(x, Node) or x.target not in FRESH or set(x.users) != {by}:
        return False
    own, result = x.meta.get("val"), by.meta.get("val")
    if not isinstance(own, Tensor) or not isinstance(result, Tensor):
        return False
    same = own.shape == result.shape and own.dtype == result.dtype and own.stride() == result.stride()
    return same and sum(a is x for a in by.args) == 1


def _order_arguments(graph: Graph, changing: Sequence[Node], bound: dict[Node, Tensor]) -> None:
    """Arguments in the order in which they will be given; those that nobody needs go."""
    given = [*changing, *bound]
    for node in [n for n in graph.nodes if n.op == "placeholder"]:
        if node not in given:
            graph.erase_node(node)
    anchor = next(n for n in graph.nodes if n.op != "placeholder")
    for node in given:
        anchor.prepend(node)
