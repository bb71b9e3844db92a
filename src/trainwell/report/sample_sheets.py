"""Sheets of made pictures for the report, as data URIs."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from trainwell.data.data import Data
from trainwell.models.adversarial import Adversarial
from trainwell.models.cyclegan import Translator
from trainwell.train.adversarial.making import translated
from trainwell.train.adversarial.sample import grid, interpolate, sample
from trainwell.train.run import Run

#: Pictures in the mixed grid, of each class, classes shown, and pictures turned into others.
MIXED, OF_EACH, MOST_CLASSES, TURNED = 64, 8, 20, 14


def sheets(run: Run, data: Data, part: str) -> dict[str, str]:
    """What the network makes, by title; nothing for a network that makes no pictures.

    Args:
        run: whose network is shown: samples, samples by class, ways between samples; or both ways between classes.
        data: its data, as it was trained to see them.
        part: whose pictures are turned into others.
    """
    network = run.network
    if isinstance(network, Translator):
        return _both_ways(network, data, data.rows[part])
    return _samples(run, network) if isinstance(network, Adversarial) else {}


def _both_ways(network: Translator, data: Data, rows: np.ndarray) -> dict[str, str]:
    """Pictures of each class as they are, below them what they become, and below these turned back."""
    pictures, codes, found = data.arrays[data.shape.names[0]], data.arrays["target"][rows], {}
    names = data.classes or ("", "")
    for code in (0, 1):
        own = rows[codes == code]
        given = np.asarray(pictures[own[np.linspace(0, len(own) - 1, min(len(own), TURNED)).astype(np.int64)]])
        made = translated(network, given, np.full(len(given), 1 - code))
        back = translated(network, made, np.full(len(given), code))
        found[f"{names[code]} → {names[1 - code]} → {names[code]}"] = _uri(
            grid(np.concatenate([given, made, back]), len(given))
        )
    return found


def _samples(run: Run, network: Adversarial) -> dict[str, str]:
    found = {"Samples": _uri(sample(run, MIXED).grid(16))}
    if network.classes > 1:
        shown = min(network.classes, MOST_CLASSES)
        by_class = sample(run, OF_EACH * network.classes, seed=1).pictures.reshape(OF_EACH, network.classes, *_size(run))
        title = f"By class: {', '.join((run.preparation.target.classes or ())[:shown])}"
        found[title] = _uri(grid(by_class[:, :shown].reshape(-1, *_size(run)), shown))
    found["From one sample to another"] = _uri(grid(interpolate(run, ways=6, steps=10), 10))
    return found


def _size(run: Run) -> tuple[int, ...]:
    return run.preparation.shape.inputs[0].shape


def _uri(image: Image.Image) -> str:
    buffer = BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
