"""Every kind of bad picture that we know: each one is set aside or converted, and named; none stops the others."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from trainwell.core.errors import DataError
from trainwell.data.decode_picture import CONVERTED as CONVERTED_SENTENCES
from trainwell.data.decode_picture import UNUSABLE, Geometry
from trainwell.data.kinds import picture
from trainwell.data.kinds.kind import Raw, Rule

COLOUR = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
RGB, GREY = Image.fromarray(COLOUR), Image.fromarray(COLOUR[..., 0])

Writer = Callable[[Path], object]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def put(blob: bytes) -> Writer:
    return lambda path: path.write_bytes(blob)


def saved(image: Image.Image, kind: str, **options: object) -> Writer:
    return put(encoded(image, kind, **options))


def png(width: int, height: int, *, depth: int = 8, colour: int = 0, body: bytes = b"", extra: bytes = b"") -> bytes:
    """A PNG by hand: header, `extra` chunks, compressed `body`."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def flipped_byte(blob: bytes, at: int) -> bytes:
    return blob[:at] + bytes([blob[at] ^ 0xFF]) + blob[at + 1 :]


def exif(orientation: int) -> Image.Exif:
    about = Image.Exif()
    about[0x0112] = orientation
    return about


def with_transparency(image: Image.Image) -> Image.Image:
    image.putalpha(128)
    return image


