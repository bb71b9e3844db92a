"""Mapped files leave memory when there is too much of them, and nothing is lost."""

from __future__ import annotations

import gc
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from trainwell.data import mapped
from trainwell.data.mapped import give_back, resident

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what is mapped")


@pytest.fixture
def array(tmp_path: Path) -> np.memmap:
    np.arange(1 << 22, dtype=np.int32).tofile(tmp_path / "numbers.raw")  # 16 MB
    return mapped.mapped(tmp_path / "numbers.raw", np.dtype(np.int32), (1 << 12, 1 << 10))


def test_pages_are_given_back_and_read_again(array: np.memmap) -> None:
    before = resident()
    total = int(array.sum(dtype=np.int64))
    assert resident() >= before + 15_000_000
    give_back(1 << 40)
    assert resident() >= before + 15_000_000, "there is room for all of them"
    give_back(0)
    assert resident() < before + 5_000_000
    assert int(array.sum(dtype=np.int64)) == total


def test_a_thread_sees_to_it_and_ends_with_the_last_map(array: np.memmap, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_MEMORY", "1kB")
    before = resident()
    total = int(array.sum(dtype=np.int64))
    end = time.monotonic() + 20
    while resident() > before + 5_000_000 and time.monotonic() < end:
        time.sleep(0.05)
    assert resident() < before + 5_000_000
    assert int(array.sum(dtype=np.int64)) == total


def test_no_thread_watches_nothing(tmp_path: Path) -> None:
    np.arange(8, dtype=np.int32).tofile(tmp_path / "few.raw")
    few = mapped.mapped(tmp_path / "few.raw", np.dtype(np.int32), (8,))
    assert "mapped pages" in {thread.name for thread in threading.enumerate()}
    del few
    gc.collect()
    end = time.monotonic() + 20
    while "mapped pages" in {thread.name for thread in threading.enumerate()} and time.monotonic() < end:
        time.sleep(0.05)
    assert "mapped pages" not in {thread.name for thread in threading.enumerate()}
