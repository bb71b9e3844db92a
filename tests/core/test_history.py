"""A history keeps exactly what was written whole, wherever it was torn or damaged."""

from __future__ import annotations

import json
import math
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.core.history import History, decode_line, encode_line, read_rows

WORDS = st.text(max_size=12).filter(lambda s: s not in {"NaN", "Infinity", "-Infinity"})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.text(max_size=8), VALUES, max_size=5), max_size=6)


def same(a, b) -> bool:
    """Equal, with NaN equal to itself: `repr` of finite floats is exact."""
    return repr(a) == repr(b)


def written(path, rows):
    history = History(path)
    for row in rows:
        history.add(**row)
    history.flush()
    history.close()
    return path.read_bytes()


@given(ROWS)
@settings(deadline=None)
def test_what_was_added_is_read_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("history") / "history.jsonl"
    written(path, rows)
    assert same(History(path).rows, rows)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, -0.0, [1.0, math.nan, [math.inf]]]
)
def test_numbers_that_json_lacks_come_back(tmp_path, value):
    content = written(tmp_path / "h.jsonl", [{"loss": value}])
    assert same(History(tmp_path / "h.jsonl").rows, [{"loss": value}])

    def refuse(name):
        raise AssertionError(f"{name} is not JSON")

    json.loads(content, parse_constant=refuse)


def test_every_line_is_json_that_any_tool_reads_with_the_crc_of_its_row():
    line = json.loads(encode_line({"step": 3, "loss": 0.5}))
    assert line["row"] == {"step": 3, "loss": 0.5}
    assert int(line["crc"], 16) == crc32(b'{"step":3,"loss":0.5}')


ROWS_TO_TEAR = [{"step": i, "loss": i / 7, "note": "señal \n 学习"} for i in range(4)]


def test_torn_at_every_byte_exactly_the_whole_lines_stay(tmp_path):
    content = written(tmp_path / "whole.jsonl", ROWS_TO_TEAR)
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    path = tmp_path / "torn.jsonl"
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        whole = sum(end <= length for end in ends)
        assert read_rows(path) == (ROWS_TO_TEAR[:whole], ([0, *ends])[whole])


def test_torn_at_every_byte_writing_goes_on_after_the_last_whole_line(tmp_path):
    content = written(tmp_path / "whole.jsonl", ROWS_TO_TEAR)
    path = tmp_path / "torn.jsonl"
    for length in range(0, len(content) + 1, 3):
        path.write_bytes(content[:length])
        whole = content[:length].count(b"\n")
        history = History(path)
        history.add(step="next")
        history.close()
        assert History(path).rows == [*ROWS_TO_TEAR[:whole], {"step": "next"}]


def test_every_flipped_bit_is_seen(tmp_path):
    good = encode_line({"step": 12, "loss": 0.25}).encode()
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        assert decode_line(bytes(bad)) is None


def test_a_damaged_line_hides_what_follows_but_not_what_came_before(tmp_path):
    content = bytearray(written(tmp_path / "h.jsonl", ROWS_TO_TEAR))
    second = content.index(b"\n") + 30
    content[second] ^= 1
    (tmp_path / "h.jsonl").write_bytes(content)
    assert History(tmp_path / "h.jsonl").rows == ROWS_TO_TEAR[:1]


def test_a_reader_does_not_disturb_a_writer(tmp_path):
    path = tmp_path / "h.jsonl"
    content = written(tmp_path / "whole.jsonl", ROWS_TO_TEAR)
    path.write_bytes(content[:-5])  # the writer's buffer went to the disk in the middle of a line
    assert len(History(path)) == 3
    with open(path, "ab") as writer:
        writer.write(content[-5:])
    assert History(path).rows == ROWS_TO_TEAR


@given(st.integers(0, 4))
@settings(deadline=None)
def test_cut_forgets_what_a_resumed_run_measures_again(tmp_path_factory, kept):
    path = tmp_path_factory.mktemp("cut") / "h.jsonl"
    history = History(path)
    lengths = [0]
    for row in ROWS_TO_TEAR:
        history.add(**row)
        lengths.append(history.flush())
    history.cut(lengths[kept])
    assert history.rows == ROWS_TO_TEAR[:kept]
    history.add(step="again")
    history.close()
    assert History(path).rows == [*ROWS_TO_TEAR[:kept], {"step": "again"}]


def test_columns_take_the_rows_that_match(tmp_path):
    history = History()
    history.add(step=0, split="train", loss=2.0)
    history.add(step=0, split="valid", loss=3.0, accuracy=0.5)
    history.add(step=1, split="train", loss=1.0)
    assert history.column("loss", split="train") == [2.0, 1.0]
    assert history.column("accuracy") == [0.5]
    assert history.column("loss", split="test") == []
    assert [row["step"] for row in history.matching(split="train")] == [0, 1]
    assert history.flush() == 0
