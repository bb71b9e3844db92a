"""ONNX nodes written one by one: what the preparation of rows is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trainwell.core.errors import MissingExtra

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

#: Versions of the operators that are used; runtimes of the last years know them.
OPSET, ML_OPSET = 20, 3


def need_onnx() -> None:
    """Raises `MissingExtra` where the libraries of the extra `onnx` are not installed."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        remedy = 'Run pip install "trainwell[onnx]".'
        raise MissingExtra(f"ONNX files need the extra onnx ({error.name} is missing)", remedy=remedy) from None


class Graph:
    """Nodes and constants under names of their own; values are referred to by name.

    Args:
        prefix: what every name begins with.

    Example:
        >>> graph = Graph("p/")
        >>> graph("Add", "x", graph.constant(np.float64(1)))
        'p/Add.1'
        >>> len(graph.nodes), len(graph.constants)
        (1, 1)
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def _name(self, stem: str) -> str:
        return f"{self.prefix}{stem}.{len(self.nodes) + len(self.constants)}"

    def __call__(self, operator: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """Adds a node and returns the name of its output."""
        from onnx import helper

        output = name or self._name(operator)
        self.nodes.append(
            helper.make_node(operator, list(inputs), [output], name=f"{output}/node", domain=domain, **attributes)
        )
        return output

    def constant(self, value: Any, dtype: Any = None) -> str:
        """The name of a constant; equal ones are kept once."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(np.asarray(value, dtype))
        array = array.reshape(np.asarray(value).shape)
        key = (array.dtype.str, array.shape, repr(array.tolist()).encode() if array.dtype == object else array.tobytes())
        if key not in self._known:
            self._known[key] = self._name("constant")
            self.constants.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def cast(self, x: str, dtype: Any, *, name: str = "") -> str:
        """The value as another type."""
        from onnx import helper

        return self("Cast", x, name=name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def columns(self, x: str, places: Any) -> str:
        """Some columns of `(B, F)`, in this order."""
        return self("Gather", x, self.constant(np.asarray(places, np.int64)), axis=1)

    def beside(self, *parts: str) -> str:
        """Columns side by side."""
        return self("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]

    def floor_div(self, x: str, by: int) -> str:
        """Whole numbers divided and rounded down, also below zero."""
        divisor = self.constant(np.int64(by))
        return self("Div", self("Sub", x, self("Mod", x, divisor)), divisor)

    def whole(self, operator: str, x: str, by: int) -> str:
        """`Add`, `Sub`, `Mul`, `Div` or `Mod` of whole numbers and one constant."""
        return self(operator, x, self.constant(np.int64(by)))
