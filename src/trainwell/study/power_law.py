"""Errors that fall as a power of the number of training rows: fitted to means, with the doubt that few repeats leave."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainwell.core.seeds import draw_seed
from trainwell.core.stats import Floats, Interval

#: Exponents tried: below 0.05 a curve is flat over any sample one can pay for, above 2 it has ended.
EXPONENTS = np.geomspace(0.05, 2.0, 60)
DRAWS = 1000


@dataclass(frozen=True)
class PowerLaw:
    """error(rows) = floor + scale · (rows / unit)^-exponent.

    Args:
        floor: what is left with endlessly many rows.
        scale: how far above it the error is with `unit` rows.
        exponent: how fast it falls; measured ones lie between 0.07 and 1.
        unit: the largest number of rows that was measured.

    Example:
        >>> PowerLaw(0.1, 0.2, 0.5, 1000.0).at(4000)
        0.2
    """

    floor: float
    scale: float
    exponent: float
    unit: float

    def at(self, rows: float) -> float:
        """The error with so many training rows."""
        return self.floor + self.scale * (rows / self.unit) ** -self.exponent

    def rows_for(self, error: float) -> float:
        """Training rows with which the error is reached; infinite below the floor.

        Example:
            >>> PowerLaw(0.1, 0.2, 0.5, 1000.0).rows_for(0.2)
            4000.0
        """
        if error <= self.floor:
            return math.inf
        return 0.0 if self.scale == 0 else self.unit * ((error - self.floor) / self.scale) ** (-1 / self.exponent)


@dataclass(frozen=True)
class Laws:
    """One power law for each of many resamples: `floor`, `scale` and `exponent` are `(B,)`."""

    floor: Floats
    scale: Floats
    exponent: Floats
    unit: float

    def at(self, rows: float) -> Floats:
        """The errors with so many training rows, `(B,)`."""
        found: Floats = self.floor + self.scale * (rows / self.unit) ** -self.exponent
        return found


def fit_power_laws(rows: Floats, errors: Floats, weights: Floats, *, least: float) -> Laws:
    """The power laws closest to mean errors, in weighted least squares; none falls below `least` or rises with more rows.

    Args:
        rows: training rows of each point, `(k,)`.
        errors: mean errors, one line per resample, `(B, k)`.
        weights: of the points, `(k,)`.
        least: the error of a perfect network.
    """
    unit = float(rows.max())
    w = weights / weights.sum()
    best = np.full(len(errors), np.inf)
    kept = np.zeros((3, len(errors)))
    for exponent in EXPONENTS:
        x = (rows / unit) ** -exponent
        mx, my = x @ w, errors @ w
        scale = np.maximum(0.0, ((errors - my[:, None]) * (x - mx)) @ w / (w @ (x - mx) ** 2))
        floor = my - scale * mx
        below = floor < least
        scale = np.where(below, np.maximum(0.0, (errors - least) @ (w * x) / (w @ (x * x))), scale)
        floor = np.where(below, least, floor)
        lost = (errors - floor[:, None] - scale[:, None] * x) ** 2 @ w
        better = lost < best
        best = np.where(better, lost, best)
        kept = np.where(better, np.stack([floor, scale, np.full(len(errors), exponent)]), kept)
    return Laws(kept[0], kept[1], kept[2], unit)


def fit_power_law(rows: Floats, errors: Floats, *, least: float) -> PowerLaw:
    """The power law closest to the mean errors of several repeats.

    Args:
        rows: training rows of each point, `(k,)`.
        errors: one line per repeat, `(n, k)`.
        least: the error of a perfect network.

    Source: Hestness et al., "Deep learning scaling is predictable, empirically", 2017; on when it is not: Viering and Loog,
    "The shape of learning curves: a review", TPAMI 2022.

    Example:
        >>> rows = np.array([100.0, 200.0, 400.0, 800.0])
        >>> law = fit_power_law(rows, (0.1 + 2 * rows**-0.5)[None], least=0.0)
        >>> abs(law.at(1600) - (0.1 + 2 * 1600**-0.5)) < 1e-3
        True
    """
    laws = fit_power_laws(rows, errors.mean(axis=0)[None], _weights(errors), least=least)
    return PowerLaw(float(laws.floor[0]), float(laws.scale[0]), float(laws.exponent[0]), laws.unit)


def bootstrap_laws(rows: Floats, errors: Floats, *, least: float, seed: int = 0) -> Laws:
    """Power laws of resampled repeats: whole repeats are drawn, for the points of one are nested samples of the same rows."""
    rng = np.random.default_rng(draw_seed(seed, "power law"))
    drawn = rng.integers(0, len(errors), size=(DRAWS, len(errors)))
    return fit_power_laws(rows, errors[drawn].mean(axis=1), _weights(errors), least=least)


def _weights(errors: Floats) -> Floats:
    """Steady points count more; a variance from few repeats is drawn half-way to the usual one."""
    if len(errors) < 2:
        return np.ones(errors.shape[1])
    variance = errors.var(axis=0, ddof=1)
    usual = float(np.median(variance))
    found: Floats = 1 / (variance + usual) if usual > 0 else np.ones(errors.shape[1])
    return found


def widened(value: float, draws: Floats, n: int, *, level: float = 0.95) -> Interval:
    """Percentile limits of resampled repeats, stretched for few of them as Student's limits are.

    Source: Hesterberg, "What teachers should know about the bootstrap", The American Statistician 2015.

    Example:
        >>> print(widened(0.0, np.linspace(-1.96, 1.96, 1001), 6))
        0.0 (95% CI -2.7 to 2.7, n=6)
    """
    from scipy.special import ndtri, stdtrit

    if n < 2:
        return Interval(value, math.nan, math.nan, n, level)
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    stretch = math.sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + level) / 2) / ndtri((1 + level) / 2))
    return Interval(value, value - (value - min(low, value)) * stretch, value + (max(high, value) - value) * stretch, n, level)
