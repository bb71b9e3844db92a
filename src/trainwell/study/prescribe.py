"""Which changes of a recipe are worth a trial: those that findings prescribe, in the order of evidence, and random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import islice, zip_longest

import numpy as np
import torch

from trainwell.core.errors import RecipeError, TrainwellError
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_file import write_recipe
from trainwell.core.seeds import draw_seed
from trainwell.data.data import Data
from trainwell.doctor.examine import examine
from trainwell.doctor.finding import Finding
from trainwell.doctor.remedies import REMEDIES, Remedy, remedies_for
from trainwell.train.build_batches import build_batches
from trainwell.train.compile import compile_program
from trainwell.train.fit import repeatable
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, member_loss
from trainwell.train.units import order_name

#: What these findings remove made the score look better than it is, so that a fall is no reason to leave it in.
INFLATE = frozenset({"TW004", "TW005", "TW006"})
#: Scores that see what a finding is about, where the recipe's own may not.
SEEN_BY = {"TW008": "balanced_accuracy"}


@dataclass(frozen=True)
class Candidate:
    """A remedy applied to a recipe.

    Args:
        code: of the finding that prescribes it; empty for a random one.
        sentence: what is changed, as an imperative.
        recipe: with the change.
    """

    code: str
    sentence: str
    recipe: Recipe


def candidates(recipe: Recipe, findings: Sequence[Finding]) -> list[Candidate]:
    """What the findings prescribe for a recipe: the likeliest remedy of each, causes before what they explain; then the second.

    A cause may be named wrongly, so the first remedy of another finding comes before the second one of the same; and two faults
    may hide each other, so all first remedies are also tried together.

    Args:
        recipe: the sick one, without any `auto`.
        findings: in the doctor's order.

    Returns:
        Only those that change the recipe, each change once; after all of them, twice the dose of those that have one (a rate
        divided by ten, and by ten again).

    Example:
        >>> found = candidates(Recipe(lr=1.0, clip_norm=0), [Finding("…", code="TW301")])
        >>> [one.recipe.learning_rate for one in found]
        [0.1, 0.01, 1.0, 0.0001]
    """
    ordered = sorted(findings, key=lambda f: bool(f.because_of))
    lists = [[(finding.code, remedy) for remedy in remedies_for(finding)] for finding in ordered]
    firsts = [remedies[0] for remedies in lists if remedies]
    named = [one for rank in zip_longest(*(remedies[1:] for remedies in lists)) for one in rank if one is not None]
    doubled = [(code, _twice(remedy)) for code, remedy in [*firsts, *named]]
    return _different(recipe, [*firsts, *_together(firsts), *named, *doubled])


def _together(firsts: Sequence[tuple[str, Remedy]]) -> list[tuple[str, Remedy]]:
    if len(firsts) < 2:
        return []
    change = reduce(lambda one, other: lambda recipe: other(one(recipe)), (remedy.change for _, remedy in firsts))
    return [(firsts[0][0], Remedy(f"All of these: {' '.join(remedy.sentence for _, remedy in firsts)}", change))]


def prescribe(run: Run) -> Candidate | None:
    """The first remedy against what the doctor finds in a run, untried; None where no remedy is a change of the recipe.

    Args:
        run: finished, examined or not. In its folder the recipe is written as `prescription.yaml`.

    Example:
        >>> import trainwell as tw
        >>> still = tw.Recipe(model="mlp", optimizer="sgd", lr=1e-6, schedule="constant", epochs=2, batch_size=8)
        >>> run = tw.fit(still, tw.load("iris"), observers=[lambda row: None])
        >>> prescribe(run).code
        'TW302'
    """
    found = candidates(run.recipe, examine(run))
    if not found:
        return None
    if run.folder is not None:
        write_recipe(found[0].recipe, run.folder / "prescription.yaml")
    return found[0]


def _twice(remedy: Remedy) -> Remedy:
    return Remedy(f"{remedy.sentence[:-1]}, twice.", lambda recipe: remedy.change(remedy.change(recipe)))


def random_candidates(recipe: Recipe, data: Data, n: int, *, seed: int = 0) -> list[Candidate]:
    """Remedies drawn blindly from all there are: what a treatment must beat to have earned its diagnosis.

    Args:
        recipe: the sick one.
        data: on which they must be possible.
        n: how many.
        seed: of the draw.

    Source: published repairers did not beat random remedies in a controlled study (ICST 2023).

    Example:
        >>> from trainwell.data.load import load
        >>> len(random_candidates(Recipe(model="mlp", lr=1.0), load("iris"), 3))
        3
    """
    every = [("", remedy) for remedies in REMEDIES.values() for remedy in remedies]
    order = np.random.default_rng(draw_seed(seed, "random remedies")).permutation(len(every))
    possible = (c for c in _different(recipe, [every[i] for i in order]) if trainable(c.recipe, data))
    return list(islice(possible, n))


def trainable(recipe: Recipe, data: Data) -> bool:
    """Whether a recipe can be trained on these data: balanced sampling, say, needs classes.

    Example:
        >>> from trainwell.data.load import load
        >>> trainable(Recipe(model="mlp", sampling="balanced"), load("diabetes"))
        False
    """
    try:
        with repeatable(), torch.no_grad():
            program = compile_program(recipe, data.under(recipe))
            batches = build_batches(program)
            inputs, target = batches[0]
            batches.close()
            member_loss(program.loss, program.network(*as_floats(inputs)), target)
    except (TrainwellError, ValueError):  # torch says it so of a batch norm over batches of one row
        return False
    return True


def _different(recipe: Recipe, named: Sequence[tuple[str, Remedy]]) -> list[Candidate]:
    found: dict[str, Candidate] = {}
    unchanged = order_name((recipe, 0))
    for code, remedy in named:
        changed = _changed(recipe, remedy)
        name = order_name((changed, 0)) if changed is not None else unchanged
        if changed is not None and name != unchanged:
            found.setdefault(name, Candidate(code, remedy.sentence, changed))
    return list(found.values())


def _changed(recipe: Recipe, remedy: Remedy) -> Recipe | None:
    """The recipe with the remedy; None where it makes no sense, as momentum for a rule that has none."""
    from trainwell.optim.registry import optimizers

    try:
        changed = remedy.change(recipe)
        if not changed.optimizer.is_auto:
            optimizers.checked(changed.optimizer.name, changed.optimizer.options)
    except RecipeError:
        return None
    return changed
