"""The recipe: everything that decides how one network is trained, as frozen plain data.

Same recipe + same data + same seed = same bits. Every change to training is a function `Recipe -> Recipe`; `but` makes one.
The docstring under a field is its documentation, on the command line and in the reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.part import Part, Plain
from trainwell.core.shape import Facts
from trainwell.core.suggest import suggestions
from trainwell.core.trees import differences, set_path

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
#: Ways of cutting texts.
Tokens = Literal["words", "characters", "bpe", "unigram"]

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


def _listed(value: Any) -> Any:
    """`tokens=bpe` means a list of one."""
    return [value] if isinstance(value, str) and value != "auto" else value


class Split(Plain):
    """Which rows train, which choose (valid), which judge (test)."""

    how: Literal["auto", "random", "stratified", "group", "time", "column", "given"] = "auto"
    """`auto`: given parts if the source has them, else stratified for classes and random for numbers."""
    valid: Auto | Share = "auto"
    """Share of the rows that are not test rows; `auto` is 15%, less where that is over 2,000 rows, but 5% at least."""
    test: float = Field(0.2, ge=0, lt=1)
    """Share of all rows; ignored where the source brings its own test part."""
    by: str | None = None
    """Column of groups, times, or part names (`train`, `valid`, `test`)."""
    gap: float = Field(0.0, ge=0, lt=1)
    """`time` only: share of rows left out between one part and the next."""
    at: list[str] | None = None
    """`time` only, instead of shares: the moments at which validation and test begin; a third one ends the test."""
    seed: int = 0
    """Seed of the split, apart from the seed of training, so that runs with several seeds share one split."""
    fold: int | None = None
    """Which of `folds` parts is the validation part; None for a single holdout."""
    folds: int = Field(5, ge=2)
    """Number of folds when `fold` is set."""
    test_fold: int | None = None
    """Which of `test_folds` parts is the test part, the others train and choose; None is a holdout of the share `test`."""
    test_folds: int = Field(5, ge=2)
    """Number of folds when `test_fold` is set."""
    test_seed: int | None = None
    """Seed of the test part alone, so that splits with several seeds share one test part; None is `seed`."""
    sample: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training rows that is used; a smaller sample is a part of every larger one of the same seed."""
    bag: Annotated[int, Field(ge=0)] | None = None
    """Number of a bootstrap sample: as many training rows drawn with replacement; the part `out_of_bag` is those not drawn."""


