"""What validation rows are for: scores while a network trains, and what is fitted on them when it has been trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from trainwell.data.splits import spread
from trainwell.score.registry import metrics
from trainwell.train.adversarial.making import picture_validator
from trainwell.train.calibrate import Asked, decided
from trainwell.train.compile import Program
from trainwell.train.forecast import limits_of
from trainwell.train.interrupt import Interruption
from trainwell.train.job import Validate
from trainwell.train.language import text_validator
from trainwell.train.masks import mask_validator
from trainwell.train.predict import as_predictions, forward_rows, predict_rows
from trainwell.train.steps import member_loss

#: Validation windows from which intervals of forecasts are taken: fewest, and most of them times their outputs.
FEWEST_WINDOWS, MOST_ERRORS = 20, 20_000_000


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
        return text_validator(data, rows, recipe)
    if data.task == "segmentation":
        return mask_validator(data, rows, recipe, program.loss)
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


def fitted_on_valid(program: Program) -> dict[str, Any]:
    """What the summary of a run keeps for its answers: `limits` of a forecast's intervals, and the `decision` asked for.

    Both are fitted on validation rows; a forecast has no limits without 20 windows.
    """
    network, data, asked = program.network, program.data, Asked.by(program.recipe)
    rows, found = data.rows["valid"], dict[str, Any]()
    if data.preparation.forecast is not None and len(rows) >= FEWEST_WINDOWS:
        some = spread(rows, MOST_ERRORS // data.n_out + FEWEST_WINDOWS)
        found["limits"] = limits_of(predict_rows(network, data, some))
    if not asked.nothing:
        found["decision"] = decided(asked, predict_rows(network, data, rows))
    return found
