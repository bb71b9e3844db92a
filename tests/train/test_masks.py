"""Networks for masks: trained, continued, judged, reported, and asked for masks of new pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import trainwell as tw
from data.masks.drawn import drawn, folder_of
from trainwell.cli.main import app
from trainwell.core.errors import CompileError, DataError, RecipeError, TrainwellError
from trainwell.core.part import Part
from trainwell.data.augment.compose import build_augment
from trainwell.data.data import Data
from trainwell.evaluate.drift import drift
from trainwell.testing import same_bits
from trainwell.train.masks import at_own_size
from trainwell.train.run import Run
from trainwell.train.segment import segment

RECIPE = tw.Recipe(
    model={"name": "unet", "width": 8, "halvings": 2},
    steps=90,
    batch_size=8,
    validate_every=30,
    learning_rate=1e-2,
    threads=1,
    memory_format="contiguous",
    compile="off",
    precision="float32",
)


@pytest.fixture(scope="module")
def data() -> Data:
    return tw.load(drawn(80), recipe=RECIPE)


@pytest.fixture(scope="module")
def run(data: Data, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return tw.fit(RECIPE, data, folder=tmp_path_factory.mktemp("runs") / "a", observers=[lambda _row: None])


def picture_in(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_it_learns_what_colour_tells(run: Run, data: Data):
    found = tw.evaluate(run, data)
    assert found.task == "segmentation"
    assert found.scores["mean_iou"].value > 0.8
    assert found.scores["mean_iou"].low < found.scores["mean_iou"].value < found.scores["mean_iou"].high


def test_what_is_suggested_is_a_unet_judged_by_iou(data: Data):
    found, reasons = tw.Recipe().resolved(data.facts)
    assert (found.model.name, found.monitor, found.loss.name) == ("unet", "mean_iou", "dice_cross_entropy")
    assert reasons["augment"] == "masks are moved with their pictures"


def test_stopped_and_continued_it_ends_in_the_same_bits(run: Run, data: Data, tmp_path: Path):
    tw.fit(RECIPE, data, folder=tmp_path, observers=[lambda row: row["split"] == "train" and row["step"] >= 40])
    assert same_bits(run, tw.fit(RECIPE, data, folder=tmp_path, observers=[lambda _row: None]))


def test_the_evaluation_counts_every_judged_pixel_once(run: Run, data: Data):
    found = tw.evaluate(run, data)
    target = data.arrays["target"][data.rows["test"]]
    assert np.sum(found.confusion) == target.size
    assert [sum(row) for row in found.confusion] == np.bincount(target.ravel(), minlength=3).tolist()
    assert [c.n for c in found.per_class] == [sum(row) for row in found.confusion]
    said = run.predict_arrays(data.arrays["picture"][data.rows["test"]]).argmax(axis=1)
    assert np.trace(found.confusion) == (said == target).sum()


def test_baselines_cost_nothing_and_the_best_comes_first(run: Run, data: Data):
    found = tw.evaluate(run, data)
    by_name = {b.name: b for b in found.baselines}
    assert by_name.keys() == {"trees on pixels", "most frequent class by place", "most frequent class"}
    assert found.baselines[0].name == "trees on pixels"
    share = by_name["most frequent class"].scores["pixel_accuracy"].value
    assert share == pytest.approx((data.arrays["target"][data.rows["test"]] == 0).mean())


def test_the_worst_pictures_are_those_with_most_wrong_pixels(run: Run, data: Data):
    found, rows = tw.evaluate(run, data), data.rows["test"]
    wrong = (run.predict_arrays(data.arrays["picture"][rows]).argmax(axis=1) != data.arrays["target"][rows]).mean(axis=(1, 2))
    assert found.worst[0].row == rows[wrong.argmax()]
    assert found.worst[0].loss == pytest.approx(wrong.max())


def test_the_report_shows_pictures_masks_and_answers(run: Run, data: Data):
    page = tw.report(run, data).read_text(encoding="utf-8")
    assert "what the network says" in page
    assert "mean IoU" in page
    assert "trainwell segment" in page


def test_an_opened_run_gives_the_same_masks(run: Run):
    pictures, _ = drawn(5, seed=3)
    one, two = (list(segment(r, pictures)) for r in (run, Run.open(run.folder)))
    assert all((a.codes == b.codes).all() for a, b in zip(one, two, strict=True))


def test_masks_have_the_size_of_their_pictures_and_the_values_of_the_training(run: Run, tmp_path: Path):
    pictures, masks = drawn(4, side=24, seed=5)
    large = tmp_path / "photos"
    large.mkdir()
    for i, picture in enumerate(pictures):
        Image.fromarray(picture).resize((72, 72), Image.Resampling.NEAREST).save(large / f"{i}.png")
    (large / "torn.png").write_bytes(b"torn")
    found = segment(run, large)
    assert len(found) == 4
    assert "torn" in found.problems[0]
    folder = found.save(tmp_path / "masks")
    said = np.stack([picture_in(folder / f"{i}.png") for i in range(4)])
    assert said.shape == (4, 72, 72)
    assert set(np.unique(said)) <= {0, 1, 2}
    assert (said == masks.repeat(3, axis=1).repeat(3, axis=2)).mean() > 0.9
    listed = json.loads((folder / "masks.json").read_text())
    assert listed["masks"][0]["shares"].keys() == {"0", "1", "2"}
    assert picture_in(folder / "grid.png").shape[1] > 72


def test_masks_go_out_as_they_came_in(tmp_path: Path):
    """Masks in colours teach a network that answers in the same colours."""
    pictures, masks = drawn(30)
    colours = np.array([[0, 0, 0], [128, 0, 0], [0, 128, 64]], np.uint8)
    for folder in ("images", "masks"):
        (tmp_path / "a" / folder).mkdir(parents=True)
    for i in range(30):
        Image.fromarray(pictures[i]).save(tmp_path / f"a/images/{i}.png")
        Image.fromarray(colours[masks[i]]).save(tmp_path / f"a/masks/{i}.png")
    data = tw.load(tmp_path / "a", recipe=RECIPE)
    assert data.classes == ("#000000", "#008040", "#800000")
    found = next(iter(segment(tw.fit(RECIPE.but(steps=10), data), pictures[:1])))
    assert {tuple(c) for c in np.asarray(found.mask).reshape(-1, 3)} <= {tuple(c) for c in colours}


def test_other_data_are_judged_in_the_classes_of_the_training(run: Run):
    pictures, masks = drawn(12, seed=9)
    more = tw.load((pictures, np.where(masks == 2, 0, masks)), recipe=RECIPE)
    assert more.n_out == 2
    found = tw.evaluate(run, more, baselines=False)
    assert len(found.confusion) == 3
    assert sum(found.confusion[2]) == 0


def test_other_masks_of_values_that_the_training_does_not_have_are_refused(run: Run):
    pictures, masks = drawn(12, seed=9)
    with pytest.raises(DataError, match="values that those of the training do not: 3"):
        tw.evaluate(run, tw.load((pictures, masks + (masks == 2)), recipe=RECIPE), baselines=False)
    masks[:, :3] = 255  # without a class, which needs none in the training
    assert tw.evaluate(run, tw.load((pictures, masks), recipe=RECIPE), baselines=False).confusion is not None


def test_weights_go_over_to_other_classes_with_a_new_head_and_a_frozen_body_leaves_it_free(run: Run):
    pictures, masks = drawn(16)
    less = tw.load((pictures, (masks > 0).astype(np.uint8)), recipe=RECIPE)
    recipe = RECIPE.but(init_from=str(run.folder), transfer={"freeze": "body"}, steps=2, epochs="auto")
    found = tw.fit(recipe, less).network.state_dict()
    before = run.network.state_dict()
    body = [name for name in found if name.split(".")[0] in ("downs", "ups") and "running" not in name and "num_" not in name]
    assert len(found["head.bias"]) == 2
    assert all(torch.equal(found[name], before[name]) for name in body)


def test_a_module_of_ones_own_is_trained_on_tensors():
    pictures, masks = drawn(40)
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() / 255 - 0.5
    data = tw.wrap((x, torch.from_numpy(masks).long()))
    own = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 3, 1))
    found = tw.fit(tw.Recipe(loss="cross_entropy", augment=[], steps=60, learning_rate=0.02, threads=1), data, network=own)
    assert tw.evaluate(found, data, baselines=False).scores["pixel_accuracy"].value > 0.9
    assert next(iter(segment(found, x[:2].numpy()))).codes.shape == (24, 24)


def test_a_network_of_another_output_is_refused(data: Data):
    with pytest.raises(CompileError, match=r"masks ask for \(2, 3, 24, 24\)"):
        tw.fit(RECIPE.but(model="cnn"), data)


def test_a_network_for_masks_is_no_classifier():
    with pytest.raises(CompileError, match="logits of each pixel, and a row has one class"):
        tw.fit(RECIPE, tw.load((drawn(20)[0], np.arange(20) % 2), recipe=RECIPE))


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixes_are_refused(data: Data, mix: str):
    with pytest.raises(RecipeError, match="masks cannot be blended"):
        tw.fit(RECIPE.but(augment=[mix]), data)


@pytest.mark.parametrize("suffix", [".onnx", ".pt2", ".ts"])
def test_exports_answer_alike_and_are_compared_first(run: Run, tmp_path: Path, suffix: str):
    done = tw.export(run, tmp_path / f"a{suffix}", rows=drawn(9)[0])
    assert done.difference < 1e-5


def test_studies_take_masks_as_anything_else(data: Data):
    quick = RECIPE.but(steps=6)
    found = tw.compare(quick, quick.but(learning_rate=0.03), data, repeats=3)
    assert found.metric == "mean_iou"
    assert [check.verdict for check in tw.honesty(quick, data, repeats=2, shuffles=1).checks[:2]] == ["PASS", "PASS"]
    assert len(tw.cross_validate(quick, data, folds=3).folds) == 3


def test_predict_says_what_to_do_instead(run: Run):
    for ask in (lambda: run.predict(drawn(1)[0]), lambda: run.predict_row({"picture": drawn(1)[0][0]})):
        with pytest.raises(DataError, match="trainwell segment"):
            ask()
    with pytest.raises(DataError, match="says nothing of single pixels"):
        segment(tw.fit(tw.Recipe(epochs=1, preset="quick"), tw.load("iris")), drawn(1)[0])


def test_new_pictures_are_compared_with_those_of_the_training(data: Data, run: Run):
    (found,) = drift(run, data, 255 - drawn(24)[0]).compared
    assert found.columns[0].column == "picture (brightness)"
    assert found.columns[0].moved


def test_what_masks_cannot_have_ends_in_a_sentence(data: Data, run: Run):
    asks = [
        lambda: tw.ensemble([RECIPE, RECIPE], data),
        lambda: tw.mislabelled(RECIPE, data),
        lambda: tw.serve(run),
        lambda: tw.fit(RECIPE.but(loss="focal"), data),
        lambda: tw.fit(RECIPE.but(loss="mse"), data),
        lambda: tw.fit(RECIPE.but(calibrate="temperature"), data),
        lambda: tw.fit(RECIPE.but(sampling="balanced"), data),
        lambda: tw.fit(RECIPE.but(progressive_resizing=0.5), data),
    ]
    for ask in asks:
        with pytest.raises(TrainwellError):
            ask()


@pytest.mark.parametrize(
    "part", ["flip", "flip_vertical", "crop", "random_resized_crop", "hflip", "rrc", "rotate", "zoom", "shear", "translate"]
)
def test_a_mask_is_moved_with_its_picture(part: str):
    """A picture that shows its own mask still does after the move; at the borders interpolation may differ by a pixel."""
    masks = torch.from_numpy(drawn(8, side=32)[1])
    x = masks[:, None].float() / 2
    augment = build_augment([Part.of(part)], n_classes=3, masks=True, seed=1)
    (moved,), target = augment((x,), masks, 4)
    assert target.dtype == torch.uint8
    assert not torch.equal(moved, x)
    whole = (moved * 2).round() == moved * 2  # not blended
    near = (moved[:, 0] * 2).round() == target
    assert near[whole[:, 0]].float().mean() > 0.98


def test_colour_leaves_masks_alone():
    masks = torch.from_numpy(drawn(4)[1])
    augment = build_augment([Part.of("colour"), Part.of("erase")], n_classes=3, masks=True, seed=1)
    assert torch.equal(augment((torch.rand(4, 3, 24, 24),), masks, 0)[1], masks)


def test_pixels_that_are_not_judged_stay_so_when_they_move():
    masks = torch.full((2, 8, 8), 255, dtype=torch.uint8)
    assert (build_augment([Part.of("rotate")], n_classes=3, masks=True)((torch.rand(2, 1, 8, 8),), masks, 0)[1] == 255).all()


def test_what_was_padded_is_cut_off_and_enlarged():
    said = np.zeros((2, 8, 8))
    said[1, 2:6, 4:] = 1.0
    codes = at_own_size(said, (10, 20))
    assert codes.shape == (10, 20)
    assert (codes[:, :9] == 0).all()
    assert (codes[:, 11:] == 1).all()


def test_from_the_command_line(tmp_path: Path):
    place, ask = folder_of(tmp_path / "a", 30), CliRunner()
    fit = ["fit", str(place), "--out", str(tmp_path / "r"), "steps=6", "batch_size=4", "model.width=4", "threads=1"]
    assert ask.invoke(app, fit).exit_code == 0
    found = ask.invoke(app, ["segment", str(tmp_path / "r"), str(place / "images"), "--to", str(tmp_path / "m"), "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["masks"] == 30
    assert len(list((tmp_path / "m").glob("0*.png"))) == 30
    assert ask.invoke(app, ["bundle", str(tmp_path / "r"), "--to", str(tmp_path / "a.tw")]).exit_code == 0
    found = ask.invoke(app, ["segment", str(tmp_path / "a.tw"), str(place / "images/000.png"), "--to", str(tmp_path / "n")])
    assert found.exit_code == 0


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_mask_stands_upright_as_its_picture(run: Run, tmp_path: Path, suffix: str):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned by a quarter
    Image.fromarray(drawn(1)[0][0][:16]).save(tmp_path / f"a.{suffix}", exif=exif)
    (found,) = segment(run, tmp_path / f"a.{suffix}")
    assert found.codes.shape == (24, 16)
