"""Passages of the judged text that training has word for word: a model that knows them by heart looks better than it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from trainwell.data.card import Check

#: Tokens of a passage; so many in a row are no common phrase.
PASSAGE = 50
#: From this share of the judged text on it is told.
TELLING = 0.01
#: Tokens beyond which nobody looks.
MOST_TOKENS = 30_000_000


def copied_check(codes: Mapping[str, np.ndarray]) -> list[Check]:
    """Says so where validation or test text stands in the training text."""
    if len(codes["train"]) > MOST_TOKENS:
        return []
    known, found = np.sort(passages(codes["train"])), []
    for part in ("valid", "test"):
        judged = passages(codes[part])
        share = share_within(judged, known)
        if share > TELLING:
            text = f"{share:.0%} of the {part} text stands word for word in the training text; its scores look too good."
            found.append(Check("copies", "WARN", text, count=round(share * len(judged))))
    return found


def share_within(judged: np.ndarray, known: np.ndarray) -> float:
    """The share of numbers that are among the ascending known ones; by sorting: hashing as `np.unique` does took minutes.

    Example:
        >>> share_within(np.array([5, 1, 7, 5]), np.array([1, 5, 5]))
        0.75
    """
    if not len(judged) or not len(known):
        return 0.0
    judged = np.sort(judged)
    nearest = known[np.searchsorted(known, judged).clip(max=len(known) - 1)]
    return float((nearest == judged).mean())


def passages(codes: np.ndarray) -> np.ndarray:
    """A number for every run of `PASSAGE` tokens, equal for equal ones, `(T - PASSAGE + 1,)` uint64.

    Source: Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987.

    Example:
        >>> found = passages(np.tile(np.arange(25), 4))
        >>> int(found[0] == found[25]), int(found[0] == found[1])
        (1, 0)
    """
    n = len(codes) - PASSAGE + 1
    factors = np.random.default_rng(0).integers(0, 2**63, PASSAGE, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (codes.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    total = np.zeros(max(0, n), np.uint64)
    for place, factor in enumerate(factors):
        total += mixed[place : place + n] * factor if n > 0 else total
    return total
