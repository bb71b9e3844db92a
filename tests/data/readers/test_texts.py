"""Folders of text files."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainwell.core.errors import DataError
from trainwell.data.readers.read import read


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_class_folders_of_texts(tmp_path: Path) -> None:
    source = read(write(tmp_path, {"pos/b.txt": b"good", "neg/a.txt": b"bad\nreally", "pos/a.txt": b"fine", "README.md": b"x"}))
    assert source.frame.rows() == [("bad\nreally", "neg"), ("fine", "pos"), ("good", "pos")]
    assert (source.target, source.kinds["text"]) == ("label", "text")


def test_every_file_is_decoded_by_its_own_bytes(tmp_path: Path) -> None:
    files = {"a/1.txt": "café très bon".encode("cp1252"), "a/2.txt": "café".encode(), "b/1.txt": "很快，好吃".encode("gb18030")}
    source = read(write(tmp_path, files))
    assert source.frame["text"].to_list() == ["café très bon", "café", "很快，好吃"]
    assert next(c.count for c in source.checks if c.code == "encoding") == 2


def test_parts_of_text_folders(tmp_path: Path) -> None:
    files = {f"{part}/{label}/1.txt": f"{part} {label}".encode() for part in ("train", "test") for label in ("pos", "neg")}
    source = read(write(tmp_path, files))
    assert source.parts is not None
    assert source.parts.tolist() == ["train", "train", "test", "test"]


def test_a_part_with_a_class_of_its_own_is_refused(tmp_path: Path) -> None:
    files = {"train/pos/1.txt": b"x", "train/neg/1.txt": b"y", "test/other/1.txt": b"z"}
    with pytest.raises(DataError, match="the class 'other'"):
        read(write(tmp_path, files))


def test_only_the_first_megabyte_of_a_file_is_read(tmp_path: Path) -> None:
    source = read(write(tmp_path, {"a/1.txt": b"x " * (1 << 20), "b/1.txt": b""}))
    assert source.frame["text"].str.len_bytes().to_list() == [1 << 20, 0]
    assert any(c.code == "long_files" for c in source.checks)
