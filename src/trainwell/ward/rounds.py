"""A round through the ward: every program is trained, what the doctor says is held against what is known of it."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainwell.core.history import History
from trainwell.core.stats import wilson_interval
from trainwell.doctor.examine import diagnose
from trainwell.doctor.finding import Finding
from trainwell.ward import faults_of_networks, faults_of_programs, healthy_kinds, healthy_rates
from trainwell.ward.grid import grid
from trainwell.ward.odd import odd_cases
from trainwell.ward.odd_fits import Fitted, odd_fits
from trainwell.ward.program import Case
from trainwell.ward.register import FAULTS, HEALTHY

#: Modules that fill the registers when they are imported.
CASES = (faults_of_networks, faults_of_programs, healthy_kinds, healthy_rates)


def sick_cases() -> list[Case]:
    """The programs with a planted fault."""
    return [Case(name, lambda b=build: b(True), codes) for name, codes, build in FAULTS]  # type: ignore[misc]


def twin_cases() -> list[Case]:
    """The same programs without it."""
    return [Case(f"{name} twin", lambda b=build: b(False)) for name, _, build in FAULTS]  # type: ignore[misc]


def healthy_cases() -> list[Case]:
    """Healthy programs, many of them odd but legal."""
    return [*HEALTHY, *grid()]


Examined = Case | Fitted
GROUPS: dict[str, Callable[[], Sequence[Examined]]] = {
    "sick": sick_cases,
    "twin": twin_cases,
    "healthy": healthy_cases,
    "odd": odd_cases,
    "fits": odd_fits,
}


@dataclass(frozen=True)
class Seen:
    """What the doctor said of one program.

    Args:
        group: sick, twin, healthy, odd or fits.
        name: of the program.
        seed: of its data, weights and order.
        expected: codes one of which is right; none for a healthy program.
        findings: what was found, causes first.
        score: of the network on rows that it was not trained on.
    """

    group: str
    name: str
    seed: int
    expected: Sequence[str]
    findings: Sequence[Finding]
    score: float

    @property
    def detected(self) -> bool:
        """Whether a right code is among the findings."""
        return bool({f.code for f in self.findings} & set(self.expected))

    @property
    def first(self) -> bool:
        """Whether a right code is the first cause."""
        causes = [f for f in self.findings if not f.because_of and f.severity != "advice"]
        return bool(causes) and causes[0].code in self.expected

    @property
    def right(self) -> bool:
        """Whether the first cause is right, or nothing is said of a healthy program."""
        return self.first if self.expected else not self.findings

    def __str__(self) -> str:
        said = [
            f"      {f.code} step {f.step} {f.layer} {f.sentence}{f' <- {f.because_of}' * bool(f.because_of)}"
            for f in self.findings
        ]
        named = f": {' or '.join(self.expected)}" if self.expected else ""
        return "\n".join(
            [f"{'right' if self.right else 'WRONG'} {self.name} seed {self.seed}, score {self.score:.3f}{named}", *said]
        )


@dataclass(frozen=True)
class Ward:
    """A table of the ward: shares with 95% intervals.

    Args:
        seen: one entry for each program and seed.
    """

    seen: Sequence[Seen]

    def shares(self) -> dict[str, tuple[int, int]]:
        """How many of how many: detected and first cause of planted faults, alarms of the rest, by group."""
        found: dict[str, tuple[int, int]] = {}
        for group in dict.fromkeys(s.group for s in self.seen):
            mine = [s for s in self.seen if s.group == group]
            if mine[0].expected:
                found[f"{group}: detected"] = sum(s.detected for s in mine), len(mine)
                found[f"{group}: right cause first"] = sum(s.first for s in mine), len(mine)
            else:
                found[f"{group}: false alarms"] = sum(bool(s.findings) for s in mine), len(mine)
        return found

    def __str__(self) -> str:
        return "\n".join(f"{name} {k} of {n}: {wilson_interval(k, n)}" for name, (k, n) in self.shares().items())

    def to_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        wrong = [
            {"group": s.group, "name": s.name, "seed": s.seed, "codes": [f.code for f in s.findings]}
            for s in self.seen
            if not s.right
        ]
        return {"shares": {name: list(pair) for name, pair in self.shares().items()}, "wrong": wrong}


def ward(
    names: Iterable[str] = (),
    *,
    seeds: Sequence[int] = (0, 1, 2),
    groups: Sequence[str] = ("sick", "twin", "healthy"),
    folder: Path | None = None,
    tell: Callable[[str], Any] | None = print,
) -> Ward:
    """Train the ward's programs under the doctor, and print what it said wrongly and the table.

    59 programs with a planted fault, their 59 twins without it, and 120 healthy ones take about four minutes a seed.

    Args:
        names: first words of names (`B3`), or beginnings where no name has such a word; none means all.
        seeds: each program is trained once with each.
        groups: `sick`, `twin`, `healthy`, and `odd` and `fits` for 200 loops and recipes drawn from seeds.
        folder: where measurements are kept; called again, it goes on where it was stopped. None keeps nothing.
        tell: called with lines of text; None is silent.

    Example:
        >>> from trainwell.testing import ward
        >>> print(ward(["A9"], seeds=[0], groups=["sick"], tell=None))
        sick: detected 1 of 1: 1.00 (95% CI 0.21 to 1.00, n=1)
        sick: right cause first 1 of 1: 1.00 (95% CI 0.21 to 1.00, n=1)
    """
    cases = {g: chosen(GROUPS[g](), tuple(names)) for g in groups}
    return round_of(cases, seeds=seeds, folder=folder, tell=tell)


def chosen(cases: Sequence[Examined], names: Sequence[str]) -> list[Examined]:
    """The programs whose name begins with one of these words, or with one of these letters where no first word is like it."""
    words = {c.name.split()[0] for c in cases}
    exact, begun = set(names) & words, tuple(n for n in names if n not in words)
    return [c for c in cases if not names or c.name.split()[0] in exact or (begun and c.name.startswith(begun))]


def round_of(
    cases: Mapping[str, Sequence[Examined]],
    *,
    seeds: Sequence[int],
    folder: Path | None = None,
    judge_only: bool = False,
    tell: Callable[[str], Any] | None = print,
) -> Ward:
    """A round through programs by group, with what is kept in `folder`; `judge_only` trains nothing new."""
    seen: list[Seen] = []
    for group, members in cases.items():
        for one in _examined(group, members, seeds, folder, judge_only):
            seen.append(one)
            if tell is not None and not one.right:
                tell(str(one))
    found = Ward(seen)
    if tell is not None:
        tell(str(found))
    return found


def _examined(
    group: str, cases: Sequence[Examined], seeds: Sequence[int], folder: Path | None, judge_only: bool
) -> Iterator[Seen]:
    done = kept(folder) if folder else {}
    for seed in seeds:
        for case in cases:
            key = f"{group} {case.name} {seed}"
            path = folder / (re.sub(r"[^A-Za-z0-9]+", "-", key) + ".jsonl") if folder else None
            if key in done:
                yield Seen(group, case.name, seed, case.expected, diagnose(History(path).rows), done[key]["score"])
            elif not judge_only:
                if path is not None:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.unlink(missing_ok=True)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some faults make torch warn
                    findings, score = case.examine(seed, path=path)
                if folder:
                    _keep(folder, {"key": key, "score": score, "codes": [f.code for f in findings]})
                yield Seen(group, case.name, seed, case.expected, findings, score)


def _keep(folder: Path, row: Mapping[str, Any]) -> None:
    with open(folder / "done.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def kept(folder: Path) -> dict[str, dict[str, Any]]:
    """What a folder has of earlier rounds, by group, name and seed."""
    file = folder / "done.jsonl"
    return {row["key"]: row for row in map(json.loads, file.read_text("utf-8").splitlines())} if file.exists() else {}
