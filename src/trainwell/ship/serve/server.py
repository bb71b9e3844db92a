"""The HTTP server in its thread, or in the one that waits for it."""

from __future__ import annotations

import gc
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import uvicorn

from trainwell.ship.serve.guard import App
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.protocol import BoundedProtocol


class Server:
    """A server that runs in a thread of its own, until it is closed.

    Args:
        app: the ASGI application.
        sock: where it listens.
        host: the address it was asked to listen at.
        limits: that clients are held to.
        token: that clients need.
        name: of what is served, for people.

    Example:
        >>> import json, urllib.request
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> with tw.serve(run, port=0, block=False) as server:
        ...     json.load(urllib.request.urlopen(f"{server.url}/health"))["status"]
        'ok'
    """

    def __init__(self, app: App, sock: socket.socket, host: str, *, limits: Limits, token: str = "", name: str = "") -> None:
        self.app, self.host, self.token, self.name, self._socket = app, host, token, name, sock
        self._running = uvicorn.Server(_config(app, limits))
        self.port: int = sock.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name="trainwell-server", daemon=True)

    @property
    def url(self) -> str:
        """Where it is reached on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Begin to serve, in a thread of its own; returns when the server answers."""
        self._thread.start()
        while not self._running.started and self._thread.is_alive():
            time.sleep(0.005)

    def wait(self) -> None:
        """Wait until it is closed, in a process that does nothing else; in the main thread Ctrl-C and SIGTERM close it."""
        main = threading.current_thread() is threading.main_thread()
        previous = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
        try:
            with _serving_alone():
                while self._thread.is_alive():
                    self._thread.join(0.5)
        except KeyboardInterrupt:
            self.close()
        finally:
            if main:
                signal.signal(signal.SIGTERM, previous)

    def close(self) -> None:
        """Answer what is under way, then end."""
        self._running.should_exit = True
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        self._running.run(sockets=[self._socket])

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Server({self.url})"


@contextmanager
def _serving_alone() -> Iterator[None]:
    """Python's settings for a process of short answers: threads change places soon, what was there before is never searched."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, 0.0005))  # 5 ms, as Python has it, are longer than an answer takes
    gc.freeze()  # else a search for garbage walks through all of torch's objects, for a tenth of a second
    try:
        yield
    finally:
        gc.unfreeze()
        sys.setswitchinterval(before)


def _config(app: App, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=partial(BoundedProtocol, limits=limits),  # type: ignore[arg-type]
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=round(limits.leave_seconds),
    )
