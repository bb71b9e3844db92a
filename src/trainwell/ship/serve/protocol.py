"""HTTP over one connection, with bounds that uvicorn leaves open: how long and how large a request's head may be.

Without them a few hundred clients who never finish their headers hold every connection that the machine has.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trainwell.ship.serve.limits import Limits


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a clock and a scale for the head of a request.

    Args:
        limits: `head`, `head_seconds` and `connections`.
        arguments: what uvicorn gives to a protocol.
    """

    def __init__(self, *, limits: Limits, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._limits = limits
        self._head = 0  # bytes of the head so far
        self._clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock, or send away one client too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self._send_away("503 Service Unavailable", "Too many connections.", "retry-after: 1\r\n")
        else:
            self._start()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a head that grows too large ends the connection."""
        if self.transport.is_closing():
            return
        if self._waits_for_head and self._clock is None:
            self._start()
        if self._waits_for_head:
            self._head += len(data)
        super().data_received(data)
        if self._waits_for_head and self._head > self._limits.head and not self.transport.is_closing():
            self._send_away("431 Request Header Fields Too Large", "The headers are too large.")

    def on_headers_complete(self) -> None:
        """The head is there: the clock stops."""
        self._stop()
        self._head = 0
        super().on_headers_complete()

    @property
    def _waits_for_head(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _start(self) -> None:
        self._clock = self.loop.call_later(self._limits.head_seconds, self._too_slow)

    def _stop(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        self._clock = None
        if self._waits_for_head and not self.transport.is_closing():
            self._send_away("408 Request Timeout", "The request did not arrive in time.")

    def _send_away(self, status: str, text: str, headers: str = "") -> None:
        self._stop()
        lines = f"content-type: text/plain\r\ncontent-length: {len(text)}\r\n{headers}connection: close\r\n"
        self.transport.write(f"HTTP/1.1 {status}\r\n{lines}\r\n{text}".encode())
        self.transport.close()
