"""A file written atomically is the old one or the new one, whatever fails in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from trainwell.core.atomic import write_atomic


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 1000, "text: señal 学习\n"])
def test_the_content_arrives_and_nothing_else_stays(tmp_path, old, content):
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    write_atomic(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            write_atomic(path, b"new" * 10_000)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_content_is_on_the_disk_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    write_atomic(tmp_path / "file", b"new")
    assert calls == ["fsync", "replace", "fsync"]


def test_the_temporary_file_lies_beside_the_target(tmp_path, monkeypatch):
    seen = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(os.path.dirname(a)), replace(a, b))[1])
    write_atomic(tmp_path / "file", b"new")
    assert seen == [str(tmp_path)]


WRITER = """
import sys
from pathlib import Path
from trainwell.core.atomic import write_atomic
path = Path(sys.argv[1])
for i in range(10**9):
    write_atomic(path, bytes([i % 251]) * 200_000)
"""


def test_killed_at_any_instant_the_file_is_whole(tmp_path):
    path = tmp_path / "file"
    for kill in range(8):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
        while not path.exists():
            time.sleep(0.002)
            assert writer.poll() is None, "the writer died by itself"
        time.sleep(0.0037 * kill)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        content = path.read_bytes()
        assert len(content) == 200_000
        assert len(set(content)) == 1
