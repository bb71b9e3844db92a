"""ARFF, the format of Weka: tables with declared columns, and series as numbered columns or as one relational column.

Source: Hall et al., "The WEKA data mining software", SIGKDD Explorations 2009.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.readers.ts import as_source, read_text
from trainwell.data.source import Source

_ATTRIBUTE = re.compile(r"""(?i)^@attribute\s+('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S+)\s+(.+)$""")
_NUMBERED = re.compile(r"^(.*?)(\d+)$")
#: Numbered columns from which on they are taken to be the steps of a series.
ENOUGH_STEPS = 8


@dataclass(frozen=True)
class Attribute:
    """A declared column."""

    name: str
    kind: str

    @property
    def is_number(self) -> bool:
        return self.kind.lower() in ("numeric", "real", "integer")


def read_arff(path: Path) -> Source:
    """An ARFF file: series with their labels where it holds such, else a table.

    Raises:
        DataError: no `@data`, a row of another width, or sparse rows.
    """
    attributes, relational, lines = _parts(path)
    rows = [_cells(line) for _, line in lines]
    for (number, line), row in zip(lines, rows, strict=True):
        if line.startswith("{"):
            raise DataError(
                "the rows are sparse, which is not read", where=f"{path}, line {number}", remedy="Write them in full."
            )
        if len(row) != len(attributes):
            what = f"line {number} has {len(row)} cells for {len(attributes)} declared columns"
            raise DataError(what, where=str(path), remedy="Correct the line.")
    if relational and attributes and attributes[0].kind.lower() == "relational":
        return _of_relation(rows, attributes, path)
    steps = [place for place, one in enumerate(attributes) if one.is_number and place < len(attributes) - 1]
    if len(steps) == len(attributes) - 1 and len(steps) >= ENOUGH_STEPS and _run_on([attributes[p].name for p in steps]):
        last = attributes[-1]
        series = [[np.array([_number(row[p]) for p in steps])] for row in rows]
        return as_source(series, [row[-1] for row in rows], "target" if last.is_number else "label", path)
    frame = pl.DataFrame({one.name: _column(one, [row[place] for row in rows]) for place, one in enumerate(attributes)})
    return Source(frame, str(path), base=str(path.parent))


def _parts(path: Path) -> tuple[list[Attribute], bool, list[tuple[int, str]]]:
    """Declared columns (those inside a relation left out), whether there is a relation, and the numbered data lines."""
    attributes: list[Attribute] = []
    inside = data = relational = False
    lines = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("%"):
            continue
        if data:
            lines.append((number, line))
        elif line.lower().startswith("@data"):
            data = True
        elif line.lower().startswith("@end"):
            inside = False
        elif (match := _ATTRIBUTE.match(line)) and not inside:
            attributes.append(Attribute(match[1].strip("'\""), match[2].strip()))
            inside = match[2].strip().lower() == "relational"
            relational |= inside
    if not data or not attributes:
        raise DataError("there are no columns or no @data", where=str(path), remedy="Give a whole .arff file.")
    return attributes, relational, lines


def _cells(line: str) -> list[str]:
    quote = "'" if "'" in line and '"' not in line.replace('\\"', "") else '"'
    return [cell.strip() for cell in next(csv.reader([line], quotechar=quote, skipinitialspace=True, escapechar=None))]


def _number(cell: str) -> float:
    try:
        return float(cell.replace("?", "nan"))
    except ValueError:
        return np.nan


def _column(attribute: Attribute, cells: list[str]) -> pl.Series:
    if attribute.is_number:
        return pl.Series([_number(cell) for cell in cells], dtype=pl.Float64).fill_nan(None)
    return pl.Series([None if cell == "?" else cell for cell in cells], dtype=pl.String)


def _run_on(names: list[str]) -> bool:
    """Whether the names are one stem, numbered one after the other."""
    found = [_NUMBERED.match(name) for name in names]
    if not all(found):
        return False
    stems, numbers = {m[1] for m in found if m}, [int(m[2]) for m in found if m]
    return len(stems) == 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _of_relation(rows: list[list[str]], attributes: list[Attribute], path: Path) -> Source:
    """Series of several channels: a text whose lines are the channels."""
    series = [[np.array([_number(c) for c in line.split(",")]) for line in re.split(r"\\n|\n", row[0])] for row in rows]
    if any(len(one) != len(series[0]) for one in series):
        raise DataError("the series have different numbers of channels", where=str(path), remedy="Give all the same channels.")
    last = attributes[-1]
    name = "" if len(attributes) == 1 else "target" if last.is_number else "label"
    return as_source(series, [row[-1] for row in rows], name, path)
