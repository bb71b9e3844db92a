"""Recurrent layers written out step by step: torch's own kernels know no axis of members.

T steps, B rows, I inputs, H units. The formulas are those of `torch.nn.GRU`, `torch.nn.LSTM` and `torch.nn.RNN`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

#: `(inputs' part (B, gates), state's part (B, gates), state) -> state`.
Cell = Callable[[Tensor, Tensor, tuple[Tensor, ...]], tuple[Tensor, ...]]


def _gru(x: Tensor, h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    (x_gates, x_new), (h_gates, h_new) = _split(x, 2, 3), _split(h, 2, 3)
    reset, update = (x_gates + h_gates).sigmoid().chunk(2, -1)
    new = (x_new + reset * h_new).tanh()
    return (new + update * (state[0] - new),)


def _lstm(x: Tensor, h: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    into, forget, new, out = (x + h).chunk(4, -1)
    cell = forget.sigmoid() * state[1] + into.sigmoid() * new.tanh()
    return out.sigmoid() * cell.tanh(), cell


def _split(gates: Tensor, first: int, of: int) -> Sequence[Tensor]:
    units = gates.shape[-1] // of
    return gates.split([first * units, (of - first) * units], -1)


#: torch's kernels and their cells.
CELLS: dict[Any, Cell] = {
    torch._VF.gru: _gru,  # what nn.GRU calls
    torch._VF.lstm: _lstm,
    torch._VF.rnn_tanh: lambda x, h, _: ((x + h).tanh(),),
    torch._VF.rnn_relu: lambda x, h, _: ((x + h).relu(),),
}


def unrolled(cell: Cell, x: Tensor, start: Any, weights: Sequence[Tensor], *how: Any) -> tuple[Tensor, ...]:
    """What `torch.gru` and its like give: outputs and the last state of every layer and direction.

    Args:
        cell: one step.
        x: `(T, B, I)`, or `(B, T, I)` with `batch_first`.
        start: first states `(layers, B, H)`; a pair for an LSTM.
        weights: of all layers and directions.
        how: has_biases, layers, dropout, training, bidirectional, batch_first.

    Raises:
        ValueError: packed sequences, dropout between layers, projections.
    """
    if (isinstance(start, Tensor) and start.ndim == 1) or len(how) != 6:
        raise ValueError("packed sequences")
    biases, layers, dropout, training, both, batch_first = how
    if dropout and training and layers > 1:
        raise ValueError("dropout between recurrent layers")
    each = 4 if biases else 2
    directions = 2 if both else 1
    if len(weights) != each * layers * directions:
        raise ValueError("projections of recurrent layers")
    states = [start] if isinstance(start, Tensor) else list(start)
    out, last = x.transpose(0, 1) if batch_first else x, list[tuple[Tensor, ...]]()
    for layer in range(layers):
        passes = []
        for direction in range(directions):
            place = layer * directions + direction
            own = weights[each * place : each * (place + 1)]
            outputs, state = _run(cell, out, tuple(s[place] for s in states), own, backwards=direction == 1)
            passes.append(outputs)
            last.append(state)
        out = torch.cat(passes, -1)
    ends = tuple(torch.stack(parts) for parts in zip(*last, strict=True))
    return (out.transpose(0, 1) if batch_first else out, *ends)


def _run(
    cell: Cell, x: Tensor, state: tuple[Tensor, ...], weights: Sequence[Tensor], *, backwards: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """One layer in one direction: outputs `(T, B, H)` and the last state."""
    into, within, *bias = weights
    parts = (x @ into.T + bias[0] if bias else x @ into.T).unbind(0)  # T of (B, gates)
    outputs = []
    for part in reversed(parts) if backwards else parts:
        own = state[0] @ within.T
        state = cell(part, own + bias[1] if bias else own, state)
        outputs.append(state[0])
    return torch.stack(outputs[::-1] if backwards else outputs), state
