"""Where words go: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer

from trainwell.core.i18n import spoken


def complain(text: str) -> None:
    """An error as one sentence on stderr."""
    typer.secho(f"{spoken('error:')} ", fg="red", bold=True, nl=False, err=True)
    typer.echo(text, err=True)


def note(text: str) -> None:
    """Something worth knowing that is not the result, on stderr."""
    typer.echo(spoken(text), err=True)


def told(text: str) -> None:
    """A result in words, on stdout."""
    typer.echo(spoken(text))


def emit_json(value: Any) -> None:
    """The result as JSON on stdout; NaN and infinity as null, which JSON can say."""
    sys.stdout.write(json.dumps(_finite(value), ensure_ascii=False, indent=2, default=str) + "\n")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
