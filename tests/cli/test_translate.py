"""`translate` as a user types it, also wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cli.command import trainwell

SMALL = [
    "model=cyclegan",
    "model.width=2",
    "model.critic_width=2",
    "model.blocks=1",
    "steps=2",
    "validate_every=2",
    "threads=1",
]


@pytest.fixture(scope="module")
def turned(tmp_path_factory) -> Path:
    draw, place = np.random.default_rng(0), tmp_path_factory.mktemp("turned")
    for name, low in (("day", 150), ("night", 0)):
        (place / "both" / name).mkdir(parents=True)
        for i in range(30):
            Image.fromarray(draw.integers(low, low + 90, (8, 8), np.uint8)).save(place / "both" / name / f"{i}.png")
    said = trainwell("fit", place / "both", *SMALL, "--out", place / "run", "--no-report")
    assert said.code == 0, said.err
    return place


def test_it_writes_pictures_and_says_what_could_not_be_read(turned, tmp_path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "good.png").write_bytes((turned / "both" / "day" / "3.png").read_bytes())
    (tmp_path / "given" / "torn.png").write_bytes(b"\x89PNG")
    said = trainwell("translate", turned / "run", tmp_path / "given", "--into", "night", "--to", tmp_path / "out", "--json")
    assert said.code == 0
    assert (said.json["pictures"], said.json["into"], len(said.json["problems"])) == (1, ["night"], 1)
    assert "torn: " in said.err
    assert {p.name for p in (tmp_path / "out").rglob("*")} == {"night", "good.png", "grid.png", "translations.json"}


def test_without_a_class_each_becomes_the_other(turned, tmp_path) -> None:
    said = trainwell("translate", turned / "run", turned / "both", "--to", tmp_path / "out")
    assert (said.code, said.out.strip()) == (0, str(tmp_path / "out" / "grid.png"))
    assert len(list((tmp_path / "out" / "night").iterdir())) == 30


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["translate", "RUN", "BOTH", "--into", "noon"], "noon"),
        (["translate", "RUN", "nothing"], "nothing"),
        (["translate", "nowhere", "BOTH"], "nowhere"),
        (["translate", "RUN", "BOTH/day/3.png", "--form", "day"], "--form"),
        (["sample", "RUN"], "translate"),
        (["predict", "RUN", "BOTH"], "translate"),
        (["fit", "digits", "model=cyclegan", "--no-report"], "two classes"),
        (["fit", "BOTH", "model=cyclegan", "loss=wasserstein", "--no-report"], "loss.penalty"),
    ],
)
def test_what_is_wrong_is_one_sentence(turned, tmp_path, monkeypatch, words, named) -> None:
    monkeypatch.chdir(tmp_path)
    said = trainwell(*(w.replace("RUN", str(turned / "run")).replace("BOTH", str(turned / "both")) for w in words))
    assert said.code == (2 if "--form" in words else 1)
    assert said.err.strip().splitlines()[-1].startswith("error: ")
    assert named in said.err
    assert "Traceback" not in said.err
