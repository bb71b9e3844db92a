"""Compile: recipe + data -> program. Every name, shape, type and label range is checked here, before step 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainwell.core.errors import CompileError, RecipeError, did_you_mean
from trainwell.core.own_code import find
from trainwell.core.part import Part
from trainwell.core.recipe import Recipe
from trainwell.core.registry import Registry
from trainwell.core.seeds import draw_seed
from trainwell.core.shape import Input
from trainwell.data.augment.compose import build_augment
from trainwell.data.augment.registry import edits
from trainwell.data.augment.text import build_edits
from trainwell.data.data import Data
from trainwell.data.splits import spread
from trainwell.models.adaptive import Adaptive
from trainwell.models.custom import build_own
from trainwell.models.initializers import initialize
from trainwell.models.keras_model import as_module
from trainwell.models.lsuv import rescale
from trainwell.models.one_logit import OneLogit
from trainwell.models.registry import models
from trainwell.optim.registry import optimizers, schedules
from trainwell.optim.schedules import Moment
from trainwell.score.own_loss import once
from trainwell.score.registry import losses, metrics
from trainwell.train.adversarial.build import check_game, check_pair, one_loss
from trainwell.train.adversarial.registry import games
from trainwell.train.calibrate import Asked, check_decision
from trainwell.train.distributed import Team
from trainwell.train.own_network import check_loss, loss_of_second, two_logits
from trainwell.train.progressive_resizing import check_progressive_resizing
from trainwell.train.recompute import recompute
from trainwell.train.sharded import check_sharded
from trainwell.train.steps import Augment, Loss, batch_of, has_members
from trainwell.train.transfer import settle, start_from

#: Rows that data-dependent layers look at, enough for quantiles; and numbers, of which large pictures have many.
ADAPT_ROWS, ADAPT_NUMBERS = 20_000, 1 << 26
#: Rows on which `initializer=lsuv` measures the outputs of layers.
LSUV_ROWS = 512


@dataclass
class Program:
    """A network, what it is trained on, and every function the loop needs.

    Args:
        recipe: without any `auto`.
        reasons: why each suggested value was chosen.
        data: what it is trained on.
        seed: seed of every draw.
        network: initialised, data-dependent layers adapted, on its device; on the CPU where pieces of it will be trained.
        loss: `(output, target) -> ()`.
        augment: changes training batches; None leaves them.
        rate: the learning rate at a moment of the run.
        device: where the network lies.
        team: the processes that train it together; None for one.
    """

    recipe: Recipe
    reasons: dict[str, str]
    data: Data
    seed: int
    network: nn.Module
    loss: Loss
    augment: Augment | None
    rate: Callable[[Moment], float]
    device: torch.device
    team: Team | None = None

    @property
    def batch_size(self) -> int:
        rows, wanted = len(self.data.rows["train"]), self.recipe.batch_size
        assert wanted != "auto"
        return rows if wanted == 0 else min(wanted, rows)


def compile_program(
    recipe: Recipe, data: Data, *, seed: int = 0, network: nn.Module | None = None, team: Team | None = None
) -> Program:
    """Everything that training needs, built and checked.

    Args:
        recipe: what the user wants; `auto` is filled in from the data.
        data: loaded data.
        seed: seed of initialisation and every later draw.
        network: a module of the user's own, instead of the recipe's `model`.
        team: the processes that train it together; each draws the augmentations of its own rows.

    Raises:
        CompileError: the network's output does not fit the target, or a value is out of range.
    """
    own = {} if network is None else {"model": type(network)}  # what the recipe says is what is trained
    recipe, reasons = filled_in(recipe.but(target=data.recipe.target, **own), data)
    check_names(recipe)
    check_decision(Asked.by(recipe), data)
    if data.task == "generation":
        check_game(recipe)
    device = choose_device(recipe.device)
    built = as_module(network) if network is not None else build_network(recipe, data, seed)
    if recipe.init_from is not None:
        reasons["init_from"] = str(start_from(built, recipe, data))
    if network is not None or ":" in recipe.model.name:
        built = two_logits(built, data)
    settle(built, recipe, seed)
    if recipe.gradient_checkpointing:
        recompute(built)
    sharded = team is not None and recipe.sharded
    if team is not None and sharded:
        check_sharded(recipe, built)
    program = Program(
        recipe=recipe,
        reasons=reasons,
        data=data,
        seed=seed,
        network=built.to("cpu" if sharded else device),  # what lies in pieces may not fit the device
        loss=loss_for(built, recipe, data),
        augment=bind_augment(recipe, data, seed if team is None else team.seed_of(seed)),
        rate=bind_rate(recipe),
        device=device,
        team=team,
    )
    check_forward(program)
    return program


def filled_in(recipe: Recipe, data: Data) -> tuple[Recipe, dict[str, str]]:
    """The recipe with every `auto` filled in, and the reasons; a loss that cannot smooth labels is not asked to."""
    found, reasons = recipe.resolved(data.facts)
    name, unasked = found.loss.name, recipe.label_smoothing == "auto" and found.label_smoothing
    if unasked and name in losses and "label_smoothing" not in losses.options(name):
        return found.but(label_smoothing=0.0), reasons | {"label_smoothing": f"{name} has none"}
    return found, reasons


def check_names(recipe: Recipe) -> None:
    """Every registered name of the recipe and its options, before anything is built."""
    named: list[tuple[str, Registry[Any], Part]] = [
        ("optimizer", optimizers, recipe.optimizer),
        ("schedule", schedules, recipe.schedule),
        ("loss", games if recipe.task == "generation" else losses, recipe.loss),
    ]
    if ":" not in recipe.model.name:
        named.append(("model", models, recipe.model))
    for key, registry, part in named:
        try:
            registry.checked(part.name, part.options)
        except RecipeError as error:
            raise type(error)(error.what, where=f"recipe key {key!r}", remedy=error.remedy) from None
    if recipe.optimizer.name == "schedule_free" and (recipe.ema or recipe.swa):
        key = "swa" if recipe.swa else "ema"
        raise RecipeError("schedule_free averages the weights itself", where=f"recipe key {key!r}", remedy=f"Set {key}=0.")
    if recipe.monitor not in ["loss", *recipe.metrics]:
        known = ", ".join(["loss", *recipe.metrics])
        raise RecipeError(
            f"monitor={recipe.monitor!r} is not computed", where="recipe key 'monitor'", remedy=f"One of: {known}."
        )
    for name in recipe.metrics:
        if name not in metrics:
            raise RecipeError(
                f"there is no metric {name!r}", where="recipe key 'metrics'", remedy=did_you_mean(name, metrics.names())
            )


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is CUDA, else MPS, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RecipeError(
            f"there is no device {name!r}", where="recipe key 'device'", remedy="Known: auto, cpu, cuda, mps."
        ) from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        found = f"torch sees {torch.cuda.device_count()} CUDA devices"
        raise RecipeError(f"{found}, the recipe asks for {name!r}", where="recipe key 'device'", remedy="Use device=cpu.")
    return device


def build_network(recipe: Recipe, data: Data, seed: int) -> nn.Module:
    """The recipe's network with its weights drawn from the seed and its data-dependent layers adapted to train rows."""
    torch.manual_seed(draw_seed(seed, "init"))
    part = recipe.model
    if ":" in part.name:
        network = build_own(part.name, data.shape, data.n_out, part.options)
    else:
        network = models.bind(part.name, part.options)(data.shape, data.n_out)
    if recipe.initializer != "auto":
        initialize(network, recipe.initializer)
    adapt(network, data)
    if recipe.initializer == "lsuv":
        rescale(network, first_rows(data, LSUV_ROWS))
    return network


