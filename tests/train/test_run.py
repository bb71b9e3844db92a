"""A run answers raw rows and pictures in whatever form they come."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from trainwell.core.errors import CheckpointError, TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load, wrap
from trainwell.train.fit import fit
from trainwell.train.raw_rows import picture_paths, pillow_files
from trainwell.train.run import Run

from .small import numbers, recipe


@pytest.fixture(scope="module")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of pictures that differ in colour, beside a folder of pictures without classes."""
    folder, draw = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, colour in {"flowers/red": (220, 20, 20), "flowers/blue": (20, 20, 220), "flat": (220, 20, 20)}.items():
        (folder / name).mkdir(parents=True)
        for i in range(16):
            pixels = np.clip(draw.normal(colour, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02}.png")
    (folder / "flat/notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def looker(flowers: Path) -> Run:
    return fit(recipe(model={"name": "cnn", "width": 4, "stages": 1}, epochs=8), load(flowers / "flowers"))


def test_one_picture_a_list_and_a_folder_get_the_same_answers(looker: Run, flowers: Path) -> None:
    paths = sorted((flowers / "flat").glob("*.png"))
    answers = looker.predict(flowers / "flat")
    assert answers["picture"].to_list() == [str(path) for path in paths]
    assert answers["prediction"].to_list() == ["red"] * 16
    assert looker.predict(paths).equals(answers)
    assert looker.predict(str(paths[3])).row(0)[1] == "red"
    assert looker.predict([{"picture": str(paths[3])}])["p_red"][0] == pytest.approx(answers["p_red"][3])


def test_pillow_images_get_the_answers_of_their_files(looker: Run, flowers: Path) -> None:
    paths = sorted((flowers / "flat").glob("*.png"))[:3]
    answers = looker.predict(paths).drop("picture")
    images = [Image.open(path) for path in paths]
    assert looker.predict(images).equals(answers)
    assert looker.predict(images[1]).equals(answers[1:2])
    assert looker.predict((images[0], images[2])).equals(answers[::2])
    for mode in ("CMYK", "HSV", "RGBa", "La", "P", "I;16", "LAB"):
        image = images[0].convert("L" if mode == "I;16" else "LA" if mode == "La" else "RGBA" if mode == "RGBa" else "RGB")
        assert looker.predict(image.convert(mode))["problem"].is_null().all(), mode


def test_a_pillow_image_that_cannot_be_read_is_a_problem_of_its_row(looker: Run, flowers: Path, tmp_path: Path) -> None:
    path = sorted((flowers / "flat").glob("*.png"))[0]
    (tmp_path / "cut.png").write_bytes(path.read_bytes()[:60])
    with Image.open(path) as whole, Image.open(tmp_path / "cut.png") as cut:
        problems = looker.predict([whole, cut])["problem"]
    assert problems.is_null().to_list() == [True, False]


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_pillow_image_stays_turned(mode: str) -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20).convert(mode)
    image.getexif()[0x0112] = 3
    (file,) = pillow_files(image)
    assert file is not None
    assert Image.open(BytesIO(file)).getexif()[0x0112] == 3


def test_class_folders_are_answered_without_asking_for_the_class(looker: Run, flowers: Path) -> None:
    answers = looker.predict(flowers / "flowers")
    assert [Path(path).parent.name for path in answers["picture"]] == ["blue"] * 16 + ["red"] * 16


def test_a_missing_picture_in_a_list_is_named_and_alone_is_refused(looker: Run, flowers: Path) -> None:
    problems = looker.predict([flowers / "flat/00.png", flowers / "flat/gone.png"])["problem"]
    assert problems.is_null().to_list() == [True, False]
    with pytest.raises(TrainwellError, match="gone"):
        looker.predict(flowers / "flat/gone.png")


def test_lists_with_something_else_in_them_are_left_to_the_reader() -> None:
    assert picture_paths(["a.png", "people.csv"]) == []
    assert picture_paths([{"picture": "a.png"}]) == []


def test_a_module_that_no_class_can_build_again_is_said(tmp_path: Path) -> None:
    fit(recipe(epochs=1), numbers(), network=nn.Sequential(nn.Linear(5, 2)), folder=tmp_path / "run")
    with pytest.raises(CheckpointError, match="cannot be used") as error:
        Run.open(tmp_path / "run").predict_arrays(np.zeros((1, 5), np.float32))
    assert "by hand" in error.value.remedy
    assert "\n" not in str(error.value)


def test_the_layers_of_a_run_on_tokens_are_shown() -> None:
    tokens = np.arange(60 * 4).reshape(60, 4) % 7
    network = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Linear(12, 2))
    run = fit(Recipe(epochs=1, threads=1, loss="cross_entropy"), wrap((tokens, np.arange(60) % 2)), network=network)
    assert run.preparation.shape.inputs[0].dtype == "int64"
    assert [layer.kind for layer in run.layers()] == ["Embedding", "Flatten", "Linear"]


def test_a_run_from_memory_is_written_and_opened_to_the_same_bits(tmp_path: Path) -> None:
    data = numbers()
    run = fit(recipe(model={"name": "mlp", "width": 8}, epochs=1), data)
    opened = run.save(tmp_path / "kept")
    rows = data.rows["test"]
    assert np.array_equal(run.predictions(data, rows).output, opened.predictions(data, rows).output)
    assert opened.history.rows == run.history.rows
    assert (opened.recipe, opened.plan, opened.summary) == (run.recipe, run.plan, run.summary)
    with pytest.raises(CheckpointError, match="holds a run already"):
        run.save(tmp_path / "kept")
