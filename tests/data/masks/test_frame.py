"""A mask lies in the frame as its picture does."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwell.data.decode_picture import Geometry, conform_array
from trainwell.data.masks.frame import OUTSIDE, in_frame, inside

sides = st.integers(1, 90)


@given(sides, sides, st.integers(1, 48), st.integers(1, 48))
@settings(max_examples=200)
def test_what_a_mask_does_not_fill_is_exactly_what_the_picture_pads(height, width, tall, wide):
    """A picture that is white inside and whose edge is repeated: only the rule of placing can differ."""
    rows, columns = inside((height, width), (tall, wide))
    scale = min(wide / width, tall / height)
    assert columns.stop - columns.start == min(wide, max(1, round(width * scale))) or (height, width) == (tall, wide)
    framed = in_frame(np.ones((height, width), np.int32), (tall, wide))
    assert (framed[rows, columns] == 1).all()
    assert (framed == 1).sum() == (rows.stop - rows.start) * (columns.stop - columns.start)
    assert set(np.unique(framed)) <= {1, OUTSIDE}


@given(st.integers(8, 60), st.integers(8, 60), st.integers(0, 2**31))
@settings(max_examples=100)
def test_a_border_between_halves_lies_where_it_lies_in_the_picture(height, width, seed):
    """Left half black, right half white, in picture and mask: in the frame both change in the same column, or beside it."""
    left = width // 2
    mask = (np.arange(width) >= left).astype(np.uint8)[None].repeat(height, 0)
    frame = (32, 32)
    seen = conform_array((mask * 255)[..., None], Geometry(1, *frame))[0]
    framed = in_frame(mask, frame)
    rows, columns = inside((height, width), frame)
    middle = (rows.start + rows.stop) // 2
    by_picture = int((seen[middle, columns] < 128).sum())
    by_mask = int((framed[middle, columns] == 0).sum())
    assert abs(by_picture - by_mask) <= 1


def test_equal_sizes_change_nothing():
    mask = np.random.default_rng(0).integers(0, 5, (7, 9)).astype(np.uint8)
    assert (in_frame(mask, (7, 9)) == mask).all()
