"""A table with a picture, a note, a number and a category in each row: one network for all of them, and one for each alone.

python examples/mixture.py              # a small table, and a look
python examples/mixture.py 1500 6       # rows, and pairs of runs for the comparison; about ten minutes on one core
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image
from sklearn.datasets import load_digits

import trainwell as tw

WORDS = [
    "the",
    "parcel",
    "was",
    "on",
    "a",
    "table",
    "near",
    "some",
    "old",
    "window",
    "and",
    "it",
    "rained",
    "all",
    "day",
    "while",
    "people",
    "walked",
    "by",
    "with",
    "dogs",
    "or",
    "bread",
]
COLUMNS = ("photo", "note", "weight", "city")


def parcels(folder: str | Path, rows: int, seed: int = 0) -> Path:
    """Parcels that are handled with care or not: it takes the digit on the photo, a word of the note, the weight and the city.

    Each of them moves the same sum by about as much; whoever knows one of them is right in two cases of three.
    """
    folder, draw, digits = Path(folder), np.random.default_rng(seed), load_digits()
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    chosen = draw.integers(0, len(digits.images), rows)
    fragile, weight, city = draw.random(rows) < 0.5, draw.normal(size=rows).round(4), draw.integers(0, 6, rows)
    notes, photos = [], []
    for i, digit in enumerate(chosen):
        words = list(draw.choice(WORDS, draw.integers(6, 14)))
        words.insert(draw.integers(0, len(words)), draw.choice(["fragile", "glass"] if fragile[i] else ["sturdy", "wood"]))
        notes.append(" ".join(words))
        photos.append(f"photos/{i}.png")
        Image.fromarray((digits.images[digit] * 15.9).astype(np.uint8)).save(folder / photos[-1])
    large = digits.target[chosen] >= 5
    total = 1.2 * (2 * large - 1) + 1.2 * (2 * fragile - 1) + 1.2 * weight + 0.6 * city - 1.5 + draw.normal(0, 0.3, rows)
    cities = np.array(["Accra", "Hanoi", "Lima", "Oslo", "Quito", "Riga"])[city]
    care = np.where(total > 0, "yes", "no")
    table = pl.DataFrame({"photo": photos, "note": notes, "weight": weight, "city": cities, "care": care})
    table.write_csv(folder / "parcels.csv")
    return folder / "parcels.csv"


def main(rows: int = 400, repeats: int = 0) -> None:
    data = tw.load(parcels("parcels", rows), target="care")
    recipe = tw.Recipe(preset="quick", target="care")
    if repeats:
        for kept in COLUMNS:
            alone = recipe.but(columns={name: "ignore" for name in COLUMNS if name != kept})
            names = ("all columns", f"{kept} alone")
            print(tw.compare(recipe, alone, data, repeats=repeats, metric="accuracy", part="test", aa=False, names=names,
                             folder="parcels/runs"), flush=True)  # fmt: skip
        return
    run = tw.fit(recipe.but(epochs=10), data)
    print(tw.evaluate(run, data))
    new = data.source.frame.head(3).select("city", "note", "photo")  # another order, and no weight
    with_paths = new.with_columns(pl.format("parcels/{}", "photo").alias("photo"))
    print(run.predict(with_paths))


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
