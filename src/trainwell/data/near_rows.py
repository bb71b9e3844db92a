"""Rows whose texts nearly repeat another row's: found, told, and kept together or dropped by the recipe's rule."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from trainwell.data import clean
from trainwell.data.card import Check
from trainwell.data.draft import Draft, raw_of
from trainwell.data.kinds import text
from trainwell.data.near import near_repeats
from trainwell.data.splits import TEST, TRAIN
from trainwell.data.stored import Stored

#: What was done about them, by treatment.
DONE = {
    "together": "kept, each with its like in one part of the split",
    "apart": "kept, and split like other rows: so many rows repeat that the texts are a form rather than copied",
    "keep": "kept, and split like other rows, as the recipe says",
    "drop": "dropped; the first of each stays",
}


def near_units(draft: Draft, units: np.ndarray) -> tuple[np.ndarray, str]:
    """The first row whose texts each row nearly repeats (N,), and how such rows are treated.

    Args:
        draft: what is known so far; the finding goes onto its card.
        units: the first row that each row equals (N,).

    Returns:
        Rows that are equal are one unit here, too. The treatment is together, apart, keep, drop, or "" where there are none.
    """
    if isinstance(draft.source.frame, Stored):
        draft.card.add(Check("near_duplicates", "PASS", "Rows in files larger than memory were not searched for texts alike."))
        return units, ""
    columns = [name for name in draft.features if _holds_texts(draft, name)]
    if not columns:
        return units, ""
    alike = _alike(draft, columns)
    near = joined(units, alike)
    again = clean.repeated(near, draft.usable) & ~clean.repeated(units, draft.usable)
    n, rows = int(again.sum()), np.flatnonzero(again)
    if not n:
        draft.card.add(Check("near_duplicates", "PASS", "No text nearly repeats another one."))
        return units, ""
    policy = draft.recipe.prepare.near_duplicates
    coarse = n > clean.COARSE * draft.usable.sum()
    treatment = policy if policy != "auto" else "apart" if coarse else "together"
    examples = tuple(_example(draft, columns[0], row, int(near[row])) for row in rows[:3].tolist())
    said = f"{n:,} rows nearly repeat the text of an earlier one (four fifths of its passages); they were {DONE[treatment]}."
    draft.card.add(Check("near_duplicates", "WARN", said, columns[0], n, examples))
    return near, treatment


def _holds_texts(draft: Draft, name: str) -> bool:
    frame, column = draft.source.table, draft.recipe.columns.get(name)
    asked = column.kind if column is not None and column.kind != "auto" else draft.source.kinds.get(name, "auto")
    if name not in frame.columns or frame.schema[name] != pl.String or asked not in ("auto", "text"):
        return False
    if asked == "text":
        return True
    return text.recognise(raw_of(draft.source, name, np.arange(len(draft.source)))) is not None


def _alike(draft: Draft, columns: list[str]) -> np.ndarray:
    """The first row whose texts in all columns are nearly those of each row; a row with an empty text is like no other."""
    rows = np.arange(len(draft.source))
    keys, empty = [], np.zeros(len(rows), bool)
    for name in columns:
        words = raw_of(draft.source, name, rows).words
        groups = near_repeats(words.texts.to_list())
        keys.append(words.spread(groups, -1))
        empty |= keys[-1] < 0
    _, first, place = np.unique(np.stack(keys, axis=1), axis=0, return_index=True, return_inverse=True)
    return np.where(empty, rows, first[place.reshape(-1)])


def joined(units: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Units of rows that either puts together, named by their first row, (N,).

    Example:
        >>> joined(np.array([0, 0, 2, 3]), np.array([0, 1, 1, 3])).tolist()
        [0, 0, 0, 3]
    """
    n, rows = len(units), np.arange(len(units))
    if (others == rows).all():
        return units
    links = coo_matrix((np.ones(2 * n, bool), (np.r_[rows, rows], np.r_[units, others])), shape=(n, n))
    place = connected_components(links, directed=False)[1]
    _, first, back = np.unique(place, return_index=True, return_inverse=True)
    return np.asarray(first[back])


def _example(draft: Draft, name: str, row: int, first: int) -> str:
    cells = draft.source.table[name]
    return f"row {row}: {str(cells[row])[:40]!r}, row {first}: {str(cells[first])[:40]!r}"


def near_straddle_check(near: np.ndarray, units: np.ndarray, part: np.ndarray) -> list[Check]:
    """Validation and test rows that nearly repeat a train row: only where the parts were given, or rows were left apart."""
    trained, same = np.zeros(len(near), bool), np.zeros(len(near), bool)
    trained[near[part == TRAIN]] = same[units[part == TRAIN]] = True
    found = []
    for code, name in ((1, "validation"), (TEST, "test")):
        shared = np.flatnonzero((part == code) & trained[near] & ~same[units])
        if len(shared):
            said = f"{len(shared):,} {name} rows nearly repeat a train row: scores on them look too good. "
            said += "prepare.near_duplicates=drop leaves those train rows out."
            found.append(Check("near_straddle", "WARN", said, "", len(shared), tuple(f"row {row}" for row in shared[:5])))
    return found
