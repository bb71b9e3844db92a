"""What is shown of a forecast, as plain data: it beside what came, and its errors with time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Continued:
    """One forecast beside what came, in the column's own unit.

    Args:
        name: series and column.
        time: the moment from which on it is forecast.
        past: the steps before it.
        truth: what came.
        forecast: what was said.
        low: lower limit of its interval; empty where there is none.
        high: upper limit.
    """

    name: str
    time: str
    past: list[float]
    truth: list[float]
    forecast: list[float]
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Future:
    """How a forecast fares with time.

    Args:
        by_step: name of the network or baseline → mean squared error of each step ahead, scaled.
        by_channel: column → mean squared error, scaled.
        examples: forecasts to look at: spread over the part, the last of them at its end.
        covered: share of the true values in the interval for each step ahead; empty where there is none.
    """

    by_step: dict[str, list[float]]
    by_channel: dict[str, float]
    examples: list[Continued]
    covered: list[float] = field(default_factory=list)
