"""A traced graph made shorter: what changes nothing goes, products absorb additions and transpositions.

Every node costs some microseconds to call, which is what a stack of small networks is made of.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Graph, GraphModule, Node

aten = torch.ops.aten

#: Operations that give their input back when shape and strides stay as they are.
_VIEWS = {aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.reshape.default}
_SAME = {aten.detach.default, aten.alias.default}


def tidy(traced: GraphModule) -> GraphModule:
    """The same function with fewer nodes; sums may be rounded once less."""
    graph = traced.graph
    for shorten in (_drop_identities, _turn_products, _drop_identities, _absorb_additions):
        for node in list(graph.nodes):
            if node.op == "call_function":
                shorten(graph, node)
        graph.eliminate_dead_code()
    traced.recompile()
    return traced


def _shape(node: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    value = node.meta.get("val") if isinstance(node, Node) else None
    return (tuple(value.shape), value.stride()) if isinstance(value, torch.Tensor) else None


def _drop_identities(graph: Graph, node: Node) -> None:  # noqa: ARG001 - one form for all passes
    source = node.args[0] if node.args else None
    if not isinstance(source, Node):
        return
    if node.target is aten.transpose.int and source.target is aten.transpose.int and node.args[1:] == source.args[1:]:
        before = source.args[0]
        if isinstance(before, Node):
            node.replace_all_uses_with(before)
    elif _changes_nothing(node, source):
        node.replace_all_uses_with(source)


def _changes_nothing(node: Node, source: Node) -> bool:
    if node.target in _SAME:
        return True
    if node.target in _VIEWS:
        return bool(_shape(node) is not None and _shape(node) == _shape(source))
    return bool(node.target is aten.mul.Scalar and node.args[1] == 1 and _viewed(node, source))


def _viewed(node: Node, source: Node) -> bool:
    """Whether a copy of `source` can be `source` itself: the same layout, or rows apart that are only given one more axis."""
    if _shape(node) == _shape(source):
        return True
    shape = _shape(source)
    only_views = all(user.target is aten.view.default and user.meta["val"].ndim == 3 for user in node.users)
    return shape is not None and len(shape[0]) == 2 and shape[1][1] == 1 and only_views


def _turn_products(graph: Graph, node: Node) -> None:
    """(A B)ᵀ = Bᵀ Aᵀ: a gradient then comes out in its parameter's own memory order."""
    product = node.args[0] if node.args else None
    if node.target is not aten.transpose.int or tuple(node.args[1:]) != (1, 2) or not isinstance(product, Node):
        return
    if product.target is not aten.bmm.default or len(product.users) != 1:
        return
    left, right = product.args
    with graph.inserting_before(node):
        turned = [_transposed(graph, right), _transposed(graph, left)]
        new = graph.call_function(aten.bmm.default, tuple(turned))
    new.meta = {"val": node.meta["val"].contiguous()}
    node.replace_all_uses_with(new)


def _transposed(graph: Graph, node: Any) -> Node:
    if node.target is aten.transpose.int and tuple(node.args[1:]) == (1, 2):
        return node.args[0]
    new = graph.call_function(aten.transpose.int, (node, 1, 2))
    new.meta = {"val": node.meta["val"].transpose(1, 2)}
    return new


def _absorb_additions(graph: Graph, node: Node) -> None:
    """bias + A B is one call."""
    if node.target is not aten.add.Tensor or len(node.args) != 2 or node.kwargs:
        return
    for bias, product in (node.args, node.args[::-1]):
        if isinstance(product, Node) and product.target is aten.bmm.default and len(product.users) == 1:
            if isinstance(bias, Node) and bias.target is not aten.bmm.default and _broadcasts(bias, product):
                with graph.inserting_before(node):
                    new = graph.call_function(aten.baddbmm.default, (bias, *product.args))
                new.meta = dict(node.meta)
                node.replace_all_uses_with(new)
            return


def _broadcasts(bias: Node, product: Node) -> bool:
    """Whether the bias can be broadcast to the product."""
    shapes = _shape(bias), _shape(product)
    if shapes[0] is None or shapes[1] is None:
        return False
    small, full = shapes[0][0], shapes[1][0]
    return len(small) == len(full) and all(s in (1, f) for s, f in zip(small, full, strict=True))


def nondeterministic(traced: GraphModule) -> list[str]:
    """Names of operations that draw random numbers of their own."""
    nodes = [n for n in traced.graph.nodes if n.op == "call_function" and n.target is not operator.getitem]
    return [str(n.target) for n in nodes if torch.Tag.nondeterministic_seeded in getattr(n.target, "tags", ())]
