"""The batches of a stack: what every member would see alone, gathered together.

K members, B rows a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainwell.data.batches import Batch, Batches, steps_together


class StackBatches:
    """`batches[step] -> (inputs (K, B, …), target (K, B, …))` of the members that still train.

    Args:
        members: the batches of each member alone, all of one size.
    """

    def __init__(self, members: Sequence[Batches]) -> None:
        self.members, self._batches = list(members), list[Batch]()
        self.keep(range(len(members)))

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only."""
        self._active = [self.members[i] for i in members]
        self._chunk, self._per_chunk = -1, self._steps_together()

    def __getitem__(self, step: int) -> Batch:
        chunk, position = divmod(step, self._per_chunk)
        if chunk != self._chunk:
            self._chunk, self._batches = chunk, self._gather(chunk)
        return self._batches[position]

    def close(self) -> None:
        """Stop what members may have started."""
        for member in self.members:
            member.close()

    def _steps_together(self) -> int:
        row_bytes = sum(a[:1].numel() * a.element_size() for a in self._active[0].arrays)
        fewest = min(len(m.stream.rows) for m in self._active)
        return steps_together(row_bytes * len(self._active), self._active[0].batch_size, fewest)

    def _gather(self, chunk: int) -> list[Batch]:
        size, steps = self._active[0].batch_size, self._per_chunk
        start = chunk * steps * size
        rows = [m.stream.between(start, start + steps * size) for m in self._active]
        columns = [self._column(i, rows, size) for i in range(len(self._active[0].arrays))]
        return [(batch[:-1], batch[-1]) for batch in zip(*columns, strict=True)]

    def _column(self, place: int, rows: list[Tensor], size: int) -> Sequence[Tensor]:
        """One array's batches of all steps of a chunk, each `(K, B, …)`."""
        arrays, move = [m.arrays[place] for m in self._active], self._active[0].place
        k, n = len(arrays), len(rows[0])
        if all(a.data_ptr() == arrays[0].data_ptr() for a in arrays):
            # Step by step in memory, so that each batch is one piece: (steps, K, B).
            order = torch.stack(rows).view(k, n // size, size).transpose(0, 1).reshape(-1)
            found = move(arrays[0].index_select(0, order.to(arrays[0].device)))
            return found.view(n // size, k, size, *found.shape[1:]).unbind(0)
        picked = torch.stack([move(a.index_select(0, r.to(a.device))) for a, r in zip(arrays, rows, strict=True)])
        return [piece.contiguous() for piece in picked.split(size, dim=1)]
