"""What the recipe says about one column, with `inherit` and `auto` resolved."""

from __future__ import annotations

from collections.abc import Iterable

from trainwell.core.errors import RecipeError, UnknownName, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.core.recipe_sections import Column
from trainwell.data.kinds.kind import Rule

#: The ways of filling that make sense for each kind.
_FILLS = {
    "number": ("mean", "median", "mode", "constant"),
    "datetime": ("mean", "median", "mode"),
    "boolean": ("mode", "constant"),
    "category": ("mode", "constant", "category"),
}


def rule_for(recipe: Recipe, name: str, kind: str) -> Rule:
    """The rule of column `name`, which is of `kind`.

    Raises:
        RecipeError: the recipe asks for something that this kind does not have, such as the mean of a category.
    """
    column, prepare = recipe.columns.get(name, Column()), recipe.prepare
    _check_options(name, kind, column)
    missing = prepare.missing if column.missing == "inherit" else column.missing
    if column.fill is not None:
        missing = "constant"
    return Rule(
        kind=column.kind,
        missing=missing if missing in _FILLS.get(kind, ()) else "auto",
        fill=column.fill,
        scale=_scale(column.scale if column.scale != "inherit" else prepare.scale),
        outliers=prepare.outliers if column.outliers == "inherit" else column.outliers,
        outlier_rule=prepare.outlier_rule,
        indicator=prepare.indicator,
        rare=prepare.rare,
        max_categories=prepare.max_categories,
        picture_size=prepare.picture_size,
        picture_channels=prepare.picture_channels,
        tokens=prepare.tokens,
        vocabulary=prepare.vocabulary,
        text_length=prepare.text_length,
        lowercase=prepare.lowercase,
    )


def _scale(scale: str) -> str:
    return "quantile" if scale == "auto" else scale


def _check_options(name: str, kind: str, column: Column) -> None:
    where = f"columns.{name}"
    if column.missing != "inherit" and column.missing not in _FILLS.get(kind, ()):
        raise RecipeError(
            f"{where}.missing={column.missing} is not for a {kind} column",
            remedy=f"Use one of {', '.join(_FILLS.get(kind, ())) or 'none'}.",
        )
    for option, value in (("scale", column.scale), ("outliers", column.outliers)):
        if value != "inherit" and kind != "number":
            raise RecipeError(
                f"{where}.{option}={value} is for number columns, this is a {kind} column", remedy="Leave it out."
            )


def check_recipe(recipe: Recipe, names: Iterable[str]) -> None:
    """Refuses rules for columns that are not there, and cell treatments under a rule that finds rows.

    Raises:
        UnknownName: `recipe.columns` names a column that the source lacks.
        RecipeError: `outlier_rule: forest` together with `clip` or `replace`.
    """
    names = list(names)
    for name in recipe.columns:
        if name not in names:
            raise UnknownName(
                f"the data has no column {name!r}, which the recipe's columns name", remedy=did_you_mean(name, names)
            )
    treatments = {recipe.prepare.outliers, *(column.outliers for column in recipe.columns.values())}
    if recipe.prepare.outlier_rule == "forest" and treatments & {"clip", "replace"}:
        raise RecipeError(
            "prepare.outlier_rule=forest finds rows, and clip and replace treat cells",
            remedy="Use outliers=drop with it, or the rules mad and iqr.",
        )
