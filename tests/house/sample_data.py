"""The small files that the documentation's examples read: tables of people and houses, and a folder of flowers."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
from PIL import Image

from data.masks.drawn import folder_of


def write_samples(folder: Path) -> None:
    """People, more, new (without answers); houses, train, test; flowers/; power; gestures/; reviews, mails/, cells/."""
    draw = np.random.default_rng(0)
    people(draw, 400).write_csv(folder / "people.csv")
    people(draw, 100).write_csv(folder / "more.csv")
    people(draw, 20).drop("income").write_csv(folder / "new.csv")
    houses(draw, 400).write_csv(folder / "houses.csv")
    houses(draw, 300).write_csv(folder / "train.csv")
    houses(draw, 100).write_csv(folder / "test.csv")
    flowers(draw, folder / "flowers")
    power(draw, 2400).write_csv(folder / "power.csv")
    gestures(draw, folder / "gestures")
    reviews(draw, 300).write_csv(folder / "reviews.csv")
    (folder / "synonyms.txt").write_text("good fine tasty\nbad awful\n")
    (folder / "story.txt").write_text(story(draw, 400))
    (folder / "other.txt").write_text(story(draw, 120))
    mails(draw, folder / "mails")
    examples("mixture").parcels(folder / "parcels", 120)
    songs(draw, 300).write_csv(folder / "songs.csv")
    folder_of(folder / "cells", 24)


def story(draw: np.random.Generator, n: int) -> str:
    """Sentences of one pattern, a line each."""
    who, what, where = (
        ["a king", "a fox", "the cook", "a child"],
        ["slept", "sang", "was lost", "ate"],
        ["hall", "wood", "boat"],
    )
    lines = (f"Once upon a time {draw.choice(who)} {draw.choice(what)} in the {draw.choice(where)}." for _ in range(n))
    return "\n".join(lines)


def examples(name: str) -> ModuleType:
    """An example as a module: some make tables that tests and pages need, too."""
    spec = spec_from_file_location(name, Path(__file__).parents[2] / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def people(draw: np.random.Generator, n: int) -> pl.DataFrame:
    """Who earns more than 50K: mostly those who are older and work longer."""
    age, hours = draw.integers(18, 80, n), draw.integers(10, 60, n)
    rich = age + hours + draw.normal(0, 10, n) > 85
    return pl.DataFrame(
        {
            "age": age,
            "hours": [None if draw.random() < 0.05 else int(h) for h in hours],
            "education": draw.choice(["school", "college", "university"], n),
            "city": draw.choice(["Oslo", "Lima", "Accra", "Hanoi"], n),
            "income": np.where(rich, ">50K", "<=50K"),
        }
    )


def houses(draw: np.random.Generator, n: int) -> pl.DataFrame:
    """What a house costs: its area times its district's price."""
    area, district = draw.uniform(30, 250, n).round(1), draw.integers(0, 3, n)
    price = area * np.array([2000, 3500, 5000])[district] * draw.normal(1, 0.05, n)
    return pl.DataFrame(
        {
            "area": area,
            "rooms": (area // 25).astype(int) + 1,
            "district": np.array(["harbour", "hill", "centre"])[district],
            "sold": [date(2020, 1, 1) + timedelta(days=int(d)) for d in draw.integers(0, 1500, n)],
            "price": price.round(-2),
        }
    )


def flowers(draw: np.random.Generator, folder: Path) -> None:
    """Three classes of 24 small pictures that differ in colour."""
    for name, colour in {"daisy": (230, 230, 220), "rose": (200, 30, 60), "tulip": (220, 160, 30)}.items():
        (folder / name).mkdir(parents=True)
        for i in range(24):
            pixels = np.clip(draw.normal(colour, 40, (24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i:02}.png")


def power(draw: np.random.Generator, n: int) -> pl.DataFrame:
    """The load of a small town by the hour: a day's wave, less on holidays, which are known ahead."""
    hour = np.arange(n)
    holiday = np.isin(hour // 24 % 7, (5, 6)).astype(int)
    load = 50 + 10 * np.sin(hour * 2 * np.pi / 24) - 8 * holiday + draw.normal(0, 1, n)
    times = [datetime(2024, 1, 1) + timedelta(hours=int(h)) for h in hour]
    return pl.DataFrame({"time": times, "load": load.round(2), "holiday": holiday})


def gestures(draw: np.random.Generator, folder: Path) -> None:
    """Two movements of a hand along two axes, as the archives of series have them."""
    folder.mkdir()
    head = "@problemName gestures\n@classLabel true wave circle\n@data\n"
    for part in ("TRAIN", "TEST"):
        lines = []
        for i in range(40):
            angle = np.arange(30) * 0.4 + draw.uniform(0, 6)
            axes = (np.sin(angle), np.cos(angle) if i % 2 else 0.1 * angle)
            cells = [",".join(f"{v:.3f}" for v in axis + draw.normal(0, 0.1, 30)) for axis in axes]
            lines.append(":".join([*cells, "circle" if i % 2 else "wave"]))
        (folder / f"gestures_{part}.ts").write_text(head + "\n".join(lines) + "\n")


def reviews(draw: np.random.Generator, n: int) -> pl.DataFrame:
    """What guests wrote about a restaurant, how long they waited, and whether they would come again."""
    like = draw.integers(0, 2, n)
    words = {0: ["bad", "cold", "awful", "rude"], 1: ["good", "fine", "tasty", "friendly"]}
    meals, deeds = ["soup", "fish", "cake", "waiter"], ["sat", "ate", "left"]
    texts = [
        f"the {draw.choice(meals)} was {draw.choice(words[int(k)])} and we {draw.choice(deeds)} {i}" for i, k in enumerate(like)
    ]
    return pl.DataFrame({"review": texts, "minutes": draw.integers(5, 60, n), "again": np.where(like == 1, "yes", "no")})


def songs(draw: np.random.Generator, n: int) -> pl.DataFrame:
    """What songs are like, the tags that hold together, and stars from 1 to 5."""
    tempo, loud = draw.normal(120, 25, n).round(), draw.normal(0, 1, n).round(2)
    tags = [
        "; ".join(tag for tag, said in (("dance", t > 115), ("loud", v > 0.3), ("calm", t < 110 and v < 0.5)) if said)
        for t, v in zip(tempo, loud, strict=True)
    ]
    stars = np.digitize(loud + (tempo - 120) / 25 + draw.normal(0, 0.5, n), [-2, -0.7, 0.7, 2]) + 1
    return pl.DataFrame({"tempo": tempo, "loud": loud, "tags": tags, "stars": stars})


def mails(draw: np.random.Generator, folder: Path) -> None:
    """Two class folders of text files."""
    for name, words in {"spam": ["win", "prize", "now"], "ham": ["meeting", "report", "tomorrow"]}.items():
        (folder / name).mkdir(parents=True)
        for i in range(30):
            (folder / name / f"{i:02}.txt").write_text(f"dear reader, {' '.join(draw.choice(words, 4))} and so on {i}")
