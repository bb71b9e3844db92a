"""Public sets by name, without a network."""

from __future__ import annotations

import gzip
import hashlib
import urllib.error
from pathlib import Path

import numpy as np
import pytest

from trainwell.core.errors import DataError
from trainwell.data import named_sets
from trainwell.data.readers.read import read


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(named_sets, "data_homes", lambda: [tmp_path / "home"])
    return tmp_path / "home"


def test_digits_keep_every_grey_level() -> None:
    from sklearn.datasets import load_digits

    source = read("digits")
    np.testing.assert_array_equal(np.rint(source.arrays["picture"][..., 0] * (16 / 255)), load_digits().images)
    assert source.frame["label"].n_unique() == 10


@pytest.mark.parametrize(
    ("name", "rows", "kind"),
    [("iris", 150, "category"), ("wine", 178, "category"), ("breast_cancer", 569, "category"), ("diabetes", 442, None)],
)
def test_bundled_tables(name: str, rows: int, kind: str | None) -> None:
    source = read(name)
    assert (len(source), source.target, source.kinds.get("target")) == (rows, "target", kind)


def test_unknown_name_is_corrected() -> None:
    with pytest.raises(DataError) as caught:
        read("fashion_mnits")
    assert caught.value.remedy == "Did you mean fashion_mnist?"


def test_no_network_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(named_sets.urllib.request, "urlopen", refuse)
    with pytest.raises(DataError, match="cannot be downloaded"):
        read("cifar10")


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


class Answer:
    """What urlopen returns, from memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        return self.data

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *exc: object) -> None:
        return None


def test_download_is_checked_and_kept(monkeypatch: pytest.MonkeyPatch, homes: Path) -> None:
    published = {n: idx(np.zeros((3, 4, 4)) if "images" in n else np.arange(3)) for n in named_sets.DOWNLOADS["mnist"].sha256}
    sums = {n: hashlib.sha256(d).hexdigest() for n, d in published.items()}
    monkeypatch.setitem(named_sets.DOWNLOADS, "mnist", named_sets.Download(("https://here/",), sums, "A licence."))
    monkeypatch.setattr(named_sets.urllib.request, "urlopen", lambda url, timeout: Answer(published[url.rsplit("/", 1)[1]]))
    assert len(read("mnist")) == 6
    monkeypatch.setattr(named_sets.urllib.request, "urlopen", lambda url, timeout: pytest.fail("downloaded twice"))
    again = read("mnist")
    assert [c.text for c in again.checks if c.code == "licence"] == ["A licence."]
    assert not list(homes.rglob("*.part"))


def test_wrong_checksum_is_refused_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch, homes: Path) -> None:
    monkeypatch.setattr(named_sets.urllib.request, "urlopen", lambda url, timeout: Answer(b"something else"))
    with pytest.raises(DataError, match="checksum"):
        read("mnist")
    assert not [p for p in homes.rglob("*") if p.is_file()]


def test_folder_of_a_data_home_by_its_name(homes: Path) -> None:
    (homes / "flats").mkdir(parents=True)
    (homes / "flats" / "table.csv").write_text("a,b\n1,2\n")
    assert read("flats").frame.rows() == [(1, 2)]


def test_local_set_below_a_raw_folder_gets_its_class_names(homes: Path) -> None:
    raw = homes / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(np.zeros((3, 4, 4))))
        (raw / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(np.array([0, 9, 1])))
    assert read("fashion_mnist").frame["label"].to_list()[:3] == ["T-shirt/top", "Ankle boot", "Trouser"]
