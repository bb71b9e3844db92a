"""Training to make pictures, end to end: resume, samples, judgement, refusals."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from trainwell.core.errors import CompileError, DataError, NonFinite, RecipeError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.study.scores import score_runs
from trainwell.train.adversarial.sample import interpolate, sample
from trainwell.train.fit import fit
from trainwell.train.many import fit_many
from trainwell.train.run import Run

HOW = Recipe(
    model={"name": "dcgan", "width": 8, "critic_width": 8},
    steps=8,
    validate_every=4,
    batch_size=16,
    threads=1,
    memory_format="contiguous",
    device="cpu",
)


@pytest.fixture(scope="module")
def data():
    return load("digits", recipe=HOW)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return fit(HOW, data, folder=tmp_path_factory.mktemp("runs") / "whole")


def test_the_name_of_the_network_says_the_task(data):
    assert (data.task, data.n_out, HOW.task) == ("generation", 10, "generation")
    assert load("digits").under(HOW).task == "generation"


def test_an_interrupted_run_continues_to_the_same_bits(run, data, tmp_path):
    def interrupt(row):
        if row.get("step") == 5 and row["split"] == "train":
            os.kill(os.getpid(), signal.SIGTERM)

    torn = fit(HOW, data, folder=tmp_path / "torn", observers=[interrupt])
    assert torn.status == "interrupted"
    again = fit(HOW, data, folder=tmp_path / "torn")
    assert (again.folder / "weights.safetensors").read_bytes() == (run.folder / "weights.safetensors").read_bytes()
    own = [{k: v for k, v in row.items() if k != "seconds"} for row in Run.open(again.folder).history.rows]
    assert own == [{k: v for k, v in row.items() if k != "seconds"} for row in Run.open(run.folder).history.rows]


def test_the_history_has_both_losses_and_the_judgement_of_the_pictures(run):
    row = next(r for r in run.history.rows if r["split"] == "train")
    assert {"loss", "generator_loss", "critic_accuracy", "margin", "generator_gradient"} <= set(row)
    judged = next(r for r in run.history.rows if r["split"] == "valid")
    assert {"frechet_distance", "manifold_precision", "manifold_recall", "diversity", "label_agreement"} <= set(judged)
    assert (run.folder / "eyes.safetensors").exists()


def test_the_run_in_a_folder_makes_the_same_pictures(run):
    here, there = sample(run, 20, seed=3), sample(run.folder, 20, seed=3)
    assert np.array_equal(here.pictures, there.pictures)
    assert here.labels == tuple(str(i % 10) for i in range(20))


def test_more_samples_begin_with_the_same_and_another_seed_has_others(run):
    few, many, other = sample(run, 5), sample(run, 300), sample(run, 5, seed=1)
    assert np.array_equal(few.pictures, many.pictures[:5])
    assert not np.array_equal(few.pictures, other.pictures)


def test_ways_begin_and_end_at_samples_of_one_class(run):
    ways = interpolate(run, ways=2, steps=5, seed=1).reshape(2, 5, 1, 8, 8)
    again = interpolate(run, ways=2, steps=2, seed=1).reshape(2, 2, 1, 8, 8)
    assert np.abs(ways[:, [0, -1]].astype(int) - again).max() <= 1


def test_samples_are_kept_as_a_picture_and_an_array(run, tmp_path):
    folder = tmp_path / "made"
    assert sample(run, 12, label="7").save(folder) == folder / "grid.png"
    assert np.load(folder / "pictures.npy").shape == (12, 1, 8, 8)
    assert {p.name for p in folder.iterdir()} == {"grid.png", "pictures.npy", "samples.json"}
    alone = sample(run, 12, label="7").save(tmp_path / "new" / "sevens.PNG")
    assert alone.read_bytes() == (folder / "grid.png").read_bytes()
    assert [p.name for p in alone.parent.iterdir()] == ["sevens.PNG"]


def test_what_cannot_be_made_is_refused_in_a_sentence(run):
    with pytest.raises(DataError, match="no class 'ten'"):
        sample(run, label="ten")
    with pytest.raises(UsageError, match="n must be at least 1"):
        sample(run, 0)
    with pytest.raises(DataError, match="no answer for rows"):
        run.predict_arrays(np.zeros((1, 1, 8, 8), np.float32))
    classifier = fit(Recipe(model={"name": "cnn", "width": 4}, steps=1, threads=1), load("digits"))
    with pytest.raises(DataError, match="makes no pictures"):
        sample(classifier)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss": "hinges"}, "no game 'hinges'"),
        ({"monitor": "loss"}, "says nothing of the pictures"),
        ({"sam": 0.05}, "sam=0.05 is not for networks that make pictures"),
        ({"optimizer": "schedule_free"}, "no place in a game"),
        ({"augment": ["mixup"]}, "mixup blends classes"),
        ({"loss": {"name": "hinge", "critic_steps": 0}}, "critic_steps >= 1"),
    ],
)
def test_keys_that_a_game_does_not_know_are_named(data, change, sentence):
    with pytest.raises(RecipeError, match=sentence):
        fit(HOW.but(**change), data)


def test_a_game_that_is_not_finite_ends_with_a_sentence(data):
    with pytest.raises(NonFinite, match=r"update|step"):
        fit(HOW.but(model="wgan_gp", loss={"name": "wasserstein", "penalty": 1e39}), data)


def test_a_network_and_a_task_that_do_not_fit_are_refused(data):
    with pytest.raises(CompileError, match="makes none"):
        fit(Recipe(task="generation", model="cnn", steps=1), data)
    with pytest.raises(CompileError, match="answers no question"):
        fit(Recipe(task="classification", model="dcgan", steps=1), load("digits"))


def test_unlabelled_pictures_are_one_class():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 9, 6, 3), np.uint8)
    how = HOW.but(model="wgan_gp", steps=2)
    bare = load(pixels, recipe=how)
    assert bare.n_out == 1
    assert sample(fit(how, bare), 3).pictures.shape == (3, 3, 9, 6)


def test_an_evaluation_knows_what_real_pictures_score_and_what_made_ones_teach(run, data):
    found = evaluate(run, data)
    real = found.making.real["frechet_distance"]
    assert real.value < found.scores["frechet_distance"].value
    by_name = {b.name: b.scores["frechet_distance"].value for b in found.baselines}
    assert real.value < by_name["normal distribution of the pixels"] < by_name["mean picture and noise"]
    assert found.making.taught.value < found.making.taught_by_real.value
    assert found.making.taught_by_real.value > 0.9


def test_many_are_trained_one_by_one_and_scored_alike(run, data):
    runs = fit_many([HOW], data, seeds=(0, 1), workers=1)
    scores = score_runs(runs, data)
    assert scores[0] == pytest.approx(score_runs([run], data)[0])
    assert scores[0] != scores[1]
