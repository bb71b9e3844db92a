"""Collections of pictures: decoded once, found again, never stale, never torn."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data import pictures, scan_pictures
from trainwell.data.cache import cache_home
from trainwell.data.decode_picture import Geometry
from trainwell.data.pictures import auto_size, load
from trainwell.data.scan_pictures import Pile

N = 100
SHAPE = Geometry(3, 12, 10)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (N, 12, 10, 3), dtype=np.uint8)


@pytest.fixture
def pile(tmp_path: Path, pixels: np.ndarray) -> Pile:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{i:03}.png")
    return Pile([f"{i:03}.png" for i in range(N)], str(folder))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry for every picture that is decoded."""
    calls: list[int] = []
    original = pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda blob, geometry: (calls.append(1), original(blob, geometry))[1])
    return calls


def read(pile: Pile) -> pictures.Pictures:
    return load(pile, scan_pictures.scan(pile), SHAPE)


def test_every_pixel_arrives(pile: Pile, pixels: np.ndarray) -> None:
    got = read(pile)
    assert np.array_equal(got.pixels, pixels.transpose(0, 3, 1, 2))
    assert len(np.unique(got.hashes)) == N
    assert not got.problems


def test_a_second_load_decodes_nothing_and_gives_the_same(pile: Pile, decoded: list[int]) -> None:
    first, count = read(pile), len(decoded)
    second = read(pile)
    assert count == N == len(decoded)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.hashes, second.hashes)


def test_files_that_did_not_change_are_not_read_again(pile: Pile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_pictures, "_SETTLED_SECONDS", -60.0)
    first = scan_pictures.scan(pile)
    monkeypatch.setattr(scan_pictures, "read_bytes", lambda path: pytest.fail("a file was read"))
    assert scan_pictures.scan(pile).equals(first)


def test_files_of_the_last_seconds_are_not_trusted_to_stay(pile: Pile) -> None:
    scan_pictures.scan(pile)
    assert not cache_home().exists()


def test_a_file_rewritten_with_the_same_size_and_time_is_noticed(pile: Pile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_pictures, "_SETTLED_SECONDS", -60.0)
    path = Path(pile.path("007.png"))
    for name, colour in (("007.png", "#000007"), ("008.png", "#000008")):
        Image.new("RGB", (10, 12), colour).save(pile.path(name), compress_level=0)
    before, times = read(pile), path.stat()
    shutil.copy(pile.path("008.png"), path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    after = read(pile)
    assert before.hashes[7] != before.hashes[8] == after.hashes[7]


def test_a_copied_collection_is_found_again(pile: Pile, tmp_path: Path, decoded: list[int]) -> None:
    first = read(pile)
    shutil.copytree(pile.base, tmp_path / "elsewhere")
    second = read(Pile(pile.cells, str(tmp_path / "elsewhere")))
    assert len(decoded) == N
    assert np.array_equal(first.pixels, second.pixels)


def test_writing_into_the_array_does_not_reach_the_cache(pile: Pile) -> None:
    first = read(pile)
    first.pixels[:] = 0
    assert read(pile).pixels.any()


def test_a_changed_file_between_scan_and_decoding_is_refused(pile: Pile) -> None:
    headers = scan_pictures.scan(pile)
    Image.new("RGB", (10, 12)).save(pile.path("050.png"))
    with pytest.raises(DataError, match=r"050\.png: the file changed while it was read"):
        load(pile, headers, SHAPE)


def test_identical_pictures_share_a_hash_whatever_their_files(pile: Pile) -> None:
    with Image.open(pile.path("003.png")) as image:
        image.save(Path(pile.base, "same.bmp"))
    for few in (Pile([*pile.cells, "same.bmp"], pile.base), Pile(["003.png", "004.png", "same.bmp"], pile.base)):
        got = read(few).hashes
        assert got[-1] == got[3 if len(few) > 3 else 0]
        assert len(np.unique(got)) == len(few) - 1


def test_bytes_and_paths_give_the_same(pile: Pile) -> None:
    whole = Pile([Path(pile.path(str(cell))).read_bytes() for cell in pile.cells])
    assert np.array_equal(read(whole).pixels, read(pile).pixels)


def test_a_run_killed_while_decoding_leaves_no_entry(pile: Pile, tmp_path: Path) -> None:
    code = """
import sys, time
from trainwell.data import pictures, scan_pictures
from trainwell.data.decode_picture import Geometry
original = pictures.decode
def slow(blob, geometry):
    print("decoding", flush=True); time.sleep(0.05); return original(blob, geometry)
pictures.decode = slow
pile = scan_pictures.Pile([f"{i:03}.png" for i in range(100)], sys.argv[1])
pictures.load(pile, scan_pictures.scan(pile), Geometry(3, 12, 10))
"""
    run = subprocess.Popen([sys.executable, "-c", code, pile.base], stdout=subprocess.PIPE)
    assert run.stdout is not None
    run.stdout.readline()
    time.sleep(0.2)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert not list(cache_home().glob("*/[!.]*/pixels.raw"))
    assert list(cache_home().glob("*/.*.tmp"))
    assert read(pile).pixels.any()


def test_auto_size_of_a_few_odd_ones_is_the_common_rectangle() -> None:
    heights, widths = np.full(100, 20), np.full(100, 30)
    heights[:10], widths[:10] = 77, 1000
    assert auto_size(heights, widths) == (20, 30)
    heights[:11], widths[:11] = 77, 1000
    assert auto_size(heights, widths) == (30, 30)


def test_the_shape_follows_the_train_rows_alone(pile: Pile) -> None:
    headers = scan_pictures.scan(pile)
    poisoned = headers.with_columns(
        height=pl.when(pl.int_range(pl.len()) >= 60).then(9_999).otherwise("height"),
        grey=pl.int_range(pl.len()) < 60,
    )
    never = lambda rows, geometry: pytest.fail("a row outside the train part was decoded")  # noqa: E731
    geometry = pictures.auto_geometry(poisoned, np.arange(60), never)
    assert geometry == Geometry(1, 12, 10)
