"""New pictures from a trained generator: samples, samples of one class, and ways from one sample to another.

N pictures, C channels of H x W pixels.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import DataError, UsageError
from trainwell.models.adversarial import Adversarial
from trainwell.models.autoencoder import Autoencoder
from trainwell.models.cyclegan import Translator
from trainwell.train.adversarial.making import make_pictures, noise_for, pictures_from
from trainwell.train.picture_output import grid
from trainwell.train.run import Bundled, Run, as_run


@dataclass(frozen=True)
class Samples:
    """Pictures that a network made.

    Args:
        pictures: `(N, C, H, W)` uint8.
        labels: the class that was asked for, of each; empty texts where the network knows no classes.
        seed: of the noise.
    """

    pictures: np.ndarray
    labels: tuple[str, ...]
    seed: int

    def __len__(self) -> int:
        return len(self.pictures)

    def grid(self, columns: int = 0) -> Image.Image:
        """All of them as one picture; `columns` 0 makes it about square, and with classes one column per class."""
        classes = len(dict.fromkeys(self.labels))
        per_row = columns or (classes if 1 < classes <= 16 else max(1, math.ceil(math.sqrt(len(self)))))
        return grid(self.pictures, per_row)

    def save(self, place: str | Path) -> Path:
        """Write all as one picture to a file that ends in .png, or `grid.png`, `pictures.npy` and `samples.json` into a folder.

        Returns:
            The one picture's path.
        """
        place = Path(place)
        alone = place.suffix.lower() == ".png" and not place.is_dir()
        folder = place.parent if alone else place
        folder.mkdir(parents=True, exist_ok=True)
        picture, array = BytesIO(), BytesIO()
        self.grid().save(picture, "PNG")
        one = place if alone else folder / "grid.png"
        write_atomic(one, picture.getvalue())
        if alone:
            return one
        np.save(array, self.pictures, allow_pickle=False)
        write_atomic(folder / "pictures.npy", array.getvalue())
        write_atomic(folder / "samples.json", json.dumps({"labels": self.labels, "seed": self.seed}, ensure_ascii=False) + "\n")
        return one


def sample(run: Run | Bundled | str | Path, n: int = 64, *, seed: int = 0, label: str | None = None) -> Samples:
    """New pictures; the same ones for the same seed, and more of them begin with the same.

    Args:
        run: a run of a network that makes pictures (`dcgan`, `wgan_gp`, `autoencoder`), its folder, or an opened bundle of it.
        n: how many.
        seed: of the noise.
        label: the class of all of them; None takes the classes in turn.

    Raises:
        DataError: the run makes no pictures, or knows no such class.
        UsageError: n is below 1.

    Example:
        >>> import trainwell as tw
        >>> recipe = tw.Recipe(model={"name": "dcgan", "width": 8}, steps=2)
        >>> run = tw.fit(recipe, tw.load("digits", recipe=recipe))
        >>> found = sample(run, 12, label="3")
        >>> found.pictures.shape, found.labels[0]
        ((12, 1, 8, 8), '3')
    """
    run = as_run(run)
    network = pair_of(run)
    if n < 1:
        raise UsageError(f"n must be at least 1, however: n={n}")
    codes = codes_for(run, n, label)
    names = run.preparation.target.classes or ("",)
    labels = tuple(names[code] if network.classes > 1 else "" for code in codes)
    return Samples(make_pictures(network, codes, seed=seed), labels, seed)


def pair_of(run: Run) -> Adversarial | Autoencoder:
    """The run's network that makes pictures from noise.

    Raises:
        DataError: the run makes no pictures, or makes them of others.
    """
    task = run.preparation.target.task
    if isinstance(run.network, Translator):
        raise DataError("this network turns pictures into others", remedy="Use trainwell translate, or tw.translate.")
    if not isinstance(run.network, Adversarial | Autoencoder):
        raise DataError(f"a network for {task} makes no pictures", remedy="Train one with model=dcgan or model=autoencoder.")
    return run.network


def codes_for(run: Run, n: int, label: str | None) -> np.ndarray:
    """The class of each of n pictures, (n,)."""
    classes = run.preparation.target.classes or ("",)
    if label is None:
        return np.arange(n) % len(classes)
    if pair_of(run).classes == 1:
        raise DataError("this network was trained without classes", remedy="Leave out the label, or train it with them.")
    if label not in classes:
        raise DataError(f"there is no class {label!r}", remedy=f"Known: {', '.join(classes[:20])}.")
    return np.full(n, classes.index(label))


def interpolate(run: Run, *, ways: int = 6, steps: int = 8, seed: int = 0) -> np.ndarray:
    """Pictures on the way from one sample to another of its class, `(ways * steps, C, H, W)` uint8, way after way.

    A network that learnt its pictures by heart jumps; one that understood them changes smoothly. The noise moves along a great
    circle, since normal noise lies near a sphere. Source: White, "Sampling generative networks", 2016.
    """
    network = pair_of(run)
    codes = np.repeat(codes_for(run, ways, None), steps)
    a, b = noise_for(network, 2 * ways, seed=seed, purpose="interpolate").chunk(2)  # (ways, Z)
    angle = torch.arccos(torch.cosine_similarity(a, b).clamp(-0.9999, 0.9999))[:, None, None]
    share = torch.linspace(0, 1, steps)[None, :, None]
    between = (torch.sin((1 - share) * angle) * a[:, None] + torch.sin(share * angle) * b[:, None]) / torch.sin(angle)
    return pictures_from(network, between.flatten(0, 1), codes)
