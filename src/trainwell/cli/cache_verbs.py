"""The verb about what is kept so that it need not be computed twice: cache."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from trainwell.cli.arguments import AsJson
from trainwell.cli.output import emit_json, note
from trainwell.core.errors import UsageError
from trainwell.core.i18n import spoken

if TYPE_CHECKING:
    from trainwell.data.cache import Entry

EXAMPLES = """
Examples:
  trainwell cache ls
  trainwell cache rm 3fa9 c01b
  trainwell cache rm --unused 30d
  trainwell cache rm --all
"""


class What(StrEnum):
    """What is done with the cache."""

    ls = "ls"
    rm = "rm"


def add_to(app: typer.Typer) -> None:
    """Register the verb."""
    app.command(epilog=EXAMPLES)(cache)


def cache(
    what: Annotated[What, typer.Argument(help="ls lists the entries, rm removes them; whatever is needed is made again.")],
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY", help="Entries to remove: how their names begin.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Remove all entries.")] = False,
    unused: Annotated[str | None, typer.Option(help="Remove what was not used for so long: 12h, 30d.")] = None,
    as_json: AsJson = False,
) -> None:
    """List or remove what preparing data has left on the disk: decoded pictures, encoded tables, converted files."""
    from trainwell.data.cache import cache_home, entries, remove

    known = entries()
    if what is What.rm:
        known = remove(_chosen(known, keys or [], everything, unused))
    elif keys or everything or unused:
        raise UsageError("ls lists all entries", remedy="Use `trainwell cache rm` to remove some.")
    if as_json:
        emit_json([vars(entry) for entry in known])
        return
    for entry in known:
        typer.echo(_line(entry))
    total = sum(entry.bytes for entry in known)
    said = "removed" if what is What.rm else f"in {cache_home()}"
    note(f"{len(known):,} {'entry' if len(known) == 1 else 'entries'}, {_size(total)} {said}")


def _chosen(known: list[Entry], keys: list[str], everything: bool, unused: str | None) -> list[str]:
    import time

    if (bool(keys) + everything + (unused is not None)) != 1:
        raise UsageError("rm takes names of entries, --all, or --unused", remedy="See `trainwell cache ls`.")
    if keys:
        return keys
    latest = time.time() - _days(unused) * 86_400 if unused is not None else float("inf")
    return [entry.key for entry in known if entry.used <= latest and entry.whole]


def _days(text: str) -> float:
    """`12h` as 0.5 days.

    Example:
        >>> _days("36h"), _days("30d"), _days("7")
        (1.5, 30.0, 7.0)
    """
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("h", "d") else (text, "d")
    try:
        return float(number) / (24 if unit == "h" else 1)
    except ValueError:
        raise UsageError(f"{text!r} is no time", remedy="Write 12h or 30d.") from None


def _line(entry: Entry) -> str:
    import time

    days = (time.time() - entry.used) / 86_400
    age = f"{days:.0f} d" if days >= 2 else f"{days * 24:.0f} h" if days >= 1 / 12 else f"{days * 1440:.0f} min"
    return f"{entry.key.lstrip('.')[:12]}  {_size(entry.bytes):>9}  {spoken('used')} {age:>6} {spoken('ago')}  {entry.about}"


def _size(number: float) -> str:
    """Bytes in the unit that suits them.

    Example:
        >>> _size(1_500), _size(10_360_000_000)
        ('1.5 kB', '10.4 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
