"""An entry is whole and right, or it is not there."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trainwell.core.errors import DataError
from trainwell.data import cache

KEY = "ab" * 20


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(folder: Path) -> None:
    (folder / "pixels.raw").write_bytes(bytes(range(256)) * 20_000)  # 5 MB: five of the pieces that are checked
    (folder / "note.txt").write_text("hello")


def test_an_entry_is_found_again() -> None:
    assert cache.find(KEY) is None
    folder = cache.build(KEY, fill)
    assert cache.find(KEY) == folder == cache.cache_home() / "ab" / KEY
    assert (folder / "note.txt").read_text() == "hello"


def cut(folder: Path) -> None:
    os.truncate(folder / "pixels.raw", 4_000_000)


def lost_page(folder: Path) -> None:
    with open(folder / "pixels.raw", "r+b") as file:
        file.seek(2_000_000)
        file.write(bytes(4096))


def no_manifest(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def torn_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text[: len(text) // 2])


def other_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(text.replace("5120000", "5120001"))


def no_file(folder: Path) -> None:
    (folder / "note.txt").unlink()


@pytest.mark.parametrize("damage", [cut, lost_page, no_manifest, torn_manifest, other_manifest, no_file])
def test_a_damaged_entry_is_said_and_never_returned(damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture) -> None:
    damage(cache.build(KEY, fill))
    with caplog.at_level(logging.WARNING, "trainwell"):
        assert cache.find(KEY) is None
    assert "damaged" in caplog.text
    assert cache.find(cache.build(KEY, fill).name) is not None


def test_a_build_that_stops_half_way_leaves_nothing(home: Path) -> None:
    def stopped(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.build(KEY, stopped)
    assert cache.find(KEY) is None
    assert list((home / "ab").iterdir()) == []


def test_of_two_builds_at_the_same_time_the_first_stays() -> None:
    def overtaken(folder: Path) -> None:
        fill(folder)
        (cache.build(KEY, fill) / "manifest.json").chmod(0o444)

    folder = cache.build(KEY, overtaken)
    assert cache.find(KEY) == folder
    assert (folder / "manifest.json").stat().st_mode & 0o777 == 0o444
    assert [p.name for p in folder.parent.iterdir()] == [KEY]


def test_leftovers_of_killed_builds_go_after_a_day(home: Path) -> None:
    old, young = home / "ab" / ".x.1.tmp", home / "ab" / ".y.2.tmp"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    cache.build(KEY, fill)
    assert not old.exists()
    assert young.exists()


def test_a_cache_that_cannot_be_written_is_one_sentence(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"the cache cannot be written: .*TRAINWELL_CACHE"):
        cache.build(KEY, fill)


def test_too_little_space_is_said_before_anything_is_written(home: Path) -> None:
    with pytest.raises(DataError, match=r"the decoded pictures need 1000000000\.0 GB"):
        cache.need_space(10**18)
    assert not home.exists()
