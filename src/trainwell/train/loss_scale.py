"""float16 has no small numbers: the loss is scaled up before gradients are taken, and they are scaled down again."""

from __future__ import annotations

import torch
from torch import Tensor

#: As in `torch.amp.GradScaler`: the first factor, and the updates without trouble after which it is doubled.
FIRST, CALM = 65536.0, 2000


class LossScale:
    """The factor of one training: halved when a gradient is not finite, doubled after long calm.

    The update of a batch whose gradients were too large is left out, so the first few of a run are; torch's scaler does so too.

    Args:
        device: where the gradients lie.

    Source: Micikevicius et al., "Mixed precision training", ICLR 2018.

    Example:
        >>> scale = LossScale(torch.device("cpu"))
        >>> scale.halve(), scale.factor
        (True, 32768.0)
    """

    def __init__(self, device: torch.device) -> None:
        self.factor, self.calm = FIRST, 0
        self.inverse = torch.tensor(1 / FIRST, device=device)

    def halve(self) -> bool:
        """Gradients were too large; False where the factor is 1 already, so that it is not to blame."""
        if self.factor <= 1.0:
            return False
        self._become(self.factor / 2)
        return True

    def keep(self) -> None:
        """Gradients were finite."""
        self.calm += 1
        if self.calm == CALM:
            self._become(self.factor * 2)

    def _become(self, factor: float) -> None:
        self.factor, self.calm = factor, 0
        self.inverse.fill_(1 / factor)

    def state(self) -> Tensor:
        """(2,) float64: the factor and the updates since it changed."""
        return torch.tensor([self.factor, self.calm], dtype=torch.float64)

    def restore(self, state: Tensor) -> None:
        """Take over a state."""
        factor, calm = state.tolist()
        self._become(factor)
        self.calm = int(calm)
