"""The container: what is written is read, and nothing else is; sizes are believed only as far as the file goes."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.errors import CheckpointError
from trainwell.ship.container import MAGIC, VERSION, Container, write

BLOCKS = {"a.json": b"[1, 2]", "../../etc/passwd": b"\x00\xff" * 9, "": b""}


def refused(path: Path) -> str:
    """Why a file is refused, when it is opened or when all its blocks are read."""
    with pytest.raises(CheckpointError) as error:
        read_all(path)
    assert "\n" not in str(error.value)
    return error.value.what


def read_all(path: Path) -> dict[str, bytes]:
    with Container(path) as box:
        return {name: box.read(name) for name in box.names}


def forged(index: object, rest: bytes = b"") -> bytes:
    """A file whose digests are right, whatever its index says."""
    text = index if isinstance(index, bytes) else json.dumps(index).encode()
    return MAGIC + bytes([VERSION]) + len(text).to_bytes(8, "little") + sha256(text).digest() + text + rest


@given(st.dictionaries(st.text(max_size=20), st.binary(max_size=60), max_size=5))
@settings(max_examples=40)
def test_blocks_come_back_and_the_same_blocks_give_the_same_bytes(tmp_path_factory, blocks):
    one, two = (tmp_path_factory.mktemp("box") / "x.tw" for _ in range(2))
    write(one, blocks)
    write(two, blocks)
    assert one.read_bytes() == two.read_bytes()
    with Container(one) as box:
        assert {name: box.read(name) for name in box.names} == blocks


def test_a_change_of_any_byte_is_refused(tmp_path):
    path = tmp_path / "x.tw"
    write(path, BLOCKS)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(path)


def test_a_file_that_is_cut_off_or_goes_on_is_refused(tmp_path):
    path = tmp_path / "x.tw"
    write(path, BLOCKS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole + b"\0")
    assert "bytes" in refused(path)


def test_names_are_keys_and_no_paths(tmp_path):
    write(tmp_path / "x.tw", BLOCKS)
    with Container(tmp_path / "x.tw") as box:
        assert box.read("../../etc/passwd") == b"\x00\xff" * 9
    assert [p.name for p in tmp_path.rglob("*")] == ["x.tw"]


LIES = {
    "a huge block": [["a", 1 << 60, "0" * 64]],
    "a negative block": [["a", -1, "0" * 64]],
    "a number as name": [[1, 0, "0"]],
    "true as size": [["a", True, "0"]],
    "a mapping": {"a": 1},
    "a name twice": [["a", 0, "0"], ["a", 0, "0"]],
    "no JSON": b"[[",
    "deep brackets": b"[" * 100_000,
    "a huge number": b"[" + b"9" * 10_000 + b"]",
    "bytes that are no text": b"\xff\xfe",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_index_that_lies_is_refused_though_its_digest_is_right(tmp_path, lie):
    path = tmp_path / "x.tw"
    path.write_bytes(forged(lie))
    refused(path)


def test_an_index_that_claims_more_than_the_file_is_not_read(tmp_path):
    path = tmp_path / "x.tw"
    path.write_bytes(MAGIC + bytes([VERSION]) + (1 << 62).to_bytes(8, "little") + bytes(32))
    assert "claims" in refused(path)


def test_json_that_would_swell_is_refused_before_it_is_parsed(tmp_path):
    path = tmp_path / "x.tw"
    write(path, {"bomb": b"[" + b"{}," * 2_000_000 + b"{}]"})
    with pytest.raises(CheckpointError, match="MB of memory"), Container(path) as box:
        box.read_json("bomb")


def test_another_version_is_named(tmp_path):
    path = tmp_path / "x.tw"
    write(path, BLOCKS)
    whole = bytearray(path.read_bytes())
    whole[len(MAGIC)] = 9
    path.write_bytes(whole)
    assert "version 9" in refused(path)


def test_what_is_no_file_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello")
    assert "no bundle" in refused(tmp_path / "text")
    assert "cannot be read" in refused(tmp_path / "gone")
    assert "cannot be read" in refused(tmp_path)
