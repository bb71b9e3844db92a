"""Are remedies remedies? Sick recipes of the ward, treated as the doctor prescribes and by chance.

    python benchmarks/treat.py                       # every case
    python benchmarks/treat.py --case "B1,B3,C2" --repeats 8

Each case is a recipe with a planted fault and its twin without it. The sick recipe is trained and examined; what is found is
treated (`improve`: rounds of at most two remedies, each proved against the untouched recipe with the same splits and seeds).
A case is healed when the difference on test rows, which chose nothing, is told from zero and at least 90% of the gap to the
twin is closed. Chance has the same number of remedies, drawn blindly, and keeps the best that is proved.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.recipe import Recipe
from trainwell.data.data import Data
from trainwell.data.load import load
from trainwell.study.compare import judge
from trainwell.study.improve import improve
from trainwell.study.prescribe import random_candidates
from trainwell.study.repeats import repeats
from trainwell.study.scores import higher_is_better, score_runs
from trainwell.study.treat import Case, judged, pinned
from trainwell.train.many import fit_orders

SGD = {"name": "sgd", "momentum": 0.0, "nesterov": False}
PLAIN = Recipe(
    model={"name": "mlp", "width": 32, "depth": 2, "dropout": 0.0},
    optimizer=SGD,
    lr=0.1,
    schedule="constant",
    batch_size=32,
    epochs=8,
    weight_decay=0.0,
    augment=[],
    early_stopping=0,
    threads=1,
    monitor="accuracy",
    metrics=["accuracy", "balanced_accuracy"],
)
ADAM = PLAIN.but(optimizer="adam", lr=2e-3)
UNEVEN = PLAIN.but(monitor="balanced_accuracy", lr=0.02, split__valid=0.3, epochs=6)
NUMBERS = ADAM.but(monitor="r2", metrics=["r2"], epochs=20, lr=0.01)
CNN = ADAM.but(lr=0.01, model={"name": "cnn", "width": 8, "stages": 2}, epochs=3)


@dataclass(frozen=True)
class Fault:
    """A sick recipe, its twin, and what the first should be called.

    Args:
        name: as in the ward.
        source: a bundled set, or a function that makes the rows.
        sick: with the fault.
        twin: without.
        codes: right names of the cause.
        metric: what is scored.
    """

    name: str
    source: str | Callable[[], Any]
    sick: Recipe
    twin: Recipe
    codes: tuple[str, ...]
    metric: str = "accuracy"


def circles() -> Data:
    """Two circles, one inside the other."""
    from sklearn.datasets import make_circles

    x, y = make_circles(800, noise=0.08, factor=0.5, random_state=0)
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": np.where(y, "inner", "outer")})
    return load(frame, target="y")


def eights() -> Data:
    """The digit 8 against the rest, one in 75."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    keep = np.concatenate([np.flatnonzero(y != 8), np.flatnonzero(y == 8)[:22]])
    columns = {f"p{i}": x[keep, i] for i in range(64)}
    return load(pl.DataFrame(columns | {"y": np.where(y[keep] == 8, "eight", "other")}), target="y")


