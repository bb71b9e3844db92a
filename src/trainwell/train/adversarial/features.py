"""Eyes: a small classifier of the training pictures, whose last features say how alike pictures are.

Distances between pixels mean little, and networks trained on photographs know nothing of other pictures. So a classifier is
trained here, on the same training rows. Where these have no labels it tells by how much a picture was turned, and where they
are of a few classes both: what tells two classes apart may be one colour, and says nothing of what is in a picture.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from trainwell.core.atomic import write_atomic
from trainwell.core.seeds import draw_seed
from trainwell.core.shape import Input, Shape
from trainwell.data.cache import build, find
from trainwell.data.data import Data
from trainwell.data.splits import spread
from trainwell.models.adaptive import adapt
from trainwell.models.registry import models
from trainwell.optim.light import light
from trainwell.train.steps import as_floats, infer

#: Raise when the classifier changes, so that older ones are not used any more.
VERSION = 2
#: Training rows looked at, updates, rows of each, and features.
MOST_ROWS, UPDATES, BATCH, WIDTH = 12_000, 600, 64, 32
#: Classes up to which it also tells by how much a picture was turned, and how many turns there are.
FEW_CLASSES, TURNS = 4, 4
#: Rows judged at once.
SLICE = 512
#: The name of the file with the classifier's weights.
FILE = "eyes.safetensors"


class Eyes(nn.Module):
    """A classifier and the scale of its features.

    Args:
        network: its last layer is linear, and takes the features; it has an output for each class and turn.
        classes: of the data; 1 where there are no labels.
        turns: of a picture that it tells apart; 1 where it does not.
    """

    scale: Tensor

    def __init__(self, network: nn.Module, *, classes: int, turns: int) -> None:
        super().__init__()
        self.network, self.classes, self.turns = network, classes, turns
        self.register_buffer("scale", torch.ones(()))
        self._kept: list[Tensor] = []
        last = [m for m in network.modules() if isinstance(m, nn.Linear)][-1]
        last.register_forward_pre_hook(lambda _module, given: self._kept.append(given[0]))

    def look(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (N, D) and the classes that it sees (N,) of pictures (N, C, H, W) uint8."""
        self.network.eval()
        found, seen = [np.empty((0, WIDTH), np.float32)], [np.empty(0, np.int64)]
        for start in range(0, len(pictures), SLICE):
            self._kept.clear()
            output = infer(self.network, (torch.from_numpy(np.ascontiguousarray(pictures[start : start + SLICE])),))
            found.append((self._kept.pop() * self.scale).numpy())
            seen.append(output.argmax(dim=1).numpy() // self.turns)
        return np.concatenate(found), np.concatenate(seen)


def eyes_for(data: Data, folder: Path | None = None) -> Eyes:
    """The classifier for these data: the one kept in the run folder or the cache, else trained now and kept in both.

    Args:
        data: of the task generation.
        folder: the run folder; None leaves it to the cache.
    """
    beside = folder / FILE if folder is not None else None
    if beside is not None and beside.exists():
        return _with(data, beside)
    said = f"eyes\0{VERSION}\0{torch.__version__}\0{data.fingerprint}"
    key = hashlib.sha256(said.encode()).hexdigest()
    kept = find(key) or build(key, lambda place: write_atomic(place / FILE, _trained(data)))
    if beside is not None:
        beside.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(beside, (kept / FILE).read_bytes())
    return _with(data, kept / FILE)


def _with(data: Data, path: Path) -> Eyes:
    eyes = new_eyes(data)
    eyes.load_state_dict(load_file(path))
    return eyes.eval()


def new_eyes(data: Data) -> Eyes:
    """Untrained ones, the same for the same data."""
    picture, classes = data.shape.inputs[0], max(1, data.n_out)
    turns = TURNS if classes <= FEW_CLASSES else 1
    with torch.random.fork_rng():
        torch.manual_seed(draw_seed(0, "eyes"))
        shape = Shape((Input("picture", "picture", picture.shape),))
        make = models.bind("cnn", {"width": 16, "stages": 3, "head": "flatten", "hidden": WIDTH, "activation": "gelu"})
        network: nn.Module = make(shape, classes * turns)
    return Eyes(network, classes=classes, turns=turns)


def _trained(data: Data) -> bytes:
    rows = np.unique(data.rows["train"])
    rows = spread(rows, MOST_ROWS)
    pictures = torch.from_numpy(np.ascontiguousarray(data.arrays[data.shape.names[0]][rows]))
    labels = torch.from_numpy(np.ascontiguousarray(data.arrays["target"][rows]))
    eyes, threads = new_eyes(data), torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # the same bits, however many threads a run has
        with torch.random.fork_rng():
            learn(eyes, pictures, labels, updates=updates_for(len(rows)))
    finally:
        torch.set_num_threads(threads)
    found, _ = eyes.look(pictures.numpy()[:2000])
    eyes.scale.fill_(1 / max(1e-6, float(np.sqrt(found.var(axis=0).mean()))))  # mean variance 1: distances can be read
    return save({name: t.contiguous() for name, t in eyes.state_dict().items()})


def learn(eyes: Eyes, pictures: Tensor, labels: Tensor, *, updates: int) -> None:
    """Train a classifier of pictures (N, C, H, W) uint8 with labels (N,), which are all 0 where there are none.

    One cycle of AdamW; every draw depends on the update's number alone. Source of classes that are turned: Lee, Hwang and
    Shin, "Self-supervised label augmentation via input transformations", ICML 2020.
    """
    network = eyes.network
    adapt(network, as_floats((pictures,)))
    rule = light(torch.optim.AdamW)(network.parameters(), lr=3e-3, weight_decay=0.05)
    network.train()
    for number in range(updates):
        torch.manual_seed(draw_seed(0, "eyes", number))
        rows = torch.randint(len(pictures), (BATCH,))
        (x,) = as_floats((pictures[rows],))
        x, kind = turned(x) if eyes.turns > 1 else (x, 0)
        y = labels[rows] * eyes.turns + kind
        rule.param_groups[0]["lr"] = 3e-3 * min((number + 1) / (0.2 * updates), (updates - number) / (0.8 * updates))
        rule.zero_grad()
        cross_entropy(network(x), y).backward()
        rule.step()
    network.eval()


def updates_for(rows: int) -> int:
    """Thirty passes over few pictures, and no more updates than it takes to see what is in many.

    Example:
        >>> updates_for(48), updates_for(57_000)
        (60, 600)
    """
    return min(UPDATES, max(60, 30 * rows // BATCH))


def turned(x: Tensor) -> tuple[Tensor, Tensor]:
    """Pictures each turned by 0 to 3 quarters, or flipped where they are not square, and what was done to each.

    Source: Gidaris, Singh and Komodakis, "Unsupervised representation learning by predicting image rotations", ICLR 2018.
    """
    kind = torch.randint(4, (len(x),))
    square = x.shape[2] == x.shape[3]
    ways = [torch.rot90(x, k, (2, 3)) if square else x.flip([d for d in (2, 3) if k >> (d - 2) & 1]) for k in range(4)]
    return torch.stack(ways)[kind, torch.arange(len(x))], kind
