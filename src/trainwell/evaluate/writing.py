"""What is shown of a language model, as plain data: how the place in a window matters, and what it writes."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """Text that the network wrote.

    Args:
        prompt: what it went on with; the judged text has it.
        text: what it wrote.
        seed: of the draws.
    """

    prompt: str
    text: str
    seed: int


@dataclass
class Writing:
    """How a language model fares along a window, and what it writes.

    Args:
        by_place: mean loss of the first, second, … token of a window: how much the tokens before it help.
        samples: texts that it wrote.
        temperature: of the samples.
        top_p: of the samples.
    """

    by_place: dict[str, list[float]]
    samples: list[Sample] = field(default_factory=list)
    temperature: float = 0.8
    top_p: float = 0.95
