"""Serve a trained network over HTTP: a page for people, JSON for programs."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trainwell.core.errors import MissingExtra, UsageError
from trainwell.ship.serve.engine import ENGINES
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.opening import Origin, origin_of
from trainwell.ship.serve.served import Model, served

if TYPE_CHECKING:
    from trainwell.ship.serve.server import Server

_NEEDED = ("fastapi", "uvicorn", "httptools", "msgspec", "multipart")


@dataclass(frozen=True)
class Options:
    """What few need when serving.

    Args:
        open_to_all: listen at an address that others can reach although there is no token.
        fast: compute requests together even where their answers may then differ in the last digits.
        look_every: seconds between two looks for a new version; 0 never looks.
        origin: where new versions are read from, when the model does not know.
        engine: what computes: `torch`, with the bits of `predict`, or `onnx`, ONNX Runtime within 1e-5 of them.
    """

    open_to_all: bool = False
    fast: bool = False
    look_every: float = 1.0
    origin: Origin | None = None
    engine: str = "torch"


def serve(
    model: Model,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str = "",
    block: bool = True,
    limits: Limits = Limits(),  # noqa: B008, it is frozen
    options: Options | None = None,
) -> Server:
    """Serve a run, a bundle or an ensemble at `http://host:port`: a page at `/`, answers at `/predict`.

    Answers have the bits of `predict` for the same rows, whoever else is asking. Further paths are `/schema`, `/health`,
    `/metrics` and `/openapi.json`; the guide's page on serving shows each.

    Args:
        model: an opened run, a bundle or an ensemble; a new version that appears in the folder or file of a run or a bundle
            is served without a pause.
        host: the address to listen at; another one than this machine's own needs a token.
        port: 0 takes a free one.
        token: clients must send it as `Authorization: Bearer TOKEN`.
        block: serve until interrupted; else return at once, and serve until `close`.
        limits: sizes, times and numbers that clients are held to.
        options: what few need.

    Returns:
        The server; after it has ended, when `block`.

    Raises:
        MissingExtra: the extra `serve` is not installed.
        UsageError: the address is open to others and there is no token, or it is taken.
        CheckpointError: the training has not ended.
        CompileError: ONNX Runtime was asked for and cannot answer for this network.

    Example:
        >>> import trainwell as tw
        >>> run = tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris"))
        >>> server = tw.serve(run, port=0, block=False)
        >>> server.url.startswith("http://127.0.0.1:")
        True
        >>> server.close()
    """
    needs_extra()
    from trainwell.ship.serve.app import application
    from trainwell.ship.serve.server import Server
    from trainwell.ship.serve.state import State

    options = options or Options()
    local = is_local(host)
    if not local and not token and not options.open_to_all:
        remedy = "Give a token, or say that everybody may ask (--open, Options(open_to_all=True))."
        raise UsageError(f"{host} can be reached from other machines and there is no token", remedy=remedy)
    origin = options.origin or origin_of(model)
    origin = replace(origin, engine=options.engine) if origin is not None else None
    with contextlib.ExitStack() as undo:
        sock = undo.enter_context(listening(host, port))  # before the network is tried: a taken port is known at once
        first = origin.made_ready(model) if origin is not None else served(model, version="memory", engine=options.engine)
        undo.pop_all()
    state = State(first, limits=limits, origin=origin, fast=options.fast, look_every=options.look_every)
    app = application(state, token=token, local=local and not token)
    name = f"{first.name} (version {first.version}), computed by {ENGINES[first.engine]}"
    server = Server(app, sock, host, limits=limits, token=token, name=name)
    server.start()
    if block:
        server.wait()
    return server


def needs_extra() -> None:
    """Say which extra is missing, before anything else is done.

    Raises:
        MissingExtra: the extra `serve` is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise MissingExtra("a server needs the extra serve", remedy='Run pip install "trainwell[serve]".')


def is_local(host: str) -> bool:
    """Whether only this machine can reach an address.

    Example:
        >>> is_local("localhost"), is_local("127.0.0.2"), is_local("::1"), is_local("0.0.0.0")
        (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listening(host: str, port: int) -> socket.socket:
    """A socket at an address.

    Raises:
        UsageError: it is taken, or not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        said = os.strerror(error.errno).lower() if isinstance(error, OSError) and error.errno else str(error)
        raise UsageError(f"cannot listen at {host} port {port}: {said}", remedy="Choose another with --port.") from None
