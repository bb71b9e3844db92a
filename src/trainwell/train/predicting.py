"""From encoded rows to probabilities or values in the target's own unit; validation while training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from trainwell.core.recipe import Recipe
from trainwell.core.shape import Task
from trainwell.data.batches import trimmed
from trainwell.data.data import Data
from trainwell.data.forecast.grid import ROW, steps_since_first
from trainwell.models.translation import Pair
from trainwell.score.decision import Decision
from trainwell.score.predictions import Ahead, Predictions
from trainwell.score.registry import metrics
from trainwell.train.adversarial.making import judged_pictures, picture_validator
from trainwell.train.compile import Program, spread
from trainwell.train.decide import Asked, decided
from trainwell.train.interrupt import Interruption
from trainwell.train.loop import Validate
from trainwell.train.steps import infer, member_loss
from trainwell.train.telling import token_losses, told

#: Rows judged at once: bounded by memory for pictures, and short enough that an interruption is noticed in time.
EVALUATION_BYTES = 2 << 20
MOST_ROWS = 4096
#: Rows whose inputs are lighter than this many bytes are computed in whole fours. Matrix products of one to three rows, or of
#: a rest, take another way with other roundings; in fours an answer does not depend on how many rows are asked for at once.
#: Heavier ones, pictures mostly, would cost up to four times as much when there is one.
LIGHT_BYTES = 1024
#: Validation windows from which intervals of forecasts are taken: fewest, and most of them times their outputs.
FEWEST_WINDOWS, MOST_ERRORS = 20, 20_000_000


def forward_rows(
    network: nn.Module,
    arrays: Sequence[np.ndarray],
    rows: np.ndarray,
    *,
    stop: Callable[[], bool],
    texts: Sequence[int] = (),
) -> Tensor | None:
    """Outputs of some rows in evaluation mode, on the CPU, `(N, …)`; None when `stop()` turned true on the way.

    Args:
        network: in evaluation mode.
        arrays: encoded inputs in the order of the network's arguments.
        rows: row numbers into them.
        stop: asked between slices.
        texts: places of the inputs whose padding is cut off.
    """
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    row_bytes = sum(int(np.prod(a.shape[1:])) * a.dtype.itemsize for a in arrays)
    size = max(16, min(MOST_ROWS, EVALUATION_BYTES // max(1, row_bytes)))
    pieces: list[Tensor] = []
    for start in range(0, len(rows), size):
        if stop():
            return None
        chosen = rows[start : start + size]
        n, chosen = len(chosen), in_fours(chosen) if row_bytes <= LIGHT_BYTES else chosen
        inputs = trimmed_inputs([torch.from_numpy(np.ascontiguousarray(a[chosen])).to(device) for a in arrays], texts)
        pieces.append(infer(network, inputs).cpu()[:n])
    return torch.cat(pieces) if pieces else torch.empty(0)


def in_fours(rows: np.ndarray) -> np.ndarray:
    """Row numbers (n,), the last one repeated until there are a multiple of four.

    Example:
        >>> in_fours(np.array([3, 5, 8])).tolist()
        [3, 5, 8, 8]
    """
    return np.concatenate([rows, np.repeat(rows[-1:], -len(rows) % 4)])


def trimmed_inputs(inputs: Sequence[Tensor], texts: Sequence[int]) -> tuple[Tensor, ...]:
    """The inputs of some rows, the texts at these places without padding that none of the rows needs."""
    return tuple(trimmed(x) if place in texts else x for place, x in enumerate(inputs))


def finish(output: Tensor, task: Task) -> np.ndarray:
    """Probabilities `(N, n)` of logits, or values `(N, T)`; members `(N, K, n)` are averaged, as probabilities."""
    if task == "classification":
        output = output.double().softmax(dim=-1)
    elif task == "multilabel":
        output = output.double().sigmoid()
    return (output.mean(dim=1) if output.ndim == 3 else output).numpy()


def predict_rows(network: nn.Module, data: Data, rows: np.ndarray) -> Predictions:
    """Predictions and targets of rows of `data`, in the target's own unit."""
    if isinstance(network, Pair):
        return judged_pictures(network, data, rows)
    if data.task == "language":
        losses = token_losses(network, data, rows, stop=lambda: False)
        assert losses is not None
        return told(losses, data, rows)
    arrays = [data.arrays[name] for name in data.shape.names]
    output = forward_rows(network, arrays, rows, stop=lambda: False, texts=data.shape.texts)
    assert output is not None
    return as_predictions(output, data, rows)


