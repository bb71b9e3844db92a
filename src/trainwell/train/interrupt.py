"""SIGTERM and Ctrl-C as a flag the loop looks at between steps, so that no update is torn."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

from trainwell.train.distributed import Team


class Interruption:
    """While active, the first SIGINT or SIGTERM only sets `signal`; a second one acts as usual.

    Outside the main thread, where Python allows no handlers, nothing is caught and nothing changes. The processes of a team
    stop after the same step: a signal to one of them counts when all have heard of it.

    Args:
        team: the processes that train together; None for one.

    Example:
        >>> with Interruption() as interruption:
        ...     bool(interruption)
        False
    """

    def __init__(self, team: Team | None = None) -> None:
        self._signal, self._team = 0, team
        self._before: dict[int, object] = {}

    @property
    def signal(self) -> int:
        """The signal by which training stops; 0 as long as it goes on."""
        return self._signal if self._team is None else self._team.agreed

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
        self._signal = number
        if self._team is not None:
            self._team.wish = number
        signal.signal(number, self._before[number])  # type: ignore[arg-type]
