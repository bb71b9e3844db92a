"""The baselines learn what they can, stay within their bounds, and are not fitted twice."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trainwell.data.load import load
from trainwell.evaluate import baselines
from trainwell.evaluate.baseline_cache import read_cached
from trainwell.evaluate.baselines import run_baselines
from trainwell.evaluate.features import pixels_of, table_of
from trainwell.score.predictions import Predictions
from trainwell.score.registry import metrics


def scores(data, fitted, metric):
    target = data.arrays["target"][data.rows["test"]]
    target = data.preparation.decode_values(target) if data.task == "regression" else target
    return {f.name: metrics[metric](Predictions(data.task, f.output, target)) for f in fitted}


def test_each_baseline_learns_what_it_can():
    rng = np.random.default_rng(0)
    x, kind = rng.normal(size=(4000, 2)), rng.choice(list("pqrs"), 4000)
    straight = 3 * x[:, 0] + np.where(kind == "p", 2.0, -1.0)
    frame = pl.DataFrame({"x": x[:, 0], "z": x[:, 1], "kind": kind, "y": straight})
    data = load(frame, "y")
    found = scores(data, run_baselines(data, "test"), "r2")
    assert found["mean of the target"] == pytest.approx(0, abs=0.02)
    assert found["ridge regression"] > 0.95
    assert found["gradient-boosted trees"] > 0.95
    bent = load(frame.with_columns(y=pl.Series(np.where(x[:, 0] * x[:, 1] > 0, "same", "other"))), "y")
    found = scores(bent, run_baselines(bent, "test"), "accuracy")
    assert found["logistic regression"] < 0.6
    assert found["gradient-boosted trees"] > 0.9


def test_pictures_get_a_line_on_pixels():
    data = load("digits")
    found = scores(data, run_baselines(data, "test"), "accuracy")
    assert set(found) == {"most frequent class", "linear on pixels"}
    assert found["linear on pixels"] > 0.93


@pytest.mark.parametrize(
    "sentences", [("the meal was good {}", "a bad and cold meal {}"), ("味道很好吃送得很快{}", "太难吃了而且是冷的{}")]
)
def test_texts_get_a_line_on_rare_words(sentences):
    texts, answers = [sentences[i % 2].format(i) for i in range(200)], ["no", "yes"] * 100
    data = load({"said": texts, "answer": answers}, "answer")
    found = scores(data, run_baselines(data, "test"), "accuracy")
    assert set(found) == {"most frequent class", "linear on TF-IDF"}
    assert found["linear on TF-IDF"] == 1.0


def test_probabilities_are_probabilities():
    data = load("iris")
    for fitted in run_baselines(data, "test"):
        assert fitted.output.shape == (len(data.rows["test"]), 3)
        assert fitted.output.sum(axis=1) == pytest.approx(np.ones(len(fitted.output)))


def test_only_training_rows_are_looked_at():
    data = load("iris")
    before = run_baselines(data, "test")
    data.arrays["target"][np.r_[data.rows["valid"], data.rows["test"]]] = 0
    for name in data.shape.names:
        data.arrays[name][data.rows["valid"]] = 0
    for a, b in zip(before, run_baselines(data, "test"), strict=True):
        assert np.array_equal(a.output, b.output)


def test_known_answers_are_read_from_the_folder(tmp_path, monkeypatch):
    data = load("iris")
    first = run_baselines(data, "test", cache=tmp_path)
    monkeypatch.setattr(baselines, "_trees", lambda *_: pytest.fail("fitted again"))
    again = run_baselines(data, "test", cache=tmp_path)
    assert [(f.name, f.seconds, f.note) for f in again] == [(f.name, f.seconds, f.note) for f in first]
    assert all(np.array_equal(a.output, b.output) for a, b in zip(again, first, strict=True))


def test_a_damaged_folder_is_fitted_anew(tmp_path):
    data = load("iris")
    run_baselines(data, "test", cache=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:50])
    assert len(run_baselines(data, "test", cache=tmp_path)) == 3
    assert path.stat().st_size > 1000


def test_large_parts_are_sampled_and_say_so(monkeypatch):
    monkeypatch.setattr(baselines, "TREE_ROWS", 60)
    found = {f.name: f.note for f in run_baselines(load("iris"), "test")}
    assert found["gradient-boosted trees"].startswith("fitted on 60 of ")
    assert found["logistic regression"] == ""


def test_without_rows_there_are_no_baselines():
    data = load("iris")
    data.rows["train"] = data.rows["train"][:0]
    assert run_baselines(data, "test") == []


def test_several_targets_at_once():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    data = load(pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "u": x[:, 0] * 50, "v": x[:, 1] - 7}), ["u", "v"])
    found = scores(data, run_baselines(data, "test"), "r2")
    assert found["ridge regression"] > 0.95


def test_pictures_shrink_by_averaging():
    data = load("digits")
    rows = data.rows["train"][:3]
    pixels = pixels_of(data, rows)
    assert pixels.shape == (3, 64)
    assert pixels[0] == pytest.approx(data.arrays["picture"][rows[0]].ravel() / 255)
    big = np.arange(2 * 3 * 64 * 64, dtype=np.uint8).reshape(2, 3, 64, 64)
    data.arrays["picture"] = big
    small = pixels_of(data, np.arange(2))
    assert small.shape == (2, 3 * 16 * 16)
    assert small.mean() == pytest.approx(big.mean() / 255)


def test_a_table_keeps_numbers_and_categories_apart():
    data = load(pl.DataFrame({"n": [1.0, 2.0, 3.0, 4.5] * 20, "k": ["a", "b"] * 40, "y": [0.1, 0.2, 0.3, 0.4] * 20}), "y")
    table = table_of(data, data.rows["train"])
    assert table.values.shape == (len(data.rows["train"]), 2)
    assert table.categories == [1]
    assert table.cardinalities == list(data.shape.of_kind("category").cardinalities)


def test_answers_kept_for_data_that_were_prepared_otherwise_are_not_taken(tmp_path):
    data = load("iris")
    run_baselines(data, "test", cache=tmp_path)
    kept = data.preparation
    turned = replace(kept, target=replace(kept.target, classes=data.classes[::-1]))
    assert read_cached(tmp_path, f"{data.fingerprint} {kept.digest()}", "test")
    assert read_cached(tmp_path, f"{data.fingerprint} {turned.digest()}", "test") is None
