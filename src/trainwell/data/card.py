"""The data card: what was found in a source, what was done about it, and whether it is safe to train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["PASS", "WARN", "FAIL"]


@dataclass(frozen=True)
class Check:
    """One line of the card.

    Args:
        code: short stable name of the check ("missing", "duplicates", "leak", "encoding", …).
        verdict: PASS: nothing found. WARN: found and treated, or worth a look. FAIL: training on this would mislead.
        text: a full sentence with the count and what was done about it.
        column: the column concerned; empty for the whole table.
        count: cells, rows or files concerned.
        examples: at most five, as text: `row 17: "12,5"` or a file name.
    """

    code: str
    verdict: Verdict
    text: str
    column: str = ""
    count: int = 0
    examples: tuple[str, ...] = ()


@dataclass
class Card:
    """Everything said about a data set, JSON-able; `trainwell look` and the report draw it.

    Args:
        origin: where the data came from, as the user wrote it.
        rows: rows per part: `{"train": 26048, "valid": 4596, "test": 16281}`.
        columns: one description per column: `{"name", "kind", "role", "why", "missing", …}`; numbers add quantiles and a
            histogram, categories their most frequent values, pictures sizes and modes.
        checks: findings in the order they were made.
    """

    origin: str
    rows: dict[str, int] = field(default_factory=dict)
    columns: list[dict[str, Any]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)

    def add(self, check: Check) -> None:
        self.checks.append(check)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all checks."""
        found = {c.verdict for c in self.checks}
        return "FAIL" if "FAIL" in found else "WARN" if "WARN" in found else "PASS"

    def __str__(self) -> str:
        return "\n".join([*_head(self), "", *_column_lines(self.columns), "", *_check_lines(self.checks)])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def _head(card: Card) -> list[str]:
    parts = " · ".join(f"{n:,} {name}" for name, n in card.rows.items())
    return [f"{card.origin or 'data in memory'}: {card.verdict}", f"rows: {parts}"]


def _column_lines(columns: list[dict[str, Any]], most: int = 40) -> list[str]:
    shown = columns[:most]
    width = max((len(column["name"]) for column in shown), default=0)
    lines = [f"{c['name']:<{width}}  {c['kind']:<14}  {_what(c)}" for c in shown]
    return lines + ([f"… and {len(columns) - most:,} more columns"] if len(columns) > most else [])


def _what(column: dict[str, Any]) -> str:
    """What a column holds, in one line."""
    said = [f"{column['role']}:"] if column["role"] != "feature" else []
    if column["role"] == "left out":
        return " ".join([*said, column["why"]])
    if "quantiles" in column:
        quantiles = column["quantiles"]
        said.append(f"{quantiles['0']:.6g} to {quantiles['1']:.6g}, median {quantiles['0.5']:.6g}")
    elif "top" in column:
        top = ", ".join(f"{label} {n:,}" for label, n in list(column["top"].items())[:3])
        said.append(f"{column.get('distinct', len(column['top'])):,} values: {top}")
    elif "first" in column:
        said.append(f"{column['first']} to {column['last']}")
    elif "tokens" in column:
        said.append(about_text(column))
    elif "shape" in column:
        said.append("x".join(str(side) for side in column["shape"]))
    else:
        said.append(column["why"])
    return " ".join(said) + (f"; {column['missing']:,} empty" if column.get("missing") else "")


def about_text(about: Mapping[str, Any]) -> str:
    """What is known of a text column, in one line.

    Example:
        >>> tokens = {"words": {"vocabulary": 900, "length": 40}}
        >>> about_text({"tokens": tokens, "lengths": {"0.5": 8, "0.99": 38, "1": 90}, "without_code": 0.02, "cut_off": 0.01})
        '900 words; half the texts have 8 or more, the longest 90; 2.0% of the tokens have no code of their own; 1.0% cut off'
    """
    ways = " and ".join(f"{way['vocabulary']:,} {how}" for how, way in about["tokens"].items())
    lengths = about["lengths"]
    line = f"{ways}; half the texts have {lengths['0.5']:,} or more, the longest {lengths['1']:,}"
    if about["without_code"]:
        line += f"; {about['without_code']:.1%} of the tokens have no code of their own"
    return line + (f"; {about['cut_off']:.1%} cut off" if about["cut_off"] else "")


def _check_lines(checks: list[Check]) -> list[str]:
    """Findings first, the worst at the top; what passed at the end."""
    order = {"FAIL": 0, "WARN": 1, "PASS": 2}
    return [f"{check.verdict}  {check.text}" for check in sorted(checks, key=lambda check: order[check.verdict])]
