"""The only randomness of augmentation: draws for a whole batch from one generator."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Draw:
    """Random vectors with one entry per example, on the generator's device.

    Args:
        generator: seeded by the caller; the same seed gives the same bits.

    Example:
        >>> Draw(torch.Generator().manual_seed(0)).integers(3, 0, 10).tolist()
        [4, 9, 3]
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    @property
    def device(self) -> torch.device:
        return self.generator.device

    def coin(self, n: int, chance: float) -> Tensor:
        """`(n,)` bool, True with probability `chance`; never for 0, always for 1."""
        return self._rand(n) < chance

    def uniform(self, n: int, low: float, high: float) -> Tensor:
        """`(n,)` float32 in [low, high); exactly `low` where both are equal."""
        return self._rand(n).mul_(high - low).add_(low)

    def normal(self, shape: Sequence[int]) -> Tensor:
        """Standard normal values of any shape, float32."""
        return torch.randn(tuple(shape), generator=self.generator, device=self.device)

    def integers(self, n: int, low: int, high: int) -> Tensor:
        """`(n,)` int64 in [low, high)."""
        return torch.randint(low, high, (n,), generator=self.generator, device=self.device)

    def permutation(self, n: int) -> Tensor:
        """`(n,)` int64, the numbers 0 … n - 1 in random order."""
        return torch.randperm(n, generator=self.generator, device=self.device)

    def beta(self, n: int, a: float, b: float) -> Tensor:
        """`(n,)` float32 from the beta distribution, by the inverse of its distribution function."""
        from scipy.special import betaincinv  # half a second to import, needed by mixes only

        uniform = torch.rand(n, generator=self.generator, device=self.device, dtype=torch.float64)
        values = np.nan_to_num(betaincinv(a, b, uniform.cpu().numpy()))
        return torch.from_numpy(values).to(self.device, torch.float32)

    def _rand(self, n: int) -> Tensor:
        return torch.rand(n, generator=self.generator, device=self.device)
