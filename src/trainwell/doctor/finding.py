"""What the doctor says: a finding, with the measurement it rests on and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "advice"]


@dataclass(frozen=True)
class Finding:
    """One pathology that was seen, with the numbers that show it.

    Args:
        sentence: what was seen, with the decisive number.
        step: the first step whose measurement shows it; 0 is before the first update.
        layer: the layer it was seen in, where there is one.
        rows: rows of the data it was seen in, where there are some.
        severity: `error` spoils the result, `warning` costs score or time, `advice` is worth trying.
        measurement: the numbers by name.
        remedy: what to do, as an imperative sentence; in a finding of a rule it comes from the rule's page.
        code: as in `trainwell explain TW104`.
        name: the rule's name.
        because_of: code of another finding that probably causes this one; empty for a cause.

    Example:
        >>> print(Finding("every unit is silent", code="TW104", name="dead_relu", remedy="Set the bias to 0."))
        TW104 dead_relu: every unit is silent. Set the bias to 0.
    """

    sentence: str
    step: int = 0
    layer: str = ""
    rows: tuple[int, ...] = ()
    severity: Severity = "warning"
    measurement: Mapping[str, Any] = field(default_factory=dict)
    remedy: str = ""
    code: str = ""
    name: str = ""
    because_of: str = ""

    def __str__(self) -> str:
        cause = f" (probably because of {self.because_of})" if self.because_of else ""
        return f"{self.code} {self.name}: {self.sentence}{cause}. {self.remedy}"

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {**asdict(self), "rows": list(self.rows), "measurement": dict(self.measurement)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Finding:
        """The finding that `to_dict` wrote."""
        return cls(**{**fields, "rows": tuple(fields.get("rows", ()))})
