"""Official parts: files that belong together, their columns and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError
from trainwell.data.readers.names_file import parse_names
from trainwell.data.readers.read import read


def test_folder_with_train_and_test_files(tmp_path: Path) -> None:
    (tmp_path / "my-train.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "my_test.csv").write_text("b,a\nx,3\n")
    (tmp_path / "my.dev.csv").write_text("a,b\n4,y\n")
    (tmp_path / "readme.txt").write_text("hello")
    source = read(tmp_path)
    assert source.parts is not None
    assert list(zip(source.frame["a"], source.parts, strict=True)) == [(1, "train"), (2, "train"), (4, "valid"), (3, "test")]


def test_explicit_parts_of_different_formats(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,x\n2,y\n")
    pl.DataFrame({"b": ["x"], "a": [2.5]}).write_parquet(tmp_path / "b.parquet")
    source = read(tmp_path / "a.csv", test=tmp_path / "b.parquet", valid={"a": [7], "b": ["y"]})
    assert source.frame["a"].to_list() == [1.0, 2.0, 7.0, 2.5]
    assert source.parts.tolist() == ["train", "train", "valid", "test"]  # type: ignore[union-attr]


def test_lacking_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lacks the column 'b'"):
        read({"a": [1], "b": [2]}, test={"a": [1]})
    with pytest.raises(DataError, match="has the columns 'c', 'd'"):
        read({"a": [1]}, test={"a": [1], "c": [1], "d": [1]})


def test_lacking_target_has_its_own_remedy() -> None:
    with pytest.raises(DataError) as caught:
        read({"a": [1], "y": [2]}, test={"a": [1]})
    assert "predict" in caught.value.remedy


def test_part_given_twice() -> None:
    both = read({"a": [1]}, test={"a": [2]})
    with pytest.raises(DataError, match="already brings its own test part"):
        read(both, test={"a": [3]})


def test_label_dots_only_go_where_they_divide_the_parts() -> None:
    source = read({"y": ["<=50K", ">50K"], "s": ["a.", "b"]}, test={"y": [">50K.", "<=50K."], "s": ["c.", "d."]})
    assert source.frame["y"].to_list() == ["<=50K", ">50K", ">50K", "<=50K"]
    assert source.frame["s"].to_list() == ["a.", "b", "c.", "d."]
    assert [c.column for c in source.checks if c.code == "label_dots"] == ["y"]


def test_numbers_against_text_are_said() -> None:
    source = read({"a": [1, 2]}, test={"a": ["x", "3"]})
    assert source.frame["a"].to_list() == ["1", "2", "x", "3"]
    assert [c.column for c in source.checks if c.code == "part_types"] == ["a"]


def test_empty_column_takes_the_type_of_the_other_part() -> None:
    source = read({"a": [1, 2]}, test={"a": pl.Series([None], dtype=pl.String)})
    assert source.frame["a"].to_list() == [1, 2, None]


def test_list_of_sources_is_stacked(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.csv").write_text(f"a,b\n{i},x\n")
    source = read([tmp_path / f"{i}.csv" for i in range(3)])
    assert source.frame["a"].to_list() == [0, 1, 2]
    assert source.parts is None


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="shape"):
        read((np.zeros((2, 8, 8), np.uint8), [0, 1]), test=(np.zeros((2, 9, 9), np.uint8), [0, 1]))


NAMES = "| prose: with a colon\n\n>50K, <=50K.\n\nage: continuous.\nsex: Female, Male.\n"


def test_names_file_names_the_columns_and_the_target(tmp_path: Path) -> None:
    (tmp_path / "census.names").write_text(NAMES)
    (tmp_path / "census-train.csv").write_text("39, Male, <=50K\n50, Female, >50K\n")
    (tmp_path / "census-test.csv").write_text("|1x3 Cross validator\n28, Male, >50K.\n")
    source = read(tmp_path)
    assert (source.frame.columns, source.target) == (["age", "sex", "target"], "target")
    assert source.frame["target"].to_list() == ["<=50K", ">50K", ">50K"]
    asked = read(tmp_path, target="income")
    assert (asked.frame.columns, asked.target) == (["age", "sex", "income"], "income")
    assert {"names_file", "preamble"} <= {c.code for c in asked.checks}


def test_names_file_that_does_not_fit_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.names").write_text("one: continuous.\n")
    (tmp_path / "a.csv").write_text("39,1,<=50K\n50,2,>50K\n")
    source = read(tmp_path / "a.csv")
    assert source.frame.columns == ["column_1", "column_2", "column_3"]
    assert "names_file" in {c.code for c in source.checks}


def test_names_of_prose_alone() -> None:
    assert parse_names("1. Title of Database: Wine recognition\nThese data are old.\n")[0] == []
