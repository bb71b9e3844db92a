"""Tables of pictures, texts, numbers and categories: one network for all, whatever a row lacks, to the same bits."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from house.sample_data import examples
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Input, Shape
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.models.mixture import mixture
from trainwell.train.fit import fit
from trainwell.train.resume import load_again, resume
from trainwell.train.run import Run

RECIPE = Recipe(preset="quick", epochs=3, threads=1, memory_format="contiguous", compile="off")


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return examples("mixture").parcels(tmp_path_factory.mktemp("parcels"), 160)


@pytest.fixture(scope="module")
def data(parcels: Path) -> Data:
    return load(str(parcels), target="care")


@pytest.fixture(scope="module")
def run(data: Data, parcels: Path) -> Run:
    return fit(RECIPE, data, seed=1, folder=parcels.parent / "run")


def test_several_kinds_are_joined_by_one_network(data: Data) -> None:
    assert [i.kind for i in data.shape.inputs] == ["number", "category", "picture", "text", "text"]
    assert Recipe.suggest(data).model.name == "mixture"
    beside = data.under(Recipe(target="care", columns={"photo": "ignore"}))
    assert Recipe.suggest(beside).model.name == "text_team"


def test_rows_are_told_apart_by_their_texts_and_pictures(tmp_path: Path, data: Data) -> None:
    assert next(check for check in data.card.checks if check.code == "duplicates").verdict == "PASS"
    frame = data.source.frame.with_columns(weight=pl.lit(1.0), city=pl.lit("Oslo")).drop("photo")
    twice = pl.concat([frame, frame.head(10)])
    found = next(c for c in load(twice, target="care").card.checks if c.code == "duplicates")
    assert found.count == 10


@pytest.mark.parametrize("stop_at", [1, 9])
def test_a_stopped_run_ends_with_the_same_bits(parcels: Path, run: Run, tmp_path: Path, stop_at: int) -> None:
    data = load(str(parcels), target="care")

    def interrupt(row: dict) -> None:
        if row["step"] >= stop_at:
            signal.raise_signal(signal.SIGTERM)

    folder = tmp_path / "torn"
    assert fit(RECIPE, data, seed=1, folder=folder, observers=[interrupt]).status == "interrupted"
    again = resume(folder, data=load_again(folder), observers=[lambda _: None])
    assert run.weights().keys() == again.weights().keys()
    assert all(torch.equal(run.weights()[name], tensor) for name, tensor in again.weights().items())


def test_the_order_of_columns_does_not_matter(data: Data, run: Run) -> None:
    some = data.source.frame.head(5).drop("care")
    for order in (some.columns[::-1], ["note", "photo", "city", "weight"]):
        found = run.predict(_at(some, data).select(order))
        assert found.drop("photo").equals(run.predict(_at(some, data)).drop("photo"))


@pytest.mark.parametrize("column", ["photo", "note", "weight", "city"])
def test_a_missing_column_is_named_and_answered(data: Data, run: Run, column: str) -> None:
    some = _at(data.source.frame.head(4).drop("care"), data)
    found = run.predict(some.drop(column))
    assert found["confidence"].is_finite().all()
    assert all(problem.startswith(f"{column}: the column is missing") for problem in found["problem"])
    emptied = run.predict(some.with_columns(pl.lit(None, some.schema[column]).alias(column)))
    assert np.array_equal(found["p_yes"].to_numpy(), emptied["p_yes"].to_numpy())


def test_one_row_gives_the_bits_of_many(data: Data, run: Run) -> None:
    some = _at(data.source.frame.head(3).drop("care"), data)
    rows = [*some.to_dicts(), {"note": "a glass by the window"}, {"photo": some["photo"][0]}]
    arrays = data.preparation.encode(pl.DataFrame(rows)).arrays
    for i, row in enumerate(rows):
        one = data.preparation.encode_row(row)
        assert all(np.array_equal(one[name][0], arrays[name][i]) for name in data.shape.names)


def test_a_broken_picture_beside_other_columns_is_an_empty_cell(tmp_path: Path) -> None:
    table = _with_broken(tmp_path)
    data = load(table, target="care")
    assert sum(len(rows) for rows in data.rows.values()) == 60
    assert not data.arrays["picture"][7].any()
    alone = load(table.drop("weight"), target="care")
    assert sum(len(rows) for rows in alone.rows.values()) == 59


def _with_broken(folder: Path) -> pl.DataFrame:
    draw, paths = np.random.default_rng(0), []
    for i in range(60):
        paths.append(str(folder / f"{i}.png"))
        Image.fromarray(draw.integers(0, 255, (8, 8), np.uint8)).save(paths[-1])
    (folder / "7.png").write_bytes(b"no picture")
    return pl.DataFrame({"photo": paths, "weight": draw.normal(size=60), "care": ["yes", "no"] * 30})


def test_series_beside_numbers_may_be_missing() -> None:
    draw = np.random.default_rng(0)
    kind = draw.integers(0, 2, 80)
    waves = [(np.sin(np.arange(12) * (0.3 + k)) + draw.normal(0, 0.2, 12)).tolist() for k in kind]
    table = pl.DataFrame({"wave": waves, "echo": waves[::-1], "weight": draw.normal(size=80), "care": ["no", "yes"] * 40})
    recipe = RECIPE.but(target="care", columns={"wave": "series", "echo": "series"}, epochs=1, doctor="off")
    run = fit(recipe, load(table, recipe=recipe))
    assert run.recipe.model.name == "mixture"
    found = run.predict(table.head(3).drop("wave", "care"))
    assert all(problem.startswith("wave: the column is missing") for problem in found["problem"])
    assert run.predict(table.head(3)["care", "weight", "echo", "wave"]).equals(run.predict(table.head(3)))


def test_what_a_row_lacks_is_a_learned_vector() -> None:
    shape = Shape((Input("number", "number", (2,)), Input("picture", "picture", (1, 8, 8))))
    network = mixture(shape, 2, k=2, hide=0.5).eval()
    photo = network.parts[1]
    with torch.no_grad():
        photo.absent.fill_(7.0)
        found = photo(torch.zeros(2, 2), torch.stack([torch.zeros(1, 8, 8), torch.rand(1, 8, 8)]))
    assert (found[0] == 7.0).all()
    assert (found[1] != 7.0).any()


def test_hiding_is_for_training_alone() -> None:
    shape = Shape((Input("number", "number", (2,)), Input("picture", "picture", (1, 8, 8))))
    photo = mixture(shape, 2, k=2, hide=0.5, pictures="mlp").parts[1]
    x = (torch.zeros(400, 2), torch.rand(400, 1, 8, 8) + 0.1)
    hidden = (photo.train()(*x) == 0).all(1).float().mean().item()  # the learned vector starts at zero
    assert 0.4 < hidden < 0.6
    assert not (photo.eval()(*x) == 0).all(1).any()


def _at(rows: pl.DataFrame, data: Data) -> pl.DataFrame:
    return rows.with_columns(pl.format("{}/{}", pl.lit(data.source.base), "photo").alias("photo"))