def hundredfold() -> Data:
    """Diabetes with targets a hundred times larger."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return load(pl.DataFrame({f"x{i}": x[:, i] for i in range(10)} | {"y": 100 * y}), target="y")


def deep(width: int, depth: int, activation: str, **more: Any) -> Recipe:
    return ADAM.but(model={"name": "mlp", "width": width, "depth": depth, "dropout": 0.0, "activation": activation}, **more)


BN = {"model__norm": "batch_norm"}
FAULTS = [
    Fault("A1 deep sigmoid", circles, deep(16, 8, "sigmoid"), deep(16, 8, "relu").but(**BN), ("TW101",)),
    Fault(
        "A2 tiny init",
        "digits",
        deep(32, 9, "tanh", optimizer=SGD, lr=0.05, initializer="normal"),
        deep(32, 9, "tanh", optimizer=SGD, lr=0.05, initializer="xavier_uniform"),
        ("TW101", "TW106"),
    ),
    Fault("A7 narrow deep", "digits", deep(3, 20, "relu"), deep(32, 3, "relu"), ("TW104", "TW101", "TW110")),
    Fault("A9 constant init", "digits", PLAIN.but(initializer="constant"), PLAIN, ("TW105",)),
    Fault("A9 zero init", "digits", PLAIN.but(initializer="zero"), PLAIN, ("TW105", "TW101", "TW106")),
    Fault("B1 rate 5", "digits", PLAIN.but(lr=5), PLAIN, ("TW301", "TW311")),
    Fault("B2 Adam rate 0.5", "digits", CNN.but(lr=0.5), CNN, ("TW301",)),
    Fault("B3 SGD rate 1e-5", "digits", PLAIN.but(lr=1e-5), PLAIN, ("TW302",)),
    Fault("B4 Adam rate 1e-7", "breast_cancer", ADAM.but(lr=1e-7), ADAM, ("TW302",)),
    Fault(
        "B5 batch 1",
        "digits",
        PLAIN.but(batch_size=1, lr=0.05, optimizer__momentum=0.9, epochs=1),
        PLAIN,
        ("TW301", "TW307", "TW311"),
    ),
    Fault(
        "B7 momentum 0.995",
        "digits",
        PLAIN.but(optimizer__momentum=0.999),
        PLAIN.but(optimizer__momentum=0.9),
        ("TW306", "TW301"),
    ),
    Fault(
        "B8 rate decays away",
        "digits",
        PLAIN.but(schedule={"name": "exponential", "end": 1e-9}, lr=0.02),
        PLAIN.but(lr=0.02),
        ("TW304", "TW309"),
    ),
    Fault("B9 too short", "digits", PLAIN.but(epochs=1, lr=0.02), PLAIN.but(lr=0.02), ("TW309",)),
    Fault("B10 clip 1e-4", "digits", PLAIN.but(clip_norm=1e-4), PLAIN, ("TW305",)),
    Fault("C2 linear on circles", circles, ADAM.but(model__depth=0), ADAM.but(model__width=32), ("TW110", "TW107")),
    Fault(
        "C4 decay",
        "digits",
        ADAM.but(optimizer="adamw", lr=0.01, weight_decay=30),
        ADAM.but(optimizer="adamw", lr=0.01),
        ("TW402",),
    ),
    Fault("C5 dropout 0.95", "digits", ADAM.but(model__dropout=0.95), ADAM.but(model__dropout=0.2), ("TW403",)),
    Fault("C6 two units", "digits", ADAM.but(model__width=2), ADAM, ("TW110",)),
    Fault("D5 imbalance", eights, UNEVEN, UNEVEN.but(class_weight="balanced"), ("TW008",), "balanced_accuracy"),
    Fault("D6 unscaled wine", "wine", PLAIN.but(prepare__scale="none"), PLAIN.but(prepare__scale="standard"), ("TW002",)),
    Fault(
        "D7 unscaled cancer",
        "breast_cancer",
        ADAM.but(prepare__scale="none", model__activation="sigmoid"),
        ADAM.but(prepare__scale="standard", model__activation="sigmoid"),
        ("TW002", "TW103"),
    ),
    Fault("D8 unscaled target", hundredfold, NUMBERS.but(prepare__scale_target=False), NUMBERS, ("TW003",), "r2"),
    Fault(
        "D13 augmentation",
        "digits",
        ADAM.but(augment=[{"name": "noise", "strength": 1.0}, {"name": "erase", "chance": 1.0, "high": 0.9, "low": 0.7}]),
        ADAM,
        ("TW013",),
    ),
    Fault(
        "F7 batch norm, batch 2",
        "digits",
        PLAIN.but(model__norm="batch_norm", batch_size=2, epochs=2),
        PLAIN.but(model__norm="batch_norm"),
        ("TW506",),
    ),
    Fault("F8 whole batch", "digits", PLAIN.but(batch_size=0, epochs=15), PLAIN, ("TW310", "TW309")),
]


def main() -> None:
    """Run the cases and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", default="")
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", default="")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    lines = []
    for fault in FAULTS:
        if any(name in fault.name for name in options.case.split(",")):
            lines.append(one(fault, options.repeats, options.rounds))
            print(json.dumps(lines[-1]), flush=True)
            if options.out:
                with open(options.out, "w", encoding="utf-8") as file:
                    file.writelines(json.dumps(line) + "\n" for line in lines)
    report(lines)


