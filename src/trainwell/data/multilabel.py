"""Several labels at once: lists in a cell, texts with a separator, or a yes/no column for each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.kinds import boolean
from trainwell.data.kinds.kind import Raw, Rule

#: What stands between the labels of a cell; a comma may be part of a label, and counts only where the recipe says multilabel.
SURE, UNSURE = ("|", ";"), (",",)
#: Stands for a separator where the cells are lists, written as JSON.
LISTS = "[]"
#: Share of the cells that are lists, from where a column is one of lists.
_MOSTLY = 0.9
#: Share of the filled cells that hold a separator, and labels per distinct cell, from where a column holds labels unasked.
_OFTEN, _FEWER = 0.1, 0.5
#: Most labels.
_MOST = 2_000


def separator_of(cells: pl.Series, counts: np.ndarray, *, said: bool) -> str:
    """What stands between the labels of a text column; "" where nothing does.

    Args:
        cells: the distinct texts of the column.
        counts: how often each stands in it.
        said: whether the recipe says that the cells hold several labels.

    Example:
        >>> separator_of(pl.Series(["red; blue", "blue", "red; green", "green"]), np.full(4, 9), said=False)
        ';'
        >>> separator_of(pl.Series(["Berlin, Germany", "Oslo"]), np.full(2, 9), said=False)
        ''
    """
    if not len(cells):
        return ""
    if (cells.str.starts_with("[") & cells.str.ends_with("]")).to_numpy().mean() >= _MOSTLY:
        return LISTS
    for mark in (*SURE, *(UNSURE if said else ())):
        share = float(counts[cells.str.contains(mark, literal=True).to_numpy()].sum() / counts.sum())
        labels = cells.str.split(mark).explode().str.strip_chars().n_unique()
        if (said and share) or (share >= _OFTEN and labels <= min(_MOST, _FEWER * len(cells) + 4)):
            return mark
    return ""


def lists_of(series: pl.Series, separator: str) -> list[list[str] | None]:
    """The labels of each row; None where nothing is known: a null among lists. An empty cell among texts means no label.

    Example:
        >>> lists_of(pl.Series(["a; b", "b", None]), ";"), lists_of(pl.Series([["a"], [], None]), "")
        ([['a', 'b'], ['b'], []], [['a'], [], None])
    """
    if series.dtype != pl.String:
        return [None if cell is None else _clean(cell) for cell in series.to_list()]
    if separator == LISTS:
        return [None if cell is None else _clean(_parsed(cell)) for cell in series.to_list()]
    return [_clean((cell or "").split(separator) if separator else [cell]) for cell in series.to_list()]


def _parsed(cell: str) -> list[Any]:
    """A list as JSON or Python writes it."""
    try:
        found = json.loads(cell.replace("'", '"'))
    except ValueError:
        found = [part.strip().strip("'\"") for part in cell.strip().strip("[]").split(",")]
    return found if isinstance(found, list) else [found]


def _clean(labels: Sequence[Any]) -> list[str]:
    found = dict.fromkeys("" if label is None else str(label).strip() for label in labels)
    return [label for label in found if label]


def indicator(lists: Sequence[list[str] | None], labels: Sequence[str]) -> np.ndarray:
    """`(N, L)` float64: 1 for each label of a row, NaN where nothing is known; other labels are left out.

    Example:
        >>> indicator([["a"], ["b", "a"], None], ["a", "b"]).tolist()
        [[1.0, 0.0], [1.0, 1.0], [nan, nan]]
    """
    place = {label: i for i, label in enumerate(labels)}
    out = np.zeros((len(lists), len(labels)))
    for row, cell in enumerate(lists):
        if cell is None:
            out[row] = np.nan
        else:
            out[row, [place[label] for label in cell if label in place]] = 1.0
    return out


def yes_or_no(raws: Sequence[Raw], *, said: bool) -> list[dict[str, Any]] | None:
    """How each of several columns says yes and no; None where one of them holds something else."""
    forms = []
    for raw in raws:
        guess = boolean.recognise(raw, forced=said)
        if guess is None:
            return None
        forms.append(dict(guess.form))
    return forms


def from_columns(frame: pl.DataFrame, names: Sequence[str], forms: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """`(N, L)` float64 of yes/no columns, NaN where a cell is empty."""
    rows = np.arange(len(frame))
    columns = [boolean.clean(Raw(n, frame[n], rows), form, Rule()).values for n, form in zip(names, forms, strict=True)]
    return np.stack([np.where(values == 0, np.nan, values > 0) for values in columns], axis=1)


def all_labels(lists: Sequence[list[str] | None], name: str) -> set[str]:
    """Every label that occurs.

    Raises:
        DataError: there are fewer than two, or so many that they are no labels.
    """
    found = {label for cell in lists if cell for label in cell}
    if not 2 <= len(found) <= _MOST:
        raise DataError(
            f"the target {name!r} has {len(found):,} different labels, expected 2 to {_MOST:,}",
            remedy="Say how they are written: lists, or texts with | or ; or , between the labels.",
        )
    return found


def label_checks(values: np.ndarray, train: np.ndarray, labels: Sequence[str], column: str) -> list[Check]:
    """How many labels rows have, and labels that no train row has."""
    per_row, counts = values[train].sum(axis=1), values[train].sum(axis=0).astype(int)
    rare, common = int(counts.argmin()), int(counts.argmax())
    text = (
        f"{len(labels)} labels, {per_row.mean():.2f} in a train row ({(per_row == 0).mean():.0%} have none); "
        f"{labels[common]!r} is in {counts[common]:,}, {labels[rare]!r} in {counts[rare]:,}."
    )
    checks = [Check("labels", "PASS", text, column)]
    if absent := [label for label, n in zip(labels, counts, strict=True) if not n]:
        text = f"{len(absent)} of {len(labels)} labels are in no train row and cannot be learnt: {', '.join(absent[:5])}."
        checks.append(Check("classes", "WARN", text, column, len(absent), tuple(absent[:5])))
    return checks
