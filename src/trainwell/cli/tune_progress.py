"""A search on stderr: a live leaderboard, or a line per candidate where there is no terminal."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from trainwell.core.i18n import spoken
from trainwell.report.tune import leaderboard, short, value_text

#: Candidates on the live board.
SHOWN = 8


class TuningBoard:
    """An observer of `tune`; use it as a context.

    Args:
        title: what is searched, in a few words.
        metric: name of the score; "score" where the recipe decides.
        higher_is_better: asked once the first score is there.
    """

    def __init__(self, title: str, *, metric: str, higher_is_better: Callable[[], bool]) -> None:
        self.title, self.metric, self._higher = spoken(title), spoken(metric), higher_is_better
        self.console = Console(stderr=True)
        self.scored: list[dict[str, Any]] = []
        self._doing = ""
        self._live: Live | None = None

    def __enter__(self) -> TuningBoard:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        if event["split"] == "trial":
            self._add(event)
        elif event["split"] == "batch":
            self._doing = spoken(f"batch {event['batch']} of {event['candidates']} candidates")
        elif "run" in event and "epoch" in event:
            self._doing = spoken(f"training {event['run'] + 1} of {event['runs']}, epoch {event['epoch']:.1f}")
        if self._live is not None:
            self._live.update(self._board())

    def _add(self, event: dict[str, Any]) -> None:
        self.scored.append(event)
        best = self._ranked()[0] is event and event["state"] == "done"
        if self._live is None:
            values = "  ".join(f"{key}={value_text(value)}" for key, value in event["params"].items())
            note = "  *" if best else "" if event["state"] == "done" else f"  {event['state']}"
            sys.stderr.write(
                f"{spoken('candidate')} {event['number']:3}  {self.metric} {short(event['score'])}  {values}{note}\n"
            )
            sys.stderr.flush()

    def _ranked(self) -> Sequence[dict[str, Any]]:
        sign = -1.0 if self._higher() else 1.0

        def rank(event: dict[str, Any]) -> tuple[bool, float]:
            return event["state"] != "done", sign * event["score"] if math.isfinite(event["score"]) else math.inf

        return sorted(self.scored, key=rank)

    def _board(self) -> Group:
        rows = [{**event, **event["params"]} for event in self._ranked()[:SHOWN]]
        keys = list(dict.fromkeys(key for event in self.scored for key in event["params"]))
        head = Text.assemble((self.title, "bold"), f": {spoken(f'{len(self.scored)} candidates scored')}; {self._doing}")
        return Group(head, leaderboard(rows, keys, self.metric)) if rows else Group(head)