FRAMES = [Image.fromarray(np.roll(COLOUR, 5 * k, axis=1)) for k in range(3)]
DEEP = Image.fromarray((np.arange(24 * 32, dtype=np.uint32) * 85).astype(np.uint16).reshape(24, 32))
WIDE = png(4, 4, depth=16, colour=2, body=b"".join(b"\0" + bytes(range(24)) for _ in range(4)))
FLOATS = np.linspace(0, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
JPEG, PNG = encoded(RGB, "JPEG"), encoded(RGB, "PNG")

SET_ASIDE: dict[str, tuple[Writer, str]] = {
    "empty.jpg": (put(b""), "empty"),
    "text.jpg": (put(b"this is no picture\n" * 20), "no_picture"),
    "page.png": (put(b"<!doctype html><html><body>404</body></html>"), "no_picture"),
    "drawing.png": (put(b'<svg xmlns="http://www.w3.org/2000/svg"/>'), "no_picture"),
    "script.jpg": (put(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"), "no_picture"),
    "zeros.png": (put(bytes(4096)), "no_picture"),
    "half.jpg": (put(JPEG[: len(JPEG) // 2]), "broken"),
    "most.jpg": (put(JPEG[: len(JPEG) * 9 // 10]), "truncated"),
    "half.png": (put(PNG[: len(PNG) // 2]), "truncated"),
    "half.gif": (put(encoded(RGB, "GIF")[:900]), "truncated"),
    "start.jpg": (put(JPEG[:3]), "no_picture"),
    "header.png": (put(PNG[:33]), "no_picture"),
    "flipped.png": (put(flipped_byte(PNG, len(PNG) // 2)), "broken"),
    "short_body.png": (put(png(64, 64, body=bytes(10))), "truncated"),
    "bomb.png": (put(png(60_000, 60_000, body=bytes(10))), "bomb"),
    "warned.png": (put(png(11_000, 11_000, body=bytes(10))), "bomb"),
    "just_over.png": (put(png(10_000, 5_001, body=bytes(10))), "bomb"),
    "text_bomb.png": (put(png(4, 4, body=bytes(20), extra=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 26))))), "broken"),
    "folder.png": (lambda path: path.mkdir(), "no_file"),
    "pipe.png": (os.mkfifo, "no_file"),
    "dangling.png": (lambda path: path.symlink_to(path.parent / "nowhere"), "absent"),
    "loop.png": (lambda path: path.symlink_to(path), "unreadable"),
    "absent.png": (lambda path: None, "absent"),
    "range.tiff": (saved(Image.fromarray(FLOATS * 900), "TIFF"), "range"),
    "wide.tiff": (saved(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF"), "range"),
    "nan.tiff": (saved(Image.fromarray(np.full((4, 4), np.nan, np.float32)), "TIFF"), "range"),
}

CONVERTED: dict[str, tuple[Writer, str]] = {
    "png_named.jpg": (saved(RGB, "PNG"), "misnamed"),
    "jpeg_named.png": (saved(RGB, "JPEG"), "misnamed"),
    "cmyk.jpg": (saved(RGB.convert("CMYK"), "JPEG"), "cmyk"),
    "deep.png": (saved(DEEP, "PNG"), "deep"),
    "deep_colour.png": (put(WIDE), "deep"),
    "floats.tiff": (saved(Image.fromarray(FLOATS), "TIFF"), "deep"),
    "palette.png": (saved(RGB.convert("P"), "PNG"), "palette"),
    "palette.gif": (saved(RGB, "GIF"), "palette"),
    "clear_colour.png": (saved(RGB.convert("P"), "PNG", transparency=0), "alpha"),
    "alpha.png": (saved(with_transparency(RGB.copy()), "PNG"), "alpha"),
    "alpha_grey.png": (saved(with_transparency(GREY.copy()), "PNG"), "alpha"),
    "alpha.webp": (saved(with_transparency(RGB.copy()), "WEBP"), "alpha"),
    "rotated.jpg": (saved(RGB, "JPEG", exif=exif(6)), "rotated"),
    "animated.gif": (saved(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), "animated"),
    "animated.png": (saved(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]), "animated"),
    "pages.tiff": (saved(FRAMES[0], "TIFF", save_all=True, append_images=FRAMES[1:]), "animated"),
    "dot.png": (saved(RGB.crop((0, 0, 1, 1)), "PNG"), "single_pixel"),
    "hair.png": (saved(RGB.resize((2000, 1)), "PNG"), "extreme"),
}

FINE: dict[str, Writer] = {
    "plain.jpg": put(JPEG),
    "upper.JPG": put(JPEG),
    "no_suffix": put(PNG),
    "naïve ünïcode 图片.png": put(PNG),
    "bits.png": saved(GREY.convert("1"), "PNG"),
    "plain.bmp": saved(RGB, "BMP"),
    "plain.webp": saved(RGB, "WEBP", lossless=True),
    "plain.ppm": saved(RGB, "PPM"),
    "plain.tiff": saved(RGB, "TIFF"),
    "progressive.jpg": saved(RGB, "JPEG", progressive=True),
    "garbage_after.jpg": put(JPEG + b"garbage" * 50),
    "bad_exif.jpg": saved(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
}

EXPECTED = {name: code for name, (_, code) in (SET_ASIDE | CONVERTED).items()} | dict.fromkeys(FINE, "")
WRITERS = {name: writer for name, (writer, _) in (SET_ASIDE | CONVERTED).items()} | FINE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("bad")
    for name, write in WRITERS.items():
        write(place / name)
    return place


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAINWELL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=[1, 3], ids=["few, in memory", "many, in the cache"])
def raw(folder: Path, request: pytest.FixtureRequest) -> Raw:
    cells = [*WRITERS, None, "", "nul\0.png"] * request.param
    return Raw("picture", pl.Series(cells), np.arange(len(cells)), str(folder))


def test_there_are_many_kinds() -> None:
    assert len(SET_ASIDE) + len(CONVERTED) >= 40


def test_every_bad_picture_is_named_and_no_other(raw: Raw) -> None:
    guess = picture.recognise(raw, forced=True)
    assert guess is not None
    assert guess.form["channels"] == 3
    cleaned = picture.clean(raw, guess.form, Rule())
    aside = {cell for cell, out in zip(raw.series, cleaned.set_aside, strict=True) if out}
    assert aside == {*SET_ASIDE, None, "", "nul\0.png"}
    assert (cleaned.values[cleaned.set_aside] == 0).all()
    told = {check.code: check for check in cleaned.checks}
    times = len(raw) // (len(WRITERS) + 3)
    assert set(told) == {f"picture_{code}" for code in EXPECTED.values() if code} | {"picture_missing"}
    for code in UNUSABLE | CONVERTED_SENTENCES:
        names = [name for name, expected in EXPECTED.items() if expected == code]
        if names and len(names) * times <= 5:
            assert told[f"picture_{code}"].count >= len(names) * times
            assert all(any(name in example for example in told[f"picture_{code}"].examples) for name in names)
    assert all(1 <= len(check.examples) <= 5 for check in told.values())


@pytest.mark.parametrize("name", list(WRITERS))
def test_prediction_treats_each_one_as_training_does(folder: Path, name: str) -> None:
    alone = Raw("picture", pl.Series([name, "plain.jpg"]), np.arange(2), str(folder))
    cleaned = picture.clean(alone, {"channels": 3, "height": 16, "width": 16}, Rule())
    geometry = Geometry(3, 16, 16)
    codes = {check.code for check in cleaned.checks}
    assert codes >= ({f"picture_{EXPECTED[name]}"} if EXPECTED[name] else set())
    assert name not in FINE or not codes
    if name in SET_ASIDE:
        assert cleaned.set_aside is not None
        assert cleaned.set_aside.tolist() == [True, False]
        with pytest.raises(DataError, match=r"the picture cannot be used: \w+"):
            picture.encode_picture(folder / name, geometry)
        assert picture.encode_cell(picture.State(3, 16, 16))(folder / name) is None
        return
    for cell in (folder / name, str(folder / name), (folder / name).read_bytes()):
        assert np.array_equal(picture.encode_picture(cell, geometry), cleaned.values[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read every file")
def test_a_file_without_permission_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "secret.png").chmod(0)
    with pytest.raises(DataError, match="could not be read"):
        picture.encode_picture(tmp_path / "secret.png", Geometry(3, 8, 8))


def test_a_folder_without_one_usable_picture_is_one_sentence(folder: Path) -> None:
    raw = Raw("picture", pl.Series(["text.jpg", "empty.jpg"]), np.arange(2), str(folder))
    with pytest.raises(DataError, match="not one picture can be used"):
        picture.recognise(raw, forced=True)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_whatever_the_format(orientation: int, kind: str) -> None:
    """The eight turns of the EXIF standard, written down as NumPy moves."""
    turned = {
        1: COLOUR,
        2: COLOUR[:, ::-1],
        3: COLOUR[::-1, ::-1],
        4: COLOUR[::-1],
        5: COLOUR.transpose(1, 0, 2),
        6: COLOUR.transpose(1, 0, 2)[:, ::-1],
        7: COLOUR.transpose(1, 0, 2)[::-1, ::-1],
        8: COLOUR.transpose(1, 0, 2)[::-1],
    }[orientation]
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    blob = encoded(RGB, kind, exif=exif(orientation), **options)
    got = picture.encode_picture(blob, Geometry(3, *turned.shape[:2])).transpose(1, 2, 0)
    assert np.abs(got.astype(int) - turned).max() <= (6 if kind == "JPEG" else 0)


def test_sixteen_bits_keep_the_highest_eight() -> None:
    got = picture.encode_picture(encoded(DEEP, "PNG"), Geometry(1, 24, 32))[0]
    assert np.array_equal(got, np.rint(np.asarray(DEEP) / 257).astype(np.uint8))


def test_alpha_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    half = Image.new("RGBA", (4, 4), (0, 0, 0, 128))
    assert (picture.encode_picture(clear, Geometry(3, 4, 4)) == 255).all()
    assert np.abs(picture.encode_picture(half, Geometry(3, 4, 4)).astype(int) - 127).max() <= 1


def test_bombs_take_no_memory(tmp_path: Path) -> None:
    """Eight bombs and eight lawful giants of 49 megapixels in a process of its own: giants are decoded one at a time."""
    (tmp_path / "giant.png").write_bytes(png(7_000, 7_000, body=bytes(7_001 * 7_000)))
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, body=bytes(1 << 20)))
    code = """
import resource, sys
import numpy as np, polars as pl
from trainwell.data import scan_pictures
from trainwell.data.kinds import picture
from trainwell.data.kinds.kind import Raw, Rule
scan_pictures.threads = lambda: 8
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
before = peak()
raw = Raw("picture", pl.Series(["giant.png", "bomb.png"] * 8), np.arange(16), sys.argv[1])
cleaned = picture.clean(raw, {"channels": 1, "height": 32, "width": 32}, Rule())
print(int(cleaned.set_aside.sum()), peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    aside, megabytes = done.stdout.split()
    assert int(aside) == 8
    assert float(megabytes) < 300
