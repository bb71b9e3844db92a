"""The ward: planted faults that must be named, healthy programs that must be left in peace.

python benchmarks/ward.py                       every fault, twin and healthy program with 3 seeds
python benchmarks/ward.py --seeds 1 A B1        cases whose name begins so
python benchmarks/ward.py --only odd            200 odd but healthy loops, drawn from a seed
python benchmarks/ward.py --only fits           200 odd but healthy recipes through fit
python benchmarks/ward.py --unseen              the cases that no threshold was chosen on
python benchmarks/ward.py --keep FOLDER         keep the measurements there; call again to go on where it was stopped
python benchmarks/ward.py --judge FOLDER        what today's rules say of measurements that were kept
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from doctor.ward import unseen
from trainwell.ward.rounds import GROUPS, chosen, round_of


def main() -> None:
    """Run the round that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--unseen", action="store_true", help="other data, networks and forms of the faults")
    parser.add_argument("--only", default="sick,twin,healthy")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--judge", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    groups = (
        {"sick": unseen.sick_cases, "twin": unseen.twin_cases, "healthy": unseen.healthy_cases} if options.unseen else GROUPS
    )
    cases = {g: chosen(groups[g](), options.names) for g in options.only.split(",")}
    seeds = range(options.first, options.first + options.seeds)
    round_of(cases, seeds=seeds, folder=options.judge or options.keep, judge_only=options.judge is not None)


if __name__ == "__main__":
    main()
