"""A bundle answers as the run does, to the bit; it holds no row and no code, and is refused where it could do harm."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from torch import nn

from cli.command import done, trainwell
from train.small import numbers, pictures, reviews
from trainwell.core.errors import CheckpointError, TrainwellError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.ship import container
from trainwell.ship.bundle import bundle, open_bundle
from trainwell.ship.container import Container
from trainwell.ship.labelled import labelled
from trainwell.study.ensemble.make import ensemble
from trainwell.train.fit import fit
from trainwell.train.run import Run

from .small import odd_rows, people, recipe, trained

FIXTURE = Path(__file__).parent / "fixtures" / "version-1.tw"


def blocks_of(path: Path) -> dict[str, bytes]:
    with Container(path) as box:
        return {name: box.read(name) for name in box.names}


def changed(path: Path, name: str, change: Callable[[Any], Any]) -> Path:
    """A bundle one of whose blocks of JSON says something else, with right digests."""
    blocks = blocks_of(path)
    blocks[name] = json.dumps(change(json.loads(blocks[name]))).encode()
    place = path.with_name("changed.tw")
    container.write(place, blocks)
    return place


@pytest.fixture(scope="module")
def packed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(run, tmp_path_factory.mktemp("packed") / "people.tw")


def test_a_thousand_odd_rows_get_the_same_bits_everywhere(run: Run, packed: Path, tmp_path: Path):
    rows, opened = odd_rows(1_000), open_bundle(packed)
    ours, theirs = run.predict(rows), opened.predict(rows)
    assert ours.equals(theirs)
    probabilities = ours.select("p_high", "p_low").to_numpy()
    alone = np.array([opened.predict_row(row) for row in rows])
    assert np.array_equal(alone, np.array([run.predict_row(row) for row in rows]))
    assert np.abs(alone - probabilities).max() < 1e-7
    assert 100 < ours["problem"].null_count() < 900
    text = pl.DataFrame({name: [_written(row.get(name)) for row in rows] for name in (c.name for c in run.preparation.columns)})
    text.write_csv(tmp_path / "rows.csv")
    done("predict", run.folder, tmp_path / "rows.csv", "--to", tmp_path / "run.csv")
    done("predict", packed, tmp_path / "rows.csv", "--to", tmp_path / "bundle.csv")
    assert (tmp_path / "run.csv").read_bytes() == (tmp_path / "bundle.csv").read_bytes()
    said = pl.read_csv(tmp_path / "bundle.csv")
    assert np.array_equal(
        said.select("p_high", "p_low").to_numpy(), run.predict(tmp_path / "rows.csv").select("p_high", "p_low").to_numpy()
    )


def _written(cell: Any) -> str:
    return "" if cell is None else str(cell)


def test_a_bad_row_is_a_matter_of_that_row_alone(run: Run, packed: Path):
    good, opened = odd_rows(50), open_bundle(packed)
    bad = {"age": {"a": [1]}, "city": b"\xff", "joined": object(), "member": [1, 2]}
    with_bad = opened.predict([*good[:25], bad, *good[25:]])
    assert with_bad["problem"][25]
    rest = with_bad.filter(pl.int_range(pl.len()) != 25)
    assert rest.equals(opened.predict(good))


def test_the_same_run_gives_the_same_bytes_and_a_bundle_of_a_bundle_is_that_bundle(run: Run, packed: Path, tmp_path: Path):
    assert bundle(run, tmp_path / "again.tw").read_bytes() == packed.read_bytes()
    assert bundle(open_bundle(packed), tmp_path / "twice.tw").read_bytes() == packed.read_bytes()


def test_it_says_what_it_asks_and_how_good_it_is(run: Run, packed: Path):
    opened = open_bundle(packed)
    kinds = {column["name"]: column["kind"] for column in opened.schema["columns"]}
    assert kinds == {
        "age": "number", "hours": "number", "price": "number", "city": "category", "member": "boolean", "joined": "datetime",
    }  # fmt: skip
    age = next(column for column in opened.schema["columns"] if column["name"] == "age")
    assert age["low"] < age["typical"] < age["high"]
    assert opened.classes == ("high", "low")
    assert opened.task == "classification"
    assert opened.evaluation is not None
    assert opened.evaluation["scores"]["accuracy"]["low"] <= opened.evaluation["scores"]["accuracy"]["value"]
    assert "accuracy" in repr(opened)


def test_no_row_and_no_place_of_the_training_is_in_it(packed: Path, table: Path):
    content = b"".join(blocks_of(packed).values())
    assert str(table.parent).encode() not in content
    evaluation = json.loads(blocks_of(packed)["evaluation.json"])
    assert evaluation["worst"] == []
    assert all(check["examples"] == [] for check in json.loads(blocks_of(packed)["card.json"])["checks"])


def test_other_labelled_data_are_scored(packed: Path, tmp_path: Path):
    people(80, seed=5).write_csv(tmp_path / "more.csv")
    opened = open_bundle(packed)
    found = evaluate(opened, labelled(opened, tmp_path / "more.csv"), baselines=False)
    truth = opened.predict(tmp_path / "more.csv")["prediction"] == people(80, seed=5)["rich"]
    assert found.n == 80
    assert found.scores["accuracy"].value == pytest.approx(truth.mean())
    said = done("evaluate", packed, tmp_path / "more.csv", "--json")
    assert said.json["scores"]["accuracy"]["value"] == found.scores["accuracy"].value
    people(80, seed=5).with_columns(pl.col("rich") + ".").write_csv(tmp_path / "dotted.csv")
    assert evaluate(opened, labelled(opened, tmp_path / "dotted.csv"), baselines=False).n == 80
    refused = trainwell("evaluate", packed)
    assert refused.code == 2
    assert "Give labelled data" in refused.err
    people(5).drop("rich").write_csv(tmp_path / "blind.csv")
    assert "true answers" in trainwell("evaluate", packed, tmp_path / "blind.csv").err


@pytest.mark.parametrize("how", ["seeds", "bagging", "boosting"])
def test_ensembles_answer_to_the_bit(how: str, tmp_path: Path):
    team = ensemble(recipe(epochs=1), load(people(), target="rich"), members=3, how=how)
    opened = open_bundle(bundle(team, tmp_path / "team.tw"))
    rows = odd_rows(60)
    assert opened.predict(rows).equals(team.predict(rows))
    assert np.array_equal(opened.predict_row(rows[3]), team.predict_row(rows[3]))
    assert [type(member) for member in opened.members] == [Run] * len(team)
    stems = {name.partition(".")[0] for name in blocks_of(tmp_path / "team.tw") if name.startswith("preparation")}
    assert len(stems) == (1 if how == "seeds" else len(team) + 1)  # equal preparations are kept once


def test_numbers_pictures_texts_and_forecasts_too(tmp_path: Path):
    price = trained("price")
    rows = odd_rows(40)
    assert open_bundle(bundle(price, tmp_path / "price.tw")).predict(rows).equals(price.predict(rows))
    data = pictures(40)
    looker = fit(recipe(model={"name": "cnn", "width": 4, "stages": 1}, epochs=1), data)
    opened = open_bundle(bundle(looker, tmp_path / "pictures.tw"))
    assert np.array_equal(opened.predict_arrays(data.arrays["picture"]), looker.predict_arrays(data.arrays["picture"]))
    texts = reviews(60)
    reader = fit(recipe(epochs=1, columns={"review": "text"}), texts)
    assert open_bundle(bundle(reader, tmp_path / "texts.tw")).predict(texts.source).equals(reader.predict(texts.source))


def test_a_forecast_keeps_its_intervals(tmp_path: Path):
    t = np.arange(300)
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({"t": t, "load": np.sin(t / 4) + draw.normal(0, 0.1, 300)})
    chosen = Recipe(task="auto", series={"time": "t", "lookback": 16, "horizon": 4}, model="dlinear", epochs=2, threads=1)
    run = fit(chosen.but(doctor="off"), load(frame, target="load", recipe=chosen))
    opened = open_bundle(bundle(run, tmp_path / "load.tw"))
    assert opened.predict(frame).equals(run.predict(frame))
    assert opened.schema["forecast"] == {"lookback": 16, "horizon": 4}


class Own(nn.Module):
    """A network of the user's."""

    def __init__(self, n_out: int) -> None:
        super().__init__()
        self.layer = nn.Linear(5, n_out)

    def forward(self, x):
        return self.layer(x)


