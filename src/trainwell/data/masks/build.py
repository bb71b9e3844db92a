"""Pictures with masks become data: the class of every pixel is what is predicted.

Splitting, cleaning and encoding the pictures is the work of other data, under the class that is most in each mask's foreground.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from trainwell.core.errors import DataError, did_you_mean
from trainwell.core.recipe import Recipe
from trainwell.data.card import Check
from trainwell.data.data import Data
from trainwell.data.decode_picture import UNUSABLE
from trainwell.data.draft import not_features, raw_of
from trainwell.data.kinds import picture
from trainwell.data.kinds.kind import Raw
from trainwell.data.masks.classes import Classes, Survey, survey
from trainwell.data.masks.frame import Size, encode_masks
from trainwell.data.masks.values import COLOUR, Masks, masks_of
from trainwell.data.preparation import Preparation
from trainwell.data.scan_pictures import scan
from trainwell.data.source import Source
from trainwell.data.stored import Stored
from trainwell.data.target import Target

Rebuild = Callable[[Source, Recipe], Data]
#: By how much height over width of a mask may differ from its picture's: rounding of small pictures.
STRETCH = 0.03
#: What the card says of the labels that stand for masks, which nobody wants to know.
OF_LABELS = ("classes", "imbalance", "conflicts")
#: How masks are called in `Source.kinds`.
KIND = "mask"


def is_masked(source: Source, recipe: Recipe) -> bool:
    """Whether the target is masks: the recipe says so, the source does, or the target's cells name picture files."""
    if recipe.task != "auto":
        return recipe.task == "segmentation"
    name = recipe.target if recipe.target is not None else source.target
    if not isinstance(name, str) or isinstance(source.frame, Stored):
        return False
    if source.kinds.get(name) == KIND or _are_beside_pictures(source, name):
        return True
    column = recipe.columns.get(name)
    if name not in source.frame.columns or source.frame[name].dtype != pl.String or (column and column.kind != "auto"):
        return False
    return picture.holds_pictures(raw_of(source, name, np.arange(len(source))), source.kinds.get(name, "auto"))


def _are_beside_pictures(source: Source, name: str) -> bool:
    """Whether this is an array of whole numbers beside one of pictures of the same size."""
    if name not in source.arrays or source.arrays[name].dtype.kind not in "iub" or source.arrays[name].ndim < 3:
        return False
    sizes = [a.shape[1:3] for other, a in source.arrays.items() if other != name and source.kinds.get(other) == "picture"]
    return source.arrays[name].shape[1:3] in sizes


def build_masks(source: Source, recipe: Recipe, rebuild: Rebuild) -> Data:
    """Data whose target is the class of every pixel, `(N, H, W)` uint8; 255 is a pixel that is not judged.

    Args:
        source: pictures in one column, masks in another.
        recipe: `target` names the masks; `split` and `prepare` decide about the pictures.
        rebuild: makes data of a source under another recipe.

    Raises:
        DataError: no pictures or several columns of them, no masks, fewer than two classes.
    """
    column, pictures = _columns(source, recipe)
    masks = masks_of(source, column)
    looked = survey(masks)
    checks = _set_aside(looked, masks, _sizes(source, pictures))
    classes = looked.classes(source.class_names, column)
    inner = _labelled(source, column, pictures, _foreground(looked, classes), recipe)
    rules = {name: rule for name, rule in recipe.columns.items() if name == pictures}
    about = recipe.but(target=column, task="generation", columns=rules)  # a task whose classes may be one alone
    data = rebuild(inner, about)
    target = Target((column,), "segmentation", classes.names, forms=(_form(classes),))
    codes = encode_masks(masks, classes, frame_of(data.preparation))
    own = [check for check in data.card.checks if check.code not in OF_LABELS]
    left = _left_out(source, column, pictures, recipe)
    judged = _unjudged(looked, classes, column)
    card = replace(data.card, checks=[*own, *checks, *left, *judged, *_rare(codes, data, classes)])
    card.columns = [_described(entry, target, codes[data.rows["train"]]) for entry in data.card.columns]
    return replace(
        data,
        card=card,
        arrays=data.arrays | {"target": codes},
        preparation=replace(data.preparation, target=target),
        facts=replace(data.facts, task="segmentation", n_out=target.n_out, imbalance=1.0, labels_mirror=True),
        source=source,
        recipe=recipe,
        rebuild=rebuild,
    )


