"""UCI `.names` files: prose, a line of classes, and one line per column of a table without a header."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from trainwell.data.card import Check

COLUMN = re.compile(r"^([A-Za-z][\w .()/-]{0,60}?)\s*:\s*(\S.*?)\.?\s*$")
CLASSES = re.compile(r"^[^:|]+(,[^:|]+)+\.?\s*$")


@dataclass(frozen=True)
class Names:
    """Column names of a headerless table; `target` is the last one where the file lists classes apart from columns."""

    path: Path
    columns: list[str]
    target: str | None
    classes: tuple[str, ...]

    def check(self, asked: str | list[str] | None) -> Check:
        text = f"The table has no header; its {len(self.columns):,} names come from {self.path.name}."
        if self.target:
            why = "as asked for" if self.target == asked else "which the file leaves unnamed"
            text += f" The last column holds its classes ({', '.join(self.classes[:4])}) and is called {self.target!r}, {why}."
        return Check("names_file", "PASS", text, count=len(self.columns), examples=tuple(self.columns[:5]))


def find_names(table: Path, target: str | list[str] | None) -> Names | None:
    """The names that a `.names` file beside `table` gives its columns, or None.

    The file of the same stem counts, else the only one in the folder. Lines that begin with a bar are prose.

    Args:
        table: the table's path.
        target: what the user calls the target; the unnamed class column gets this name, "target" where the user gives none.
    """
    held = sorted(table.parent.glob("*.names"))
    same = [p for p in held if p.stem == table.stem]
    if len(same or held) != 1:
        return None
    path = (same or held)[0]
    columns, classes = parse_names(path.read_text(encoding="utf-8", errors="replace"))
    if not columns:
        return None
    named = target if isinstance(target, str) and target not in columns else "target"
    if classes and (isinstance(target, list) or target not in columns):
        return Names(path, [*columns, named], named, classes)
    return Names(path, columns, None, ())


def parse_names(text: str) -> tuple[list[str], tuple[str, ...]]:
    """Column names, and the classes where the file lists them on a line of their own.

    Example:
        >>> parse_names("| prose: here\\n>50K, <=50K.\\n\\nage: continuous.\\nsex: Female, Male.\\n")
        (['age', 'sex'], ('>50K', '<=50K'))
    """
    columns: list[str] = []
    classes: tuple[str, ...] = ()
    for line in text.splitlines():
        line = line.split("|")[0].strip() if not line.startswith("|") else ""
        if match := COLUMN.match(line):
            columns.append(match[1])
        elif not columns and CLASSES.match(line):
            classes = tuple(word.strip() for word in line.rstrip(".").split(","))
    return columns, classes