def one(fault: Fault, pairs: int, rounds: int) -> dict[str, Any]:
    """A case from diagnosis to the last word on test rows."""
    began = time.process_time()
    data = load(fault.source) if isinstance(fault.source, str) else fault.source()
    found = improve(fault.sick, data, repeats=pairs, rounds=rounds, metric=fault.metric)
    twin = score_runs(fit_orders(repeats(pinned(fault.twin, data), pairs), data), data, metric=fault.metric, part="test")
    first = found.rounds[0].findings
    tried = [len(r.of_arm("remedy")) for r in found.rounds]
    line: dict[str, Any] = {
        "case": fault.name,
        "found": [f.code for f in first][:4],
        "right": any(f.code in fault.codes for f in first[:1]),
    }
    line |= {
        "named": any(f.code in fault.codes for f in first),
        "tried": sum(tried),
        "kept": [r.kept.sentence for r in found.rounds if r.kept],
    }
    line["until kept"] = next((i + 1 for i, t in enumerate(found.rounds[0].trials) if t.kept), sum(tried))
    line |= outcome(found.test_before.value, found.test.value, float(np.nanmean(twin)), found.verdict)
    better = higher_is_better(fault.metric)
    case = Case(pinned(fault.sick, data), data, fault.metric)
    line["chance"], base = chance(case, pairs, n=max(1, sum(tried)), twin=float(np.nanmean(twin)))
    line["effective"] = judge(twin, base, higher_is_better=better).word == "helps"
    return line | {"cpu": round(time.process_time() - began, 1)}


def tested(case: Case, recipe: Recipe, pairs: int) -> np.ndarray:
    """Scores on test rows of repeats that are trained."""
    return score_runs(case.trained(repeats(recipe, pairs)), case.data, metric=case.metric, part="test")


def outcome(before: float, after: float, twin: float, verdict: Any) -> dict[str, Any]:
    """Share of the gap that is closed, and whether that is a cure; a network that learnt nothing at all has no score."""
    before = before if np.isfinite(before) else 0.0
    closed = (after - before) / (twin - before) if twin > before else 1.0
    word = verdict.word if verdict else "untouched"
    rounded = {"before": round(before, 3), "after": round(after, 3), "twin": round(twin, 3), "closed": round(closed, 2)}
    return rounded | {"verdict": word, "healed": bool(word == "helps" and closed >= 0.9)}


def chance(case: Case, pairs: int, *, n: int, twin: float) -> tuple[dict[str, Any], np.ndarray]:
    """The same number of remedies, drawn blindly: the best of those that are proved; and the untouched test scores."""
    drawn = random_candidates(case.recipe, case.data, n, seed=n)
    case.trained([o for r in [case.recipe, *(c.recipe for c in drawn)] for o in repeats(r, pairs)])
    trials = judged(case, drawn, pairs, arm="random")
    proved = [i for i, t in enumerate(trials) if t.verdict.word == "helps"]
    best = max(proved, key=lambda i: np.nanmean(trials[i].scores), default=None)
    before = tested(case, case.recipe, pairs)
    after = before if best is None else tested(case, drawn[best].recipe, pairs)
    verdict = None if best is None else judge(after, before, higher_is_better=True)
    means = [float(np.nanmean(x)) if np.isfinite(x).any() else np.nan for x in (before, after)]
    return outcome(means[0], float(np.nan_to_num(means[1])), twin, verdict), before


def report(lines: list[dict[str, Any]]) -> None:
    """The table, and the shares over effective faults."""
    for line in lines:
        scores = f"{line['before']:7.3f} → {line['after']:7.3f} (twin {line['twin']:.3f})"
        mark = "healed" if line["healed"] else "not healed"
        found = ",".join(line["found"]) or "–"
        print(f"{line['case']:24} {found:24} {scores} {line['closed']:5.2f} {mark:10} tried {line['tried']}")
    real = [line for line in lines if line["effective"]]
    named, first = (sum(bool(line[key]) for line in real) for key in ("named", "right"))
    healed, lucky = (sum(bool(one["healed"]) for one in many) for many in (real, [line["chance"] for line in real]))
    print(
        f"effective {len(real)} of {len(lines)}; right cause first {first}, named {named}; healed {healed}, by chance {lucky}"
    )
    print(f"remedies until one was kept, median: {median([line['until kept'] for line in real] or [0])}")


if __name__ == "__main__":
    main()
