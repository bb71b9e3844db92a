"""How a delimited file is written: delimiter, header, comments, decimal comma, found from its first lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field, replace

from trainwell.data.readers.csv_lines import Quotes, best_scan, opens_with_quote, scan

DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MISSING = frozenset(("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "Null", "<NA>"))
"""Words that stand for a missing cell; blank cells are missing too. "None" is not among them: it is often a category."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?%?$")
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+$|[+-]?\d{1,3}(\.\d{3})+(,\d+)?$")
RECORDS = 200
"""Records looked at."""


@dataclass(frozen=True)
class Dialect:
    """How one file is written.

    Args:
        delimiter: between fields.
        names: the header's cells, empty when the first record already holds data.
        width: fields per record.
        first_line: 1-based line of the first data record; 0 if there is none.
        preamble: line numbers of records before the header that belong to no table.
        comment: what starts a comment line, empty if there are none.
        decimal_comma: whether numbers are written 3,14.
        padded: whether fields begin with a blank after the delimiter.
        trailing: whether every record ends in a delimiter.
        quotes: how quotes are read.
    """

    delimiter: str
    names: list[str]
    width: int
    first_line: int = 0
    preamble: list[int] = field(default_factory=list)
    comment: str = ""
    decimal_comma: bool = False
    padded: bool = False
    trailing: bool = False
    quotes: Quotes = "span"


def find_dialect(sample: bytes) -> Dialect:
    """The dialect of UTF-8 text whose last line is complete.

    Example:
        >>> dialect = find_dialect(b"a;b\\n1,5;x\\n2,5;y\\n")
        >>> dialect.delimiter, dialect.names, dialect.decimal_comma
        (';', ['a', 'b'], True)
    """
    sample, told = _told_delimiter(sample)
    comment = "#" if _comment_lines(sample) else ""
    delimiter, width = (told, _width(sample, told, comment)) if told else _find_delimiter(sample, comment)
    records, quotes = best_scan(sample, delimiter, width)
    rows = [
        (int(line) + bool(told), split(sample[a:b].decode("utf-8", "replace"), delimiter, quotes))
        for a, b, line in zip(records.start[:RECORDS], records.end[:RECORDS], records.line[:RECORDS], strict=True)
    ]
    divider = delimiter.encode()
    padded = 0 < 0.9 * sample.count(divider) <= sample.count(divider + b" ")
    return _describe(rows, Dialect(delimiter, [], width, comment=comment, quotes=quotes, padded=padded))


def _told_delimiter(sample: bytes) -> tuple[bytes, str]:
    """Excel's own first line `sep=;`."""
    match = re.match(rb'"?sep=(.)"?\r?\n', sample)
    return (sample[match.end() :], match[1].decode("latin-1")) if match else (sample, "")


def _comment_lines(sample: bytes) -> bool:
    return sample.lstrip(b"\r\n ").startswith(b"#")


def _is_comment(line: bytes, comment: str) -> bool:
    return bool(comment) and line.lstrip().startswith(comment.encode())


def _find_delimiter(sample: bytes, comment: str) -> tuple[str, int]:
    """The delimiter whose number of fields is most constant over the records; a comma where none divides."""
    scored = []
    for rank, delimiter in enumerate(DELIMITERS):
        counts = _counts(sample, delimiter, comment)
        often, width = max(((n, width) for width, n in Counter(counts).items()), default=(0, 1))
        if width > 1:
            scored.append((often / len(counts) > 0.8, round(often / len(counts), 1), width, -rank, delimiter))
    if not scored:
        return ",", 1
    *_, width, _, delimiter = max(scored)
    return delimiter, width


def _counts(sample: bytes, delimiter: str, comment: str) -> list[int]:
    mode: Quotes = "span" if opens_with_quote(sample, delimiter) else "none"
    records = scan(sample, delimiter, mode)
    picked = zip(records.start[:RECORDS], records.end[:RECORDS], records.fields[:RECORDS], strict=True)
    return [int(n) for a, b, n in picked if n and not _is_comment(sample[a:b], comment)]


def _width(sample: bytes, delimiter: str, comment: str) -> int:
    counts = _counts(sample, delimiter, comment)
    return max(((n, width) for width, n in Counter(counts).items()), default=(0, 1))[1]


def split(line: str, delimiter: str, quotes: Quotes) -> list[str]:
    """The cells of one record, trimmed.

    Example:
        >>> split('a, "x, y"', ",", "span")
        ['a', 'x, y']
    """
    if quotes != "none" and '"' in line:
        try:
            cells = next(
                csv.reader(
                    [line + "\n"] if "\n" not in line else line.splitlines(True), delimiter=delimiter, skipinitialspace=True
                ),
                [],
            )
            return [cell.strip() for cell in cells]
        except csv.Error:  # a cell beyond the module's limit
            pass
    return [cell.strip() for cell in line.split(delimiter)]


