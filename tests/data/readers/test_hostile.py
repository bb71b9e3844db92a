"""Bad files: each ends in a `Source` whose checks name the oddity, or in exactly one sentence."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainwell.core.errors import DataError
from trainwell.data.readers.read import read
from trainwell.data.source import Source

CHINESE = "评价,标签\n很快，好吃，味道足,1\n没有送水没有送水,0\n"
GOOD = b"age,city\n39,Paris\n50,Rome\n"


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": range(1000)}).write_parquet(buffer)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def a_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", GOOD)
    return buffer.getvalue()


def wide(columns: int) -> bytes:
    header = ",".join(f"c{i}" for i in range(columns))
    return f"{header}\n{','.join('1' for _ in range(columns))}\n{','.join('2' for _ in range(columns))}\n".encode()


READ: dict[str, tuple[str, bytes, Callable[[pl.DataFrame], bool], str]] = {
    # name: file name, content, what the frame must be, the check that must say it ("" for none)
    "utf8 mark": ("a.csv", b"\xef\xbb\xbf" + GOOD, lambda f: f.columns == ["age", "city"], ""),
    "utf16": ("a.csv", GOOD.decode().encode("utf-16"), lambda f: f["age"].to_list() == [39, 50], "encoding"),
    "utf16 without mark": ("a.csv", GOOD.decode().encode("utf-16-le"), lambda f: f["city"][1] == "Rome", "encoding"),
    "cp1252": ("a.csv", "name,n\ncafé,1\nnaïve “x”,2\n".encode("cp1252"), lambda f: f["name"][0] == "café", "encoding"),
    "latin1": ("a.csv", b"name,n\ncaf\xe9\x81,1\nb,2\n", lambda f: f["name"][0].startswith("café"), "encoding"),
    "gb18030": ("a.csv", CHINESE.encode("gb18030"), lambda f: f.columns == ["评价", "标签"], "encoding"),
    "utf8 with errors": (
        "a.csv", "名,n\n".encode() + "很快好吃味道足量大,1\n".encode() * 3 + b"\xff,2\n", lambda f: len(f) == 4, "encoding",
    ),
    "bad byte far down": ("a.csv", b"n,t\n" + b"1,abc\n" * 60_000 + b"2,caf\xe9\n", lambda f: f["t"][-1] == "café", "encoding"),
    "semicolons and decimal commas": ("a.csv", b"a;b\n1,5;2\n-2,25;3\n", lambda f: f["a"].to_list() == [1.5, -2.25], ""),
    "thousands": ("a.csv", b"a;b\n1.234,5;2\n0,25;3\n", lambda f: f["a"].to_list() == [1234.5, 0.25], ""),
    "tabs named csv": ("a.csv", b"a\tb\n1\tx, y\n2\tz\n", lambda f: f["b"].to_list() == ["x, y", "z"], ""),
    "bars": ("a.txt", b"a|b\n1|x\n2|y\n", lambda f: f.columns == ["a", "b"], ""),
    "sep line": ("a.csv", b"sep=;\na;b\n1;x\n2;y\n", lambda f: f.rows() == [(1, "x"), (2, "y")], ""),
    "blanks after commas": (
        "a.csv", b'39, State-gov, "a, b"\n50, Private, "c"\n',
        lambda f: f.rows() == [(39, "State-gov", "a, b"), (50, "Private", "c")], "no_header",
    ),
    "no header": ("a.csv", b"1,x\n2,y\n", lambda f: f.columns == ["column_1", "column_2"], "no_header"),
    "words without header": ("a.csv", b"y,n\nn,n\ny,y\nn,y\n", lambda f: len(f) == 4, "no_header"),
    "years as names": ("a.csv", b"land,2001,2002,2003\nA,1.5,2,3\nB,2,3,4\n", lambda f: f.columns[1] == "2001", ""),
    "one number among the names": ("a.csv", b"age,2020,city\n5,1.5,x\n6,2.5,y\n", lambda f: f.columns[1] == "2020", ""),
    "short rows": ("a.csv", b"a,b,c\n1,2,3\n4,5\n6,7,8\n", lambda f: f["a"].to_list() == [1, 6], "ragged"),
    "long rows": ("a.csv", b"a,b\n1,2\n4,5,6\n6,7\n", lambda f: f["a"].to_list() == [1, 6], "ragged"),
    "quoted line feeds": (
        "a.csv", b'a,b\n1,"x\ny"\n2,"say ""hi"", ok"\n',
        lambda f: f["b"].to_list() == ["x\ny", 'say "hi", ok'], "",
    ),
    "quote never closed": (
        "a.csv", b'a,b\n1,x\n2,"y\n3,z\n4,w\n',
        lambda f: f["b"].to_list() == ["x", '"y', "z", "w"], "quotes",
    ),
    "quote never closed among quoted cells": (
        "a.csv", b'"a","b"\n"1","x, y"\n"2","y\n"3","z"\n', lambda f: f["a"].to_list() == [1, 3], "ragged",
    ),
    "quotes after the sample": ("a.csv", b"a,b\n" + b"1,x\n" * 80_000 + b'2,"y, z"\n', lambda f: f["b"][-1] == "y, z", ""),
    "mark and no header": ("a.csv", b"\xef\xbb\xbf1,x\n2,y\n", lambda f: f["column_1"].to_list() == [1, 2], "no_header"),
    "inch marks": (
        "a.csv", b'a,b\n1,5" pipe\n2,6" x 3" pipe\n3,none\n',
        lambda f: f["b"].to_list() == ['5" pipe', '6" x 3" pipe', "none"], "",
    ),
    "text after a closing quote": ("a.csv", b'a,b\n1,"x"y\n2,"z"\n3,w\n', lambda f: f["a"].to_list() == [1, 2, 3], "quotes"),
    "zero bytes": ("a.csv", b"a,b\n1,x\x00y\n2,z\n", lambda f: f["b"].to_list() == ["xy", "z"], "zero_bytes"),
    "comments": ("a.csv", b"# made by hand\n# twice\na,b\n1,2\n# middle\n3,4\n", lambda f: f.rows() == [(1, 2), (3, 4)], ""),
    "header behind a comment sign": ("a.tsv", b"#chrom\tpos\nc1\t5\nc2\t6\n", lambda f: f.columns == ["chrom", "pos"], ""),
    "title line": ("a.csv", b"Sales of 2024\n\na,b\n1,2\n3,4\n", lambda f: f.rows() == [(1, 2), (3, 4)], "preamble"),
    "same names": ("a.csv", b"a,a,b,a\n1,2,3,4\n5,6,7,8\n", lambda f: f.columns == ["a", "a_2", "b", "a_3"], "duplicate_names"),
    "nameless index column": (
        "a.csv", b",a,b\n0,1,x\n1,2,y\n",
        lambda f: f.columns == ["column_1", "a", "b"], "unnamed_columns",
    ),
    "row names as R writes them": (
        "a.csv", b'"a","b"\n"1",5,"x"\n"2",6,"y"\n',
        lambda f: f.columns == ["column_1", "a", "b"], "unnamed_columns",
    ),
    "delimiter at every end": ("a.csv", b"a,b,\n1,2,\n3,4,\n", lambda f: f.columns == ["a", "b"], "trailing_delimiter"),
    "markers": (
        "a.csv", b"a,b\n1,x\n?,NA\nNaN,\n4,null\n",
        lambda f: f.dtypes[0] == pl.Int64 and f.null_count().row(0) == (2, 3), "missing_markers",
    ),
    "marker far down": (
        "a.csv", b"a,b\n" + b"1.5,x\n" * 20_000 + b"?,y\n",
        lambda f: f.dtypes[0] == pl.Float64 and f["a"].null_count() == 1, "missing_markers",
    ),
    "text far down": ("a.csv", b"a,b\n" + b"1,x\n" * 20_000 + b"twelve,y\n", lambda f: f["a"][-1] == "twelve", ""),
    "fraction far down": ("a.csv", b"a,b\n" + b"1,x\n" * 20_000 + b"1.5,y\n", lambda f: f["a"][-1] == 1.5, ""),
    "one row": ("a.csv", b"a,b\n1,x\n", lambda f: f.rows() == [(1, "x")], ""),
    "no final line feed": ("a.csv", b"a,b\n1,x\n2,y", lambda f: len(f) == 2, ""),
    "carriage returns only": ("a.csv", b"a,b\r1,x\r2,y\r", lambda f: f.rows() == [(1, "x"), (2, "y")], ""),
    "blank lines": ("a.csv", b"a,b\n\n1,x\n\n2,\n\n\n", lambda f: f.rows() == [(1, "x"), (2, None)], "blank_lines"),
    "5,000 columns": ("a.csv", wide(5000), lambda f: f.shape == (2, 5000), ""),
    "unicode names": ("a.csv", "ключ,🙂,年\n1,2,3\n4,5,6\n".encode(), lambda f: f.columns == ["ключ", "🙂", "年"], ""),
    "huge cell": ("a.csv", b"a,b\n1," + b"x" * 1_000_000 + b"\n2,y\n", lambda f: f["b"].str.len_chars()[0] == 1_000_000, ""),
    "very long whole numbers": (
        "a.csv", b"a,b\n12345678901234567890123,1\n2,2\n",
        lambda f: f["a"][0] == "12345678901234567890123", "long_numbers",
    ),
    "infinity and 1e308": (
        "a.csv", b"a,b\n1e308,1\ninf,2\n-inf,3\n",
        lambda f: f["a"].to_list() == [1e308, float("inf"), float("-inf")], "",
    ),
    "all missing": ("a.csv", b"a,b\n1,\n2,\n", lambda f: f["b"].null_count() == 2, "missing_markers"),
    "parquet named csv": ("a.csv", parquet(), lambda f: len(f) == 1000, "wrong_suffix"),
    "csv named parquet": ("a.parquet", GOOD, lambda f: len(f) == 2, "wrong_suffix"),
    "csv named jsonl": ("a.jsonl", GOOD, lambda f: len(f) == 2, "wrong_suffix"),
    "gzipped csv": ("a.csv.gz", gzip.compress(GOOD), lambda f: len(f) == 2, ""),
    "json lines with a bad line": (
        "a.jsonl", b'{"a": 1}\n{"a": 2\n[3]\n{"a": 4, "b": "x"}\n',
        lambda f: f["a"].to_list() == [1, 4], "ragged",
    ),
    "json of mixed kinds": (
        "a.json", b'[{"a": 1}, {"a": "x"}, {"a": [1]}]',
        lambda f: f["a"].to_list() == ["1", "x", "[1]"], "mixed_types",
    ),
    "nested json": ("a.json", b'[{"a": {"b": 1, "c": {"d": "x"}}}, {"a": null}]', lambda f: f.columns == ["a.b", "a.c.d"], ""),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_odd_file_is_read_and_said(name: str, tmp_path: Path) -> None:
    file, content, holds, code = READ[name]
    path = tmp_path / file
    path.write_bytes(content)
    source = read(path)
    assert holds(source.frame), source.frame
    codes = {check.code for check in source.checks}
    assert not code or code in codes, codes
    assert all(len(check.examples) <= 5 and check.text.endswith((".", "…")) for check in source.checks)


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "empty": ("a.csv", b"", "empty"),
    "only blanks": ("a.csv", b"\n\n  \n", "empty"),
    "only zero bytes": ("a.csv", b"\0" * 500, "empty"),
    "header only": ("a.csv", b"a,b,c\n", "no rows"),
    "comments only": ("a.csv", b"# a\n# b\n", "no table"),
    "random bytes": ("a.csv", bytes(np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8)), "binary"),
    "picture named csv": ("a.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "one picture"),
    "truncated gzip": ("a.csv.gz", gzip.compress(GOOD * 1000)[:-20], "cut off"),
    "damaged gzip": ("a.csv.gz", b"\x1f\x8b" + b"x" * 50, "damaged"),
    "truncated parquet": ("a.parquet", parquet()[:300], "damaged"),
    "parquet magic only": ("a.parquet", b"PAR1", "damaged"),
    "truncated arrow": ("a.arrow", b"ARROW1\0\0" + b"x" * 40, "damaged"),
    "zip of a csv": ("a.zip", a_zip(), "zip archive"),
    "damaged zip": ("a.xlsx", b"PK\x03\x04" + b"x" * 50, "damaged"),
    "damaged workbook": ("a.xls", b"\xd0\xcf\x11\xe0" + b"x" * 50, "workbook"),
    "pickle in npz": ("a.npz", npz(x=np.array([{}, 1], dtype=object)), "archive"),
    "npz of unequal lengths": ("a.npz", npz(a=np.zeros(3), b=np.zeros(4)), "different lengths"),
    "cut npy": ("a.npy", b"\x93NUMPY\x01\x00", "NumPy"),
    "x and y differ": ("a.npz", npz(x=np.zeros((3, 2)), y=np.zeros(4)), "3 rows"),
    "no json": ("a.json", b'[{"a": 1},', "no JSON"),
    "json of numbers": ("a.json", b"[1, 2, 3]", "no objects"),
    "json lines of nothing": ("a.jsonl", b"{]\n{]\n", "no line"),
    "deep json": ("a.json", b"[" * 100_000, "JSON"),
    "short idx": ("a-idx3-ubyte", b"\0\0\x08\x03" + (10).to_bytes(4, "big") * 3 + b"x" * 9, "header says 1,000"),
    "pdf": ("a.pdf", b"%PDF-1.7", "PDF"),
    "database": ("a.csv", b"SQLite format 3\0", "SQLite"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unusable_file_ends_in_one_sentence(name: str, tmp_path: Path) -> None:
    file, content, words = REFUSED[name]
    path = tmp_path / file
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert words in caught.value.what
    assert str(path) in caught.value.where
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        read(tmp_path)


def test_tables_of_a_folder_are_parts_of_one_and_another_table_among_them_is_named(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_bytes(GOOD)
    assert len(read(tmp_path)) == 2 * len(read(tmp_path / "one.csv"))
    (tmp_path / "two.csv").write_bytes(b"other,columns\n1,2\n3,4\n")
    with pytest.raises(DataError, match=r"two\.csv"):
        read(tmp_path)


def test_missing_path_suggests_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "adult.csv").write_bytes(GOOD)
    with pytest.raises(DataError) as caught:
        read(tmp_path / "adlt.csv")
    assert caught.value.remedy == "Did you mean adult.csv?"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may read every file")
def test_permission_denied(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD)
    path.chmod(0)
    with pytest.raises(DataError, match="permission denied"):
        read(path)


def test_permission_denied_is_a_sentence_whoever_runs_this(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(GOOD)

    def refuse(self: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="permission denied"):
        read(path)


@pytest.mark.parametrize(
    "source",
    [
        pl.DataFrame(),
        pl.DataFrame({"a": []}),
        {},
        [],
        np.zeros((0, 3)),
        {"a": [1], "b": [1, 2]},
        (np.zeros(2), np.zeros(3)),
        7,
        object(),
    ],
    ids=lambda source: type(source).__name__,
)
def test_unusable_objects_end_in_one_sentence(source: object) -> None:
    with pytest.raises(DataError) as caught:
        read(source)
    assert "\n" not in str(caught.value)


def test_odd_values_in_json_lines_survive(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": True, "c": [1, 2]}, {"a": 2.5, "c": [3, 4]}, {"b": False, "c": [5, 6], "z": "x"}]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    source: Source = read(path)
    assert source.frame.to_dict(as_series=False) == {"a": [1.0, 2.5, None], "b": [True, None, False], "z": [None, None, "x"]}
    np.testing.assert_array_equal(source.arrays["c"], [[1, 2], [3, 4], [5, 6]])


signs = [b",", b";", b"\t", b'"', b"\n", b"\r\n", b" ", b"#", b"\0", b"\xe9"]
pieces = st.sampled_from([*signs, b"1", b"2.5", b"1,5", b"x", b"a", b"?", "é".encode()])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(pieces, min_size=1, max_size=60).map(b"".join))
def test_any_bytes_end_in_a_source_or_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    try:
        source, refusal = read(path), ""
    except DataError as error:
        source, refusal = None, str(error)
    assert "\n" not in refusal
    assert source is None or (len(source) > 0 and len(set(source.frame.columns)) == source.frame.width > 0)
