"""Every verb of the command line, found by walking it."""

from __future__ import annotations

from typing import Any

from typer.main import get_command

from trainwell.cli.main import app


def commands() -> dict[tuple[str, ...], Any]:
    """Each verb, as the words one types, with its command; hidden second names are left out."""
    found: dict[tuple[str, ...], Any] = {}
    waiting = [((), get_command(app))]
    while waiting:
        words, command = waiting.pop(0)
        inner = vars(command).get("commands")
        if inner is None:
            found[words] = command
            continue
        waiting += [((*words, name), c) for name, c in inner.items() if not c.hidden]
    return found


def verbs() -> list[tuple[str, ...]]:
    return sorted(commands())
