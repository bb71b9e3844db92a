"""How whole series lie in a table: spread over numbered columns, or over rows."""

from __future__ import annotations

from dataclasses import dataclass

#: The array's name where several columns make it.
SERIES = "series"


@dataclass(frozen=True)
class Gather:
    """How series lie in a table.

    Args:
        stems: beginnings of numbered columns, one per channel: `t` for t0, t1, …
        id: in a long table, the column that says which series a row belongs to; "" in a wide one.
        time: the column by which its rows are ordered; "" for the order of the rows.
        channels: its columns of numbers.
    """

    stems: tuple[str, ...] = ()
    id: str = ""
    time: str = ""
    channels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the array is called."""
        return self.stems[0] if len(self.stems) == 1 else SERIES
