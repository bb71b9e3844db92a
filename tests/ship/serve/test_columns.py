"""Plain requests, read straight into columns, have the bits of the long way; what is not plain is left to it."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainwell as tw
from ship.serve.kit import serving
from trainwell.core.errors import CompileError, UsageError
from trainwell.ship.serve.columns import FEW, Columns
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.served import served
from trainwell.ship.serve.start import Options

NUMBERS = st.none() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
ROWS = st.fixed_dictionaries(
    {
        "age": NUMBERS,
        "job": st.sampled_from(["sales", "tech", "farm", None]),
        "member": st.sampled_from(["yes", "no", "YES", None, "No", ""]),
        "hours": NUMBERS,
    }
)


def body(rows):
    return json.dumps({"rows": rows}).encode()


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=3 * FEW))
def test_plain_rows_have_the_bits_of_encode(classifier, rows):
    preparation = classifier.preparation
    columns = Columns.of(preparation)
    # One at a time: what a column of a table holds may depend on the other rows, as text among numbers does.
    rowwise = [preparation.encode_row(row) for row in rows]
    for plain in (columns.read(body(rows), 100), columns.of_rows(json.loads(body(rows))["rows"])):
        assert plain.n == len(rows)
        for name, array in zip(preparation.shape.names, plain.arrays, strict=True):
            expected = np.concatenate([row[name] for row in rowwise])
            assert array.dtype == expected.dtype
            np.testing.assert_array_equal(array.view(np.int32), expected.view(np.int32))


GOOD = {"age": 30, "job": "tech", "member": "yes", "hours": 40.5}
#: What the long way has to say something about.
OTHER = [
    body([]),
    body([GOOD | {"age": "30"}]),
    body([GOOD | {"age": True}]),
    body([GOOD | {"job": "pilot"}]),
    body([GOOD | {"job": 3}]),
    body([GOOD | {"member": "perhaps"}]),
    body([GOOD | {"hours": [1]}]),
    body([GOOD, {k: v for k, v in GOOD.items() if k != "age"}]),
    body([GOOD, 1]),
    json.dumps([GOOD]).encode(),
    json.dumps({"row": GOOD}).encode(),
    json.dumps({"rows": [GOOD], "row": GOOD}).encode(),
    body([GOOD]).replace(b"40.5", b"NaN"),
    body([GOOD]).replace(b"40.5", b"1e999"),
    body([GOOD]).replace(b"tech", b"\\ud800"),
    body([GOOD]).replace(b"tech", b"\xff"),
    body([GOOD])[:-1],
    b"[" * 100_000,
    b"",
]


@pytest.mark.parametrize("place", range(len(OTHER)))
def test_what_is_not_plain_is_left_to_the_long_way(classifier, place):
    assert Columns.of(classifier.preparation).read(OTHER[place], 100) is None


def test_no_more_rows_than_a_request_may_have_are_read(classifier):
    columns = Columns.of(classifier.preparation)
    assert columns.read(body([GOOD] * 3), 3) is not None
    assert columns.read(body([GOOD] * 4), 3) is None


def test_pictures_are_not_read_as_columns(digits):
    assert Columns.of(digits.preparation) is None


# ---- engines


@pytest.mark.parametrize("n", [1, 256])
def test_onnx_runtime_answers_within_its_tolerance(classifier, regressor, digits, n):
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    draw = np.random.default_rng(n)
    for model, unit in ((classifier, 1.0), (regressor, max(regressor.preparation.target.spread))):
        with serving(model, options=Options(engine="onnx")) as client:
            rows = [GOOD | {"age": int(age)} for age in draw.integers(18, 70, n)]
            answers = client.answers(rows)
            ours = model.predict(rows)
            if unit == 1.0:
                theirs = np.array([list(answer["probabilities"].values()) for answer in answers])
                mine = ours.select(r"^p_.*$").to_numpy()
            else:
                theirs, mine = np.array([answer["prediction"] for answer in answers]), ours["prediction"].to_numpy()
            assert np.abs(theirs - mine).max() <= 1e-5 * max(unit, np.abs(mine).max())
            assert client.ask("/health")[2]["engine"] == "onnx"


def test_the_engine_is_said(rich):
    assert rich.ask("/health")[2]["engine"] == "torch"
    assert "computed by torch" in rich.server.name


def test_an_unknown_engine_is_refused_and_so_is_one_that_answers_differently(classifier, monkeypatch):
    with pytest.raises(UsageError, match="no engine 'onx'"):
        served(classifier, version="", engine="onx")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    monkeypatch.setattr("trainwell.ship.serve.engine.TOLERANCE", -1.0)
    with pytest.raises(CompileError, match="its answers differ by"):
        served(classifier, version="", engine="onnx")


def test_what_is_answered_as_a_whole_table_is_not_for_onnx_runtime():
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    frame = pl.DataFrame({"day": np.arange(120), "load": np.sin(np.arange(120) / 4)})
    recipe = tw.Recipe(target="load", epochs=1, preset="quick", model="nlinear", series={"time": "day", "horizon": 2})
    run = tw.fit(recipe, tw.load(frame, "load", recipe=recipe))
    with pytest.raises(CompileError, match="ONNX Runtime cannot answer"):
        served(run, version="", engine="onnx")


def test_small_batches_are_shared_and_a_slow_network_goes_to_the_thread(classifier, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    from trainwell.ship.serve.served import Served

    asked = []
    compute = Served.compute
    monkeypatch.setattr(Served, "seconds", lambda served, rows: 1.0 if rows > 2 else 0.0)
    monkeypatch.setattr(Served, "compute", lambda served, arrays: (asked.append(len(arrays[0])), compute(served, arrays))[1])
    with serving(classifier, limits=Limits(wait=0.0)) as client:
        asked.clear()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda n: client.answers([GOOD] * n), [1, 1, 5, 1, 2, 9, 1, 1]))
    assert sum(asked) == 21
    assert all(answer == found[0][0] for answers in found for answer in answers)