def as_predictions(output: Tensor, data: Data, rows: np.ndarray) -> Predictions:
    """The network's outputs of these rows beside their targets."""
    target = data.arrays["target"][rows]
    found = finish(output, data.task)
    if data.task == "regression":
        decode = data.preparation.decode_values
        return Predictions("regression", decode(found), decode(target), data.classes, ahead_of(data, rows))
    told_by = data.preparation.target
    decision = Decision(ordered=told_by.ordered)
    return Predictions(told_by.task, found, target, told_by.classes or told_by.labels, decision=decision)


def ahead_of(data: Data, rows: np.ndarray) -> Ahead | None:
    """Units, yardstick and groups of the windows `rows`; None where nothing is forecast.

    Windows of one stretch of time as long as the horizon and the half of it before are a group, whatever series they are from.
    """
    state = data.preparation.forecast
    if state is None:
        return None
    frame = data.source.frame
    names = frame[state.id].gather(rows).cast(pl.String).to_list() if state.id is not None else [""] * len(rows)
    place, c = state.places(names), len(state.channels)
    steps = steps_since_first(frame[state.time or ROW], state.ticking, rows)
    return Ahead(state.centre[place, :c], state.spread[place, :c], state.naive[place], steps // max(1, state.horizon))


def limits_of(network: nn.Module, data: Data) -> dict[str, dict[str, list[float]]]:
    """What is added to a forecast for the limits of its 80% interval, by step and channel: `limits` with `low` and `high`.

    These are the quantiles of its errors on validation windows; empty without a forecast, or without 20 windows. Source:
    split conformal prediction, Papadopoulos et al., ECML 2002.
    """
    rows = data.rows["valid"]
    if data.preparation.forecast is None or len(rows) < FEWEST_WINDOWS:
        return {}
    found = predict_rows(network, data, spread(rows, MOST_ERRORS // data.n_out + FEWEST_WINDOWS))
    short = found.target - found.output
    level = min(1.0, np.ceil((len(short) + 1) * 0.9) / len(short))
    low, high = np.quantile(short, [1 - level, level], axis=0)
    return {"limits": {"low": low.round(6).tolist(), "high": high.round(6).tolist()}}


def decision_of(program: Program) -> dict[str, Any]:
    """The calibration and the threshold that the recipe asks for, fitted on validation rows, under `decision`; else nothing."""
    asked = Asked.by(program.recipe)
    if asked.nothing:
        return {}
    return {"decision": decided(asked, predict_rows(program.network, program.data, program.data.rows["valid"]))}


def validator(program: Program, folder: Path | None = None) -> Validate:
    """The function that scores the network on the validation rows: the loss and the recipe's metrics.

    What judging needs besides the network is kept in the run folder, where there is one. A team shares the rows, and goes by
    the numbers of its first process.
    """
    team, validate = program.team, _validator(program, folder)
    if team is None:
        return validate

    def agreed(network: nn.Module, interruption: Interruption) -> dict[str, float] | None:
        found = validate(network, interruption)
        return team.share(lambda: found)

    return agreed


def _validator(program: Program, folder: Path | None) -> Validate:
    data, recipe = program.data, program.recipe
    rows = data.rows["valid"] if len(data.rows["valid"]) else data.rows["train"]
    if data.task == "language":
        return _text_validator(data, rows, recipe)
    if data.task == "generation":
        return picture_validator(data, list(recipe.metrics), seed=program.seed, folder=folder)
    target = torch.from_numpy(np.asarray(data.arrays["target"][rows]))
    chosen = {name: metrics[name] for name in recipe.metrics}

    def validate(network: nn.Module, interruption: Interruption) -> dict[str, float] | None:
        output = _outputs(network, program, rows, interruption)
        if output is None:
            return None
        predictions = as_predictions(output, data, rows)
        loss = float(member_loss(program.loss, output.to(program.device), target.to(program.device)))
        return {"loss": loss} | {name: metric(predictions) for name, metric in chosen.items()}

    return validate


def _outputs(network: nn.Module, program: Program, rows: np.ndarray, interruption: Interruption) -> Tensor | None:
    data, team = program.data, program.team
    arrays = [data.arrays[name] for name in data.shape.names]
    own = rows if team is None else team.spread(rows)
    output = forward_rows(network, arrays, own, stop=lambda: bool(interruption), texts=data.shape.texts)
    return output if team is None or output is None else team.collect(output, len(rows))


def _text_validator(data: Data, rows: np.ndarray, recipe: Recipe) -> Validate:
    """The same for running text: the loss is the mean over all tokens, whatever training makes small."""
    chosen = {name: metrics[name] for name in recipe.metrics}

    def validate(network: nn.Module, interruption: Interruption) -> dict[str, float] | None:
        losses = token_losses(network, data, rows, stop=lambda: bool(interruption))
        if losses is None:
            return None
        predictions = told(losses, data, rows)
        loss = float(losses.mean(dtype=np.float64))
        return {"loss": loss} | {name: metric(predictions) for name, metric in chosen.items()}

    return validate
