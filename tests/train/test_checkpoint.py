"""Checkpoints: written whole or not at all, the newest two kept, a single changed bit is noticed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from trainwell.core.errors import CheckpointError
from trainwell.train.checkpoint import Checkpoint, checkpoints, newest_checkpoint, read_checkpoint, write_checkpoint


def _checkpoint(step: int) -> Checkpoint:
    torch.manual_seed(step)
    tensors = {
        "w": torch.randn(3, 4),
        "n": torch.tensor(step),
        "empty": torch.empty(0),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    return Checkpoint({"step": step, "loss": 0.1 + 0.2}, tensors)


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    written = _checkpoint(7)
    read = read_checkpoint(write_checkpoint(tmp_path, written))
    assert read.state == written.state
    assert all(torch.equal(read.tensors[k], t) for k, t in written.tensors.items())


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 30, 4):
        write_checkpoint(tmp_path, _checkpoint(step))
    assert [p.name for p in checkpoints(tmp_path)] == ["step-000000030.safetensors", "step-000000004.safetensors"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("flip")
    path = write_checkpoint(folder, _checkpoint(3))
    blob = bytearray(path.read_bytes())
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(blob)
    try:
        read = read_checkpoint(path)
    except CheckpointError:
        return
    # The only bits that may change unseen are padding of the header: the content must be the same.
    assert read.state == _checkpoint(3).state
    assert all(torch.equal(read.tensors[k], t) for k, t in _checkpoint(3).tensors.items())


def test_a_torn_newest_file_is_passed_over_and_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, _checkpoint(1))
    newest = write_checkpoint(tmp_path, _checkpoint(2))
    whole = newest.read_bytes()
    for length in range(0, len(whole), 37):
        newest.write_bytes(whole[:length])
        found, complaints = newest_checkpoint(tmp_path)
        assert found is not None
        assert found.state["step"] == 1
        assert "step-000000002" in complaints[0]


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") == (None, [])


@pytest.mark.parametrize("metadata", [None, {"sha256": hashlib.sha256().hexdigest()}, {"state": "[]", "sha256": ""}])
def test_a_file_that_is_no_checkpoint_is_one_sentence(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    save_file({}, tmp_path / "step-000000001.safetensors", metadata=metadata)
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "step-000000001.safetensors")
