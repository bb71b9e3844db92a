"""Kill tuning workers at random instants and compare every candidate and score with an undisturbed study.

    python scripts/crash_tuning.py [--kills 50] [--workers 4] [--trials 24] [--method tpe]

The exit status is 0 when nothing was lost, done twice, different in any bit, or stuck for over ten seconds.
"""

from __future__ import annotations

import argparse

from trainwell.core.recipe import Recipe
from trainwell.study.tuning.prepare import Wishes
from trainwell.study.tuning.verify import verify_tuning

TINY = Recipe(
    model={"name": "mlp", "width": 8, "depth": 1}, epochs=3, batch_size=16, threads=1, compile="off", memory_format="contiguous"
)
SPACE = {"learning_rate": "1e-3..1:log", "weight_decay": "1e-6..1e-1:log", "model.width": [4, 8]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--method", default="tpe")
    parser.add_argument("--metric", default="log_loss", help="a score that shows every bit of the weights")
    parser.add_argument("--prune", default="none")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wishes = Wishes(
        space=SPACE,
        trials=options.trials,
        batch=options.batch,
        method=options.method,
        metric=options.metric,
        prune=options.prune,
        folder=".",
    )
    found = verify_tuning("iris", TINY, wishes, kills=options.kills, workers=options.workers, seed=options.seed)
    print("sound" if found.sound else "NOT SOUND")
    raise SystemExit(0 if found.sound else 1)


if __name__ == "__main__":
    main()
