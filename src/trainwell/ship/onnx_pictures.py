"""Pictures of any size as ONNX nodes: what Pillow's bilinear filter does to bytes, to the grey level.

A large picture is shrunk by whole factors first, then its rows are resampled, then its columns, each time rounded to bytes with
weights of 22 bits. All of it is sums of products of whole numbers, which float64 holds exactly.

B rows, H x W pixels, C channels, h x w the size after scaling.
"""

from __future__ import annotations

import numpy as np

from trainwell.data.kinds.picture import State
from trainwell.ship.onnx_graph import Graph

#: Bits of Pillow's weights.
_BITS = 22
#: Pillow shrinks by whole factors while the picture stays so many times larger than wanted (its `reducing_gap`).
_GAP = 2.0


def picture_column(graph: Graph, name: str, state: State) -> str:
    """Decoded pictures `(B, H, W, C)` uint8 of one size as `(B, C, height, width)` uint8: scaled to fit, edges repeated.

    Args:
        graph: what nodes are added to.
        name: the input.
        state: the shape that was trained.
    """
    pixels = graph("Transpose", graph.cast(name, np.float64), perm=[0, 3, 1, 2])
    size = graph("Shape", pixels)
    sides = [graph.cast(_at(graph, size, axis), np.float64) for axis in (2, 3)]  # H, W
    frame = (state.height, state.width)
    ratios = [graph("Div", graph.constant(np.float64(f)), side) for f, side in zip(frame, sides, strict=True)]
    scale = graph("Min", *ratios)
    wanted = [_rounded(graph, graph("Mul", side, scale), most) for side, most in zip(sides, frame, strict=True)]
    factors = [_factor(graph, side, want) for side, want in zip(sides, wanted, strict=True)]
    pixels = _reduced(graph, pixels, sides, factors)
    for axis in (1, 0):  # columns of the picture first, as Pillow does
        span = graph.cast(graph.cast(graph("Div", sides[axis], factors[axis]), np.float32), np.float64)  # as Pillow keeps it
        pixels = _resampled(graph, pixels, axis, span, wanted[axis])
    for axis in (0, 1):
        pixels = _padded(graph, pixels, axis + 2, wanted[axis], frame[axis])
    return graph.cast(pixels, np.uint8)


def _at(graph: Graph, vector: str, place: int) -> str:
    return graph("Gather", vector, graph.constant(np.int64(place)))


def _real(graph: Graph, value: float) -> str:
    return graph.constant(np.float64(value))


def _rounded(graph: Graph, x: str, most: int) -> str:
    """Half to even, within 1 and `most`."""
    return graph("Min", graph("Max", graph("Round", x), _real(graph, 1)), _real(graph, most))


def _factor(graph: Graph, side: str, wanted: str) -> str:
    """The whole number of pixels that become one before resampling, at least 1."""
    times = graph("Floor", graph("Div", graph("Div", side, wanted), _real(graph, _GAP)))
    return graph("Max", times, _real(graph, 1))


def _count(graph: Graph, n: str) -> str:
    """0, 1, …, n - 1 as float64."""
    return graph.cast(
        graph("Range", *(graph.cast(part, np.int64) for part in (_real(graph, 0), n, _real(graph, 1)))), np.float64
    )


def _column(graph: Graph, x: str) -> str:
    return graph("Unsqueeze", x, graph.constant(np.array([1], np.int64)))


def _reduced(graph: Graph, pixels: str, sides: list[str], factors: list[str]) -> str:
    """Blocks of pixels as one each, the last ones perhaps smaller; what Pillow's `reduce` computes."""
    groups, counts = [], []
    for side, factor in zip(sides, factors, strict=True):
        block = graph("Floor", graph("Div", _count(graph, side), factor))  # (side,), the block of each pixel
        blocks = _count(graph, graph("Ceil", graph("Div", side, factor)))
        group = graph.cast(graph("Equal", _column(graph, blocks), block), np.float64)  # (blocks, side)
        groups.append(group)
        counts.append(graph("ReduceSum", group, graph.constant(np.array([1], np.int64)), keepdims=1))  # (blocks, 1)
    total = graph("MatMul", graph("MatMul", groups[0], pixels), graph("Transpose", groups[1], perm=[1, 0]))
    each = graph("Mul", counts[0], graph("Transpose", counts[1], perm=[1, 0]))  # pixels of each block
    half = graph("Floor", graph("Div", each, _real(graph, 2)))
    share = graph("Div", graph.constant(np.float32(1 << 24)), graph.cast(each, np.float32))
    whole_share = graph("Floor", graph.cast(share, np.float64))
    product = graph("Mul", graph("Add", total, half), whole_share)
    return graph("Floor", graph("Div", product, _real(graph, 1 << 24)))


def _resampled(graph: Graph, pixels: str, axis: int, span: str, wanted: str) -> str:
    """One side brought to `wanted` pixels by a triangle as wide as the step, rounded to bytes."""
    size = graph.cast(_at(graph, graph("Shape", pixels), axis + 2), np.float64)
    weights = _weights(graph, size, span, wanted)  # (wanted, size)
    right = graph("Transpose", weights, perm=[1, 0])
    total = graph("MatMul", pixels, right) if axis == 1 else graph("MatMul", weights, pixels)
    byte = graph("Floor", graph("Div", graph("Add", total, _real(graph, 1 << (_BITS - 1))), _real(graph, 1 << _BITS)))
    return graph("Min", graph("Max", byte, _real(graph, 0)), _real(graph, 255))


def _weights(graph: Graph, size: str, span: str, wanted: str) -> str:
    """What each of `size` pixels counts for each of the wanted ones, `(wanted, size)`, whole numbers of 22 bits."""
    step = graph("Div", span, wanted)
    reach = graph("Max", step, _real(graph, 1))
    half = _real(graph, 0.5)
    centre = _column(graph, graph("Mul", graph("Add", _count(graph, wanted), half), step))
    first = graph("Max", graph("Floor", graph("Add", graph("Sub", centre, reach), half)), _real(graph, 0))
    last = graph("Floor", graph("Add", graph("Add", centre, reach), half))
    place = _count(graph, size)
    inside = graph("And", graph("GreaterOrEqual", place, first), graph("Less", place, last))
    away = graph("Abs", graph("Mul", graph("Add", graph("Sub", place, centre), half), graph("Div", _real(graph, 1), reach)))
    height = graph("Max", graph("Sub", _real(graph, 1), away), _real(graph, 0))
    height = graph("Where", inside, height, _real(graph, 0))
    total = graph("ReduceSum", height, graph.constant(np.array([1], np.int64)), keepdims=1)
    share = graph("Mul", graph("Div", height, total), _real(graph, 1 << _BITS))
    return graph("Floor", graph("Add", share, half))


def _padded(graph: Graph, pixels: str, axis: int, inner: str, outer: int) -> str:
    """The picture in the middle of the frame, its edge repeated outwards."""
    before = graph("Floor", graph("Div", graph("Sub", _real(graph, outer), inner), _real(graph, 2)))
    place = graph("Sub", graph.constant(np.arange(outer, dtype=np.float64)), before)
    last = graph("Sub", inner, _real(graph, 1))
    place = graph("Min", graph("Max", place, _real(graph, 0)), last)
    return graph("Gather", pixels, graph.cast(place, np.int64), axis=axis)
