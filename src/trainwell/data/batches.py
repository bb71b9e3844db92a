"""Batches are indices: which rows step `s` sees is a function of (seed, s), and a batch is `array[rows]`.

The rows of all steps form one endless stream, epoch after epoch of fresh permutations; step `s` takes rows
`s * batch_size … (s + 1) * batch_size` of it. Every batch is full, and no position needs to be remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trainwell.core.errors import RecipeError
from trainwell.core.seeds import at_step, purpose_key
from trainwell.data.data import Data

Batch = tuple[tuple[Tensor, ...], Tensor]

#: Bytes gathered at once: small enough to stay in the cache, large enough that one gather serves many small batches.
CHUNK_BYTES = 4 << 20
#: Batches among which rows of like length are put together: enough for little padding, and few enough to stay a random draw.
POOL = 32


@dataclass(frozen=True)
class Lengths:
    """Puts rows of like length into one batch, so that less of it is padding; what an epoch sees stays the same.

    Source: Khomenko et al., "Accelerating recurrent neural network training using sequence bucketing", 2017.

    Args:
        of: `(n,)` lengths of the rows.
        batch_size: rows of a batch.
        rising: whether the first epoch goes from the shortest rows to the longest. Source: Amodei et al., "Deep Speech 2",
            ICML 2016.
    """

    of: Tensor
    batch_size: int
    rising: bool = False

    def together(self, order: Tensor, start: int, generator: torch.Generator) -> Tensor:
        """The order with pools of `POOL` batches sorted by length, and the batches of each pool in random order.

        Args:
            order: drawn places of rows `(n,)`.
            start: minus the place in the stream at which the epoch begins: batches begin at multiples of their size.
            generator: of the epoch.

        Example:
            >>> lengths = Lengths(torch.tensor([9, 1, 8, 2]), 2)
            >>> order = lengths.together(torch.arange(4), 0, torch.Generator().manual_seed(0))
            >>> sorted(lengths.of[order].view(2, 2).sum(1).tolist())
            [3, 17]
        """
        if self.rising and start == 0:
            return order[self.of[order].argsort(stable=True)]
        size = self.batch_size
        head = start % size  # belongs to a batch that the epoch before has begun
        whole = (len(order) - head) // size * size
        pieces = [order[:head]]
        for pool in order[head : head + whole].split(POOL * size):
            batches = pool[self.of[pool].argsort(stable=True)].view(-1, size)
            pieces.append(batches[torch.randperm(len(batches), generator=generator)].reshape(-1))
        return torch.cat([*pieces, order[head + whole :]])


def text_lengths(data: Data) -> Tensor:
    """Tokens of the training rows' texts, all ways of cutting together, (n,).

    Raises:
        RecipeError: the data have no texts.
    """
    if not data.shape.texts:
        raise RecipeError("batches by the length of texts need texts, and the data have none", remedy="Set sampling=shuffle.")
    names = [data.shape.names[place] for place in data.shape.texts]
    rows = data.rows["train"]
    return torch.from_numpy(np.sum([np.count_nonzero(data.arrays[name][rows], axis=1) for name in names], axis=0))


class RowStream:
    """Row numbers of the endless shuffled stream.

    Args:
        rows: `(n,)` int64 training rows.
        seed: the run's seed.
        classes: `(n,)` class codes of these rows for balanced sampling; None shuffles.
        window: rows are windows of this length: every epoch moves them on by another number of places below it.
        lengths: what rows are put together by, see `Lengths`; None leaves them in their drawn order.

    Example:
        >>> stream = RowStream(torch.arange(5), seed=0)
        >>> sorted(stream.between(5, 10).tolist())
        [0, 1, 2, 3, 4]
    """

    def __init__(
        self,
        rows: Tensor,
        *,
        seed: int,
        classes: Tensor | None = None,
        window: int = 0,
        lengths: Lengths | None = None,
    ) -> None:
        self.rows, self.classes, self.window, self.lengths = rows, classes, window, lengths
        self._key, self._move = purpose_key(seed, "shuffle"), purpose_key(seed, "move")
        self._epochs: dict[int, Tensor] = {}

    def between(self, start: int, stop: int) -> Tensor:
        """Rows at positions `start … stop` of the stream, `(stop - start,)`."""
        n = len(self.rows)
        first, last = start // n, (stop - 1) // n
        pieces = [self._epoch(e)[max(start - e * n, 0) : stop - e * n] for e in range(first, last + 1)]
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def _epoch(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {e: p for e, p in self._epochs.items() if e == epoch - 1}
            self._epochs[epoch] = self.rows[self._order(epoch)] + self._moved(epoch)
        return self._epochs[epoch]

    def _moved(self, epoch: int) -> int:
        if self.window < 2:
            return 0
        generator = torch.Generator().manual_seed(at_step(self._move, epoch))
        return int(torch.randint(self.window, (), generator=generator))

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(at_step(self._key, epoch))
        n = len(self.rows)
        order = torch.randperm(n, generator=generator) if self.classes is None else balanced_order(self.classes, generator)
        return order if self.lengths is None else self.lengths.together(order, -epoch * n, generator)


def balanced_order(classes: Tensor, generator: torch.Generator) -> Tensor:
    """`len(classes)` positions in which every class is equally likely, drawn with replacement within a class."""
    counts = torch.bincount(classes)
    weights = torch.where(counts > 0, 1.0 / counts.clamp(min=1), 0.0)[classes].double()
    return torch.multinomial(weights, len(classes), replacement=True, generator=generator)


def trimmed(codes: Tensor) -> Tensor:
    """Texts `(B, L)` without the columns in which all of them are padding; one column stays.

    Example:
        >>> trimmed(torch.tensor([[5, 6, 0, 0], [7, 0, 0, 0]])).tolist()
        [[5, 6], [7, 0]]
    """
    used = (codes != 0).any(0).nonzero()
    return codes[:, : int(used[-1]) + 1 if len(used) else 1]


def steps_together(row_bytes: int, batch_size: int, rows: int) -> int:
    """How many steps are gathered at once: `CHUNK_BYTES` of them, and of few rows no more than some epochs."""
    return max(1, min(CHUNK_BYTES // max(1, row_bytes * batch_size), 8 * rows // batch_size))


class Batches:
    """The batch of any step: `batches[step] -> (inputs, target)`.

    Args:
        inputs: arrays with the example as first axis, in the order of the network's arguments; host memory, memory map
            or device.
        target: `(N,)` or `(N, T)`.
        stream: which rows each step sees.
        batch_size: rows per step.
        prefetch: gather the next chunk in a thread while the current one trains; pays for memory maps and GPUs.
        place: moves a gathered tensor to the training device.
        texts: places of the inputs whose padding is cut off batch by batch.
        part: the places of a batch that are wanted here, where others compute the rest.

    Consecutive small batches are gathered together, one `index_select` for many steps.
    """

    def __init__(
        self,
        inputs: Sequence[Tensor],
        target: Tensor,
        stream: RowStream,
        *,
        batch_size: int,
        prefetch: bool = False,
        place: Callable[[Tensor], Tensor] = lambda x: x,
        texts: Sequence[int] = (),
        part: slice = slice(None),
    ) -> None:
        self.arrays, self.part = (*inputs, target), part
        self.stream, self.batch_size, self.place, self.texts = stream, batch_size, place, texts
        row_bytes = sum(a[:1].numel() * a.element_size() for a in self.arrays)
        self.per_chunk = steps_together(row_bytes, batch_size, len(stream.rows))
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="gather") if prefetch else None
        self._ahead: dict[int, Future[list[Batch]]] = {}
        self._chunk, self._batches = -1, list[Batch]()

    def __getitem__(self, step: int) -> Batch:
        chunk, position = divmod(step, self.per_chunk)
        if chunk != self._chunk:
            self._chunk, self._batches = chunk, self._load(chunk)
        return self._batches[position]

    def rows(self, step: int) -> Tensor:
        """Row numbers of a step's batch, or of the part of it that is wanted here, `(batch_size,)`."""
        return self.stream.between(step * self.batch_size, (step + 1) * self.batch_size)[self.part]

    def close(self) -> None:
        """Stop the prefetch thread."""
        if self._worker is not None:
            self._worker.shutdown(wait=True, cancel_futures=True)

    def _load(self, chunk: int) -> list[Batch]:
        if self._worker is None:
            return self._gather(chunk)
        waiting = self._ahead.pop(chunk, None) or self._worker.submit(self._gather, chunk)
        self._ahead = {chunk + 1: self._worker.submit(self._gather, chunk + 1)}
        return waiting.result()

    def _gather(self, chunk: int) -> list[Batch]:
        start, length = chunk * self.per_chunk * self.batch_size, self.per_chunk * self.batch_size
        batches = self.stream.between(start, start + length).view(self.per_chunk, -1)[:, self.part]  # (steps, B)
        rows, size = batches.flatten(), batches.shape[1]
        parts = [list(self.place(a.index_select(0, rows.to(a.device))).split(size)) for a in self.arrays]
        for text in self.texts:
            parts[text] = [trimmed(codes) for codes in parts[text]]
        return [(batch[:-1], batch[-1]) for batch in zip(*parts, strict=True)]
