"""Simplify: prune and round a trained network, and say what size, time and score become of it."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from trainwell.core.atomic import write_atomic
from trainwell.core.errors import UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.data.data import Data
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.evaluate.looks import note_look
from trainwell.evaluate.run import seen_by
from trainwell.evaluate.verdicts import paired_differences
from trainwell.models.int8 import int8_network, packed
from trainwell.score.registry import metrics
from trainwell.study.scores import Part, metric_of, run_ended
from trainwell.train.fit import attempt
from trainwell.train.loop import Observer
from trainwell.train.predicting import predict_rows
from trainwell.train.run import Run
from trainwell.train.steps import infer
from trainwell.train.summary import typical_inputs

#: Shares of the weights that are taken away when nobody says how many.
SHARES = (0.5, 0.8, 0.9)
#: How much shorter and gentler training goes on after pruning.
SHORTER = 3
#: Rows of the larger batch that is timed, and turns of each form.
ROWS, TURNS = 256, 15


@dataclass(frozen=True)
class Form:
    """A network in one form.

    Args:
        name: what was done.
        weights: numbers that are not 0.
        bytes: of its file, zipped.
        one_row: milliseconds for one row, on one thread.
        many_rows: milliseconds for 256 rows.
        score: with its interval over rows.
        difference: how much better than the original (positive is better), paired by rows; None for the original.
    """

    name: str
    weights: int
    bytes: int
    one_row: float
    many_rows: float
    score: Interval
    difference: Interval | None = None


@dataclass(frozen=True)
class Simplified:
    """A trained network and its simpler forms.

    Args:
        metric: the score.
        part: the rows scored.
        forms: the original first.
    """

    metric: str
    part: str
    forms: list[Form]

    @property
    def sentence(self) -> str:
        """The smallest form whose score cannot be told from the original's."""
        first, *others = self.forms
        held = [f for f in others if f.difference is not None and f.difference.high >= 0]
        if not held:
            return "every simpler form scores worse than the original"
        best = min(held, key=lambda f: f.bytes)
        return f"{best.name} is {first.bytes / best.bytes:.1f} times smaller and not to be told from the original by its score"

    def __str__(self) -> str:
        lines = [f"{label(self.metric)} on {rows_named(self.part)}"]
        for f in self.forms:
            against = "" if f.difference is None else f", {f.difference.text(sign=True)} against the original"
            timed = f"{f.one_row:.2f} ms a row, {f.many_rows:.1f} ms for {ROWS}"
            lines.append(f"{f.name}: {f.weights:,} weights, {f.bytes:,} bytes, {timed}, {f.score}{against}")
        return "\n".join([*lines, self.sentence])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentence": self.sentence}

    def save(self, folder: Path) -> None:
        """Write `simplified.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "simplified.json", json.dumps(self.to_dict(), indent=2) + "\n")


def simplify(
    run: Run,
    data: Data,
    *,
    shares: Sequence[float] = SHARES,
    part: Part = "valid",
    folder: str | Path,
    seed: int = 0,
    observers: Sequence[Observer] = (),
) -> Simplified:
    """Prune a run to several shares and train each on a little, round weights to eight bits, and measure every form.

    Each pruned network is a run in `folder` like any other; `folder/int8` is the original with its weights in eight bits, which
    `Run.open` takes, too. Weights of zero make the zipped file smaller, not the arithmetic faster: that takes fewer units, as
    `trainwell distil` gives.

    Args:
        run: a finished run in a folder.
        data: its data.
        shares: of the weights, smallest first over all layers, that become 0.
        part: "valid" while choosing; "test" for the final word.
        folder: where the simpler forms are kept; the same call again trains only what is missing.
        seed: of the further training.
        observers: as in `fit`.

    Raises:
        UsageError: the run is not in a folder, has not ended, or a share makes no sense.

    Source: Han et al., "Learning both weights and connections for efficient neural networks", NeurIPS 2015.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("iris")
        >>> run = fit(Recipe(model={"name": "mlp", "width": 32}, epochs=3, doctor="off"), data, folder="run")
        >>> [form.name for form in simplify(run, data, shares=[0.5], folder="simple").forms]
        ['as it is', 'pruned by 50%', 'int8 weights', 'int8 arithmetic']
    """
    if run.folder is None or not run_ended(run):
        raise UsageError("only a finished run in a folder can be simplified", remedy="Train it with a folder first.")
    if not all(0 < share < 1 for share in shares):
        raise UsageError(f"shares must lie between 0 and 1, however: {list(shares)}", remedy="Give 0.5,0.8,0.9.")
    folder, own = Path(folder), seen_by(run, data.under(run.recipe))
    networks: dict[str, nn.Module] = {"as it is": run.network}
    for share in sorted(shares):
        place = folder / f"pruned-{round(100 * share)}"
        pruned = attempt(pruning(run.recipe, run.folder, share), data, seed=seed, folder=place, observers=observers)
        if run_ended(pruned):
            networks[f"pruned by {share:.0%}"] = pruned.network
    rounded = int8_network(run.network)
    networks["int8 weights"] = _rounded_run(run, folder / "int8").network
    networks["int8 arithmetic"] = rounded
    found = _measured(networks, run, own, part)
    found.save(folder)
    return found


def pruning(recipe: Recipe, start: Path, share: float) -> Recipe:
    """How a run goes on after pruning: from its weights, a third as long, at a third of its rate.

    Example:
        >>> pruning(Recipe(epochs=30, lr=3e-3), Path("run"), 0.5).learning_rate
        0.001
    """
    assert not isinstance(recipe.learning_rate, str)
    assert not isinstance(recipe.epochs, str)
    shorter = {"steps": max(1, recipe.steps // SHORTER)} if recipe.steps else {"epochs": recipe.epochs / SHORTER}
    kept = recipe.but(init_from=str(start), transfer={"head": "keep"}, parametrize="none", prune=share, max_norm=0.0)
    return kept.but(constraint="none", learning_rate=recipe.learning_rate / SHORTER, **shorter)


def _rounded_run(run: Run, folder: Path) -> Run:
    """The run with its weights in eight bits, in a folder of its own."""
    if not (folder / "plan.json").exists():
        run.save(folder)
    write_atomic(folder / "weights.safetensors", save(packed(run.network)))
    return Run.open(folder)


def _measured(networks: dict[str, nn.Module], run: Run, data: Data, part: Part) -> Simplified:
    metric, rows = metrics[metric_of(run.recipe)], data.rows[part]
    if not len(rows):
        raise UsageError(f"there are no {rows_named(part)} to score on", remedy="Give another --part.")
    answers = {name: predict_rows(network, data, rows) for name, network in networks.items()}
    if part == "test":
        note_look(data, answers["as it is"], str(run.folder))
    times = _times(networks, tuple(typical_inputs(run.preparation.shape)))
    forms = [
        Form(
            name, _weights(network), len(zlib.compress(save(_tensors(name, network, run)))), *times[name], metric.interval(said)
        )
        for (name, network), said in zip(networks.items(), answers.values(), strict=True)
    ]
    first = metric.statistic(answers["as it is"])
    rest = [
        replace(form, difference=_difference(metric.__name__, metric.statistic(answers[form.name]), first))
        for form in forms[1:]
    ]
    return Simplified(metric.__name__, part, [forms[0], *rest])


def _difference(name: str, mine: Any, theirs: Any) -> Interval:
    return paired_differences({name: mine}, {name: theirs})[name]


def _weights(network: nn.Module) -> int:
    """Numbers of the network that are not 0, parameters or rounded ones."""
    kept = [*network.parameters(), *(b for b in network.buffers() if b.dtype == torch.int8)]
    return sum(int(t.count_nonzero()) for t in kept)


def _tensors(name: str, network: nn.Module, run: Run) -> dict[str, Tensor]:
    """What the file of a form holds."""
    if name.startswith("int8"):
        return packed(run.network)
    return {n: t.detach().cpu().contiguous() for n, t in network.state_dict().items()}


def _times(networks: dict[str, nn.Module], inputs: tuple[Tensor, ...]) -> dict[str, tuple[float, float]]:
    """Milliseconds of computing for one row and for many, on one thread, in turns so that drift hits all forms alike."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    batches = [tuple(x[:1].repeat(n, *(1 for _ in x.shape[1:])) for x in inputs) for n in (1, ROWS)]
    laps: dict[str, list[list[float]]] = {name: [[], []] for name in networks}
    try:
        for _ in range(TURNS):
            for name, network in networks.items():
                for place, batch in enumerate(batches):
                    laps[name][place].append(_lap(lambda n=network, b=batch: infer(n, b)))  # type: ignore[misc]
    finally:
        torch.set_num_threads(threads)
    return {name: (median(one[1:]), median(many[1:])) for name, (one, many) in laps.items()}


def _lap(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return 1000 * (time.thread_time() - begun)
