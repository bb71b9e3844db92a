"""Pictures with masks become data, in whatever form they are brought."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

import trainwell as tw
from data.masks.drawn import drawn, folder_of
from trainwell.core.errors import DataError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import UNJUDGED
from trainwell.data.data import Data


def of_part(data: Data, part: str) -> np.ndarray:
    return data.arrays["target"][data.rows[part]]


def said(data: Data) -> str:
    return "\n".join(f"{check.verdict} {check.text}" for check in data.card.checks)


def test_a_folder_of_pictures_beside_one_of_masks(tmp_path: Path):
    data = tw.load(folder_of(tmp_path / "a", 20))
    assert data.task == "segmentation"
    assert data.classes == ("ground", "disc", "square")
    assert data.n_out == 3
    assert data.arrays["target"].shape == (20, 24, 24)
    assert data.arrays["target"].dtype == np.uint8
    assert (data.arrays["target"] == drawn(20)[1]).all()
    assert "Found 20 pictures with a mask" in said(data)


def test_a_folder_a_table_and_arrays_say_the_same(tmp_path: Path):
    place = folder_of(tmp_path / "a", 20)
    names = sorted(p.name for p in (place / "images").iterdir())
    table = pl.DataFrame({"photo": [f"{place}/images/{n}" for n in names], "mask": [f"{place}/masks/{n}" for n in names]})
    pictures, masks = drawn(20)
    kinds = [tw.load(place), tw.load(table, target="mask"), tw.load((pictures, masks))]
    for data in kinds:
        assert data.task == "segmentation"
        assert (data.arrays[data.shape.names[0]] == pictures.transpose(0, 3, 1, 2)).all()
        assert (data.arrays["target"] == masks).all()


def test_tensors_as_pytorch_has_them():
    pictures, masks = drawn(20)
    x = torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).float() * 0.37 - 1
    data = tw.wrap((x, torch.from_numpy(masks.astype(np.int64))))
    assert data.task == "segmentation"
    assert data.shape.inputs[0].kind == "tensor"
    assert (data.arrays["target"] == masks).all()


def test_parts_lie_above_or_below(tmp_path: Path):
    pictures, masks = drawn(12)
    for above in (True, False):
        for i in range(12):
            part = "train" if i < 8 else "val" if i < 10 else "test"
            for folder, array in (("images", pictures[i]), ("masks", masks[i])):
                place = tmp_path / str(above) / (f"{part}/{folder}" if above else f"{folder}/{part}")
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(place / f"{i}{'_mask' if folder == 'masks' else ''}.png")
        data = tw.load(tmp_path / str(above))
        assert [len(data.rows[part]) for part in ("train", "valid", "test")] == [8, 2, 2]


def test_what_cannot_be_used_is_named_and_set_aside(tmp_path: Path):
    place = folder_of(tmp_path / "a", 20)
    (place / "masks/003.png").write_bytes(b"torn")
    Image.fromarray(np.ones((24, 48), np.uint8)).save(place / "masks/004.png")
    (place / "masks/005.png").unlink()
    Image.new("RGB", (24, 24)).save(place / "images/alone.png")
    data = tw.load(place)
    used = np.concatenate(list(data.rows.values()))
    names = data.source.frame["mask"].to_list()
    assert sorted({"masks/003.png", "masks/004.png"} & {names[row] for row in used}) == []
    assert len(used) == 17
    text = said(data)
    assert "Set aside 1 of 19 masks: the file holds no picture" in text
    assert "their height over width is not that of their picture" in text
    assert "Left out 2 pictures without a mask" in text


def test_pixels_that_are_not_judged_and_padding(tmp_path: Path):
    pictures, masks = drawn(16)
    masks[:, :2] = 255
    data = tw.load((pictures, masks))
    assert data.n_out == 3
    assert (data.arrays["target"][:, :2] == UNJUDGED).all()


def test_nothing_is_fitted_on_validation_and_test_masks():
    """Masks of other parts decide no fitted number; the set of the classes is part of the question."""
    pictures, masks = drawn(30)
    one = tw.load((pictures, masks))
    others = np.concatenate([one.rows["valid"], one.rows["test"]])
    poisoned = pictures.copy()
    poisoned[others] = 255 - poisoned[others]
    two = tw.load((poisoned, masks))
    assert one.preparation.digest() == two.preparation.digest()


def test_a_split_by_group_and_columns_that_are_not_looked_at(tmp_path: Path):
    place = folder_of(tmp_path / "a", 20)
    names = sorted(p.name for p in (place / "images").iterdir())
    table = pl.DataFrame(
        {
            "photo": [f"{place}/images/{n}" for n in names],
            "mask": [f"{place}/masks/{n}" for n in names],
            "patient": [i // 4 for i in range(20)],
            "age": range(20),
        }
    )
    data = tw.load(table, target="mask", recipe=Recipe(split={"how": "group", "by": "patient", "test": 0.4}))
    parts = [set(table["patient"].gather(rows).to_list()) for rows in data.rows.values()]
    assert not parts[0] & parts[2]
    assert len(data.shape.inputs) == 1
    assert "1 columns beside pictures and masks are not looked at" in said(data)


def test_under_another_split_the_data_are_masks_still():
    data = tw.load(drawn(30))
    other = data.under(Recipe(split={"seed": 3}))
    assert other.task == "segmentation"
    assert not np.array_equal(other.rows["test"], data.rows["test"])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"x": [1, 2], "mask": [1, 2]}, "one column of pictures"),
        ({"mask": ["a.png", "b.png"]}, "one column of pictures"),
        ({"x": ["a", "b"]}, "no column 'mask'"),
    ],
)
def test_what_is_missing_is_said(table, sentence):
    with pytest.raises(DataError, match=sentence):
        tw.load(table, target="mask", recipe=Recipe(task="segmentation"))


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y[..., None],
        lambda y: y[:, None].astype(np.float32),
        lambda y: y.astype(np.float64),
        lambda y: np.eye(3, dtype=np.float32)[y],
        lambda y: np.eye(3, dtype=bool)[y].transpose(0, 3, 1, 2),
    ],
)
def test_arrays_of_every_form_are_the_same_masks(form):
    pictures, masks = drawn(20)
    pictures, masks = pictures[:, :20], masks[:, :20]  # not square
    data = tw.load((pictures, form(masks)))
    assert data.task == "segmentation"
    assert (data.arrays["target"] == masks).all()
    named = tw.load({"picture": pictures, "mask": masks}, target="mask")
    assert (named.arrays["target"] == masks).all()


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (lambda y: y + 0.5, "not whole"),
        (lambda y: y[:, ::2, ::2], "no mask for pictures of"),
        (lambda y: np.stack([y, y], axis=1), "not one-hot"),
    ],
)
def test_arrays_that_are_no_masks_end_in_a_sentence(form, sentence):
    pictures, masks = drawn(12)
    with pytest.raises(DataError, match=sentence):
        tw.load((pictures, form(masks)))


def test_masks_in_a_folder_below_are_found_by_name(tmp_path: Path):
    place = folder_of(tmp_path / "a", 12)
    (place / "annotations").mkdir()
    (place / "masks").rename(place / "annotations" / "trimaps")
    data = tw.load(place)
    assert (data.arrays["target"] == drawn(12)[1]).all()


def test_masks_that_jpeg_has_changed_are_refused(tmp_path: Path):
    place = folder_of(tmp_path / "a", 12)
    for path in (place / "masks").iterdir():
        Image.fromarray(np.asarray(Image.open(path)) * 100).save(path.with_suffix(".jpg"))
        path.unlink()
    with pytest.raises(DataError, match="save them as PNG"):
        tw.load(place)


def test_the_card_says_what_is_not_judged():
    pictures, masks = drawn(16)
    masks[:, :6] = 255
    assert "Pixels of the value 255 have no class and are not judged: 25.00% of all." in said(tw.load((pictures, masks)))
    assert "not judged" not in said(tw.load(drawn(16)))


def test_pictures_as_bytes_alone_are_said_to_be_no_table():
    cells = [b"one", b"two"]
    with pytest.raises(DataError, match=r"nothing but raw bytes or Python objects \(image, mask\)"):
        tw.load(pl.DataFrame({"image": cells, "mask": cells}), target="mask")


def test_a_second_folder_is_the_test_part(tmp_path: Path):
    one, two = folder_of(tmp_path / "here" / "a", 12), folder_of(tmp_path / "there" / "b", 6)
    data = tw.load(one, test=two)
    assert len(data.rows["test"]) == 6
    assert (data.arrays["target"][data.rows["test"]] == drawn(6)[1]).all()
    assert data.classes == ("ground", "disc", "square")
