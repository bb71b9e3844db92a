"""Public data sets by name: bundled with scikit-learn, found in a local folder, or downloaded and checked."""

from __future__ import annotations

import hashlib
import os
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, did_you_mean
from trainwell.data.card import Check
from trainwell.data.readers import cifar, files, idx
from trainwell.data.source import Source

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
TIMEOUT = 30
"""Seconds without an answer after which a download gives up."""


@dataclass(frozen=True)
class Download:
    """Where a public set lies, and how to know that what came is what was published.

    Args:
        urls: folders that hold the files, tried in turn.
        sha256: checksum of each file.
        licence: one sentence.
        classes: label names by code.
    """

    urls: tuple[str, ...]
    sha256: dict[str, str]
    licence: str
    classes: tuple[str, ...] = ()


DOWNLOADS = {
    "mnist": Download(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        {
            "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        "MNIST is by LeCun, Cortes and Burges, made from NIST's collections; it is published without a stated licence.",
    ),
    "fashion_mnist": Download(
        ("https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",),
        {
            "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
        "Fashion-MNIST is by Zalando SE, under the MIT licence.",
        FASHION,
    ),
    "cifar10": Download(
        ("https://www.cs.toronto.edu/~kriz/",),
        {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        "CIFAR-10 is by Krizhevsky, Nair and Hinton; it is published without a stated licence.",
    ),
}

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
"""Sets that come with scikit-learn and open no network."""


def data_homes() -> list[Path]:
    """Folders in which a set is looked for by name: `TRAINWELL_DATA`, `./data`, `~/.cache/trainwell/data`.

    Example:
        >>> data_homes()[-1].name
        'data'
    """
    told = os.environ.get("TRAINWELL_DATA")
    return [*([Path(told)] if told else []), Path("data"), Path.home() / ".cache" / "trainwell" / "data"]


def is_named(name: str) -> bool:
    """Whether `name` is a public set, or a plain word that a folder of the data homes may carry.

    Example:
        >>> is_named("digits"), is_named("a/b.csv")
        (True, False)
    """
    return bool(name) and not any(sign in name for sign in ("/", "\\", "."))


def read_named(name: str, target: str | list[str] | None = None) -> Source:
    """A public set, or the folder of that name in a data home.

    Args:
        name: "digits", "iris", "wine", "breast_cancer", "diabetes" (bundled); "mnist", "fashion_mnist", "cifar10" (local or
            downloaded, checked by sha256); or any folder of the data homes.
        target: passed on to the folder's reader.

    Raises:
        DataError: the name is unknown, there is no network, or what came has another checksum than what was published.

    Example:
        >>> source = read_named("digits")
        >>> source.arrays["picture"].shape, source.target
        ((1797, 8, 8, 1), 'label')
    """
    if name in BUNDLED:
        return _bundled(name)
    local = _find_local(name)
    if name in DOWNLOADS:
        return _named_labels(_read_public(local or _download(name)), name)
    if local is not None:
        return files.read_path(local, target)
    known = list(dict.fromkeys([*BUNDLED, *DOWNLOADS, *_local_names()]))
    raise DataError(f"there is no file, folder or public set {name!r}", remedy=did_you_mean(name, known))


def _local_names() -> list[str]:
    return [p.name for home in data_homes() if home.is_dir() for p in home.iterdir() if p.is_dir()]


def _find_local(name: str) -> Path | None:
    spellings = {name, name.replace("_", "-"), name.replace("_", "")}
    for home in data_homes():
        for path in sorted(home.iterdir()) if home.is_dir() else []:
            if path.is_dir() and path.name.lower() in spellings and (name not in DOWNLOADS or _public_folder(path)):
                return path
    return None


def _public_folder(folder: Path) -> Path | None:
    """The folder with the files themselves: `folder` or one below it (`raw`, `cifar-10-batches-bin`)."""
    for path in [folder, *sorted(p for p in folder.glob("*") if p.is_dir())]:
        if idx.is_idx_folder(path) or cifar.is_cifar_folder(path):
            return path
    return None


def _read_public(folder: Path) -> Source:
    inner = _public_folder(folder)
    if inner is None:
        raise DataError("the files of the set are not there", where=str(folder), remedy="Delete the folder and load again.")
    return files.read_folder(inner)


def _named_labels(source: Source, name: str) -> Source:
    """Labels as names where the set publishes them, and the licence on the card."""
    about = DOWNLOADS[name]
    label = source.frame["label"]
    if about.classes and label.dtype.is_integer():
        source.frame = pl.DataFrame({"label": pl.Series([about.classes[code] for code in label.to_list()])})
    source.checks.append(Check("licence", "PASS", about.licence))
    return source


def _download(name: str) -> Path:
    """The set's files in the last data home, each checked before it gets its name."""
    about = DOWNLOADS[name]
    folder = data_homes()[-1] / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, checksum in about.sha256.items():
        path = folder / file
        if not path.is_file():
            _fetch(name, [url + file for url in about.urls], path, checksum)
        if file.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                archive.extractall(folder, filter="data")
    return folder


def _fetch(name: str, urls: list[str], path: Path, checksum: str) -> None:
    for url in urls:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                data = answer.read()
        except (urllib.error.URLError, OSError, TimeoutError):
            continue
        came = hashlib.sha256(data).hexdigest()
        if came != checksum:
            what = f"{url} has the checksum {came[:12]}…, published is {checksum[:12]}…"
            raise DataError(what, where=name, remedy="Try again later, or put the files there yourself.")
        part = path.with_name(path.name + ".part")
        part.write_bytes(data)
        part.replace(path)
        return
    homes = ", ".join(str(home / name) for home in data_homes())
    raise DataError(
        f"{name} is in no local folder and cannot be downloaded", where=urls[0], remedy=f"Put its files into one of {homes}."
    )


def _bundled(name: str) -> Source:
    from sklearn import datasets

    loaders: dict[str, Callable[[], Any]] = {n: getattr(datasets, f"load_{n}") for n in BUNDLED}
    held = loaders[name]()
    if name == "digits":
        return _digits(held.images, held.target)
    columns = {str(c): held.data[:, i] for i, c in enumerate(held.feature_names)}
    names = getattr(held, "target_names", None)
    answer = held.target if names is None else np.asarray(names, dtype=object)[held.target].tolist()
    kinds = {} if names is None else {"target": "category"}
    return Source(pl.DataFrame({**columns, "target": answer}), name, target="target", kinds=kinds)


def _digits(images: np.ndarray, labels: np.ndarray) -> Source:
    """The 1,797 handwritten digits as 8×8 pictures; their 17 grey levels are spread over 0 to 255."""
    pictures = np.rint(images * (255 / 16)).astype(np.uint8)[..., None]
    spread = Check("layout", "PASS", "The 17 grey levels 0 to 16 are stored as 0 to 255.", "picture", len(pictures))
    return Source(
        pl.DataFrame({"label": labels.astype(np.int64)}),
        "digits",
        arrays={"picture": pictures},
        target="label",
        kinds={"picture": "picture", "label": "category"},
        checks=[spread],
    )
