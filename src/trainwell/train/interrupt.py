"""SIGTERM and Ctrl-C as a flag the loop looks at between steps, so that no update is torn."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interruption:
    """While active, the first SIGINT or SIGTERM only sets `signal`; a second one acts as usual.

    Outside the main thread, where Python allows no handlers, nothing is caught and nothing changes.

    Example:
        >>> with Interruption() as interruption:
        ...     bool(interruption)
        False
    """

    def __init__(self) -> None:
        self.signal = 0
        self._before: dict[int, object] = {}

    def __bool__(self) -> bool:
        return self.signal != 0

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned it takes back

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])  # type: ignore[arg-type]