Row = tuple[int, list[str]]


def _describe(rows: list[Row], dialect: Dialect) -> Dialect:
    """`dialect` completed by what the first records say: where the data begin, the header, the way numbers are written."""
    width, comment = dialect.width, dialect.comment
    start = next(
        (i for i, (_, cells) in enumerate(rows) if len(cells) == width and any(cells) and not _marked(cells, comment)),
        len(rows),
    )
    before, table = rows[:start], [row for row in rows[start:] if len(row[1]) == width and any(row[1])]
    names: list[str] = []
    if table and _is_header([cells for _, cells in table]):
        names = table.pop(0)[1]
    body = [cells for _, cells in table]
    trailing = width > 1 and bool(body) and not any(cells[-1] for cells in body) and (not names or not names[-1])
    if not names:
        names, before = _header_before(before, dialect, trailing)
    return replace(
        dialect,
        names=names,
        first_line=table[0][0] if table else 0,
        preamble=[line for line, cells in before if any(cells) and not _marked(cells, comment)],
        decimal_comma=_has_decimal_comma(body, dialect.delimiter),
        trailing=trailing and bool(names),
    )


def _marked(cells: list[str], comment: str) -> bool:
    return bool(comment) and cells[0].startswith(comment)


def _header_before(before: list[Row], dialect: Dialect, trailing: bool) -> tuple[list[str], list[Row]]:
    """A header among the records before the table: behind a comment sign, or one cell shorter than the records."""
    width, comment = dialect.width, dialect.comment
    for row in reversed(before):
        cells = row[1]
        rest = [other for other in before if other is not row]
        if _marked(cells, comment):
            if len(cells) == width > 1:
                return [cells[0].lstrip("# "), *cells[1:]], rest
        elif len(cells) == width - 1 > 1 and all(cells) and not any(map(_is_number, cells)):
            return ([*cells, ""] if trailing else ["", *cells]), rest
    return [], before


def _is_number(cell: str) -> bool:
    return bool(NUMBER.match(cell) or COMMA_NUMBER.match(cell))


def _is_header(body: list[list[str]]) -> bool:
    """Whether the first record names the columns.

    It does if half the columns of numbers begin with a word. Else it does not if a cell is a number or a missing marker (unless
    the numbers count up, as years do), or if its cells come up again below. Otherwise a table of words mostly has a header.
    """
    head, rest = body[0], body[1:201]
    counted = [cell for i, cell in enumerate(head) if _all_numbers([row[i] for row in rest])]
    wordy = sum(bool(cell) and cell not in MISSING and not _is_number(cell) for cell in counted)
    if wordy and wordy >= len(counted) / 2:
        return True
    numbers = [cell for cell in head if _is_number(cell)]
    if numbers and not _counts_up(numbers, rest):
        return False
    if any(cell in MISSING for cell in head) or (len(head) > 1 and sum(not c for c in head) > len(head) / 2):
        return False
    if not rest:
        return len(set(head)) == len(head)
    again = sum(cell != "" and cell in {row[i] for row in rest} for i, cell in enumerate(head))
    return again == 0 or again < 0.2 * len(head)


def _all_numbers(cells: list[str]) -> bool:
    held = [cell for cell in cells if cell and cell not in MISSING]
    return bool(held) and all(map(_is_number, held))


def _counts_up(cells: list[str], rest: list[list[str]]) -> bool:
    """Whether names are three or more consecutive whole numbers (years, positions) that the next record does not continue."""
    if len(cells) < 3 or not all(cell.isdigit() for cell in cells):
        return False
    values = [int(cell) for cell in cells]
    in_steps = values == list(range(values[0], values[0] + len(values)))
    return in_steps and not (rest and [c for c in rest[0] if c.isdigit()] == [str(v + 1) for v in values])


def _has_decimal_comma(body: list[list[str]], delimiter: str) -> bool:
    if delimiter == ",":
        return False
    cells = [cell for row in body for cell in row if cell]
    commas = sum(bool(re.match(r"[+-]?\d+(\.\d{3})*,\d+$", cell)) for cell in cells)
    points = sum(bool(re.match(r"[+-]?\d*\.\d+$", cell)) and not re.match(r"\d{1,3}\.\d{3}$", cell) for cell in cells)
    return commas > points
