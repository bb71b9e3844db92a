"""What a server takes from its clients: sizes, times and numbers, each with a default that a laptop stands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds of a server.

    Args:
        body: bytes of one request; more is answered with 413 before it is read.
        rows: rows of one request.
        batch: rows computed at once; requests share a batch up to it.
        wait: seconds for which a batch waits for requests that are on their way.
        waiting: requests worked on at once; the next one is answered with 503.
        buffered: bytes of bodies held at once by all requests together.
        connections: open connections; the next one is answered with 503 and closed.
        head: bytes of a request line and its headers.
        head_seconds: for a request line and its headers to arrive.
        body_seconds: for a body to arrive.
        work_seconds: for an answer to be computed and sent.
        leave_seconds: for requests under way when the server is stopped.

    Example:
        >>> Limits(rows=10).body // 2**20
        16
    """

    body: int = 16 << 20
    rows: int = 100_000
    batch: int = 256
    wait: float = 0.002
    waiting: int = 64
    buffered: int = 128 << 20
    connections: int = 1_000
    head: int = 32 << 10
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    work_seconds: float = 60.0
    leave_seconds: float = 10.0
