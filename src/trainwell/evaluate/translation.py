"""What is judged of a network that turns pictures of one class into ones of another: each way, and what costs nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from trainwell.core.stats import bootstrap_mean, wilson_interval
from trainwell.evaluate.baseline_output import BaselineOutput
from trainwell.evaluate.details import Way
from trainwell.models.cyclegan import Translator
from trainwell.score.predictions import Array
from trainwell.train.adversarial.features import MOST_ROWS, Eyes, eyes_for
from trainwell.train.adversarial.making import counterparts, translated

if TYPE_CHECKING:
    from trainwell.data.data import Data

#: Pictures of each class that are turned and turned back.
MOST_TURNED = 1000


def ways_of(network: Translator, data: Data, rows: Array) -> list[Way]:
    """Both ways, judged on real pictures in `rows`."""
    eyes = eyes_for(data)
    return [_way(network, data, rows[data.arrays["target"][rows] == code][:MOST_TURNED], code, eyes) for code in (0, 1)]


def _way(network: Translator, data: Data, rows: Array, code: int, eyes: Eyes) -> Way:
    given, names, n = np.asarray(data.arrays[data.shape.names[0]][rows]), data.classes or ("", ""), len(rows)
    made = translated(network, given, np.full(n, 1 - code))
    back = translated(network, made, np.full(n, code))
    errors = np.abs(back.astype(np.float64) - given).reshape(n, -1).mean(axis=1) / 255
    seen, before = (wilson_interval(float((eyes.look(x)[1] == 1 - code).sum()), n) for x in (made, given))
    return Way(names[code], names[1 - code], bootstrap_mean(errors), seen, before)


def turned_baselines(data: Data, part: str) -> list[BaselineOutput]:
    """What costs nothing in the place of turned pictures: the pictures as they are, and with the other class's colours."""
    eyes, rows, found = eyes_for(data), data.rows[part], []
    codes, pictures = data.arrays["target"][rows], data.arrays[data.shape.names[0]]
    given = np.asarray(pictures[rows[counterparts(codes)]])
    for name, change in {"pictures as they are": _as_they_are, "colours of the other class": _recoloured}.items():
        started = time.perf_counter()
        features, _ = eyes.look(change(given, codes, data))
        found.append(BaselineOutput(name, features, time.perf_counter() - started))
    return found


def _as_they_are(given: Array, codes: Array, data: Data) -> Array:  # noqa: ARG001  nothing is done to them
    return given


def _recoloured(given: Array, codes: Array, data: Data) -> Array:
    """Mean and spread of each channel as the other class has them.

    Source: Reinhard et al., "Color transfer between images", IEEE Computer Graphics and Applications, 2001.
    """
    train, pictures = np.unique(data.rows["train"]), data.arrays[data.shape.names[0]]
    moments = []
    for code in (0, 1):
        own = np.asarray(pictures[train[data.arrays["target"][train] == code][:MOST_ROWS]], np.float64)
        moments.append((own.mean(axis=(0, 2, 3))[:, None, None], own.std(axis=(0, 2, 3))[:, None, None] + 1e-6))
    means, spreads = (np.stack(column) for column in zip(*moments, strict=True))  # (2, C, 1, 1)
    found = (given - means[1 - codes]) / spreads[1 - codes] * spreads[codes] + means[codes]
    return found.round().clip(0, 255).astype(np.uint8)
