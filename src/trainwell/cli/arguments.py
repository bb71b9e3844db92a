"""Arguments that several verbs share: the source, `key=value` for the recipe, and the recipe they make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainwell.core.errors import UsageError

if TYPE_CHECKING:
    from trainwell.core.recipe import Recipe
    from trainwell.data.data import Data

Source = Annotated[str, typer.Argument(help="File, folder, or named set (digits, mnist, …).")]
Assignments = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Recipe keys: model.width=256 learning_rate=3e-3 …")
]
Target = Annotated[
    str | None, typer.Option("--target", "-t", help="Column to predict, or several: a,b.", rich_help_panel="Data")
]
Test = Annotated[str | None, typer.Option(help="File with the test rows, if apart.", rich_help_panel="Data")]
Valid = Annotated[str | None, typer.Option(help="File with the validation rows, if apart.", rich_help_panel="Data")]
Corrections = Annotated[str | None, typer.Option(help="CSV of mended labels: row, given, corrected.", rich_help_panel="Data")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="A recipe.yaml to start from.", rich_help_panel="Recipe")]
Seed = Annotated[int, typer.Option(help="Seed of every random draw of the training.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Preset = Annotated[str | None, typer.Option(help="How much time may be spent: quick, good or best.", rich_help_panel="Recipe")]
TimeLimit = Annotated[str | None, typer.Option(help="Longest time for training: 90, 90s, 10m, 1h.", rich_help_panel="Recipe")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]

OneTrained = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a bundle (.tw).")]

Trained = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, the folder of an ensemble, or a bundle (.tw).")]

#: Where a study is kept, and what `study_folder` makes of it where nothing is given.
StudyOut = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder of the study and its runs; runs/NAME-VERB if not given.")
]

#: What studies are asked.
Metric = Annotated[str | None, typer.Option(help="What is scored; the recipe's monitor or first metric if not given.")]
ScoredPart = Annotated[str, typer.Option(help="Rows that are scored: valid while choosing, test for the final word.")]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Given:
    """The options that say from which data and which recipe a verb begins; `spreads_given` makes them options of a verb."""

    target: Target = None
    test: Test = None
    valid: Valid = None
    config: Config = None
    preset: Preset = None

    def recipe(self, assignments: list[str] | None, *, config: Path | None = None) -> Recipe:
        """The recipe of these options and `key=value`, or of another file's."""
        return recipe_from(assignments, config=config or self.config, target=self.target, preset=self.preset)

    def data(self, source: str, recipe: Recipe) -> Data:
        """The data of a source, as a recipe wants them."""
        from trainwell.data.load import load

        return load(source, recipe=recipe, test=self.test, valid=self.valid)

    def load(self, source: str, assignments: list[str] | None) -> tuple[Recipe, Data]:
        """Recipe and data of a command line."""
        recipe = self.recipe(assignments)
        return recipe, self.data(source, recipe)


def spreads_given(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the options of `Given` in the place of its parameter `given`; one that it has itself stays its own."""
    own, fields = signature(verb, eval_str=True).parameters, signature(Given, eval_str=True).parameters
    options = [own.get(name, field.replace(kind=Parameter.KEYWORD_ONLY)) for name, field in fields.items()]

    @wraps(verb)
    def spread(**asked: Any) -> None:
        verb(given=Given(**{name: asked.pop(name) for name in fields if name not in own}), **asked)

    listed = [p for name, one in own.items() if name not in fields for p in (options if name == "given" else [one])]
    vars(spread)["__signature__"] = signature(verb).replace(parameters=listed)
    return spread


def recipe_from(
    assignments: list[str] | None, *, config: Path | None = None, target: str | None = None, **flags: str | float | None
) -> Recipe:
    """The recipe of a command line: the file, then the flags, then `key=value`; later ones win."""
    from trainwell.core.recipe import Recipe  # pydantic takes half of what --help may cost
    from trainwell.core.recipe_file import read_recipe

    recipe = read_recipe(config) if config else Recipe()
    several = target.split(",") if target and "," in target else target  # target="[a, b]" can name a column with a comma
    changes: dict[str, Any] = {k: v for k, v in {"target": several, **flags}.items() if v is not None}
    return recipe.with_keys({**changes, **parse_assignments(assignments or [])})


def study_folder(out: Path | None, source: str, what: str) -> Path:
    """Where the runs of a study are kept: the same command finds them again.

    Example:
        >>> study_folder(None, "data/people.csv", "compared").as_posix()
        'runs/people-compared'
    """
    return out or Path("runs") / f"{name_of(source)}-{what}"


def name_of(source: str) -> str:
    """What a folder of a source's runs is called: the stem of its file, folder or database.

    Example:
        >>> name_of("data/people.csv"), name_of("parts/*.parquet"), name_of("sqlite:///shop.db?query=select a from b")
        ('people', 'parts', 'shop')
    """
    path = Path(source.split("://")[-1].split("?query=")[0].split("?table=")[0])
    named = [part for part in path.parts if not any(sign in part for sign in "*?[@:/")]
    return Path(named[-1]).stem if named else "data"


def parse_assignments(texts: list[str]) -> dict[str, Any]:
    """`["model.width=256"]` as `{"model.width": 256}`."""
    from trainwell.core.recipe_file import parse_value

    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            remedy = "Write recipe keys as learning_rate=3e-3, one that holds a space in quotes: 'columns.zip code=category'."
            raise UsageError(f"{text!r} is neither a flag nor key=value", remedy=remedy)
        found[key] = parse_value(value)
    return found


def seconds(text: str | None) -> float | None:
    """`10m` as 600.0 seconds.

    Example:
        >>> seconds("1.5m")
        90.0
    """
    if text is None:
        return None
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    try:
        return float(number) * _UNITS[unit]
    except ValueError:
        raise UsageError(f"{text!r} is no time", remedy="Write 90, 90s, 10m or 1h.") from None
