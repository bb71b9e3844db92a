"""Delimited text: what was written comes back, whatever the dialect."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainwell.data.readers.csv import read_csv
from trainwell.data.readers.csv_lines import scan

cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=8
)
words = st.from_regex(r"[a-z]{2,6}[,;|\" ]{0,2}[a-z\n]{1,4}x", fullmatch=True)


def written(rows: list[list[str]], delimiter: str, quoting: int) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator="\n").writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(words, min_size=3, max_size=3), min_size=3, max_size=12),
    delimiter=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_was_written_comes_back(tmp_path: Path, rows: list, delimiter: str, quoting: int, encoding: str) -> None:
    path = tmp_path / "a.csv"
    numbered = [["row no", "aa", "bb", "cc"], *([str(i), *row] for i, row in enumerate(rows))]
    path.write_bytes(written(numbered, delimiter, quoting).encode(encoding))
    frame = read_csv(path).frame
    assert frame.columns == numbered[0]
    assert [[cell if isinstance(cell, str) else str(cell) for cell in row] for row in frame.rows()] == numbered[1:]


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=8), delimiter=st.sampled_from(",;\t|"))
def test_scan_counts_fields_as_the_standard_library_does(rows: list[list[str]], delimiter: str) -> None:
    text = written(rows, delimiter, csv.QUOTE_ALL)
    records = scan(text.encode(), delimiter)
    assert records.fields.tolist() == [len(row) for row in rows]
    assert records.closed.all()
    assert records.line.tolist() == [1 + text.encode()[: int(start)].count(b"\n") for start in records.start]


def test_set_aside_rows_are_named_by_line_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'title\n# note\na,b\n1,"x\ny"\n2\n\n3,z,w\n4,v\n')
    source = read_csv(path)
    ragged = next(check for check in source.checks if check.code == "ragged")
    assert ragged.count == 2
    assert ragged.examples == ("line 6: 1 fields", "line 8: 3 fields")
    assert source.frame.rows() == [(1, "x\ny"), (4, "v")]


def test_well_formed_file_is_read_as_polars_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = pl.DataFrame({"n": [1.5, 2.5], "i": [1, 2], "s": ["x, y", 'z"'], "b": [True, False]})
    frame.write_csv(path)
    assert read_csv(path).frame.equals(pl.read_csv(path))


@pytest.mark.parametrize(
    "head", ["a,b,c\n", "a;b;c\n", "0,1,2\n", "name\tage\tcity\n"], ids=["comma", "semicolon", "positions", "tab"]
)
def test_header_is_found(tmp_path: Path, head: str) -> None:
    path = tmp_path / "a.csv"
    sign = next(s for s in ",;\t" if s in head)
    path.write_text(head + sign.join(["5", "x", "2.5"]) + "\n" + sign.join(["6", "y", "3.5"]) + "\n")
    source = read_csv(path)
    assert source.frame.columns == head.strip().split(sign)
    assert source.frame.dtypes == [pl.Int64, pl.String, pl.Float64]


def test_missing_markers_are_counted_by_column(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("age,job\n39,?\n ,NA\nnan,clerk\n50,None\n")
    source = read_csv(path)
    assert source.frame.to_dict(as_series=False) == {"age": [39, None, None, 50], "job": [None, None, "clerk", "None"]}
    check = next(c for c in source.checks if c.code == "missing_markers")
    assert check.count == 4
    assert set(check.examples) == {"age: 2", "job: 2"}


def test_numbers_with_leading_blanks_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a, b\n 1, +2.5\n 3, -4\n 5, 1e3\n")
    assert read_csv(path).frame.to_dict(as_series=False) == {"a": [1, 3, 5], "b": [2.5, -4.0, 1000.0]}


@pytest.mark.parametrize("first", ["", "1"])
def test_a_column_is_typed_by_all_its_rows(tmp_path: Path, first: str) -> None:
    path = tmp_path / "late.csv"
    path.write_text("a,b\n" + f"{first},x\n" * 3_000 + "1.5,y\n" * 3_000)
    cells = read_csv(path).frame["a"]
    assert cells.to_list() == [float(first) if first else None] * 3_000 + [1.5] * 3_000
