"""Faults planted in real data are named by `fit`, with the rows or the number; the data as they came are left in peace."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.doctor.examine import examine
from trainwell.doctor.finding import Finding
from trainwell.doctor.remedies import remedies_for
from trainwell.train.fit import fit

HOME = Path(os.environ.get("TRAINWELL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def place(*parts: str) -> Path:
    path = HOME.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"needs the data in {path}")
    return path


def causes(recipe: Recipe, data: Data) -> list[Finding]:
    run = fit(recipe, data, observers=[lambda _row: None])
    return [f for f in examine(run) if not f.because_of and f.severity != "advice"]


def people(rows: int) -> pl.DataFrame:
    frame = pl.read_csv(place("adult", "adult-train.csv"), has_header=False)
    return frame.rename({frame.columns[-1]: "income"}).sample(rows, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("planted", [0, 300])
def test_copies_of_judged_rows_among_training_rows(planted):
    frame = people(5000)
    train, test = frame[:4000], frame[4000:]
    data = load(pl.concat([train, test[:planted]]), target="income", test=test)
    found = causes(Recipe(preset="quick", model="mlp", epochs=2), data)
    assert [f.code for f in found] == (["TW005"] if planted else [])
    if planted:
        assert found[0].measurement["across"] == pytest.approx(
            0.3 * 0.85, abs=0.03
        )  # some of the copies became validation rows
        assert set(found[0].rows) <= set(data.rows["test"].tolist())


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1, 100])
def test_a_hundred_times_the_rate(factor):
    data = load(place("fashion_mnist"), recipe=Recipe(split={"sample": 0.06}))
    recipe = Recipe(preset="quick", epochs=1, split={"sample": 0.06})
    rate = recipe.resolved(data.facts)[0].learning_rate
    found = causes(recipe.but(lr=factor * rate), data)
    assert [f.code for f in found][:1] == (["TW301"] if factor > 1 else [])
    if factor > 1:
        assert found[0].measurement["ratio"] > 0.3


def garden(folder: Path, *, wrong: float) -> tuple[Path, set[str]]:
    """Some flowers of each kind, of which a share is put into the folder of another kind."""
    draw, moved = np.random.default_rng(0), set()
    kinds = sorted(p.name for p in place("flowers_small").iterdir() if p.is_dir())
    for k, kind in enumerate(kinds):
        for path in sorted((HOME / "flowers_small" / kind).glob("*.jpg"))[:400]:
            other = kinds[(k + int(draw.integers(1, len(kinds)))) % len(kinds)] if draw.random() < wrong else kind
            name = f"{kind} {path.name}"  # the same file may lie in two folders
            moved |= {name} if other != kind else set()
            (folder / other).mkdir(parents=True, exist_ok=True)
            (folder / other / name).symlink_to(path)
    return folder, moved


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0.0, 0.2])
def test_flowers_in_the_wrong_folder(tmp_path, wrong):
    folder, moved = garden(tmp_path, wrong=wrong)
    data = load(folder, recipe=Recipe(prepare={"picture_size": 32}))
    found = causes(Recipe(prepare={"picture_size": 32}, preset="quick", epochs=10), data)
    assert [f.code for f in found] == (["TW009"] if wrong else [])
    if wrong:
        paths = data.source.frame[data.source.frame.columns[0]]
        named = [Path(str(paths[row])).name in moved for row in found[0].rows]
        assert sum(named) / len(named) >= 0.4  # of all rows a fifth; which are surest depends on when the network is looked at


@pytest.mark.parametrize("shuffled", [False, True])
def test_reviews_whose_labels_were_shuffled(shuffled):
    frame = pl.read_csv(place("waimai_10k", "waimai_10k.csv"))
    if shuffled:
        frame = frame.with_columns(pl.col("label").sample(fraction=1.0, shuffle=True, seed=1))
    found = causes(Recipe(preset="quick", model="bag_of_ngrams", steps=200, threads=1), load(frame, target="label"))
    assert [f.code for f in found] == (["TW010"] if shuffled else [])
    if shuffled:
        assert found[0].measurement["reference"] < found[0].measurement["chance"] + 0.02


def transformer(hours: int = 6000, *, lead: int = 0) -> pl.DataFrame:
    """ETTh1; with `lead`, a column more that holds the oil temperature of so many hours later, in another unit."""
    frame = pl.read_csv(place("ett", "ETTh1.csv")).with_columns(pl.col("date").str.to_datetime())[:hours]
    later = (pl.col("OT").shift(-lead).fill_null(strategy="forward") * 1.8 + 32).alias("probe")
    return frame.with_columns(later) if lead else frame


@pytest.mark.slow
@pytest.mark.parametrize("lead", [0, 1, 24])
def test_a_column_that_holds_the_future(lead):
    recipe = Recipe(series={"horizon": 24}, target="OT", model="gru", preset="quick", steps=100, threads=1)
    found = causes(recipe, load(transformer(lead=lead), target="OT", recipe=recipe))
    assert [f.code for f in found] == (["TW006"] if lead else [])
    if lead:
        assert found[0].measurement["column"] == "probe"
        assert found[0].measurement["purity"] > 0.999
        assert f"{lead} steps later" in found[0].sentence
        assert found[0].step == 0
        mended = remedies_for(found[0])[0].change(recipe)
        assert "probe" not in load(transformer(lead=lead), target="OT", recipe=mended).shape.inputs[1].columns
