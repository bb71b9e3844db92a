"""An entry is whole and right, or it is not there."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trainwell.core.errors import DataError, UsageError
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


BUILDER = """
import contextlib, sys
from pathlib import Path
from trainwell.core.errors import UsageError
from trainwell.data import cache

def fill(folder: Path) -> None:
    for piece in range(20):
        with (folder / "numbers.raw").open("ab") as file:
            file.write(bytes([piece]) * 100_000)

while True:
    for key in sys.argv[1:]:
        folder = cache.find(key) or cache.build(key, fill, about="test")
        try:
            content = (folder / "numbers.raw").read_bytes()
        except FileNotFoundError:  # another one has removed the whole entry
            continue
        assert content == b"".join(bytes([piece]) * 100_000 for piece in range(20)), len(content)
        with contextlib.suppress(UsageError):
            cache.remove([key])
        print("built", flush=True)
"""


def test_runs_that_share_the_cache_and_are_killed_never_see_half_an_entry(home: Path) -> None:
    """Three processes build, read and remove the same entries; ten times one of them is killed in the middle."""
    keys = [f"{place:02x}" * 20 for place in range(2)]
    draw = random.Random(0)

    def begin() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", BUILDER, *keys], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    running, said = [begin() for _ in range(3)], ""
    for _ in range(10):
        victim = running.pop(0)
        assert victim.stdout is not None
        victim.stdout.readline()
        time.sleep(draw.random() * 0.05)
        victim.send_signal(signal.SIGKILL)
        said += victim.communicate()[1]
        running.append(begin())
    for process in running:
        process.kill()
        said += process.communicate()[1]
    assert not said
    for key in keys:
        folder = cache.find(key) or cache.build(key, fill)
        assert (folder / "manifest.json").exists()


def test_entries_are_listed_with_what_made_them_and_removed(home: Path) -> None:
    other = "cd" * 20
    cache.build(KEY, fill, about="pictures of flowers")
    cache.build(other, fill)
    os.utime(cache.place_of(KEY) / "manifest.json", (0, 0))
    listed = cache.entries()
    assert [(entry.key, entry.about) for entry in listed] == [(other, ""), (KEY, "pictures of flowers")]
    assert listed[0].bytes > 5_000_000
    cache.find(KEY)
    assert [entry.key for entry in cache.entries()] == [KEY, other], "finding an entry is a use"
    assert [entry.key for entry in cache.remove(["abab"])] == [KEY]
    assert [entry.key for entry in cache.entries()] == [other]


@pytest.mark.parametrize("key", ["", "ab", "ef"])
def test_a_name_that_is_none_or_two_is_wrong_usage(key: str) -> None:
    cache.build(KEY, fill)
    cache.build("ab" + "00" * 19, fill)
    with pytest.raises(UsageError, match="entries of the cache begin with"):
        cache.remove([key])
    assert len(cache.entries()) == 2


def test_entries_of_another_version_are_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cache.build(KEY, fill)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert cache.find(KEY) is None


def test_an_unfinished_build_is_listed_as_such(home: Path) -> None:
    (home / "ab" / f".{KEY}.1.00.tmp").mkdir(parents=True)
    assert [entry.whole for entry in cache.entries()] == [False]