def adapt(network: nn.Module, data: Data) -> None:
    """Show (at most `ADAPT_ROWS`) train rows to the layers that take their statistics from them."""
    layers = [m for m in network.modules() if isinstance(m, Adaptive)]
    if layers:
        numbers = sum(prod(given.shape) for given in data.shape.inputs)
        inputs = first_rows(data, min(ADAPT_ROWS, max(100, ADAPT_NUMBERS // max(1, numbers))))
        for layer in layers:
            layer.adapt(inputs)


def first_rows(data: Data, most: int) -> tuple[Tensor, ...]:
    """Inputs of at most so many train rows."""
    rows = spread(data.rows["train"], most)
    return batch_of(data, rows)[0]


def loss_for(network: nn.Module, recipe: Recipe, data: Data) -> Loss:
    """The loss as this network's output asks for it: one output for two classes is judged by the share of the second."""
    loss, name = bind_loss(recipe, data), recipe.loss.name
    of_one = isinstance(network, OneLogit) and (":" in name or losses[name] is losses["binary_cross_entropy"])
    if of_one and ":" in name and find(name) in (F.cross_entropy, nn.CrossEntropyLoss):
        of_one = False
    return partial(loss_of_second, of=loss) if of_one else loss


def bind_loss(recipe: Recipe, data: Data) -> Loss:
    """The loss with its options, label smoothing and class weights filled in."""
    if data.task == "generation":
        return one_loss
    options = dict(recipe.loss.options)
    known = losses.options(recipe.loss.name)
    if losses[recipe.loss.name] is losses["poisson"]:
        check_counts(data)
    if recipe.label_smoothing not in ("auto", 0.0):
        options = _add(options, known, "label_smoothing", recipe.label_smoothing, recipe.loss.name)
    function: Callable[..., Tensor] = losses.bind(recipe.loss.name, options)
    if ":" in recipe.loss.name:
        function = once(losses[recipe.loss.name], options) or function
    if recipe.class_weight == "none":
        return function
    if data.task == "multilabel" and "pos_weight" in known:
        share = data.arrays["target"][data.rows["train"]].mean(axis=0).clip(1e-3, 1 - 1e-3)
        return partial(function, pos_weight=tuple(((1 - share) / share).tolist()))
    if "class_weight" not in known or data.task not in ("classification", "segmentation"):
        raise RecipeError(f"the loss {recipe.loss.name!r} takes no class weights", remedy="Set class_weight=none.")
    counts = np.bincount(data.arrays["target"][data.rows["train"]].reshape(-1), minlength=data.n_out)[: data.n_out]
    weight = counts.sum() / (data.n_out * counts.clip(min=1))
    return partial(function, class_weight=tuple(weight.tolist()))


def check_counts(data: Data) -> None:
    """Counts must arrive as they are: scaled ones are no counts any more.

    Raises:
        CompileError: the target is scaled, negative somewhere, or classes.
    """
    target, where = data.preparation.target, "loss 'poisson'"
    if target.classes is not None:
        raise CompileError("the target is classes, not counts", where=where, remedy="Set task=regression, or loss=auto.")
    if any(c != 0 or s != 1 for c, s in zip(target.centre, target.spread, strict=True)):
        remedy = "Set prepare.scale_target=false."
        raise CompileError("the target is scaled to mean 0 and deviation 1, so it is no count", where=where, remedy=remedy)
    low = float(data.arrays["target"][data.rows["train"]].min())
    if low < 0:
        raise CompileError(f"the target goes down to {low:g}, and counts do not", where=where, remedy="Choose another loss.")


def _add(options: dict[str, Any], known: Any, key: str, value: Any, loss: str) -> dict[str, Any]:
    if key not in known:
        raise RecipeError(f"the loss {loss!r} has no {key}", remedy=f"Set {key}=0.")
    return {key: value, **options}


def bind_augment(recipe: Recipe, data: Data, seed: int) -> Augment | None:
    """The recipe's augmentations as one function of batch and step number."""
    parts = recipe.augment
    assert parts != "auto"
    if not parts:
        return None
    if data.shape.texts and all(part.name in edits for part in parts):
        return build_edits(parts, data.preparation.texts(), seed=seed)
    changed = data.shape.of_kind("picture") or data.shape.of_kind("series")
    if changed is None or changed.horizon:
        raise RecipeError(
            "augment is for pictures, whole series and texts, and the data have none",
            where="recipe key 'augment'",
            remedy="Set augment=[].",
        )
    masks = data.task == "segmentation"
    n_classes = data.n_out if masks or data.task == "classification" else None
    position, series = data.shape.inputs.index(changed), changed.kind == "series"
    return build_augment(parts, n_classes=n_classes, position=position, seed=seed, series=series, masks=masks)


def bind_rate(recipe: Recipe) -> Callable[[Moment], float]:
    """The learning rate at any moment: the top rate times the schedule's factor."""
    factor, top = schedules.bind(recipe.schedule.name, recipe.schedule.options), recipe.learning_rate
    assert top != "auto"
    factor(Moment(0.0))  # a wrong option speaks now, not at some later step
    return lambda moment: top * factor(moment)


def check_forward(program: Program) -> None:
    """Two rows through the network: its output must have the shape and range that loss and target ask for."""
    data, rows = program.data, program.data.rows["train"][:2]
    check_pair(program.network, data)
    inputs, target = batch_of(data, rows, next(program.network.parameters()).device)
    output = trial(program.network, inputs, data.shape.inputs)
    check_progressive_resizing(program.recipe, data, program.network, inputs)
    width = output.shape[-1] if output.ndim > 1 else 0
    if data.task == "language" and output.shape != (*target.shape, data.n_out):
        wanted = f"running text asks for {(*target.shape, data.n_out)}: logits of each token"
        raise CompileError(f"the network gives {tuple(output.shape)}, {wanted}", remedy="Choose gpt or rnn.")
    if data.task == "classification" and target.ndim == 1 and output.ndim in (2, 3) and width != data.n_out:
        other = ", or say task=regression if these are numbers" if width == 1 else ""
        raise CompileError(
            f"the network's last axis has {width} entries, the target has {data.n_out} classes",
            where=f"output {tuple(output.shape)}",
            remedy=f"Give the last layer {data.n_out} units{other}.",
        )
    if data.task == "classification" and output.ndim == 4 and ":" not in program.recipe.loss.name:
        what = f"the network gives {tuple(output.shape)}, logits of each pixel, and a row has one class"
        raise CompileError(what, remedy="Choose cnn or resnet, or give masks as the target.")
    if data.task == "segmentation" and output.shape != (len(target), data.n_out, *target.shape[1:]):
        wanted = f"masks ask for {(len(target), data.n_out, *target.shape[1:])}: logits of each pixel"
        raise CompileError(f"the network gives {tuple(output.shape)}, {wanted}", remedy="Choose model=unet.")
    if ":" in program.recipe.loss.name:
        check_loss(program.loss, output, target, program.recipe.loss.name)
    if data.task in ("regression", "multilabel") and not has_members(output, target) and output.shape != target.shape:
        flat = data.n_out == 1 and output.shape == target.shape[:1]
        raise CompileError(
            f"the network gives {tuple(output.shape)} for targets {tuple(target.shape)}, which torch would broadcast silently",
            remedy="Leave the last axis of one entry there: no squeeze, no flatten." if flat
            else f"Give the last layer {data.n_out} unit{'s' if data.n_out > 1 else ''}.",
        )  # fmt: skip


def trial(network: nn.Module, inputs: Sequence[Tensor], described: Sequence[Input]) -> Tensor:
    """The network's output for a tiny batch in evaluation mode; torch's own complaint becomes a sentence with the layer."""
    names: list[str] = []
    handles = [m.register_forward_pre_hook(lambda _m, _i, n=n: names.append(n)) for n, m in network.named_modules() if n]
    was_training = network.training
    try:
        with torch.no_grad():
            output = network.eval()(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        shapes = ", ".join(f"{d.name} {tuple(x.shape)}" for d, x in zip(described, inputs, strict=True))
        layer = f"layer {names[-1]!r}" if names else "the network"
        raise CompileError(f"{layer} refuses the data ({error}); it was given {shapes}") from error
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    if not isinstance(output, Tensor):
        raise CompileError(
            f"the network returns {type(output).__name__}, not a tensor", remedy="Return the logits or values alone."
        )
    return output
