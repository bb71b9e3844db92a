"""Simplify: prune, narrow, teach and round a trained network, and say what size, time and score become of each form."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from trainwell.core.atomic import write_atomic, write_json
from trainwell.core.errors import CompileError, MissingExtra, TrainingError, UsageError
from trainwell.core.recipe import Recipe
from trainwell.core.stats import Interval
from trainwell.data.data import Data
from trainwell.data.splits import spread
from trainwell.evaluate.evaluation import label, rows_named
from trainwell.evaluate.looks import note_look
from trainwell.evaluate.run import seen_by
from trainwell.evaluate.verdicts import paired_differences
from trainwell.models.build import build
from trainwell.models.int8 import int8_network, packed
from trainwell.models.prune_units import slim
from trainwell.models.registry import models
from trainwell.score.registry import metrics
from trainwell.study.ensemble.distil import distil
from trainwell.study.ensemble.ensemble import Ensemble, Making
from trainwell.study.onnx_forms import CALIBRATION_ROWS, OnnxNetwork, onnx_forms
from trainwell.study.scores import Part, metric_of, run_ended
from trainwell.train.compile import loss_for
from trainwell.train.fit import attempt
from trainwell.train.job import Observer
from trainwell.train.predict import predict_rows
from trainwell.train.run import Run
from trainwell.train.steps import as_floats, batch_of, infer, member_loss
from trainwell.train.summary import typical_inputs

#: Shares of the weights that are taken away when nobody says how many.
SHARES = (0.5, 0.8, 0.9)
#: Shares of the units of every layer that are taken out when nobody says how many.
UNITS = (0.5, 0.75)
#: Options of networks that say how wide they are.
WIDTHS = ("width", "hidden", "maps")
#: Batches of training rows on which it is measured what units matter, and how large activations are.
BATCHES = 8
#: How much shorter and gentler training goes on after pruning.
SHORTER = 3
#: From where a form is called faster.
FASTER = 1.1
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
        notes: forms that could not be made, and why.
    """

    metric: str
    part: str
    forms: list[Form]
    notes: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The smallest and the fastest form whose score cannot be told from the original's."""
        first, *others = self.forms
        held = [f for f in others if f.difference is not None and f.difference.high >= 0]
        if not held:
            return "every simpler form scores worse than the original"
        small, fast = min(held, key=lambda f: f.bytes), min(held, key=lambda f: f.many_rows)
        said, quicker = f"{small.name} is {first.bytes / small.bytes:.1f} times smaller", first.many_rows / fast.many_rows
        if quicker > FASTER:
            said += f" and {'' if fast is small else f'{fast.name} '}{quicker:.1f} times faster"
        return f"not told from the original by its score: {said}"

    def __str__(self) -> str:
        lines = [f"{label(self.metric)} on {rows_named(self.part)}"]
        for f in self.forms:
            against = "" if f.difference is None else f", {f.difference.text(sign=True)} against the original"
            timed = f"{f.one_row:.2f} ms a row, {f.many_rows:.1f} ms for {ROWS}"
            lines.append(f"{f.name}: {f.weights:,} weights, {f.bytes:,} bytes, {timed}, {f.score}{against}")
        return "\n".join([*lines, *self.notes, self.sentence])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"sentence": self.sentence}

    def save(self, folder: Path) -> None:
        """Write `simplified.json`."""
        write_json(folder / "simplified.json", self.to_dict())


