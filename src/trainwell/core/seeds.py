"""Every random draw is a function of (seed, purpose, step).

No generator carries state from one step to the next, so the whole random state of a training is one step counter: resuming
is exact by construction, and adding a worker or a probe moves no other draw.
"""

from __future__ import annotations

from hashlib import blake2b

_MASK = (1 << 64) - 1


def purpose_key(seed: int, purpose: str) -> int:
    """A 64-bit key for one purpose of one seed ("shuffle", "augment", "init", …)."""
    digest = blake2b(f"{seed}\0{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def at_step(key: int, step: int) -> int:
    """The 63-bit seed of `step` under `key`: one round of SplitMix64, well under a microsecond.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    z = (key + (step + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return (z ^ (z >> 31)) >> 1


def draw_seed(seed: int, purpose: str, step: int = 0) -> int:
    """The seed of every draw for `purpose` at `step`.

    Example:
        >>> draw_seed(0, "shuffle", 3) == draw_seed(0, "shuffle", 3)
        True
        >>> draw_seed(0, "shuffle", 3) == draw_seed(0, "shuffle", 4)
        False
    """
    return at_step(purpose_key(seed, purpose), step)
