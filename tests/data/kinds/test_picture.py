"""The picture kind: recognised, shaped, described; prediction gives the bits of training."""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data.decode_picture import Geometry, decode
from trainwell.data.kinds import picture
from trainwell.data.kinds.kind import Cleaned, Raw, Rule

REAL = Path(os.environ.get("TRAINWELL_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, dtype=np.uint8)


def column(values: pl.Series | np.ndarray, base: str = "") -> Raw:
    return Raw("picture", values, np.arange(len(values)), base)


def prepared(raw: Raw, rule: Rule | None = None) -> tuple[Cleaned, picture.State]:
    guess = picture.recognise(raw, forced=True)
    assert guess is not None
    cleaned = picture.clean(raw, guess.form, rule or Rule())
    return cleaned, picture.fit(cleaned, raw.rows, rule or Rule())


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_arrays_of_pictures_keep_every_value(channels: int) -> None:
    pixels = random(5, 6, 8, channels)
    cleaned, state = prepared(column(pixels))
    assert picture.encode(state, cleaned).shape == (5, channels, 6, 8)
    assert np.array_equal(picture.decode(state, picture.encode(state, cleaned)), pixels)


def test_large_arrays_are_not_copied_when_nothing_changes() -> None:
    pixels = random(5, 28, 28, 1)
    cleaned, _ = prepared(column(pixels))
    assert np.shares_memory(cleaned.values, pixels)


def test_grey_pictures_stored_in_colour_become_one_channel(tmp_path: Path) -> None:
    grey = np.repeat(random(4, 9, 9, 1), 3, axis=3)
    for i, pixels in enumerate(grey):
        (tmp_path / f"{i}.png").write_bytes(png(pixels))
    for raw in (column(grey), column(pl.Series([f"{i}.png" for i in range(4)]), str(tmp_path))):
        cleaned, state = prepared(raw)
        assert np.array_equal(picture.encode(state, cleaned), grey[..., :1].transpose(0, 3, 1, 2))


def test_the_rule_decides_size_and_channels() -> None:
    cleaned, state = prepared(column(random(3, 20, 10, 3)), Rule(picture_size=16, picture_channels=1))
    assert (state, cleaned.values.shape) == (picture.State(1, 16, 16), (3, 1, 16, 16))


@pytest.mark.parametrize(("height", "width"), [(10, 40), (40, 10), (1, 500), (16, 17), (3, 3)])
def test_aspect_is_kept_and_the_rest_repeats_the_edge(height: int, width: int) -> None:
    """Left half black, right half white: the border stays where the aspect says, and padding repeats what it touches."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, width // 2 :] = 255
    got = picture.encode_picture(pixels, Geometry(1, 16, 16))[0].astype(float)
    scale = min(16 / width, 16 / height)
    inside = (max(1, round(height * scale)), max(1, round(width * scale)))
    top = (16 - inside[0]) // 2
    assert np.allclose(got[: top + 1], got[top], atol=1)
    assert np.allclose(got[top + inside[0] - 1 :], got[top + inside[0] - 1], atol=1)
    assert abs(got[8].mean() / 255 - (1 - (width // 2) / width)) < 0.16


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 3]),
    st.sampled_from([1, 3]),
    st.integers(1, 24),
    st.integers(1, 24),
)
def test_path_bytes_image_and_array_give_the_same_bits(
    height: int, width: int, found: int, wanted: int, to_height: int, to_width: int
) -> None:
    pixels = random(height, width, found)
    pixels = pixels[..., 0] if found == 1 else pixels
    geometry = Geometry(wanted, to_height, to_width)
    expected = picture.encode_picture(png(pixels), geometry)
    assert expected.shape == geometry.shape
    assert expected.dtype == np.uint8
    assert np.array_equal(expected, picture.encode_picture(pixels, geometry))
    assert np.array_equal(expected, picture.encode_picture(Image.fromarray(pixels), geometry))


def test_a_large_jpeg_read_at_a_fraction_looks_the_same() -> None:
    smooth = Image.fromarray(random(12, 16, 3)).resize((1600, 1200), Image.Resampling.BICUBIC)
    file = BytesIO()
    smooth.save(file, "JPEG", quality=90)
    small, full = decode(file.getvalue(), Geometry(3, 96, 128)), picture.encode_picture(smooth, Geometry(3, 96, 128))
    assert np.abs(small.astype(int) - full).mean() < 2


@pytest.mark.parametrize("thing", [3, None, np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)])
def test_what_is_no_picture_is_said(thing: object) -> None:
    with pytest.raises(DataError, match="a picture is a path, bytes, a Pillow image or a uint8 array"):
        picture.encode_picture(thing, Geometry(1, 4, 4))


def test_columns_of_other_things_are_not_claimed(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(random(4, 4)))
    assert picture.recognise(column(pl.Series(["a", "b"]))) is None
    assert picture.recognise(column(pl.Series([1.5, 2.0]))) is None
    assert picture.recognise(column(pl.Series(["not_there.png"]), str(tmp_path))) is None
    assert picture.recognise(column(np.zeros((3, 4), np.float32))) is None
    guess = picture.recognise(column(pl.Series(["a.png", None]), str(tmp_path)))
    assert guess is not None
    assert guess.form == {"channels": 1, "height": 4, "width": 4}


def test_parquet_style_cells_with_bytes() -> None:
    cells = [{"bytes": png(random(4, 5)), "path": "x.png"}, {"bytes": b"junk", "path": None}, {"bytes": None, "path": None}]
    cleaned, _ = prepared(column(pl.Series(cells)))
    assert cleaned.set_aside is not None
    assert cleaned.set_aside.tolist() == [False, True, True]
    assert np.array_equal(cleaned.values[0, 0], random(4, 5))


def test_identical_pictures_are_found() -> None:
    pixels = random(6, 4, 4, 3)
    pixels[5] = pixels[2]
    hashes = picture.identical(column(pixels))
    assert hashes[5] == hashes[2]
    assert len(np.unique(hashes)) == 5


def test_describe_agrees_with_numpy() -> None:
    pixels = random(40, 6, 6, 3)
    cleaned, state = prepared(column(pixels))
    rows = np.arange(0, 40, 2)
    told, expected = picture.describe(cleaned, rows, state), pixels[rows] / 255
    assert told["mean"] == pytest.approx(expected.mean((0, 1, 2)), abs=1e-4)
    assert told["deviation"] == pytest.approx(expected.std((0, 1, 2)), abs=1e-4)
    assert (told["shape"], told["pictures"], told["sizes"]) == ([3, 6, 6], 20, {"6x6": 40})


@pytest.mark.data
@pytest.mark.skipif(not (REAL / "flowers_small").is_dir(), reason=f"no flowers_small in {REAL}")
def test_flowers_load_in_well_under_a_second_the_second_time() -> None:
    base = REAL / "flowers_small"
    paths = sorted(path.relative_to(base).as_posix() for path in base.glob("*/*.jpg"))
    raw = column(pl.Series(paths), str(base))
    cleaned, state = prepared(raw)
    start = time.perf_counter()
    again, _ = prepared(raw)
    assert time.perf_counter() - start < 0.8
    assert (state, len(again.values), again.checks) == (picture.State(3, 128, 128), 4_317, [])
    assert np.array_equal(cleaned.values[::500], again.values[::500])
    assert len(np.unique(picture.identical(raw))) == 4_317 - 6
    one = paths[1234]
    assert np.array_equal(picture.encode_picture(base / one, state.geometry), again.values[1234])