def simplify(
    run: Run,
    data: Data,
    *,
    shares: Sequence[float] = SHARES,
    units: Sequence[float] = UNITS,
    distilled: bool = True,
    part: Part = "valid",
    folder: str | Path,
    seed: int = 0,
    observers: Sequence[Observer] = (),
) -> Simplified:
    """Make a run smaller in every way there is, and measure size, time and score of each form.

    Small weights become 0, whole units are taken out, and each network is trained on a little; a network of the smallest size
    is taught from scratch by the run (distillation); weights are rounded to eight bits, with whole-number arithmetic whose
    scales are found row by row (dynamic) or were measured beforehand (static, by ONNX Runtime). Every trained form is a run in
    `folder` like any other, and so is `folder/int8`.

    Args:
        run: a finished run in a folder.
        data: its data.
        shares: of the weights, smallest first over all layers, that become 0: a smaller zipped file, not faster arithmetic.
        units: shares of the units and channels of every layer that are taken out: smaller and faster.
        distilled: whether a network of the smallest of these sizes is taught by the run.
        part: "valid" while choosing; "test" for the final word.
        folder: where the simpler forms are kept; the same call again trains only what is missing.
        seed: of the further training.
        observers: as in `fit`.

    Raises:
        UsageError: the run is not in a folder, has not ended, or a share makes no sense.

    Source: Han et al., "Learning both weights and connections for efficient neural networks", NeurIPS 2015; Li et al., "Pruning
    filters for efficient ConvNets", ICLR 2017.

    Example:
        >>> from trainwell.data.load import load
        >>> from trainwell.train.fit import fit
        >>> data = load("iris")
        >>> run = fit(Recipe(model={"name": "mlp", "width": 32}, epochs=3, doctor="off"), data, folder="run")
        >>> found = simplify(run, data, shares=[0.5], units=[0.5], folder="simple")
        >>> [form.name for form in found.forms][:4]
        ['as it is', 'weights -50%', 'units -50%', 'distilled, units -50%']
    """
    if run.folder is None or not run_ended(run):
        raise UsageError("only a finished run in a folder can be simplified", remedy="Train it with a folder first.")
    if wrong := [share for share in [*shares, *units] if not 0 < share < 1]:
        raise UsageError(f"{wrong[0]:g} is no share of weights or units", remedy="Give shares between 0 and 1, as 0.5,0.8.")
    work = _Work(run, data, seen_by(run, data.under(run.recipe)), Path(folder), seed, observers)
    networks: dict[str, nn.Module] = {"as it is": run.network}
    for share in sorted(shares):
        networks |= work.trained(f"weights -{share:.0%}", f"pruned-{round(100 * share)}", going_on(run, prune=share))
    for share in sorted(units):
        networks |= work.without_units(share)
    if units and distilled:
        networks |= work.taught(max(units))
    networks |= work.rounded()
    found = _measured(networks, run, work.own, part)
    found.notes.extend(work.notes)
    found.save(work.folder)
    return found


