"""What loaded data say before anything is trained: tables of numbers and categories, pictures, arrays of the user's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainwell.data.data import Data
from trainwell.train.signs.data_facts import bad_cells, copies, digests, leaks, scales, shift, target_facts
from trainwell.train.signs.neighbours import neighbour_facts

#: Training and validation rows looked at.
TRAIN_ROWS, VALID_ROWS = 4000, 1000
#: Categories of a column up to which each becomes a number of its own.
MOST_CATEGORIES = 20
#: Places in which tokens are counted.
BAG = 1024
#: Numbers of a row that tell whether it is a copy: more are thinned out.
DIGEST_WIDTH = 2048


def loaded_facts(data: Data) -> dict[str, Any]:
    """Facts about the rows of `data` as the network is given them.

    Args:
        data: loaded, split and prepared.

    Example:
        >>> from trainwell.data.load import load
        >>> facts = loaded_facts(load("wine"))
        >>> facts["classes"], facts["reference"] > 0.8
        (3, True)
    """
    train, valid = (_some(data.rows[part], most) for part, most in (("train", TRAIN_ROWS), ("valid", VALID_ROWS)))
    y, y_valid = (np.asarray(data.arrays["target"][rows]) for rows in (train, valid))
    facts = {"rows_train": len(data.rows["train"]), "rows_valid": len(data.rows["valid"])}
    if data.task == "segmentation":  # what is told of classes and numbers says nothing of pixels
        return facts | _copies(data) | _scales(data, train)
    x, x_valid = flat(data, train), flat(data, valid) if len(valid) else None
    facts |= target_facts(y)
    if x is None:
        return facts | _copies(data) | _told_by_words(data, (train, valid), (y, y_valid))
    facts |= bad_cells(x, y) | _copies(data)
    if facts.get("bad_cells") or facts.get("bad_targets"):
        return facts
    alike = data.recipe.split.how != "time" and not data.shape.horizon  # the future may well lie elsewhere
    if alike and x_valid is not None and len(valid) >= 20:
        facts |= shift(x, x_valid)
    told = _leads(data, train, y) if data.shape.horizon else _leaks(data, train, y)
    return facts | neighbour_facts(x, y, x_valid, y_valid) | _scales(data, train) | told


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    return rows if len(rows) <= most else np.sort(np.random.default_rng(0).permutation(rows)[:most])


def flat(data: Data, rows: np.ndarray) -> np.ndarray | None:
    """These rows as one matrix of numbers `(N, F)`, small categories one-hot; None where there is nothing of the kind."""
    parts: list[np.ndarray] = []
    for described in data.shape.inputs:
        x = np.asarray(data.arrays[described.name][rows])
        if described.kind == "category":
            few = [j for j, n in enumerate(described.cardinalities) if n <= MOST_CATEGORIES]
            parts += [np.eye(described.cardinalities[j], dtype=np.float32)[x[:, j]] for j in few]
        elif described.kind == "picture":
            parts.append(x.reshape(len(x), -1).astype(np.float32) / 255)
        elif x.dtype.kind == "f":
            parts.append(x.reshape(len(x), -1).astype(np.float32))
    return np.concatenate(parts, axis=1) if parts else None


def _scales(data: Data, rows: np.ndarray) -> dict[str, Any]:
    """Scales of the one input that is not codes, as it is; several are each scaled in their own way."""
    floats = [i for i in data.shape.inputs if i.kind != "category"]
    x = np.asarray(data.arrays[floats[0].name][rows]) if len(floats) == 1 else np.zeros(0)
    if len(floats) != 1 or x.dtype.kind not in "fu":
        return {"input_whole": True}
    x = x / np.float32(255) if x.dtype == np.uint8 else x
    return scales(x.reshape(len(x), -1).astype(np.float64), x.ndim > 2)


def _leaks(data: Data, rows: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The column of the table that tells the target best by itself, by its name."""
    tables = [i for i in data.shape.inputs if i.kind in ("number", "category") and i.columns]
    names = [name for i in tables for name in i.columns]
    if len(rows) < 100 or not 0 < len(names) <= 200:
        return {}
    columns = np.concatenate([np.asarray(data.arrays[i.name][rows], dtype=np.float64) for i in tables], axis=1)
    found = leaks(np.nan_to_num(columns), y)
    return found | {"leak_column": names[found["leak_column"]]}