def test_a_network_of_your_own_needs_its_class_and_is_not_imported(tmp_path: Path):
    run = fit(recipe(model=Own, epochs=1), numbers(60))
    path = bundle(run, tmp_path / "own.tw")
    with pytest.raises(UsageError, match=r"Own.*no code"):
        open_bundle(path)
    x = np.zeros((3, 5), np.float32)
    assert np.array_equal(open_bundle(path, model=Own).predict_arrays(x), run.predict_arrays(x))


def test_opening_imports_no_module_that_the_file_names(packed: Path):
    def own(recipe: dict[str, Any]) -> dict[str, Any]:
        return recipe | {"model": "this:zen"}

    path = changed(packed, "0/recipe.json", own)
    code = "import sys; from cli.command import trainwell; print(trainwell('bundle', sys.argv[1]).err, 'this' in sys.modules)"
    command = [sys.executable, "-c", code, str(path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]).stdout
    assert "Zen" not in said
    assert "network of your own" in said
    assert said.split()[-1] == "False"


GROWN: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "width": ("0/recipe.json", lambda r: r | {"model": {"name": "mlp", "width": 1 << 40, "depth": 1}}),
    "depth": ("0/recipe.json", lambda r: r | {"model": {"name": "mlp", "width": 16, "depth": 1 << 40}}),
    "another network": ("0/recipe.json", lambda r: r | {"model": {"name": "tabm", "k": 1 << 40}}),
    "unknown option": ("0/recipe.json", lambda r: r | {"model": {"name": "mlp", "wdth": 2}}),
    "unknown network": ("0/recipe.json", lambda r: r | {"model": "no_such"}),
    "unknown key": ("0/recipe.json", lambda r: r | {"evil": 1}),
    "recipe is a list": ("0/recipe.json", lambda r: [r]),
    "plan": ("0/plan.json", lambda p: p | {"machine": 7}),
    "summary": ("0/summary.json", lambda s: 3),
    "no members": ("about.json", lambda a: a | {"members": []}),
    "weights of nobody": ("about.json", lambda a: a | {"weights": [1.0, 2.0]}),
    "start": ("about.json", lambda a: a | {"kind": "ensemble", "start": [[[1]]]}),
    "start as text": ("about.json", lambda a: a | {"kind": "ensemble", "start": "x"}),
    "path": ("about.json", lambda a: a | {"preparation": "../../secret"}),
    "format": ("about.json", lambda a: a | {"format": 99}),
    "about is a number": ("about.json", lambda a: 4),
    "schema": ("schema.json", lambda s: []),
}  # fmt: skip


