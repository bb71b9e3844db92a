"""What the report tells, as plain data: the page is a function of this and of nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trainwell.data.card import Card
from trainwell.doctor.finding import Finding
from trainwell.evaluate.evaluation import Evaluation
from trainwell.train.summary import Layer


@dataclass(frozen=True)
class RecipeLine:
    """One key of a recipe with its value and, where it was suggested, the reason."""

    key: str
    value: str
    why: str = ""


@dataclass(frozen=True)
class Story:
    """Everything a report shows.

    Args:
        title: what was predicted.
        subtitle: from what, with what.
        evaluation: scores and what explains them; None shows the report without them.
        card: the data card.
        history: rows as `History` holds them.
        signs: what the doctor measured, for the pictures beside its findings.
        findings: what the doctor named; None when it was not asked.
        facts: short facts beside the scores: name → text.
        recipe: the keys that were chosen, with reasons.
        recipe_text: the whole recipe as YAML.
        layers: the network.
        environment: versions and machine: name → text.
        commands: what to type to get the same again.
        pictures: row number → data URI, for the rows worth looking at.
        made: title → data URI, for grids of pictures that the network made.
        colours: class → CSS colour, where pictures show classes as colours.
        tiny: whether the pictures are so small that their pixels should be seen.
    """

    title: str
    subtitle: str
    evaluation: Evaluation | None
    card: Card
    history: Sequence[Mapping[str, Any]] = ()
    signs: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[Finding] | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    recipe: Sequence[RecipeLine] = ()
    recipe_text: str = ""
    layers: Sequence[Layer] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: Sequence[str] = ()
    pictures: Mapping[int, str] = field(default_factory=dict)
    tiny: bool = False
    made: Mapping[str, str] = field(default_factory=dict)
    colours: Mapping[str, str] = field(default_factory=dict)
