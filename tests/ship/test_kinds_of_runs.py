"""Every kind of run becomes a bundle and an export that answer alike, or is refused in one sentence."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.ship.bundle import bundle, open_bundle
from trainwell.ship.export import export
from trainwell.ship.serve.served import served
from trainwell.train.adversarial.sample import sample
from trainwell.train.fit import fit
from trainwell.train.generate import generate

from .small import people, recipe

DAYS = pl.DataFrame({"day": np.arange(160), "load": np.sin(np.arange(160) / 4).round(4)})


def forecast():
    chosen = recipe(target="load", model={"name": "nlinear"}, series={"time": "day", "horizon": 3, "lookback": 8})
    return fit(chosen, load(DAYS, target="load", recipe=chosen)), DAYS


def mixture():
    frame = people().with_columns(pl.concat_str(pl.lit("lives in "), pl.col("city").fill_null("the sea")).alias("story"))
    chosen = recipe(model={"name": "mixture"}, columns={"story": {"kind": "text"}})
    return fit(chosen, load(frame, target="rich", recipe=chosen)), frame.drop("rich")


@pytest.mark.parametrize("made", [forecast, mixture])
def test_a_bundle_has_the_bits_of_the_run(made, tmp_path):
    run, rows = made()
    assert open_bundle(bundle(run, tmp_path / "a.tw")).predict(rows).equals(run.predict(rows))


@pytest.mark.parametrize("made", [forecast, mixture])
@pytest.mark.parametrize("form", ["pt2", "onnx"])
def test_its_export_answers_alike(made, form, tmp_path):
    pytest.importorskip("onnx", reason="the extra onnx is not installed")
    run, rows = made()
    assert export(run, tmp_path / f"a.{form}", rows=rows).difference <= 1e-5


def language():
    gpt = {"name": "gpt", "width": 16, "depth": 1, "heads": 2}
    chosen = Recipe(task="language", steps=2, threads=1, compile="off", prepare={"text_length": 8}, model=gpt)
    return fit(chosen, load(["to be or not to be, that is the question.\n" * 60], recipe=chosen))


def generator():
    gan = {"name": "dcgan", "width": 8, "critic_width": 8}
    chosen = Recipe(model=gan, steps=2, validate_every=2, batch_size=16, threads=1, memory_format="contiguous")
    return fit(chosen, load("digits", recipe=chosen))


@pytest.mark.parametrize(("made", "instead"), [(language, "generate"), (generator, "sample|run folder")])
def test_what_answers_no_rows_is_refused_in_one_sentence(made, instead, tmp_path):
    run = made()
    for write in (
        lambda: export(run, tmp_path / "a.pt2", rows=DAYS),
        lambda: export(run, tmp_path / "a.onnx", rows=DAYS),
    ):
        with pytest.raises(TrainwellError, match=instead) as refused:
            write()
        assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_bundle_of_a_language_model_writes_what_its_run_writes(tmp_path):
    run = language()
    opened = open_bundle(bundle(run, tmp_path / "a.tw"))
    assert generate(opened, "to be", length=20, seed=3) == generate(run, "to be", length=20, seed=3)
    with pytest.raises(TrainwellError, match=r"tw\.open_bundle"):
        generate(tmp_path / "a.tw")
    with pytest.raises(TrainwellError, match="generate"):
        opened.predict(DAYS)
    with pytest.raises(TrainwellError, match="generate"):
        served(opened, version="1")


def test_a_bundle_of_a_network_that_makes_pictures_makes_the_same(tmp_path):
    run = generator()
    opened = open_bundle(bundle(run, tmp_path / "a.tw"))
    assert (sample(opened, 6, seed=3).pictures == sample(run, 6, seed=3).pictures).all()
    with pytest.raises(TrainwellError, match="sample"):
        opened.predict(DAYS)
