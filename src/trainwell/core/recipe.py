"""The recipe: everything that decides how one network is trained, as frozen plain data.

Same recipe + same data + same seed = same bits. Every change to training is a function `Recipe -> Recipe`; `but` makes one.
The docstring under a field is its documentation, on the command line and in the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.nested import differences, set_path
from trainwell.core.part import Part, Plain
from trainwell.core.recipe_sections import (
    AtLeastOne,
    Auto,
    Column,
    Count,
    NotNegative,
    Positive,
    Prepare,
    Series,
    Share,
    Split,
    Transfer,
)
from trainwell.core.shape import Facts
from trainwell.core.suggest import suggestions
from trainwell.core.suggest_generation import PICTURE_MAKERS

#: What users of Keras, Lightning, fastai, Hugging Face and Ludwig type, and what it is called here.
ALIASES = {
    "lr": "learning_rate",
    "max_epochs": "epochs",
    "num_train_epochs": "epochs",
    "max_steps": "steps",
    "bs": "batch_size",
    "per_device_train_batch_size": "batch_size",
    "network": "model",
    "criterion": "loss",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "gradient_clip_val": "clip_norm",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "accumulate_grad_batches": "accumulate",
    "gradient_accumulation_steps": "accumulate",
    "patience": "early_stopping",
    "jit_compile": "compile",
    "output": "target",
    "augmentation": "augment",
}


class HasFacts(Protocol):
    """Anything loaded that knows the facts of its data."""

    @property
    def facts(self) -> Facts: ...


class Recipe(Plain):
    """Everything that decides how one network is trained.

    `auto` means: filled in from the data by `Recipe.suggest`; the saved recipe shows the value and the reason.

    Example:
        >>> recipe = Recipe(model="mlp", lr=3e-3)
        >>> recipe.but(model__width=256).model
        Part(name='mlp', options={'width': 256})
    """

    target: str | list[str] | None = None
    """Column (or columns, all numbers) to predict; None when the source says it: class folders, (x, y) arrays."""
    task: Auto | Literal["classification", "ordinal", "multilabel", "regression", "language", "generation", "segmentation"] = (
        "auto"
    )
    """`auto` follows the target's kind; `ordinal` are classes in order, `multilabel` several labels that hold together;
    `language` tells each next token of running text, whose column `target` may name;
    `generation` makes pictures like those of the data, by class where there are labels, as do model=dcgan and wgan_gp;
    model=cyclegan turns those of one class into those of another;
    `segmentation` tells the class of every pixel: the target is masks, pictures beside the pictures."""
    columns: dict[str, Column] = Field(default_factory=dict)
    """Rules for single columns: `columns.zip=category`, `columns.note=ignore`."""
    split: Split = Split()
    """Which rows train, choose and judge."""
    prepare: Prepare = Prepare()
    """How raw columns become numbers."""
    series: Series = Series()
    """What is forecast, from how much of the past."""
    preset: Literal["quick", "good", "best"] = "good"
    """How much time the suggestion may spend: a first look, a good model, the best known here."""

    model: Part = Part()
    """The network."""
    loss: Part = Part()
    """What training makes small."""
    metrics: Auto | list[str] = "auto"
    """Scores computed on validation rows while training."""
    monitor: str = "auto"
    """The validation score that picks the best weights and stops early: `loss`, or one of `metrics`."""
    optimizer: Part = Part()
    """The update rule."""
    learning_rate: Auto | NotNegative = "auto"
    """Step size at the top of the schedule."""
    schedule: Part = Part()
    """How the learning rate moves over the run."""
    batch_size: Auto | Count = "auto"
    """Rows per update; 0 is the whole training part."""
    epochs: Auto | Positive = "auto"
    """Passes over the training rows."""
    steps: int = Field(0, ge=0)
    """Number of updates; 0 leaves it to `epochs`."""
    time_limit: float = Field(0.0, ge=0)
    """Seconds for training; 0 is none. Measured once at the start, turned into a step count and kept with the run."""

    augment: Auto | list[Part] = "auto"
    """Random changes of training batches, in order; `[]` for none."""
    sampling: Auto | Literal["shuffle", "balanced", "lengths", "curriculum"] = "auto"
    """`auto`: `lengths` (like lengths in one batch) for texts, else `shuffle`; `balanced` draws every class equally often;
    `curriculum` is `lengths` with the shortest texts first in the first pass."""
    progressive_resizing: Share = 0.0
    """Side of training pictures at first, as a share of the whole: they grow to it by three quarters of the run; 0 is off."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` weighs each class by the inverse of its frequency in the loss."""

    calibrate: Literal["none", "temperature", "isotonic"] = "none"
    """Probabilities that mean what they say, fitted on validation rows: one temperature, or for two classes a rising line."""
    threshold: float | str = 0.5
    """Probability from which the second of two classes, or a label of several, is said: a number, or the metric that the
    threshold is to make best on validation rows, such as `f1` or `balanced_accuracy`."""

    weight_decay: Auto | NotNegative = "auto"
    """Decoupled decay of weight matrices (norms, biases and embeddings of numbers are left out)."""
    l1: float = Field(0.0, ge=0)
    """Strength of the sum of absolute weights added to the loss."""
    l2: float = Field(0.0, ge=0)
    """Strength of half the sum of squared weights added to the loss."""
    max_norm: float = Field(0.0, ge=0)
    """Largest norm of the weights into one unit; 0 is off."""
    constraint: Literal["none", "unit_norm", "non_negative"] = "none"
    """What weight matrices are put back to after each update: weights into each unit of norm 1, or none below 0."""
    clip_norm: Auto | NotNegative = "auto"
    """Largest norm of the whole gradient; 0 is off."""
    clip_value: float = Field(0.0, ge=0)
    """Largest absolute value of one gradient entry; 0 is off."""
    label_smoothing: Auto | Share = "auto"
    """Share of the target spread over all classes."""
    ema: Auto | Share = "auto"
    """Decay of an exponential moving average of the weights, used to evaluate and predict; 0 is off."""
    swa: Share = 0.0
    """Last share of the run over which weights are averaged evenly, to evaluate and predict, instead of `ema`; 0 is off."""
    sam: float = Field(0.0, ge=0)
    """Sharpness-aware: gradients are taken at the worst point within this distance, usually 0.05; twice the time; 0 is off."""
    accumulate: int = Field(1, ge=1)
    """Micro-batches whose gradients are summed before one update; the batch size stays the number of rows per update."""

    early_stopping: Auto | Count = "auto"
    """Validations without a better score before stopping; 0 never stops. The best weights are returned either way."""
    validate_every: Auto | AtLeastOne = "auto"
    """Updates between validations; `auto` is once an epoch, and at most every tenth of a long epoch."""

    initializer: str = "auto"
    """Initialisation of weight matrices by name; `auto` leaves each network its own."""
    init_from: str | None = None
    """Where the weights come from that training starts with: a run folder, a .safetensors, .pth or .bin file, or a name such as
    `timm:resnet18.a1_in1k`, `torchvision:resnet18` or `hf:microsoft/resnet-18`."""
    transfer: Transfer = Transfer()
    """Which layers train, and how fast."""
    parametrize: Literal["none", "weight_norm", "spectral_norm"] = "none"
    """Weight matrices as length times direction (`weight_norm`), or divided by their largest singular value."""
    prune: Share = 0.0
    """Share of the weights that `init_from` brings, smallest first over all layers, that become 0 and stay it."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of forward and backward; `auto` is bfloat16 on GPUs that have it, float16 (with a scaled loss) on others, and
    bfloat16 on CPUs where a long run gains by it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """`torch.compile`; `auto` measures whether it pays over this run."""
    gradient_checkpointing: bool = False
    """Keep only the inputs of blocks for the backward pass and compute the rest again: less memory, about a third more time."""
    sharded: bool = False
    """Of a network trained by several processes of `torchrun` each holds a piece of the weights, gradients and optimizer's
    memory (FSDP2), for what does not fit one device; a single process has all of it."""
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    """Order of pictures in memory; `auto` measures. With `threads` and `compile` it decides the last bits of a result."""
    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `mps`."""
    threads: Auto | AtLeastOne = "auto"
    """CPU threads; `auto` measures."""
    doctor: Literal["off", "watch", "prescribe", "treat"] = "watch"
    """`watch` measures while `fit` trains and tells what goes wrong, without changing a bit. After `trainwell fit`, `prescribe`
    writes the recipe with the first remedy beside the run, and `treat` tries the remedies and keeps what is proved."""

    @model_validator(mode="before")
    @classmethod
    def _aliases(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        renamed: dict[str, Any] = {}
        for word, item in value.items():
            key = ALIASES.get(word, word)
            if key not in cls.model_fields:
                raise UnknownName(f"a recipe has no key {key!r}", remedy=did_you_mean(str(key), cls.model_fields))
            if key in renamed:
                raise RecipeError(f"the recipe key {key!r} is given twice, once as {word!r}", remedy="Keep one of the two.")
            renamed[key] = item
        if renamed.get("task", "auto") == "auto" and makes_pictures(renamed.get("model")):
            renamed["task"] = "generation"
        return {key: _in_full(key, item) for key, item in renamed.items()}

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise recipe_error(error) from None

    def but(self, **changes: Any) -> Self:
        """A copy with `changes`; a double underscore reaches into a part: `but(model__width=256, split__test=0.1)`."""
        fields = self.model_dump()
        ordered = sorted(changes.items(), key=lambda item: item[0].count("__"))
        for key, value in ordered:
            set_path(fields, _path(key, "__"), value)
        return type(self)(**fields)

    def with_keys(self, assignments: Mapping[str, Any]) -> Self:
        """`but` with dotted keys, as the command line writes them: `{"model.width": 256}`."""
        fields = self.model_dump()
        for key, value in sorted(assignments.items(), key=lambda item: item[0].count(".")):
            set_path(fields, _path(key, "."), value)
        return type(self)(**fields)

    @classmethod
    def suggest(cls, data: HasFacts) -> Self:
        """The recipe that trainwell would use for loaded data: network, loss, metrics, rate, …, each to be seen and changed.

        Example:
            >>> from trainwell.data.load import load
            >>> Recipe.suggest(load("iris")).model.name
            'tabm'
        """
        return cls().resolved(data.facts)[0]

    def resolved(self, facts: Facts) -> tuple[Self, dict[str, str]]:
        """This recipe with every `auto` filled in from the facts of the data, and the reason of each value filled in."""
        changes: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        found = suggestions(facts, preset=self.preset, optimizer=self.optimizer.name, model=self.model, sharded=self.sharded)
        for key, (value, why) in found.items():
            current = getattr(self, key)
            if isinstance(current, Part):
                if current.is_auto:
                    changes[key], reasons[key] = Part.of(value).but(**current.options), why
            elif current == "auto":
                changes[key], reasons[key] = value, why
        return self.but(**changes), reasons

    def diff(self, other: Recipe) -> dict[str, tuple[Any, Any]]:
        """Dotted keys where two recipes differ, with both values: `with_keys` of the second ones makes the other recipe.

        Example:
            >>> Recipe(lr=0.1).diff(Recipe(lr=0.2))
            {'learning_rate': (0.1, 0.2)}
        """
        return differences(self.model_dump(), other.model_dump())


def _path(key: str, separator: str) -> list[str]:
    """The steps of a dotted key. The name of a column is one step, whatever characters it has."""
    head, *rest = key.split(separator)
    head = ALIASES.get(head, head)
    if head == "columns" and len(rest) > 2:
        split_off = 1 if rest[-1] in Column.model_fields else 0
        rest = [separator.join(rest[: len(rest) - split_off]), *rest[len(rest) - split_off :]]
    return [head, *rest]


def makes_pictures(model: Any) -> bool:
    """Whether the network that a recipe names makes pictures, which says what the task is.

    Example:
        >>> makes_pictures("dcgan"), makes_pictures({"name": "cnn", "width": 8}), Recipe(model="dcgan").task
        (True, False, 'generation')
    """
    name = model.get("name") if isinstance(model, Mapping) else model.name if isinstance(model, Part) else model
    return isinstance(name, str) and name in PICTURE_MAKERS


def _in_full(key: str, item: Any) -> Any:
    """`metrics=accuracy` and `augment=flip` mean lists of one, `compile=True` means "on"."""
    if key == "compile" and isinstance(item, bool):
        return "on" if item else "off"
    if key not in {"metrics", "augment"}:
        return item
    alone = isinstance(item, Mapping | Part) or (isinstance(item, str) and item != "auto")
    return [item] if alone else item


def recipe_error(error: ValidationError) -> RecipeError:
    """Pydantic's first complaint as one sentence with the dotted key, the value that came and a suggestion."""
    first = error.errors()[0]
    path = [str(p) for p in first["loc"] if not str(p).startswith(("literal[", "list[", "function-", "constrained-"))]
    where = ".".join(p for p in path if p not in {"float", "int", "str"})
    if first["type"] == "extra_forbidden":
        return UnknownName(f"the recipe has no key {where!r}", remedy=did_you_mean(path[-1], _keys_beside(path)))
    reason = "; or ".join(dict.fromkeys(e["msg"][0].lower() + e["msg"][1:] for e in error.errors()[:3]))
    given, reason = _shown(first["input"]), reason.removeprefix("value error, ")
    remedy = (
        OBJECTS.get(where, "See `trainwell parts recipe`.") if given.endswith(" object") else "See `trainwell parts recipe`."
    )
    return RecipeError(f"recipe key {where!r} got {given}: {reason}", remedy=remedy)


#: Where an object belongs that people put into a recipe, which is plain data and can be written to a file.
OBJECTS = {
    "model": "A module of your own goes into tw.compile(module, …), or tw.fit(recipe, data, network=module).",
    "optimizer": "Say it by its name, as in optimizer={'name': 'adam', 'beta2': 0.98}, learning_rate=1e-3.",
    "loss": "Say it by its name, as in loss='cross_entropy'; `trainwell parts loss` lists them, `losses.register` adds yours.",
}


def _shown(value: Any) -> str:
    """A value as a message shows it: plain ones as they are written, others by their type.

    Example:
        >>> _shown("ten"), _shown([1, 2]), _shown(object())
        ("'ten'", '[1, 2]', 'an object object')
    """
    if isinstance(value, str | int | float | None | list | tuple | Mapping | type):
        return repr(value) if len(repr(value)) <= 200 else f"{repr(value)[:200]}…"
    name = type(value).__name__
    return f"a{'n' if name[0] in 'AEIOUaeiou' else ''} {name} object"


def _keys_beside(path: list[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "split": Split, "prepare": Prepare, "columns": Column, "series": Series, "transfer": Transfer
    }  # fmt: skip
    return list(sections.get(path[0], Recipe).model_fields)
