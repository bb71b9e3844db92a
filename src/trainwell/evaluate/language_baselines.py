"""Language models that cost nothing: how often tokens come, and how often they come after the last few.

On a megabyte of text counts are hard to beat for a small network; one that does not beat them is told so.

N windows, L tokens of a window, V codes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.score.predictions import Array

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: An odd number without a pattern, from the golden ratio, that mixes hashes.
FACTOR = np.uint64(0x9E3779B97F4A7C15)
#: Most tokens that a guess rests on.
LONGEST = 7
#: Training tokens counted at most, and validation windows from which the length is chosen.
MOST_TOKENS, CHOSEN_ON = 4_000_000, 400


def language_baselines(data: Data, part: str) -> list[BaselineOutput]:
    """What counts say of the windows of `part`: minus the log of the probability of each token, `(N, L)`."""
    started = time.perf_counter()
    train, note = _training_codes(data)
    counts = Counts(train, data.n_out)
    rows, valid = data.rows[part], data.rows["valid"]
    chosen = valid[:: max(1, len(valid) // CHOSEN_ON)] if len(valid) else data.rows["train"][:CHOSEN_ON]
    longest = int(np.argmin([given.mean() for given in counts.losses(*_windows(data, chosen))]))
    found = counts.losses(*_windows(data, rows))
    names = {0: "how often tokens come", longest: f"{longest + 1}-gram counts"} if longest else {0: "how often tokens come"}
    return [BaselineOutput(name, found[k], time.perf_counter() - started, note) for k, name in names.items()]


def _windows(data: Data, rows: Array) -> tuple[Array, Array]:
    (name,) = data.shape.names
    return data.arrays[name][rows], data.arrays["target"][rows]


def _training_codes(data: Data) -> tuple[Array, str]:
    """The training text as one array of codes, and what was left out of it."""
    (name,), rows = data.shape.names, np.unique(data.rows["train"])
    most = max(1, MOST_TOKENS // data.shape.window)
    note = f"counted on {most:,} of {len(rows):,} training windows" if len(rows) > most else ""
    return np.asarray(data.arrays[name][rows[:most]]).reshape(-1), note


class Counts:
    """Interpolated counts: what came after the last k tokens, smoothed by what came after the last k - 1.

    The weight of a context grows with how often it came and falls with how many different tokens followed it.
    Source: Witten and Bell, "The zero-frequency problem", IEEE Transactions on Information Theory 1991.

    Args:
        codes: the training text, `(T,)`.
        size: V.

    Example:
        >>> counts = Counts(np.array([2, 3, 2, 3, 2, 3]), 4)
        >>> alone, after_one, *_ = counts.losses(np.array([[2, 3]]), np.array([[3, 2]]))
        >>> bool(after_one[0, 0] < alone[0, 0])
        True
    """

    def __init__(self, codes: Array, size: int) -> None:
        self.size = size
        self.alone = (np.bincount(codes, minlength=size) + 0.5) / (len(codes) + 0.5 * size)
        self.tables: list[_Table] = []
        hashes = np.zeros(len(codes), np.uint64)  # of the last k tokens at each place
        for k in range(1, min(LONGEST, len(codes) - 1) + 1):
            hashes = _longer(hashes, codes, k)
            self.tables.append(_Table(hashes[k - 1 : -1], codes[k:], size))

    def losses(self, seen: Array, target: Array) -> list[Array]:
        """Minus the log of the probability of each target after 0, 1, 2, … known tokens, each `(N, L)` float32.

        A token is told from those before it in its own window, as a network tells it.

        Args:
            seen: windows `(N, L)`.
            target: their next tokens `(N, L)`.
        """
        chance = self.alone[target]
        found, hashes = [-np.log(chance)], np.zeros(seen.shape, np.uint64)
        for k, table in enumerate(self.tables[: seen.shape[1]], start=1):
            hashes = _longer(hashes, seen, k)
            chance = chance.copy()
            chance[:, k - 1 :] = table.smoothed(hashes[:, k - 1 :], target[:, k - 1 :], chance[:, k - 1 :])
            found.append(-np.log(chance))
        return [losses.astype(np.float32) for losses in found]


class _Table:
    """What followed each context of one length in training.

    Args:
        heads: hashes of the contexts `(T,)`.
        tails: the tokens that followed them `(T,)`.
        size: V.
    """

    def __init__(self, heads: Array, tails: Array, size: int) -> None:
        order = np.lexsort((tails, heads))
        heads, tails, self.size = heads[order], tails[order].astype(np.int64), size
        new = np.r_[True, heads[1:] != heads[:-1]]
        begin = np.flatnonzero(new)
        self.contexts, self.times = heads[begin], np.diff(np.r_[begin, len(heads)])
        keys = (np.cumsum(new) - 1) * size + tails
        first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        self.pairs, self.pair_times = keys[first], np.diff(np.r_[first, len(keys)])
        self.kinds = np.bincount(self.pairs // size, minlength=len(self.contexts))

    def smoothed(self, hashes: Array, target: Array, chance: Array) -> Array:
        """Probabilities of targets after contexts; `chance` where training never saw the context."""
        place = np.searchsorted(self.contexts, hashes).clip(max=len(self.contexts) - 1)
        known = self.contexts[place] == hashes
        key = place * self.size + target
        pair = np.searchsorted(self.pairs, key).clip(max=len(self.pairs) - 1)
        both = np.where(self.pairs[pair] == key, self.pair_times[pair], 0)
        n, kinds = self.times[place], self.kinds[place]
        return np.where(known, (both + kinds * chance) / (n + kinds), chance)


def _longer(hashes: Array, codes: Array, k: int) -> Array:
    """Hashes of the last k tokens at each place of the last axis, from those of k - 1; of fewer places there is no telling.

    Two different contexts have one hash by a chance of one in 2^64.
    """
    out, length = np.zeros_like(hashes), codes.shape[-1]
    mixed = (hashes[..., k - 1 :] ^ (codes[..., : length - k + 1].astype(np.uint64) + np.uint64(1))) * FACTOR
    out[..., k - 1 :] = mixed ^ (mixed >> np.uint64(29))
    return out
