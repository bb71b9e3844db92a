"""Running a function once and writing down what torch does, operation by operation, as a graph.

`torch.fx.experimental.proxy_tensor.make_fx` does the same for more purposes, and takes several times as long.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.utils._pytree import tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from trainwell.train.seeing import Seeing

aten = torch.ops.aten


def written_down(function: Callable[..., tuple[Tensor, ...]], arguments: Sequence[Tensor]) -> GraphModule:
    """The graph of `function(*arguments)`: every node has its result's form as `meta["val"]`, a tensor without memory.

    Args:
        function: whose control flow looks at no value.
        arguments: become the graph's; every other tensor that is met becomes a constant of it.

    Raises:
        RuntimeError: a value is looked at.

    Example:
        >>> doubled = written_down(lambda x: (x + x,), [torch.ones(2)])
        >>> doubled(torch.tensor([1.0, 4.0]))[0].tolist()
        [2.0, 8.0]
    """
    tape = Tape(arguments)
    with tape:
        results = function(*arguments)
    tape.graph.output(tuple(tape.node(r) for r in results))
    return GraphModule(tape.constants, tape.graph)


class Tape(Seeing):
    """While active, notes every operation.

    Args:
        arguments: of the graph.

    Attributes:
        graph: what has been noted.
        constants: tensors that came from elsewhere, by name.
    """

    def __init__(self, arguments: Sequence[Tensor]) -> None:
        super().__init__()
        self.graph = Graph()
        self.constants: dict[str, Tensor] = {}
        self._nodes = WeakIdKeyDictionary()
        for place, argument in enumerate(arguments):
            self._note(argument, self.graph.placeholder(f"given_{place}"))

    def node(self, tensor: Tensor) -> Node:
        """Where a tensor comes from."""
        if tensor not in self._nodes:
            name = f"constant_{len(self.constants)}"
            self.constants[name] = tensor.detach()
            self._note(tensor, self.graph.create_node("get_attr", name))
        found: Node = self._nodes[tensor]
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        placed = tree_map_only(Tensor, self.node, (args, kwargs or {}))
        if torch.Tag.data_dependent_output in func.tags:
            raise RuntimeError(f"{func} looks at a value")
        if func is aten.lift_fresh.default:
            func = aten.lift_fresh_copy.default  # what is changed afterwards must not be the constant
        result = func(*args, **(kwargs or {}))
        self._note(result, self.graph.call_function(func, *placed))
        return result

    def _note(self, result: Any, node: Node) -> None:
        if isinstance(result, Tensor):
            self._nodes[result] = node
            node.meta["val"] = torch.empty_strided(result.shape, result.stride(), dtype=result.dtype, device="meta")
            node.meta["device"] = result.device
        elif isinstance(result, tuple | list):
            for place, part in enumerate(result):
                self._note(part, self.graph.call_function(operator.getitem, (node, place)))