def classes_in(preparation: Preparation) -> Classes:
    """The classes that a preparation of masks knows."""
    target = preparation.target
    form, names = target.forms[0], target.classes or ()
    return Classes(tuple(form["values"]), names, form["unjudged"])


def masks_as(source: Source, preparation: Preparation) -> np.ndarray:
    """The masks of other data in the classes and the frame of this preparation, `(N, H, W)` uint8.

    Raises:
        DataError: the masks hold values that are no classes of this preparation, so most could not be judged.
    """
    column, classes = preparation.target.names[0], classes_in(preparation)
    masks = masks_of(source, column)
    found = survey(masks)
    strange = sorted(value for value in found.values - {*classes.values, classes.unjudged, found.unjudged} if value >= 0)
    if strange:
        what = f"the masks hold values that those of the training do not: {_shown(strange)}"
        raise DataError(what, where=f"column {column!r}", remedy=f"Give masks of the values {_shown(classes.values)}.")
    return encode_masks(masks, classes, frame_of(preparation))


def _shown(values: Sequence[int]) -> str:
    """Values of masks as a user knows them, the first ten."""
    texts = [f"#{value - COLOUR:06x}" if value >= COLOUR else str(value) for value in values[:10]]
    return ", ".join(texts) + (", …" if len(values) > 10 else "")


def frame_of(preparation: Preparation) -> Size:
    """Height and width of the pictures, which their masks have as well."""
    _, height, width = preparation.shape.inputs[0].shape
    return height, width


def _form(classes: Classes) -> dict[str, Any]:
    return {"values": list(classes.values), "unjudged": classes.unjudged}


def _columns(source: Source, recipe: Recipe) -> tuple[str, str]:
    """The column of masks and the one of pictures."""
    known = [*source.frame.columns, *source.arrays]
    column = recipe.target if recipe.target is not None else source.target
    if not isinstance(column, str):
        remedy = f"Give target=…, one of: {', '.join(known[:20])}."
        raise DataError("it is not said which column holds the masks", where=source.origin, remedy=remedy)
    if column not in known:
        raise DataError(f"there is no column {column!r}", where=source.origin, remedy=did_you_mean(column, known))
    found = [n for n in known if n != column and n not in not_features(recipe.split) and _is_picture(source, n, recipe)]
    if len(found) != 1:
        what = f"masks belong to one column of pictures, however: {', '.join(found) or 'none'}"
        remedy = "Set columns.NAME=ignore for the others." if found else "Give a column of paths to pictures."
        raise DataError(what, where=source.origin, remedy=remedy)
    return column, found[0]


def _is_picture(source: Source, name: str, recipe: Recipe) -> bool:
    rule = recipe.columns.get(name)
    asked = rule.kind if rule is not None and rule.kind != "auto" else source.kinds.get(name, "auto")
    return asked != "ignore" and picture.holds_pictures(_raw(source, name), asked)


def _raw(source: Source, name: str) -> Raw:
    return raw_of(source, name, np.arange(len(source)))


def _sizes(source: Source, name: str) -> np.ndarray:
    """Height and width of every picture, (N, 2); 0 for one that cannot be used."""
    if name in source.arrays:
        first = 1 if source.kinds.get(name) == "picture" else 2  # (N, H, W, C), and of tensors (N, C, H, W)
        return np.tile(source.arrays[name].shape[first : first + 2], (len(source), 1))
    return scan(picture.pile_of(_raw(source, name)))["height", "width"].to_numpy()


def _set_aside(looked: Survey, masks: Masks, sizes: np.ndarray) -> list[Check]:
    """Takes masks that cannot be used, or have another shape than their picture, out of the survey."""
    checks = []
    for code, clause in UNUSABLE.items():
        rows = [row for row, (found, _) in sorted(looked.problems.items()) if found == code]
        if rows:
            said = f"Set aside {len(rows):,} of {len(masks):,} masks: {clause}."
            names = tuple(masks.name(row) for row in rows[:5])
            checks.append(Check(f"mask_{code}", "WARN", said, masks.column, len(rows), names))
    own = np.array(looked.sizes, np.float64).reshape(-1, 2)
    both = (own > 0).all(axis=1) & (sizes > 0).all(axis=1)
    tall = own[both, 0] * sizes[both, 1], own[both, 1] * sizes[both, 0]
    odd = np.flatnonzero(both)[np.abs(tall[0] - tall[1]) > STRETCH * np.maximum(*tall)]
    if len(odd):
        said = f"Set aside {len(odd):,} of {len(masks):,} masks: their height over width is not that of their picture."
        checks.append(Check("mask_shape", "WARN", said, masks.column, len(odd), tuple(masks.name(row) for row in odd[:5])))
    for row in odd:
        looked.pixels[row] = {}
    return checks


