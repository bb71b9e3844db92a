"""The data card: what was found in a source, what was done about it, and whether it is safe to train on."""

from __future__ import annotations

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

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}
