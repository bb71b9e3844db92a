"""The ward: planted faults that must be named, healthy programs that must be left in peace.

python benchmarks/ward.py                       every fault, twin and healthy program with 3 seeds
python benchmarks/ward.py --seeds 1 A B1        cases whose name begins so
python benchmarks/ward.py --show                every finding of every case
python benchmarks/ward.py --unseen              the cases that no threshold was chosen on
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from doctor.ward import faults, healthy, unseen
from doctor.ward.program import Case
from trainwell.core.stats import wilson_interval


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--bare", action="store_true", help="give the doctor no arrays, only the loop")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--unseen", action="store_true", help="other data, networks and forms of the faults")
    parser.add_argument("--only", choices=["sick", "twin", "healthy"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    groups = {"sick": faults.sick_cases, "twin": faults.twin_cases, "healthy": healthy.healthy_cases}
    if options.unseen:
        groups = {"sick": unseen.sick_cases, "twin": unseen.twin_cases, "healthy": unseen.healthy_cases}
    for group, cases in groups.items():
        if options.only in (None, group):
            chosen = [c for c in cases() if not options.names or c.name.startswith(tuple(options.names))]
            report(group, chosen, options)


def report(group: str, cases: list[Case], options: argparse.Namespace) -> None:
    """Run one group and print its table."""
    began, detected, first, alarms, n = time.perf_counter(), 0, 0, 0, 0
    for case in cases:
        for seed in range(options.first, options.first + options.seeds):
            findings, score = case.examine(seed, bare=options.bare)
            causes = [f for f in findings if not f.because_of and f.severity != "advice"]
            named = [f.code for f in findings]
            n += 1
            right = bool(causes) and causes[0].code in case.expected
            detected += bool(set(named) & set(case.expected))
            first += right
            alarms += bool(named)
            wrong = not right if case.expected else bool(named)
            if wrong or options.show:
                print(
                    f"{'WRONG' if wrong else 'right'} {case.name} seed {seed}, score {score:.3f}: {' or '.join(case.expected)}"
                )
                for f in findings:
                    print(f"      {f.code} step {f.step} {f.layer} {f.sentence}{' <- ' + f.because_of if f.because_of else ''}")
    if group == "sick":
        print(f"{group}: detected {wilson_interval(detected, n)}")
        print(f"{group}: right cause first {wilson_interval(first, n)}")
    else:
        print(f"{group}: false alarms {wilson_interval(alarms, n)}")
    print(f"{group}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
