"""What sees every operation of torch while it is active."""

from __future__ import annotations

from torch.utils._python_dispatch import TorchDispatchMode


class Seeing(TorchDispatchMode):
    """A mode that is never on while torch compiles.

    Saying so keeps torch from importing its compiler at the first operation that is seen: 1.6 s, once in a process.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False