class Column(Plain):
    """How one column is treated; what is not said is taken from `prepare`."""

    kind: Literal["auto", "number", "category", "boolean", "datetime", "text", "picture", "series", "ignore"] = "auto"
    """What the column holds; `ignore` leaves it out."""
    missing: Literal["inherit", "mean", "median", "mode", "constant", "category"] = "inherit"
    """How empty cells are filled."""
    fill: float | str | None = None
    """The constant of `missing: constant`."""
    scale: Literal["inherit", "standard", "minmax", "signed", "robust", "quantile", "log", "none"] = "inherit"
    """How numbers are scaled."""
    outliers: Literal["inherit", "leave", "clip", "replace", "drop"] = "inherit"
    """What is done about values outside the outlier fence."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
        full = handler.resolve_ref_schema(handler(core))
        return {"title": "Column", "anyOf": [full["properties"]["kind"], full]}

    @model_validator(mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"kind": value} if isinstance(value, str) else value


class Prepare(Plain):
    """How raw columns become numbers. Everything fitted is fitted on the training rows only."""

    missing: Literal["auto", "mean", "median", "mode", "constant"] = "auto"
    """Numbers: `auto` is the median; categories: a category of its own."""
    indicator: bool = True
    """Add a 0/1 column for each number column that has empty cells in the training rows."""
    scale: Literal["auto", "standard", "minmax", "signed", "robust", "quantile", "log", "none"] = "auto"
    """`auto` is `quantile` (to a normal distribution); `signed` is to [-1, 1]."""
    scale_target: bool = True
    """Scale a numeric target to mean 0 and deviation 1 for training; predictions and scores are in the target's own unit."""
    outliers: Literal["leave", "clip", "replace", "drop"] = "leave"
    """What is done about number cells outside the fence; `drop` drops training rows only."""
    outlier_rule: Literal["mad", "iqr", "forest"] = "mad"
    """Robust z-score over 5 (`mad`), 3 interquartile ranges (`iqr`), or rows found by an isolation forest."""
    rare: int = Field(2, ge=1)
    """Categories seen fewer times than this in the training rows share the code of unseen ones."""
    max_categories: int = Field(10_000, ge=2)
    """Most categories kept per column, the most frequent first."""
    duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Repeated rows: `auto` keeps them, together in one part of the split; `drop` keeps the first."""
    constant: Literal["drop", "keep"] = "drop"
    """Columns with one value in the training rows."""
    identifier: Literal["drop", "keep"] = "drop"
    """Columns whose values name the row (unique text, running numbers called id)."""
    leaks: Literal["warn", "drop", "keep"] = "warn"
    """Columns that tell the target almost alone."""
    picture_size: Auto | AtLeastOne = "auto"
    """Side in pixels to which pictures are resized and padded; `auto` takes the common size, at most 128."""
    picture_channels: Auto | Literal[1, 3] = "auto"
    """1 for grey, 3 for colour; `auto` is 1 if every picture is grey."""
    tokens: Auto | Annotated[list[Tokens], BeforeValidator(_listed), Field(min_length=1)] = "auto"
    """How texts are cut, in one way or several; `auto` is words and characters, characters alone in scripts without spaces."""
    vocabulary: int = Field(20_000, ge=10)
    """Most different tokens of each way, the most frequent first; the others share one code."""
    text_length: Auto | AtLeastOne = "auto"
    """Tokens kept of a text; `auto` keeps 99 texts in 100 whole, and at most 512 words or 2,048 characters."""
    lowercase: bool = True
    """Texts without regard to case."""


class Series(Plain):
    """What is forecast from the past: a table with a column of times, of one series or of several under each other."""

    horizon: Count = 0
    """Steps that are forecast; 0 forecasts nothing, and every row is an example of its own."""
    lookback: Auto | AtLeastOne = "auto"
    """Past steps that the network sees; `auto` is 3.5 horizons or two seasons, and at most a quarter of the training steps."""
    time: str | None = None
    """Column of times; None takes the only column of dates."""
    id: str | None = None
    """Column that says which series a row belongs to; None is one series."""
    every: str = "auto"
    """Time from one step to the next: `15m`, `1h`, `1d`, `1w`, `1mo`; `auto` is the most frequent one in the data."""
    known: list[str] = Field(default_factory=list)
    """Columns that are known ahead, such as holidays and prices: the network sees their future too."""
    calendar: bool = False
    """Add hour, weekday and day of the year, which are known ahead, where they turn."""
    season: Auto | Count = "auto"
    """Steps of one season; `auto` finds it by autocorrelation in the training steps, 0 and 1 are none."""


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
    task: Auto | Literal["classification", "regression"] = "auto"
    """`auto` follows the target's kind."""
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
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """`balanced` draws every class equally often."""
    class_weight: Literal["none", "balanced"] = "none"
    """`balanced` weighs each class by the inverse of its frequency in the loss."""

    weight_decay: Auto | NotNegative = "auto"
    """Decoupled decay of weight matrices (norms, biases and embeddings of numbers are left out)."""
    l1: float = Field(0.0, ge=0)
    """Strength of the sum of absolute weights added to the loss."""
    l2: float = Field(0.0, ge=0)
    """Strength of half the sum of squared weights added to the loss."""
    max_norm: float = Field(0.0, ge=0)
    """Largest norm of the weights into one unit; 0 is off."""
    clip_norm: Auto | NotNegative = "auto"
    """Largest norm of the whole gradient; 0 is off."""
    clip_value: float = Field(0.0, ge=0)
    """Largest absolute value of one gradient entry; 0 is off."""
    label_smoothing: Auto | Share = "auto"
    """Share of the target spread over all classes."""
    ema: Auto | Share = "auto"
    """Decay of an exponential moving average of the weights, used to evaluate and predict; 0 is off."""
    accumulate: int = Field(1, ge=1)
    """Micro-batches whose gradients are summed before one update; the batch size stays the number of rows per update."""

    early_stopping: Auto | Count = "auto"
    """Validations without a better score before stopping; 0 never stops. The best weights are returned either way."""
    validate_every: Auto | AtLeastOne = "auto"
    """Updates between validations; `auto` is once an epoch, and at most every tenth of a long epoch."""

    initializer: str = "auto"
    """Initialisation of weight matrices by name; `auto` leaves each network its own."""
    init_from: str | None = None
    """Run folder whose weights training starts from, in a network of the same shapes; None draws fresh ones."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of forward and backward; `auto` is bfloat16 on GPUs that have it, and on CPUs where a long run gains by it."""
    compile: Literal["auto", "on", "off"] = "auto"
    """`torch.compile`; `auto` measures whether it pays over this run."""
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
        found = suggestions(facts, preset=self.preset, optimizer=self.optimizer.name, model=self.model)
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
    return RecipeError(f"recipe key {where!r} got {first['input']!r}: {reason}", remedy="See `trainwell parts recipe`.")


def _keys_beside(path: list[str]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {"split": Split, "prepare": Prepare, "columns": Column, "series": Series}
    return list(sections.get(path[0], Recipe).model_fields)
