"""Sheets of made pictures for the report, as data URIs."""

from __future__ import annotations

import base64
from io import BytesIO

from PIL import Image

from trainwell.models.adversarial import Adversarial
from trainwell.train.adversarial.sample import grid, interpolate, sample
from trainwell.train.run import Run

#: Pictures in the mixed grid, of each class, and classes shown.
MIXED, OF_EACH, MOST_CLASSES = 64, 8, 20


def sheets(run: Run) -> dict[str, str]:
    """Samples, samples by class and ways between samples, by title; nothing for a network that makes no pictures."""
    network = run.network
    if not isinstance(network, Adversarial):
        return {}
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