def going_on(run: Run, start: Path | None = None, **changes: Any) -> Recipe:
    """How a run goes on after something was taken away: from what is left, a third as long, at a third of its rate.

    Args:
        run: what was trained.
        start: the weights; None for the run's own.
        changes: keys of the recipe.
    """
    recipe, rate = run.recipe, run.recipe.learning_rate
    assert not isinstance(rate, str)
    assert not isinstance(recipe.epochs, str)
    shorter = {"steps": max(1, recipe.steps // SHORTER)} if recipe.steps else {"epochs": recipe.epochs / SHORTER}
    kept = recipe.but(init_from=str(start or run.folder), transfer={"head": "keep"}, parametrize="none", max_norm=0.0)
    return kept.but(constraint="none", learning_rate=rate / SHORTER, **shorter, **changes)


def narrower(recipe: Recipe, share: float) -> Recipe:
    """The recipe of the same network with this share of the units of every layer fewer.

    Raises:
        CompileError: the network has no option that says how wide it is.

    Example:
        >>> narrower(Recipe(model={"name": "cnn", "width": 32, "hidden": 64}), 0.75).model.options
        {'width': 8, 'hidden': 16}
    """
    part = recipe.model
    known = {} if ":" in part.name else models.options(part.name)
    sizes = {key: part.options.get(key, known[key].default) for key in WIDTHS if key in known}
    fewer = {f"model__{key}": max(1, round(size * (1 - share))) for key, size in sizes.items() if size}
    if not fewer:
        what = f"the model {part.name!r} has no option {' or '.join(WIDTHS)} by which it could be narrower"
        raise CompileError(what, remedy="Choose a smaller network by hand.")
    return recipe.but(**fewer)


@dataclass
class _Work:
    """Makes the forms of one run; what could not be made is noted in a sentence."""

    run: Run
    data: Data
    own: Data
    folder: Path
    seed: int
    observers: Sequence[Observer]
    notes: list[str] = field(default_factory=list)

    def trained(self, name: str, place: str, recipe: Recipe) -> dict[str, nn.Module]:
        """A form that is trained on, as a run in `place`."""
        try:
            run = attempt(recipe, self.data, seed=self.seed, folder=self.folder / place, observers=self.observers)
        except CompileError as error:
            return self._without(name, error)
        if run_ended(run):
            return {name: run.network}
        return self._without(name, "its training ended in numbers that are not finite")

    def without_units(self, share: float) -> dict[str, nn.Module]:
        """Whole units taken out, and what is left trained on."""
        name, place = f"units -{share:.0%}", f"units-{round(100 * share)}"
        start = self.folder / f"{place}.safetensors"
        try:
            smaller = narrower(self.run.recipe, share)
            if not start.exists():
                wide = deepcopy(self.run.network).requires_grad_(True)
                narrow = build(smaller.model.name, self.own.shape, self.own.n_out, smaller.model.options)
                batches = self.batches()
                state = slim(wide, narrow, tuple(x[:2] for x in as_floats(batches[0][0])), self._losses(wide, batches))
                write_atomic(start, save(state))
        except CompileError as error:
            return self._without(name, error)
        return self.trained(name, place, going_on(self.run, start, model=smaller.model))

    def taught(self, share: float) -> dict[str, nn.Module]:
        """A narrow network from scratch that learns to say what the run says."""
        run, name = self.run, f"distilled, units -{share:.0%}"
        if self.own.task not in ("classification", "regression") or self.own.shape.horizon:
            return self._without(name, "only classes and numbers are taught")
        making = Making("given", "average", run.recipe, self.own.fingerprint, self.own.origin)
        teacher = Ensemble([run], [1.0], run.preparation, making)
        try:
            small = narrower(run.recipe.but(init_from=None, transfer={}, prune=0.0), share)
            place = self.folder / "distilled"
            found = distil(teacher, self.data, recipe=small, seed=self.seed, folder=place, observers=self.observers)
        except (CompileError, TrainingError) as error:
            return self._without(name, error)
        return {name: found.run.network}

    def rounded(self) -> dict[str, nn.Module]:
        """Eight bits: weights alone, whole-number arithmetic with dynamic and with static scales."""
        made = {"int8 weights": _rounded_run(self.run, self.folder / "int8").network}
        try:
            made["int8 dynamic"] = int8_network(self.run.network)
            made |= onnx_forms(self.run.network, self.own.shape, [inputs for inputs, _ in self.batches()], self.folder)
        except (CompileError, MissingExtra) as error:
            self._without("int8 arithmetic", error)
        return made

    def batches(self) -> list[tuple[tuple[Tensor, ...], Tensor]]:
        """Some batches of training rows, spread over them."""
        rows, device = spread(self.own.rows["train"], BATCHES * CALIBRATION_ROWS), torch.device("cpu")
        return [batch_of(self.own, some, device) for some in np.array_split(rows, max(1, len(rows) // CALIBRATION_ROWS))]

    def _losses(self, network: nn.Module, batches: Sequence[tuple[tuple[Tensor, ...], Tensor]]) -> Iterator[Tensor]:
        loss = loss_for(network, self.run.recipe, self.own)
        for inputs, target in batches:
            yield member_loss(loss, network(*inputs), target)

    def _without(self, name: str, why: object) -> dict[str, nn.Module]:
        self.notes.append(f"{name}: {why}")
        return {}


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
        Form(name, _weights(name, network, run), _bytes(name, network, run), *times[name], metric.interval(answers[name]))
        for name, network in networks.items()
    ]
    first = metric.statistic(answers["as it is"])
    rest = [
        replace(form, difference=_difference(metric.__name__, metric.statistic(answers[form.name]), first))
        for form in forms[1:]
    ]
    return Simplified(metric.__name__, part, [forms[0], *rest])


def _difference(name: str, mine: Any, theirs: Any) -> Interval:
    return paired_differences({name: mine}, {name: theirs})[name]


def _weights(name: str, network: nn.Module, run: Run) -> int:
    """Numbers of the network that are not 0, parameters or rounded ones."""
    if isinstance(network, OnnxNetwork):
        return _weights(name, run.network, run)
    kept = [*network.parameters(), *(b for b in network.buffers() if b.dtype == torch.int8)]
    return sum(int(t.count_nonzero()) for t in kept)


def _bytes(name: str, network: nn.Module, run: Run) -> int:
    """What the file of a form takes, zipped."""
    if isinstance(network, OnnxNetwork):
        return len(zlib.compress(network.path.read_bytes()))
    state = {n: t.detach().cpu().contiguous() for n, t in network.state_dict().items()}
    return len(zlib.compress(save(packed(run.network) if name.startswith("int8") else state)))


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
