"""Rows as they pass through a loop, for those who give the doctor no arrays: the first batches, and what is evaluated."""

from __future__ import annotations

import torch
from torch import Tensor

#: Rows that are kept at most, and updates in which they are gathered.
ROWS, UPDATES = 2000, 60

Arrays = tuple[tuple[Tensor, ...], Tensor]


class Gathered:
    """The different rows of the first batches, and the inputs (and targets, where the loss is called) of evaluations.

    Example:
        >>> rows = Gathered()
        >>> rows.train((torch.eye(3),), torch.arange(3)); rows.train((torch.eye(3),), torch.arange(3))
        >>> len(rows.arrays()[1])
        3
    """

    def __init__(self) -> None:
        self._train: list[Arrays] = []
        self._seen: set[bytes] = set()
        self._inputs: tuple[Tensor, ...] = ()
        self._judged: list[Arrays] = []
        self._only_inputs: list[tuple[Tensor, ...]] = []
        self.updates = self._rows = self._judged_rows = 0

    @property
    def full(self) -> bool:
        return self._rows >= ROWS or self.updates >= UPDATES

    def train(self, inputs: tuple[Tensor, ...], target: Tensor) -> None:
        """A training batch; rows that were seen before are left out."""
        self.updates += 1
        if self.full or not inputs or len(target) != len(inputs[0]):
            return
        keys = [row.tobytes() for row in inputs[0].detach().cpu().contiguous().reshape(len(target), -1).float().numpy()]
        new = torch.tensor([i for i, key in enumerate(keys) if key not in self._seen], dtype=torch.long)
        self._seen.update(keys)
        if len(new):
            self._rows += len(new)
            self._train.append((tuple(x.detach()[new] for x in inputs), target.detach()[new]))

    def evaluated(self, inputs: tuple[Tensor, ...]) -> None:
        """The network is evaluated on these inputs."""
        if inputs and self._judged_rows < ROWS:
            self._inputs = tuple(x.detach().clone() for x in inputs)
            self._judged_rows += len(inputs[0])
            self._only_inputs.append(self._inputs)

    def answered(self, target: Tensor) -> None:
        """The loss of the latest evaluation was asked for, against this target."""
        if self._inputs and len(target) == len(self._inputs[0]):
            self._judged.append((self._inputs, target.detach().clone()))
        self._inputs = ()

    def arrays(self) -> Arrays | None:
        """The training rows so far."""
        return _joined(self._train)

    def judged(self) -> Arrays | None:
        """Evaluated rows whose targets are known."""
        return _joined(self._judged)

    def judged_inputs(self) -> Tensor | None:
        """Evaluated rows, known targets or not; for networks of one input."""
        alone = [x[0] for x in self._only_inputs if len(x) == 1]
        return torch.cat(alone) if alone and len({x.shape[1:] for x in alone}) == 1 else None


def _joined(batches: list[Arrays]) -> Arrays | None:
    """Batches as one; None when there are none, or when their shapes differ, as sequences of several lengths do."""
    if not batches or len({tuple(x.shape[1:] for x in (*inputs, y)) for inputs, y in batches}) > 1:
        return None
    inputs = tuple(torch.cat(column) for column in zip(*(b[0] for b in batches), strict=True))
    return inputs, torch.cat([y for _, y in batches])
