"""Training rows in a bundle: nearest where the network decides, only where asked for, and never those of another network."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import CheckpointError, UsageError
from trainwell.data.load import load
from trainwell.ship import container
from trainwell.ship.bundle import bundle, open_bundle
from trainwell.ship.container import Container
from trainwell.ship.examples import MOST_BYTES, MOST_FEATURES, Examples, demand_fitting, features_of
from trainwell.train.fit import fit

from .small import people, recipe, trained


@pytest.fixture(scope="module")
def opened(run, tmp_path_factory):
    return open_bundle(bundle(run, tmp_path_factory.mktemp("examples") / "a.tw", examples=50))


def test_there_are_none_unless_asked_for(run, tmp_path):
    without = open_bundle(bundle(run, tmp_path / "a.tw"))
    assert without.examples is None
    assert "Oslo" not in json.dumps(without.card["columns"]) or without.card["columns"][0].get("example") is None


def test_examples_are_rows_of_the_training_with_their_own_answers(run, opened, table):
    data = load(table, target="rich", recipe=recipe())
    known = pl.read_csv(table)[data.rows["train"]]
    pairs = {(row["age"], row["hours"], row["city"], row["rich"]) for row in known.to_dicts()}
    found = zip(opened.examples.rows, opened.examples.answers, strict=True)
    assert all((row["age"], row["hours"], row["city"], answer) in pairs for row, answer in found)
    assert len(opened.examples) == 50
    assert all("rich" not in row for row in opened.examples.rows)


def test_a_training_row_is_nearest_to_itself(opened):
    preparation, run = opened.preparation, opened.members[0]
    for place in (0, 7, 49):
        arrays = preparation.encode_row(opened.examples.rows[place])
        features = features_of(run, [arrays[name] for name in preparation.shape.names])
        first = opened.examples.nearest(features[0])[0]
        assert first["row"] == opened.examples.rows[place]
        assert first["distance"] < 0.01


def test_features_do_not_depend_on_company_and_are_what_the_last_layer_sees(opened):
    import torch

    run, names = opened.members[0], opened.preparation.shape.names
    arrays = opened.preparation.encode(people(9, seed=3).drop("rich")).arrays
    inputs = [arrays[name] for name in names]
    together = features_of(run, inputs)
    alone = np.concatenate([features_of(run, [x[i : i + 1] for x in inputs]) for i in range(9)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    head = [module for module in run.network.modules() if isinstance(module, torch.nn.Linear)][-1]
    logits = head(torch.from_numpy(together)).double().softmax(-1).detach().numpy()
    np.testing.assert_allclose(logits, run.predict_arrays(inputs), atol=1e-5)


def test_many_features_are_mixed_down_and_keep_their_order():
    run = trained(model={"name": "mlp", "width": 2 * MOST_FEATURES, "depth": 1}, epochs=1)
    arrays = run.preparation.encode(people(40, seed=5).drop("rich")).arrays
    assert features_of(run, [arrays[name] for name in run.preparation.shape.names]).shape == (40, MOST_FEATURES)


def test_they_take_no_more_room_than_they_may(run, tmp_path, monkeypatch):
    monkeypatch.setattr("trainwell.ship.examples.MOST_BYTES", 3_000)
    path = bundle(run, tmp_path / "a.tw", examples=100)
    assert 0 < len(open_bundle(path).examples) < 40
    assert path.stat().st_size - bundle(run, tmp_path / "b.tw").stat().st_size < 3_500
    assert MOST_BYTES == 4 << 20


def test_what_cannot_be_shown_is_refused(opened, tmp_path):
    with pytest.raises(UsageError, match="in memory"):
        bundle(trained(), tmp_path / "a.tw", examples=3)
    with pytest.raises(UsageError, match="no training rows beside it"):
        bundle(opened, tmp_path / "a.tw", examples=3)
    frame = pl.DataFrame({"day": np.arange(120), "load": np.sin(np.arange(120) / 4)})
    series = recipe(target="load", model={"name": "nlinear"}, series={"time": "day", "horizon": 2})
    run = fit(series, load(frame, target="load", recipe=series), folder=tmp_path / "run")
    with pytest.raises(UsageError, match="these are others"):
        bundle(run, tmp_path / "b.tw", examples=3)


@pytest.mark.parametrize("damage", [b"{}", b'{"rows": [1], "answers": [1]}', b'{"rows": [], "answers": []}', b"[]"])
def test_damaged_examples_are_refused(opened, tmp_path, damage):
    with Container(opened.path) as box:
        blocks = {name: box.read(name) for name in box.names}
    container.write(tmp_path / "a.tw", blocks | {"examples.json": damage})
    with pytest.raises(CheckpointError, match="its examples cannot be read"):
        open_bundle(tmp_path / "a.tw")


def test_examples_of_another_network_are_refused(opened):
    arrays = opened.preparation.encode_row(opened.examples.rows[0])
    inputs = [arrays[name] for name in opened.preparation.shape.names]
    demand_fitting(opened.examples, opened.members[0], inputs)
    other = Examples([{}], ["a"], np.zeros((1, 3), np.float32))
    with pytest.raises(CheckpointError, match="3 features"):
        demand_fitting(other, opened.members[0], inputs)