def _foreground(looked: Survey, classes: Classes) -> list[str | None]:
    """The class that most pixels of each mask have beside the commonest class of all; None for a mask of no class."""
    total: Counter[int] = Counter()
    for pixels in looked.pixels:
        total.update({value: n for value, n in pixels.items() if value in classes.values})
    behind = total.most_common(1)[0][0]
    name = dict(zip(classes.values, classes.names, strict=True))

    def of(pixels: dict[int, int]) -> str | None:
        known = {value: n for value, n in pixels.items() if value in name}
        rest = {value: n for value, n in known.items() if value != behind} or known
        return name[max(rest, key=lambda value: (rest[value], -value))] if rest else None

    return [of(pixels) for pixels in looked.pixels]


def _labelled(source: Source, column: str, pictures: str, labels: list[str | None], recipe: Recipe) -> Source:
    """The pictures alone, labelled by what is in the foreground, and what the split goes by."""
    kept = [n for n in (pictures, *not_features(recipe.split)) if n in source.frame.columns]
    if recipe.split.how == "time" and recipe.split.by:
        kept.append(recipe.split.by)
    frame = pl.DataFrame([*(source.table[name] for name in dict.fromkeys(kept)), pl.Series(column, labels, dtype=pl.String)])
    arrays = {name: array for name, array in source.arrays.items() if name == pictures}
    kinds = {name: source.kinds[name] for name in (pictures,) if name in source.kinds} | {column: "category"}
    return replace(source, frame=frame, arrays=arrays, target=column, kinds=kinds, given=None)


def _left_out(source: Source, column: str, pictures: str, recipe: Recipe) -> list[Check]:
    used = {column, pictures, *not_features(recipe.split), recipe.split.by}
    others = [name for name in (*source.frame.columns, *source.arrays) if name not in used]
    if not others:
        return []
    said = f"{len(others):,} columns beside pictures and masks are not looked at."
    return [Check("other_columns", "WARN", said, count=len(others), examples=tuple(others[:5]))]


def _unjudged(looked: Survey, classes: Classes, column: str) -> list[Check]:
    """How many pixels of the masks have no class."""
    total: Counter[int] = Counter()
    for pixels in looked.pixels:
        total.update(pixels)
    values = [value for value in sorted(total) if value not in classes.values]
    if not values:
        return []
    share = sum(total[value] for value in values) / total.total()
    said = f"Pixels of the value {_shown(values)} have no class and are not judged: {share:.2%} of all."
    return [Check("unjudged", "PASS", said, column)]


def _rare(codes: np.ndarray, data: Data, classes: Classes) -> list[Check]:
    """The rarest class in the training masks, and classes that they lack."""
    counts = np.bincount(codes[data.rows["train"]].reshape(-1), minlength=256)[: len(classes.names)]
    absent = [name for name, n in zip(classes.names, counts, strict=True) if not n]
    least, share = int(counts.argmin()), counts.min() / max(1, counts.sum())
    said = f"{len(classes.names)} classes of pixels; {classes.names[least]!r} has {share:.2%} of them."
    found = [Check("pixels", "PASS", said, data.preparation.target.names[0])]
    if absent:
        said = f"{len(absent)} classes have no pixel in the training masks: nothing can be learnt about them."
        found.append(Check("classes", "WARN", said, data.preparation.target.names[0], len(absent), tuple(absent[:5])))
    return found


def _described(entry: dict[str, Any], target: Target, codes: np.ndarray) -> dict[str, Any]:
    """The card's entry of the target: how many training pixels each class has."""
    if entry.get("role") != "target":
        return entry
    counts = np.bincount(codes.reshape(-1), minlength=256)[: target.n_out].tolist()
    top = dict(zip((target.classes or ())[:50], counts[:50], strict=True))
    why = f"masks: a class for every pixel, {target.n_out} classes"
    return {"name": entry["name"], "kind": "segmentation", "role": "target", "why": why, "top": top, "distinct": target.n_out}
