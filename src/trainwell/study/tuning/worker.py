"""One worker as a process: `python -m trainwell.study.tuning.worker`, its job as one line of JSON on standard input."""

from __future__ import annotations

import json
import sys
from typing import Any

from trainwell.core.errors import TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.study.tuning.prepare import Wishes, prepare
from trainwell.study.tuning.workers import leave_with_parent, work


def run_job(job: dict[str, Any]) -> None:
    """Load the data, join the study, and work until it has ended.

    Args:
        job: `recipe` and `data_recipe` as mappings, `origin` of the data, and the `wishes`.
    """
    origin = job["origin"]
    data = load(origin["source"], recipe=Recipe(**job["data_recipe"]), test=origin["test"], valid=origin["valid"])
    wishes = Wishes(**job["wishes"])
    study = prepare(Recipe(**job["recipe"]), data, wishes)
    work(study.search, study.ledger, data, trials=study.trials, folder=study.runs, deadline=study.deadline, processes=1)


def main() -> None:
    """Read the job, do it, and say what went wrong as one sentence."""
    line = sys.stdin.readline()
    leave_with_parent()
    try:
        run_job(json.loads(line))
    except TrainwellError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
