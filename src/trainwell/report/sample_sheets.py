"""Sheets of made pictures for the report, as data URIs."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from trainwell.data.data import Data
from trainwell.data.masks.build import classes_in
from trainwell.data.splits import spread
from trainwell.evaluate.evaluation import Evaluation
from trainwell.models.adversarial import Adversarial
from trainwell.models.autoencoder import Autoencoder
from trainwell.models.cyclegan import Translator
from trainwell.train.adversarial.making import given_back, translated
from trainwell.train.adversarial.sample import interpolate, sample
from trainwell.train.picture_output import grid
from trainwell.train.run import Run
from trainwell.train.segment import as_bytes, colours_of, sheet

#: Pictures in the mixed grid, of each class, classes shown, pictures turned into others, and pictures with masks.
MIXED, OF_EACH, MOST_CLASSES, TURNED, MASKED = 64, 8, 20, 14, 10


def sheets(run: Run, data: Data, evaluation: Evaluation) -> dict[str, str]:
    """What the network makes, by title; nothing for a network that makes no pictures.

    Args:
        run: whose network is shown: samples, samples by class, ways between samples; or both ways between classes.
        data: its data, as it was trained to see them.
        evaluation: of the part whose pictures are turned into others, or shown beside their masks.
    """
    network, rows = run.network, data.rows[evaluation.part]
    if data.task == "segmentation":
        return _masks(run, data, rows, [example.row for example in evaluation.worst[:MASKED]])
    if isinstance(network, Translator):
        return _both_ways(network, data, rows)
    if isinstance(network, Autoencoder):
        return _samples(run, network) | _given_back(network, data, rows)
    return _samples(run, network) if isinstance(network, Adversarial) else {}


def class_colours(run: Run) -> dict[str, str]:
    """Each class of masks and the colour that a sheet shows it in; nothing of other tasks."""
    if run.preparation.target.task != "segmentation":
        return {}
    classes = classes_in(run.preparation)
    return {name: f"rgb({', '.join(map(str, rgb))})" for name, rgb in zip(classes.names, colours_of(classes), strict=False)}


def _masks(run: Run, data: Data, rows: np.ndarray, worst: list[int]) -> dict[str, str]:
    """Pictures, below them what is true, and below this what the network says: some of all, and those that it is worst at."""
    some = spread(rows, MASKED)
    kinds = {"Pictures, their masks, and what the network says": some, "The same of the worst pictures": np.array(worst)}
    return {title: _uri(_sheet_of(run, data, chosen)) for title, chosen in kinds.items()}


def _sheet_of(run: Run, data: Data, rows: np.ndarray) -> Image.Image:
    pictures, target = np.asarray(data.arrays[data.shape.names[0]][rows]), data.arrays["target"][rows]
    said = run.predict_arrays(pictures).argmax(axis=1)
    return sheet(list(as_bytes(pictures)), [list(target), list(said)], classes_in(run.preparation))


def _both_ways(network: Translator, data: Data, rows: np.ndarray) -> dict[str, str]:
    """Pictures of each class as they are, below them what they become, and below these turned back."""
    pictures, codes, found = data.arrays[data.shape.names[0]], data.arrays["target"][rows], {}
    names = data.classes or ("", "")
    for code in (0, 1):
        own = rows[codes == code]
        given = np.asarray(pictures[spread(own, TURNED)])
        made = translated(network, given, np.full(len(given), 1 - code))
        back = translated(network, made, np.full(len(given), code))
        found[f"{names[code]} → {names[1 - code]} → {names[code]}"] = _uri(
            grid(np.concatenate([given, made, back]), len(given))
        )
    return found


def _given_back(network: Autoencoder, data: Data, rows: np.ndarray) -> dict[str, str]:
    """Pictures, and below them what their codes give back."""
    some = spread(rows, TURNED)
    pictures = np.asarray(data.arrays[data.shape.names[0]][some])
    again = given_back(network, pictures, data.arrays["target"][some])
    return {"Pictures, and what their codes give back": _uri(grid(np.concatenate([pictures, again]), len(some)))}


def _samples(run: Run, network: Adversarial | Autoencoder) -> dict[str, str]:
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
