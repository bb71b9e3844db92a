"""What the doctor costs: a hand-written loop with and without `tw.watch`, and `fit` with `doctor=watch` and `off`.

    python benchmarks/doctor_overhead.py [--rounds 5] [--seconds 8]

Two loops, one of them watched, take turns of .2 seconds, after the first seconds of both, in which every run has a credit:
the share is what each step pays from then on. (The loop that is not watched still goes through the wrapper around
`Tensor.backward`.) Of `fit` a short and a long run are trained with the doctor and without, in turn. What the long run costs
more than the short one is the price of the steps between them; the rest is paid once, whatever the length of the run: what is
looked at before the first update, the first twenty updates, and the credit. CPU seconds, so that other programs cancel; a
machine whose pace swings shows in the spread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial

import numpy as np
import torch
from torch import nn

import trainwell as tw
from trainwell.train.watch import watch


def dense(width: int, n_in: int = 54) -> nn.Module:
    return nn.Sequential(nn.Linear(n_in, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 7))


def cnn() -> nn.Module:
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1)]
    return nn.Sequential(*layers, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 49, 7))


#: name → network, shape of a row, rows of a batch; the names say about how long a step takes on one thread.
CASES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "dense 1 ms": (lambda: dense(128), (54,), 128),
    "dense 5 ms": (lambda: dense(512), (54,), 256),
    "CNN": (cnn, (1, 28, 28), 64),
}


#: Seconds after which the credit of a run is spent, and seconds of a turn.
SHORT, TURN = 4.0, 0.2


def loop(name: str, watched: bool) -> Iterator[None]:
    """A plain training loop; each `next` is an update."""
    build, shape, batch = CASES[name]
    torch.manual_seed(0)
    network, loss = build(), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    x, y = torch.randn(4096, *shape), torch.randint(0, 7, (4096,))
    with watch(network, optimizer, loss, tell=None) if watched else nullcontext():
        while True:
            rows = torch.randint(0, 4096, (batch,))
            optimizer.zero_grad()
            loss(network(x[rows]), y[rows]).backward()
            optimizer.step()
            yield


def turns(name: str, options: argparse.Namespace) -> None:
    """Print what watching adds to a step, from turns of two loops."""
    plain, watched = loop(name, False), loop(name, True)
    _timed(plain, 50)  # what torch imports at its first update
    pace = _timed(plain, 200) / 200
    for one in (plain, watched):
        _timed(one, int(SHORT / pace))
    steps = max(8, int(TURN / pace))
    shares = [
        _timed(watched, steps) / _timed(plain, steps) - 1 for _ in range(int(options.rounds * options.seconds / TURN / 2))
    ]
    low, middle, high = statistics.quantiles(shares, n=4)
    print(
        f"watch, {name}: {1000 * pace:.2f} ms a step, {len(shares)} turns of {steps} steps: median {middle:+.1%} "
        f"(quartiles {low:+.1%} to {high:+.1%}), mean {statistics.mean(shares):+.1%}",
        flush=True,
    )


def _timed(updates: Iterator[None], steps: int) -> float:
    began = time.process_time()
    for _ in range(steps):
        next(updates)
    return time.process_time() - began


def fitted(name: str, steps: int, watched: bool) -> float:
    """Seconds of `fit` from data that are loaded to a run that is done."""
    _, shape, batch = CASES[name]
    draw = np.random.default_rng(0)
    pictures = len(shape) == 3
    x = (
        draw.integers(0, 255, (4096, *shape)).astype(np.uint8)
        if pictures
        else draw.normal(size=(4096, *shape)).astype(np.float32)
    )
    data = tw.wrap((x, draw.integers(0, 7, 4096)))
    width = {"dense 1 ms": 128, "dense 5 ms": 512, "CNN": 16}[name]
    model = {"name": "cnn" if pictures else "mlp", "width": width}
    fixed = {"threads": 1, "memory_format": "contiguous", "compile": "off", "precision": "float32", "early_stopping": 0}
    recipe = tw.Recipe(model=model, batch_size=batch, steps=steps, validate_every=steps, augment=[], **fixed)
    began = time.process_time()
    tw.fit(recipe.but(doctor="watch" if watched else "off"), data, observers=[lambda _row: None])
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in CASES:
        turns(name, options)
    for name in CASES:
        compare(f"fit, {name}", partial(fitted, name), options)


def compare(title: str, measure: Callable[[int, bool], float], options: argparse.Namespace) -> None:
    """Print what the doctor adds to a case: to each step, and once."""
    measure(100, True)  # what is imported and compiled at first use
    pace = (measure(400, False) - measure(100, False)) / 300
    few, many = max(200, int(SHORT / pace)), max(400, int((SHORT + options.seconds) / pace))
    shares, once = [], []
    for _ in range(options.rounds):
        (a, c), (b, d) = ((measure(steps, False), measure(steps, True)) for steps in (few, many))
        shares.append((d - c) / (b - a) - 1)
        once.append(c - a - shares[-1] * a)
    spread = " ".join(f"{share:+.1%}" for share in sorted(shares))
    print(
        f"{title}: {1000 * pace:.2f} ms a step, {few} and {many} steps: each step {statistics.median(shares):+.1%} ({spread}), "
        f"once {statistics.median(once):.2f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
