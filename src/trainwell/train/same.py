"""Whether a folder holds the run that is asked for."""

from __future__ import annotations

from pathlib import Path

from trainwell.core.errors import CheckpointError
from trainwell.core.recipe_file import read_recipe, to_yaml
from trainwell.train.compile import Program
from trainwell.train.plan import Plan

#: Recipe keys that decide what the data are.
ABOUT_DATA = {"target", "task", "columns", "split", "prepare", "series"}


def check_same(program: Program, plan: Plan, folder: Path) -> None:
    """Refuse to continue a run with another recipe, other data or another seed, naming the first difference."""
    kept = read_recipe(folder / "recipe.yaml")
    # Compared as they are written: YAML knows lists where Python has tuples.
    different = kept.diff(program.recipe) if to_yaml(kept) != to_yaml(program.recipe) else {}
    about_data = {key for key in different if key.split(".")[0] in ABOUT_DATA}
    if not about_data and plan.data != program.data.fingerprint:
        what = "the data have changed since the run in this folder began"
    elif different:
        key = min(different, key=lambda k: k not in about_data)
        before, now = different[key]
        what = f"the folder holds a run with {key}={before!r}, now {key}={now!r}"
    elif plan.seed != program.seed:
        what = f"the folder holds a run with seed {plan.seed}, now {program.seed}"
    else:
        return
    raise CheckpointError(what, where=str(folder), remedy="Choose another folder, or delete this one.")
