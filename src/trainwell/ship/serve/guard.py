"""The door of the server: who may come in, how much they may bring, and how long they may take.

It reads the body of a request before a place among the requests that are worked on is taken: a client who sends slowly holds no
place that a good one could use, only the few bytes it has sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.refusal import Refused, busy
from trainwell.ship.serve.telemetry import Telemetry

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Paths that show nothing of the network and need no token: the empty page, and whether the server is alive.
OPEN_PATHS = frozenset({"/", "/page.css", "/page.js", "/health"})
#: Paths that ask the network.
WORK_PATHS = frozenset({"/predict", "/nearest"})
#: Names under which a browser may call a server that listens on this machine alone.
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
#: After a refusal, bytes and seconds for which a client that goes on sending is heard out, so that it reads the answer.
_HEARD_BYTES, _HEARD_SECONDS = 256 << 20, 2.0


class Guard:
    """ASGI middleware around the application.

    Args:
        app: gets requests whose bodies are complete.
        limits: sizes, times and numbers.
        telemetry: counts requests.
        token: what clients send as `Authorization: Bearer TOKEN`; "" asks for none.
        local: whether only names of this machine are accepted as host, so that no page on the web can reach the server
            through a name of its own.
    """

    def __init__(self, app: App, *, limits: Limits, telemetry: Telemetry, token: str = "", local: bool = True) -> None:
        self._app, self._limits, self._telemetry = app, limits, telemetry
        self._token, self._local = token.encode(), local
        self._buffered = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        heard = _Heard(send)
        try:
            await self._handle(scope, receive, heard)
        except Refused as refused:
            await self._refuse(refused, receive, heard)
        finally:
            path = scope["path"] if scope["path"] in KNOWN_PATHS else "other"
            self._telemetry.requests[path, heard.status] += 1

    async def _handle(self, scope: Scope, receive: Receive, send: _Heard) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self._admit(scope["path"], headers)
        self._measure(headers)
        body = await self._body(receive) if scope["method"] in ("POST", "PUT", "PATCH") else b""
        try:
            if scope["path"] in WORK_PATHS:
                await self._work(scope, body, receive, send)
            else:
                await self._app(scope, _replay(body, receive), send)
        finally:
            self._buffered -= len(body)

    def _admit(self, path: str, headers: dict[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1").rpartition("@")[2]
        name = host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if self._local and name not in LOCAL_NAMES:
            remedy = "Call it as 127.0.0.1, or serve with a token."
            raise Refused(421, f"this server does not answer for the host {host[:80]!r}", remedy=remedy)
        if self._token and path not in OPEN_PATHS:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                bearer = {"www-authenticate": "Bearer"}
                raise Refused(401, "a token is needed", remedy="Send Authorization: Bearer TOKEN.", headers=bearer)

    def _measure(self, headers: dict[bytes, bytes]) -> None:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise Refused(400, f"the content length {length[:40].decode('latin-1')!r} is no number")
        if int(length) > self._limits.body:
            raise self._too_large()
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise Refused(415, "compressed bodies are not read", remedy="Send the body as it is.")

    def _too_large(self) -> Refused:
        most = self._limits.body / 2**20
        return Refused(413, f"the body is larger than the {most:.3g} MB of one request", remedy="Send the rows in parts.")

    async def _body(self, receive: Receive) -> bytes:
        """The whole body, within size and time; what is held is counted over all requests."""
        parts = list[bytes]()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while await self._part(receive, parts):
                    pass
            return b"".join(parts)
        except BaseException as error:
            self._buffered -= sum(map(len, parts))
            if not isinstance(error, TimeoutError):
                raise
            seconds = self._limits.body_seconds
            what = f"the body did not arrive within {seconds:g} seconds"
            raise Refused(408, what, headers={"connection": "close"}) from None

    async def _part(self, receive: Receive, parts: list[bytes]) -> bool:
        """Take one part of a body; whether there is more."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "the client left before its request was complete")
        part = message.get("body", b"")
        parts.append(part)
        self._buffered += len(part)
        if sum(map(len, parts)) > self._limits.body:
            raise self._too_large()
        if self._buffered > self._limits.buffered:
            raise busy("too much is being sent at once")
        return bool(message.get("more_body", False))

    async def _work(self, scope: Scope, body: bytes, receive: Receive, send: _Heard) -> None:
        if self._telemetry.in_flight >= self._limits.waiting:
            raise busy(f"{self._limits.waiting} requests are being worked on")
        self._telemetry.in_flight += 1
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self._limits.work_seconds):
                await self._app(scope, _replay(body, receive), send)
        except TimeoutError:
            raise busy(f"no answer was found within {self._limits.work_seconds:g} seconds") from None
        finally:
            self._telemetry.in_flight -= 1
            self._telemetry.seconds.add(time.perf_counter() - start)

    async def _refuse(self, refused: Refused, receive: Receive, send: _Heard) -> None:
        if send.status:  # the response has begun
            return
        body = json.dumps(refused.to_dict(), ensure_ascii=False).encode(errors="replace")
        headers = {"content-type": "application/json", "content-length": str(len(body)), **refused.headers}
        if refused.status == 413:
            headers["connection"] = "close"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": refused.status, "headers": raw})
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if refused.status == 413:
            await _hear_out(receive)
        await send({"type": "http.response.body", "body": b""})


#: Paths that are counted by name; others might be anything.
KNOWN_PATHS = OPEN_PATHS | WORK_PATHS | {"/schema", "/metrics", "/openapi.json"}


class _Heard:
    """Remembers the status that was sent."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body again, as one message; after it whatever else comes."""
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once


async def _hear_out(receive: Receive) -> None:
    """Take and forget what a client is still sending: a closed door would lose it the answer."""
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEARD_SECONDS):
            while more and size < _HEARD_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message["type"] != "http.disconnect" and message.get("more_body", False)
