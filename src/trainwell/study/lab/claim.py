"""A claim of the craft as a small controlled experiment: where it should hold, and where it fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from trainwell.core.recipe import Recipe
from trainwell.study.verdict import Verdict

Says = Literal["higher", "lower", "same"]
Outcome = Literal["holds", "fails", "cannot tell"]


@dataclass(frozen=True)
class Scene:
    """One experiment: two recipes that differ in one thing, trained in pairs, and a number that is measured of each run.

    Args:
        name: `here`, where the claim should hold, or `limit`, where it does not.
        one: the recipe with what the claim is about.
        other: the recipe without.
        measure: name of what is measured of a run.
        says: what the claim says about `one` against `other`.
        margin: of "same": differences up to this size count as none.
    """

    name: Literal["here", "limit"]
    one: Recipe
    other: Recipe
    measure: str = "accuracy"
    says: Says = "higher"
    margin: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A claim.

    Args:
        name: as in `trainwell lab NAME`; its texts stand under it.
        scenes: the experiments; empty for one that is told in numbers instead.
        source: the bundled data set it is tried on.
        numbers: a demonstration in numbers, and where it fails: seed → what was foretold and what happened.
        origin: where the claim comes from.
    """

    name: str
    scenes: tuple[Scene, ...] = ()
    source: str = "digits"
    numbers: tuple[Callable[[int], Numbers], ...] = ()
    origin: str = ""


@dataclass(frozen=True)
class Numbers:
    """One calculation carried out before one's eyes.

    Args:
        lines: name → value, in the order of the calculation.
        foretold: what the calculation says will happen.
        happened: what did.
    """

    lines: dict[str, float]
    foretold: float
    happened: float


@dataclass(frozen=True)
class Tried:
    """A scene that was carried out.

    Args:
        name: of the scene.
        measure: what was measured.
        says: what the claim says.
        changes: recipe key → value of the one and of the other.
        one: a number per seed.
        other: likewise.
        verdict: the one against the other; "helps" is higher, "hurts" is lower.
        outcome: whether the claim holds here.
    """

    name: str
    measure: str
    says: Says
    changes: dict[str, tuple[Any, Any]]
    one: list[float]
    other: list[float]
    verdict: Verdict
    outcome: Outcome


@dataclass(frozen=True)
class Lesson:
    """A claim that was tried.

    Args:
        claim: its name.
        origin: where the claim comes from.
        data: what it was tried on.
        scenes: what came out of each.
        lines: of a demonstration in numbers, name → value; empty otherwise.
        seconds: of training.
    """

    claim: str
    origin: str
    data: str
    scenes: list[Tried]
    lines: dict[str, float]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        scenes = [asdict(scene) | {"verdict": scene.verdict.to_dict()} for scene in self.scenes]
        return asdict(self) | {"scenes": scenes}


def outcome_of(verdict: Verdict, says: Says, margin: float) -> Outcome:
    """Whether a claim holds, given what the pairs say; "same" holds where the whole interval lies within the margin."""
    d = verdict.difference
    if says == "same":
        if -margin <= d.low and d.high <= margin:
            return "holds"
        return "fails" if verdict.word != "cannot tell" else "cannot tell"
    if verdict.word == "cannot tell":
        return "cannot tell"
    return "holds" if (verdict.word == "helps") == (says == "higher") else "fails"