@pytest.mark.parametrize("name", GROWN)
def test_what_does_not_fit_together_is_refused_with_a_sentence_and_without_memory(name: str, packed: Path):
    block, change = GROWN[name]
    path = changed(packed, block, change)
    tracemalloc.start()
    with pytest.raises(TrainwellError) as error:
        open_bundle(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert peak < 2 * path.stat().st_size + (64 << 20)


def test_inputs_that_no_column_makes_are_refused(packed: Path):
    name = next(name for name in blocks_of(packed) if name.startswith("preparation") and name.endswith(".json"))

    def wider(header: dict[str, Any]) -> dict[str, Any]:
        for described in header["shape"]:
            described["shape"] = [1 << 40]
            described["cardinalities"] = [1 << 40 for _ in described["cardinalities"]]
        return header

    with pytest.raises(CheckpointError, match="columns make"):
        open_bundle(changed(packed, name, wider))


def test_a_training_that_has_not_ended_is_not_shipped(run: Run, tmp_path: Path):
    assert run.folder is not None
    for name in ("recipe.yaml", "plan.json"):
        (tmp_path / name).write_bytes((run.folder / name).read_bytes())
    run.preparation.save(tmp_path / "preparation")
    with pytest.raises(CheckpointError, match="not ended"):
        bundle(Run.open(tmp_path), tmp_path / "x.tw")
    assert not (tmp_path / "x.tw").exists()
    with pytest.raises(UsageError, match="folder"):
        bundle(run, tmp_path)


def test_bundles_of_this_version_are_opened_for_ever():
    opened = open_bundle(FIXTURE)
    expected = json.loads(FIXTURE.with_suffix(".json").read_text())
    answers = opened.predict(expected["rows"])
    assert answers["prediction"].to_list() == expected["predictions"]
    np.testing.assert_allclose(answers["p_high"].to_numpy(), expected["p_high"], atol=1e-6)


def test_the_command_line_writes_shows_and_answers(run: Run, packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    done("bundle", run.folder, "--to", "people.tw")
    assert (tmp_path / "people.tw").read_bytes() == packed.read_bytes()
    told = done("bundle", "people.tw", "--json").json
    assert told["sha256"] == open_bundle(packed).digest
    assert told["schema"]["task"] == "classification"
    (tmp_path / "cut.tw").write_bytes(packed.read_bytes()[:900])
    refused = trainwell("predict", "cut.tw", "rows.csv")
    assert refused.code == 1
    assert "not a sound bundle" in refused.err
