"""One raw row to an answer, against the network alone on a tensor that is ready.

    python benchmarks/one_row.py [--rows 2000]

The row is a dict as it comes from a form or a request: encoding, network and decoding are timed together (`raw row`); the other
way is the same network called on a tensor that was encoded before (`ready tensor`). Both in turn, medians, one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.train.fit import fit


def people(n: int = 4_000) -> dict[str, Any]:
    """A table like a census: six numbers, eight categories, a class."""
    draw = np.random.default_rng(0)
    table: dict[str, Any] = {f"number_{i}": draw.normal(size=n).round(3) for i in range(6)}
    table |= {f"category_{i}": draw.choice([f"label {k}" for k in range(5 + 3 * i)], n) for i in range(8)}
    score = table["number_0"] + (table["category_0"] == "label 1")
    return table | {"class": np.where(score + draw.normal(size=n) > 0.3, "yes", "no")}


def microseconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1e6 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2000)
    options = parser.parse_args()
    table = people()
    data = load(table, target="class")
    print(f"{'model':8} {'raw row':>9} {'ready tensor':>13} {'ratio':>6}   (medians of {options.rows} rows, us)")
    for model in ("mlp", "tabm"):
        run = fit(Recipe(target="class", model=model, epochs=1, threads=1), data)
        row = {name: cells[0].item() for name, cells in table.items() if name != "class"}
        ready = tuple(torch.from_numpy(run.preparation.encode_row(row)[name]) for name in data.shape.names)
        network = run.network
        torch.set_num_threads(1)
        raw_times, ready_times = [], []
        with torch.inference_mode():
            for _ in range(options.rows):
                raw_times.append(microseconds(partial(run.predict_row, row)))
                ready_times.append(microseconds(partial(network, *ready)))
        raw, bare = statistics.median(raw_times), statistics.median(ready_times)
        print(f"{model:8} {raw:9.0f} {bare:13.0f} {raw / bare:6.2f}")


if __name__ == "__main__":
    main()
