"""Sections of a recipe: plain data that belong together under one key.

The docstring under a field is its documentation, on the command line and in the reference.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from trainwell.core.part import Plain

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]
#: Ways of cutting texts.
Tokens = Literal["words", "characters", "bpe", "unigram"]


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
    order: list[str] | None = None
    """Of a target of ranks: its classes from the lowest to the highest."""

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
    near_duplicates: Literal["auto", "keep", "drop"] = "auto"
    """Texts that nearly repeat another one: `auto` keeps them, together in one part of the split; `drop` keeps the first."""
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


class Transfer(Plain):
    """What becomes of the weights that `init_from` brings, or of fresh ones: which layers train, and how fast."""

    head: Literal["auto", "new", "keep"] = "auto"
    """The last layer: `auto` draws a new one where the weights come from a run on other classes, or where it does not fit."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Beginnings of names in a file of weights, and what they are here: `transfer.rename={"encoder.": "stages."}`."""
    freeze: Literal["none", "body"] | list[str] = "none"
    """Layers that are not trained: `body` is all but the last one; or names of layers, as `trainwell summary` shows them."""
    unfreeze: Share = 0.0
    """Share of the run within which frozen layers begin to train, one after the other, the last first; 0 keeps them frozen."""
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The learning rate of each layer as a multiple of the next layer's; 1 is off, 0.75 usual for fine-tuning."""
    norms: Literal["train", "frozen"] = "train"
    """`frozen`: batch norm uses the statistics that came with the weights; layers that never train do so anyway."""
    lora: Count = 0
    """Rank of the low-rank changes that are trained in place of the weights of linear layers and attention; 0 is off."""