def _leads(data: Data, rows: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    """The column of the past that holds best what the target will be: a copy of its future, shifted back.

    Both are taken less what the target's own last value tells, for all series are like themselves a step before.
    """
    inputs = {i.name: i for i in data.shape.inputs}
    if "past" not in inputs or "series" not in inputs or len(rows) < 100:
        return {}
    last, own = (np.asarray(data.arrays[name][rows][:, :, -1], dtype=np.float64) for name in ("past", "series"))
    known = np.column_stack([np.ones(len(rows)), np.nan_to_num(own)])
    ahead = np.nan_to_num(y.reshape(len(y), -1).astype(np.float64))
    seen, future = (_normed(v - known @ np.linalg.lstsq(known, v, rcond=None)[0]) for v in (np.nan_to_num(last), ahead))
    told = (seen.T @ future) ** 2  # R² of each column for each step ahead
    best = told.max(axis=1)
    order = np.argsort(best)[::-1]
    column, following = int(order[0]), float(best[order[1]]) if len(order) > 1 else 0.0
    found = {"leak_column": inputs["past"].columns[column], "leak_purity": float(best[column]), "leak_next": following}
    return found | {"leak_base": 0.0, "leak_lead": int(told[column].argmax()) % data.shape.horizon + 1}


def _normed(columns: np.ndarray) -> np.ndarray:
    """Columns of length 1; those that hold nothing are 0."""
    length = np.linalg.norm(columns, axis=0)
    return np.where(length > 1e-9 * len(columns) ** 0.5, columns / np.maximum(length, 1e-300), 0.0)


def _told_by_words(data: Data, rows: tuple[np.ndarray, np.ndarray], targets: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    """What a ridge line on counted tokens scores, for texts; nothing for running text, which tells its own tokens."""
    texts = [i for i in data.shape.inputs if i.kind == "text"]
    if len(texts) != 1 or len(data.shape.inputs) != 1 or data.task not in ("classification", "ordinal", "regression"):
        return {}
    counted = [_bag(np.asarray(data.arrays[texts[0].name][some])) for some in rows]
    facts = neighbour_facts(counted[0], targets[0], counted[1], targets[1])
    return {name: facts[name] for name in ("reference", "reference_name", "chance") if name in facts}


def _bag(tokens: np.ndarray) -> np.ndarray:
    """How often tokens occur, in `BAG` places and in logarithms; code 0 fills up."""
    places = (tokens.astype(np.int64) * 2654435761) % BAG
    counts = np.zeros((len(tokens), BAG), dtype=np.float32)
    np.add.at(counts, (np.arange(len(tokens))[:, None], places), (tokens != 0).astype(np.float32))
    return np.asarray(np.log1p(counts))


def _copies(data: Data) -> dict[str, Any]:
    """Validation rows, or test rows if more of them, that are copies of training rows, by their numbers in the data."""
    train = _digests(data, data.rows["train"])
    found = []
    for part in ("valid", "test"):
        rows = data.rows[part]
        if len(rows):
            facts = copies(train, _digests(data, rows))
            facts["duplicate_rows"] = rows[facts["duplicate_rows"]].tolist()
            found.append(facts | {"duplicate_part": "validation" if part == "valid" else part})
    return max(found, key=lambda f: f["duplicates"], default={})


def _digests(data: Data, rows: np.ndarray) -> np.ndarray:
    total = np.zeros(len(rows), dtype=np.uint64)
    for place, name in enumerate(data.shape.names):
        x = data.arrays[name]
        step = max(1, int(np.prod(x.shape[1:])) // DIGEST_WIDTH)
        for start in range(0, len(rows), 4096):
            part = np.asarray(x[rows[start : start + 4096]])
            total[start : start + 4096] += digests(part.reshape(len(part), -1)[:, ::step]) * np.uint64(2 * place + 1)
    return total
