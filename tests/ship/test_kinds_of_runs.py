"""Every kind of run becomes a bundle and an export that answer alike, or is refused in one sentence."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.data.tokens import read_subwords, subwords
from trainwell.evaluate.run import evaluate
from trainwell.ship import container
from trainwell.ship.bundle import bundle, open_bundle
from trainwell.ship.container import Container
from trainwell.ship.export import export
from trainwell.ship.labelled import labelled
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


def test_what_answers_no_rows_is_refused_in_one_sentence(tmp_path):
    run = language()
    for write in (
        lambda: export(run, tmp_path / "a.pt2", rows=DAYS),
        lambda: export(run, tmp_path / "a.onnx", rows=DAYS),
    ):
        with pytest.raises(TrainwellError, match="generate") as refused:
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


def changed(path, to, change):
    """The bundle with the preparation of its language model changed."""
    with Container(path) as box:
        blocks = {name: box.read(name) for name in box.names}
    name = next(n for n in blocks if n.startswith("preparation") and n.endswith(".json"))
    plain = json.loads(blocks[name])
    change(plain["language"]["level"])
    blocks[name] = json.dumps(plain).encode()
    container.write(to, blocks)
    return to


@pytest.mark.parametrize(
    "change",
    [
        lambda level: level.update(length=0),
        lambda level: level.update(size=10**9),
        lambda level: level.update(tokens=level["tokens"][::-1]),
        lambda level: level.update(tokens=["abc", *level["tokens"][1:]]),
        lambda level: level.update(tokens=[7, *level["tokens"][1:]]),
        lambda level: level.update(model="no tokenizer"),
        lambda level: level.update(model='{"version": "1.0"}'),
    ],
)
def test_a_changed_vocabulary_is_refused(change, tmp_path):
    whole = bundle(language(), tmp_path / "a.tw")
    with pytest.raises(TrainwellError, match=r"b\.tw"):
        open_bundle(changed(whole, tmp_path / "b.tw", change))


def test_subwords_that_pad_or_replace_are_none_of_ours():
    pytest.importorskip("tokenizers", reason="the extra text is not installed")
    plain = json.loads(subwords("bpe", ["a good soup", "a bad soup"] * 9, 300))
    assert read_subwords(json.dumps(plain)).encode("a soup").ids
    fixed = {"strategy": {"Fixed": 5_000_000}, "direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "a"}
    for odd in (
        {"padding": fixed},
        {"normalizer": {"type": "Lowercase"}},
        {"added_tokens": []},
        {"model": {"type": "WordLevel"}},
    ):
        with pytest.raises(ValueError, match="subwords"):
            read_subwords(json.dumps(plain | odd))


def test_no_passage_of_the_text_is_in_the_bundle(tmp_path):
    gpt = {"name": "gpt", "width": 16, "depth": 1, "heads": 2}
    chosen = Recipe(task="language", steps=2, threads=1, compile="off", prepare={"text_length": 16}, model=gpt)
    lines = "".join(f"secret number {i} of client {i % 7}.\n" for i in range(400))
    data = load([lines], recipe=chosen)
    run = fit(chosen, data, folder=tmp_path / "run")
    evaluate(run, data, baselines=False).save(tmp_path / "run")
    said = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert any(sample["prompt"] in lines for sample in said["writing"]["samples"] if sample["prompt"])
    opened = open_bundle(bundle(run, tmp_path / "a.tw"))
    assert all(not sample["prompt"] for sample in opened.evaluation["writing"]["samples"])
    assert not opened.evaluation["worst"]
    with pytest.raises(TrainwellError, match="run folder"):
        labelled(opened, DAYS)
