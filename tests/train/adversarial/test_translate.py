"""Turning pictures into ones of another class, end to end: resume, judgement, pictures from files, refusals."""

from __future__ import annotations

import json
import os
import signal

import numpy as np
import pytest
from PIL import Image

from trainwell.core.errors import CompileError, DataError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.evaluate.run import evaluate
from trainwell.report.run import report
from trainwell.train.adversarial.sample import sample
from trainwell.train.adversarial.translate import translate
from trainwell.train.fit import fit
from trainwell.train.run import Run

HOW = Recipe(
    model={"name": "cyclegan", "width": 4, "critic_width": 4, "blocks": 1, "history": 12},
    steps=8,
    validate_every=4,
    batch_size=8,
    threads=1,
    memory_format="contiguous",
    device="cpu",
)


def bright(draw: np.random.Generator, *, inverted: bool) -> np.ndarray:
    """A bright stroke on black, or the other way round."""
    pixels = draw.integers(0, 30, (10, 9), np.uint8)
    pixels[:, draw.integers(0, 9)] = 220
    return 255 - pixels if inverted else pixels


def read(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    draw, home = np.random.default_rng(0), tmp_path_factory.mktemp("pictures")
    for name in ("dark", "light"):
        (home / name).mkdir()
        for i in range(40):
            Image.fromarray(bright(draw, inverted=name == "light")).save(home / name / f"{i:02}.png")
    return home


@pytest.fixture(scope="module")
def data(folder):
    return load(folder, recipe=HOW)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return fit(HOW, data, folder=tmp_path_factory.mktemp("runs") / "whole")


def test_the_name_of_the_network_says_the_task_and_the_recipe_is_that_of_the_paper(data, run):
    assert (data.task, data.classes) == ("generation", ("dark", "light"))
    found = run.recipe
    assert (found.loss.name, found.optimizer.name, found.optimizer.options["betas"]) == ("least_squares", "adam", (0.5, 0.999))
    assert (found.learning_rate, found.schedule.options["hold"], found.early_stopping) == (2e-4, 0.5, 0)


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


def test_the_history_has_the_game_and_the_judgement(run):
    row = next(r for r in run.history.rows if r["split"] == "train")
    assert {"loss", "generator_loss", "critic_accuracy", "margin", "generator_gradient", "cycle_error"} <= set(row)
    judged = next(r for r in run.history.rows if r["split"] == "valid")
    assert {"frechet_distance", "manifold_precision", "manifold_recall", "diversity", "label_agreement"} <= set(judged)


def test_an_evaluation_sets_turned_pictures_beside_untouched_ones_and_judges_both_ways(run, data):
    found = evaluate(run, data)
    by_name = {b.name: b.scores["frechet_distance"].value for b in found.baselines}
    assert set(by_name) == {"pictures as they are", "colours of the other class"}
    assert found.making.real["frechet_distance"].value < by_name["pictures as they are"] / 10
    assert [(w.source, w.into) for w in found.making.ways] == [("dark", "light"), ("light", "dark")]
    for way in found.making.ways:
        assert way.seen_before.value < 0.5
        assert 0 < way.cycle.low <= way.cycle.high < 1


def test_the_report_shows_both_ways(run, data):
    page = report(run, data, evaluate(run, data, baselines=False)).read_text(encoding="utf-8")
    assert "dark → light → dark" in page
    assert "light → dark → light" in page
    assert "Turned and turned back" in page
    assert f"trainwell translate {run.folder} PICTURES" in page


def test_pictures_in_class_folders_become_the_other_class(run, folder, tmp_path):
    found = translate(run.folder, folder)
    assert (len(found), set(found.into[:40]), set(found.into[40:])) == (80, {"light"}, {"dark"})
    assert found.pictures.shape == found.back.shape == (80, 1, 10, 9)
    home = found.save(tmp_path / "turned")
    assert len(list((home / "light").iterdir())) == len(list((home / "dark").iterdir())) == 40
    assert np.array_equal(read(home / "light" / "00.png"), found.pictures[0, 0])
    listed = json.loads((home / "translations.json").read_text())
    assert listed["pictures"][0] == {"picture": "00", "file": "light/00.png"}
    height, width = read(home / "grid.png").shape
    assert width > 2 * height  # twelve pictures beside each other, three below


def test_a_file_an_array_and_a_table_are_turned_alike(run, folder, tmp_path):
    path = folder / "dark" / "03.png"
    of_file = translate(run, str(path))
    assert (of_file.names, of_file.into) == (("03",), ("light",))
    (tmp_path / "loose.png").write_bytes(path.read_bytes())
    of_loose = translate(run, str(tmp_path / "loose.png"), into="light")
    of_table = translate(run, {"picture": [str(path)], "label": ["dark"]})
    for other in (of_loose, of_table):
        assert np.array_equal(other.pictures, of_file.pictures)
    assert other.into == ("light",)


def test_files_of_one_name_are_kept_apart(run, folder, tmp_path):
    found = translate(run, [str(folder / name / "05.png") for name in ("dark", "light")], into="dark")
    found.save(tmp_path / "both")
    assert {p.name for p in (tmp_path / "both" / "dark").iterdir()} == {"05.png", "05-2.png"}


def test_what_cannot_be_read_is_named_and_left_out(run, folder, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    found = translate(run, [str(folder / "dark" / "01.png"), str(tmp_path / "broken.png")], into="light")
    assert (len(found), len(found.problems)) == (1, 1)
    assert found.problems[0].startswith("broken: ")
    with pytest.raises(DataError, match="no picture can be read"):
        translate(run, str(tmp_path / "broken.png"), into="light")


def test_what_cannot_be_turned_is_refused_in_a_sentence(run, data, folder, tmp_path):
    with pytest.raises(DataError, match=r"no class 'lihgt'.*light"):
        translate(run, folder, into="lihgt")
    (tmp_path / "loose.png").write_bytes((folder / "dark" / "00.png").read_bytes())
    with pytest.raises(DataError, match="nothing says of which class 'loose' is"):
        translate(run, str(tmp_path / "loose.png"))
    with pytest.raises(DataError, match="turns pictures into others"):
        sample(run)
    with pytest.raises(DataError, match="trainwell translate"):
        run.predict(folder)
    other = fit(HOW.but(model={"name": "dcgan", "width": 2, "critic_width": 2}, steps=1, validate_every=1), data)
    with pytest.raises(DataError, match=r"generation \(dcgan\) turns no pictures into others"):
        translate(other, folder)


def test_another_number_of_classes_is_refused_before_training():
    with pytest.raises(CompileError, match="takes two classes, however the data have 10"):
        fit(HOW, load("digits", recipe=HOW))


def test_uneven_classes_are_drawn_equally_often():
    draw = np.random.default_rng(0)
    pixels = np.stack([bright(draw, inverted=i < 10) for i in range(60)])[..., None]
    recipe = HOW.but(steps=2, validate_every=2)
    data = load((pixels, ["light"] * 10 + ["dark"] * 50), recipe=recipe)
    assert fit(recipe, data).recipe.sampling == "balanced"
