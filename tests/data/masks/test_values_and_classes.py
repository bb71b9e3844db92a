"""A value of a mask is a name: it is read as it lies in the file, and never blended."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.core.shape import UNJUDGED
from trainwell.data.decode_picture import UnusableError
from trainwell.data.masks.classes import Classes, survey
from trainwell.data.masks.values import COLOUR, Masks, decode_values, uncoloured


def png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "TIFF" if image.mode == "I" else "PNG")
    return file.getvalue()


def classes_of(array: np.ndarray, names: tuple[str, ...] = ()) -> Classes:
    return survey(Masks("mask", array)).classes(names, "mask")


@pytest.mark.parametrize(("dtype", "mode"), [(np.uint8, "L"), (np.uint16, "I;16"), (np.int32, "I")])
def test_grey_levels_of_every_depth_are_read_as_they_are(dtype, mode):
    values = np.arange(6, dtype=dtype).reshape(2, 3) * (1 if dtype == np.uint8 else 300)
    image = Image.fromarray(values)
    assert image.mode == mode
    assert decode_values(png(image)).tolist() == values.tolist()


def test_of_a_palette_the_places_are_read_and_not_the_colours():
    image = Image.fromarray(np.array([[0, 1], [2, 255]], np.uint8), "P")
    image.putpalette([9, 9, 9] * 256)
    assert decode_values(png(image)).tolist() == [[0, 1], [2, 255]]


def test_black_and_white_is_two_classes():
    assert decode_values(png(Image.fromarray(np.array([[False, True]])))).tolist() == [[0, 1]]


def test_colours_are_classes_of_their_own_and_black_is_what_it_is_in_grey_masks():
    coloured = np.array([[[0, 0, 0], [128, 0, 0]]], np.uint8)
    values = decode_values(png(Image.fromarray(coloured)))
    assert uncoloured(values).tolist() == [[0, COLOUR + 0x800000]]
    assert Classes((0, COLOUR + 0x800000), ("a", "b")).codes(values).tolist() == [[0, 1]]


@pytest.mark.parametrize("blob", [b"", b"no picture", png(Image.new("L", (9, 9)))[:40]])
def test_what_is_no_picture_is_named(blob):
    with pytest.raises(UnusableError):
        decode_values(blob)


@given(st.lists(st.integers(0, 254), min_size=2, max_size=20, unique=True))
def test_codes_are_places_in_the_order_of_the_values(values):
    array = np.array([values, values[::-1]], np.uint8)[None]
    found = classes_of(array)
    assert found.values == tuple(sorted(values))
    assert (np.array(found.values)[found.codes(array)] == array).all()


def test_two_values_are_background_and_foreground_also_255():
    assert classes_of(np.array([[[0, 255]]])) == Classes((0, 255), ("background", "foreground"))


def test_255_among_more_values_and_negative_ones_are_not_judged():
    found = classes_of(np.array([[[0, 1, 255], [-1, 0, 1]]]))
    assert found.values == (0, 1)
    assert found.unjudged == 255
    assert found.codes(np.array([0, 1, 255, -1])).tolist() == [0, 1, UNJUDGED, UNJUDGED]


def test_names_come_from_the_lines_of_a_file():
    assert classes_of(np.array([[[0, 2]]]), ("sky", "tree", "road")).names == ("sky", "road")
    assert classes_of(np.array([[[0, 5]]]), ("sky",)).names == ("sky", "5")


def test_smooth_edges_are_no_classes():
    smooth = np.arange(300 * 300).reshape(1, 300, 300)
    with pytest.raises(DataError, match=r"90,000 different values.*Save masks as PNG"):
        classes_of(smooth)


def test_one_class_cannot_be_told_apart():
    with pytest.raises(DataError, match="one class"):
        classes_of(np.zeros((3, 4, 4), np.uint8))


@pytest.mark.parametrize(
    ("values", "found"),
    [((0, 128, 255), (0, 128, 255)), ((0, 85, 170, 255), (0, 85, 170, 255)), ((0, 15, 255), (0, 15)), ((-1, 0, 255), (0, 255))],
)
def test_white_is_a_class_at_the_end_of_evenly_spaced_greys_and_else_it_is_not_judged(values, found):
    assert classes_of(np.array([[values]])).values == found
