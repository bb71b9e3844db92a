"""Cause before symptom: the order in which findings are named, and which explain which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trainwell.doctor.chart import Chart
from trainwell.doctor.finding import Finding

#: From cause to symptom, by onset: bad cells, pairing of output and loss, loop, wiring, data, initialisation, first updates,
#: late symptoms. What can be proved exactly comes before what is read from curves.
ORDER = [
    *("TW001", "TW210", "TW205", "TW206", "TW201", "TW202", "TW203", "TW204", "TW207", "TW209", "TW208"),
    *("TW505", "TW504", "TW501", "TW502", "TW503", "TW108", "TW109"),
    *("TW013", "TW004", "TW005", "TW006", "TW003", "TW002", "TW012"),
    *("TW105", "TW107", "TW403", "TW211", "TW106", "TW104", "TW103", "TW101", "TW102"),
    *("TW303", "TW306", "TW301", "TW305", "TW302", "TW304"),
    *("TW010", "TW009", "TW506", "TW402", "TW311", "TW507", "TW310"),
    *("TW008", "TW309", "TW110", "TW401", "TW307", "TW404", "TW508"),
    *("TW602", "TW601"),
]

#: Consequences that a finding explains: seen together, they are marked as such and not told by themselves.
_SCALE = {"TW101", "TW102", "TW103", "TW104", "TW106", "TW301", "TW302", "TW303", "TW307", "TW311"}
_WEAK = {"TW008", "TW009", "TW010", "TW110", "TW309", "TW310", "TW401", "TW404", "TW307", "TW402"}
EXPLAINS: dict[str, set[str]] = {
    "TW001": {*_SCALE, *_WEAK},
    **{code: {*_SCALE, *_WEAK} for code in ("TW002", "TW003", "TW012", "TW211", "TW501", "TW502", "TW105", "TW206")},
    **{code: {*_SCALE, *_WEAK} for code in ("TW201", "TW202", "TW203", "TW204", "TW205", "TW207", "TW208", "TW209", "TW210")},
    **{code: {*_SCALE, *_WEAK} for code in ("TW108", "TW109", "TW504", "TW505")},
    "TW013": {"TW004", *_SCALE, *_WEAK},
    "TW004": {"TW401", "TW110", "TW008", "TW009", "TW010", "TW404", "TW309"},
    "TW005": {"TW401"},
    "TW006": {"TW401", "TW110", "TW004", "TW009"},
    "TW106": {*_SCALE, *_WEAK} - {"TW106"},
    "TW104": {"TW101", "TW302", "TW301", *_WEAK},
    "TW103": {"TW101", "TW102", "TW302", "TW301", "TW307", *_WEAK},
    "TW101": {"TW302", "TW301", *_WEAK},
    "TW102": {"TW301", "TW311", "TW307", *_WEAK},
    "TW107": {"TW110", "TW404", "TW309", "TW307", "TW401"},
    "TW303": {"TW102", "TW104", "TW311", "TW301", "TW307", *_WEAK},
    "TW306": {"TW102", "TW104", "TW103", "TW301", "TW307", "TW311", *_WEAK},
    "TW301": {"TW102", "TW103", "TW104", "TW101", "TW307", "TW311", *_WEAK},
    "TW305": {"TW302", *_WEAK},
    "TW302": _WEAK,
    "TW304": {"TW302", *_WEAK},
    "TW310": {"TW309", "TW110", "TW404", "TW302", "TW008"},
    "TW402": {"TW110", "TW309", "TW404", "TW101", "TW104", "TW401", "TW307"},
    "TW403": {"TW102", "TW301", "TW311", "TW307", "TW402", "TW110", "TW309", "TW404", "TW401"},
    "TW008": {"TW110", "TW309", "TW401", "TW404"},
    "TW009": {"TW401", "TW110"},
    "TW010": {"TW401", "TW110", "TW404", "TW009", "TW309"},
    "TW309": {"TW110", "TW404", "TW008"},
    "TW110": {"TW404", "TW008", "TW309", "TW104", "TW101"},
    "TW307": {"TW404"},
    "TW602": {"TW601"},
    "TW311": {"TW404", "TW110", "TW309", "TW008", "TW010"},
}
#: Units of a layer that may all be dead from the start by chance.
FEW = 3
#: Units that die or saturate later than this are a consequence of the updates, not of the beginning.
_LATER = {"TW104", "TW103"}


def in_order(findings: Sequence[Finding], chart: Chart) -> list[Finding]:
    """Findings from cause to symptom; a symptom names the finding that explains it.

    Args:
        findings: in any order.
        chart: where they were read from.

    Example:
        >>> found = in_order([Finding("constant", code="TW404"), Finding("rate", code="TW301")], Chart([]))
        >>> [(f.code, f.because_of) for f in found]
        [('TW301', ''), ('TW404', 'TW301')]
    """
    del chart
    wild = min((f.step for f in findings if f.code == "TW301"), default=None)
    placed = sorted(findings, key=lambda f: _place(f, wild))
    named: list[Finding] = []
    for finding in placed:
        cause = next((f.code for f in named if not f.because_of and finding.code in EXPLAINS.get(f.code, ())), "")
        named.append(replace(finding, because_of=cause))
    # Causes first, then what they explain.
    return sorted(named, key=lambda f: bool(f.because_of))


def _place(finding: Finding, wild: int | None) -> tuple[float, int]:
    """Where a finding stands in the order; `wild` is the first update that threw the weights about."""
    place = float(ORDER.index(finding.code))
    if finding.code in _LATER and finding.step > 0:
        place = ORDER.index("TW402") + 0.5
    if finding.code == "TW102" and wild is not None and wild < finding.step:
        place = ORDER.index("TW301") + 0.5  # gradients were of usual size until the weights were thrown about
    narrow = finding.measurement.get("narrowest") if finding.code == "TW110" else None
    if narrow is not None:  # no number of updates makes such a layer wide enough, and so few units die together by chance
        place = ORDER.index("TW104" if narrow <= FEW else "TW309") - 0.5
    return place, finding.step
