"""Several sources as one: official train, validation and test parts, or files whose rows follow each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from trainwell.core.errors import DataError
from trainwell.data.card import Check
from trainwell.data.readers.wording import counted
from trainwell.data.source import Source
from trainwell.data.stored import Stored, Table, join_stored, wider

PART_ORDER = ("train", "valid", "test")


def join(given: Mapping[str, Source]) -> Source:
    """The parts as one `Source` with `parts` set; columns are matched by name.

    Raises:
        DataError: a part lacks a column or has another shape of picture, or a part is given twice.

    Example:
        >>> one, two = Source(pl.DataFrame({"a": [1]}), "x"), Source(pl.DataFrame({"a": [2]}), "y")
        >>> join({"train": one, "test": two}).parts.tolist()
        ['train', 'test']
    """
    if len(given) == 1:
        return next(iter(given.values()))
    for part, source in given.items():
        if source.parts is not None and part != "train":
            raise DataError(
                "a source with parts of its own was given as one part", where=source.origin, remedy="Give one file."
            )
    own = given["train"].parts
    twice = [part for part in given if own is not None and part != "train" and part in own]
    if twice:
        raise DataError(
            f"the source already brings its own {twice[0]} part", where=given["train"].origin, remedy=f"Leave {twice[0]}= out."
        )
    order = [part for part in PART_ORDER if part in given]
    labels = [np.full(len(given[p]), p) if given[p].parts is None else given[p].parts for p in order]
    joined = stack([given[part] for part in order], names=order)
    joined.parts = np.concatenate([label for label in labels if label is not None])
    counts = ", ".join(f"{(joined.parts == p).sum():,} {p}" for p in PART_ORDER if (joined.parts == p).any())
    joined.checks.insert(0, Check("parts", "PASS", f"The source brings its own parts: {counts}.", count=len(joined)))
    _strip_label_dots(joined)
    return joined


def stack(sources: list[Source], names: list[str] | None = None) -> Source:
    """The rows of `sources` under each other; the first one decides columns and their order.

    Raises:
        DataError: a source lacks a column that the first one has, or has a column more, or its arrays have another shape.
    """
    if len(sources) == 1:
        return sources[0]
    sources = _of_one_length(sources)
    first = sources[0]
    names = names or [f"source {i + 1}" for i in range(len(sources))]
    for name, other in zip(names[1:], sources[1:], strict=True):
        _demand_same(first, other, name)
    base, frames = _common_base(sources)
    frame, clashes = _under_each_other(frames, first.frame.columns)
    arrays = {key: np.concatenate([s.arrays[key] for s in sources]) for key in first.arrays}
    checks = _said_by_all(sources, names)
    return Source(
        frame=frame,
        origin=first.origin,
        arrays=arrays,
        target=first.target,
        kinds={key: kind for s in reversed(sources) for key, kind in s.kinds.items()},
        checks=checks + [clash(c) for c in clashes],
        base=base,
        class_names=first.class_names,
    )


def _under_each_other(frames: list[Table], columns: list[str]) -> tuple[Table, list[str]]:
    """The rows of all frames, in files if one of them is; the names of columns that had to become text."""
    if any(isinstance(frame, Stored) for frame in frames):
        return join_stored(frames)
    held, clashes = _same_types([frame.select(columns) for frame in frames])
    return (pl.concat(held) if columns else pl.DataFrame()), clashes


def _of_one_length(sources: list[Source]) -> list[Source]:
    """The same with the series of every source filled up to the longest with NaN."""
    out = list(sources)
    for name in [key for key, kind in sources[0].kinds.items() if kind == "series" and key in sources[0].arrays]:
        held = [s.arrays.get(name) for s in out]
        longest = max(a.shape[2] for a in held if a is not None)
        for place, (source, array) in enumerate(zip(out, held, strict=True)):
            if array is not None and array.shape[2] < longest:
                filled = np.pad(array, ((0, 0), (0, 0), (0, longest - array.shape[2])), constant_values=np.nan)
                out[place] = replace(source, arrays=source.arrays | {name: filled})
    return out


def _said_by_all(sources: list[Source], names: list[str]) -> list[Check]:
    """What all sources say alike once, everything else with the name of the part that says it."""
    alike = [check for check in sources[0].checks if all(check in s.checks for s in sources[1:])]
    own = [
        replace(check, text=f"{name.capitalize()}: {check.text}")
        for name, source in zip(names, sources, strict=True)
        for check in source.checks
        if check not in alike
    ]
    return own + alike


def _demand_same(first: Source, other: Source, name: str) -> None:
    demand_columns(
        first.frame.columns, other.frame.columns, here=f"{other.origin} ({name})", there=first.origin, target=first.target
    )
    for key in first.arrays.keys() | other.arrays.keys():
        shapes = [s.arrays[key].shape[1:] if key in s.arrays else None for s in (first, other)]
        if shapes[0] != shapes[1]:
            what = f"{key!r} has the shape {shapes[1]} per example here and {shapes[0]} in the first part"
            raise DataError(what, where=f"{other.origin} ({name})", remedy="Give all parts one shape.")


def demand_columns(first: list[str], other: list[str], *, here: str, there: str, target: str | None = None) -> None:
    """Refuses a table with other columns than the first one.

    Raises:
        DataError: it lacks a column or has one more; the sentence names columns and file.
    """
    missing, extra = [c for c in first if c not in other], [c for c in other if c not in first]
    if not missing and not extra:
        return
    said = []
    if missing:
        said.append(f"lacks {_some(missing)}, which {there} has")
    if extra:
        said.append(f"has {_some(extra)}, which {there} lacks")
    remedy = "Give all parts the same columns (their order does not matter)."
    if len(missing) == 1 and missing[0] in (target, first[-1]):
        remedy = (
            "A part without the target can be predicted, but not judged: load the training file alone and predict this one."
        )
    raise DataError("the table " + " and ".join(said), where=here, remedy=remedy)


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:3])
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return f"the column{'s' if len(names) > 1 else ''} {shown}{more}"


def _same_types(frames: list[pl.DataFrame]) -> tuple[list[pl.DataFrame], list[str]]:
    """Columns cast to one type across frames; the names of those that had to become text."""
    casts: dict[str, pl.DataType] = {}
    clashes = []
    for name in frames[0].columns:
        types = [frame.schema[name] for frame in frames]
        if len(set(types)) == 1:
            continue
        used = {t for f, t in zip(frames, types, strict=True) if f[name].null_count() < len(f)} or set(types)
        casts[name] = next(iter(used)) if len(used) == 1 else wider(used)
        if casts[name] == pl.String:
            clashes.append(name)
    return ([frame.cast(casts) for frame in frames] if casts else frames), clashes  # type: ignore[arg-type]


def clash(column: str) -> Check:
    """The line about a column that had to become text."""
    return Check("part_types", "WARN", f"{column} holds numbers in one part and text in another; it was read as text.", column)


def _common_base(sources: list[Source]) -> tuple[str, list[Table]]:
    """One base folder for all sources; path cells are rewritten relative to it."""
    bases = {s.base for s in sources}
    if len(bases) == 1:
        return bases.pop(), [s.frame for s in sources]
    full = [os.path.abspath(s.base) for s in sources]
    try:
        base = os.path.commonpath(full)
    except ValueError:
        base = ""
    frames: list[Table] = []
    for source, folder in zip(sources, full, strict=True):
        if isinstance(source.frame, Stored):  # no column of it names files
            frames.append(source.frame)
            continue
        prefix = (os.path.relpath(folder, base) if base else folder).replace(os.sep, "/")
        known = [c for c, kind in source.kinds.items() if kind in ("picture", "mask") and c in source.frame.columns]
        paths = [c for c in known if source.frame[c].dtype == pl.String]  # not the bytes of files
        frames.append(source.table.with_columns((pl.lit(f"{prefix}/") + pl.col(c)).alias(c) for c in paths))
    return base, frames


def _strip_label_dots(source: Source) -> None:
    """Labels that end in a full stop in the test part only lose it (the UCI census files have this)."""
    assert source.parts is not None
    if isinstance(source.frame, Stored):  # the target merges such spellings, and a column that has them drifts
        return
    test = pl.Series(source.parts == "test")
    for name, dtype in source.frame.schema.items():
        if dtype != pl.String:
            continue
        theirs = source.frame[name].filter(test).drop_nulls()
        if not len(theirs) or not theirs[0].endswith(".") or not theirs.str.ends_with(".").all():
            continue
        ours = source.frame[name].filter(~test).drop_nulls().unique()
        if theirs.unique().str.strip_suffix(".").is_in(ours.implode()).all():
            fixed = pl.when(test).then(pl.col(name).str.strip_suffix(".")).otherwise(pl.col(name)).alias(name)
            source.frame = source.frame.with_columns(fixed)
            text = f"Took the full stop off {counted(len(theirs), 'test cell')} of {name}; the training cells have none."
            source.checks.append(Check("label_dots", "WARN", text, name, len(theirs), (f"{theirs[0]!r} → {theirs[0][:-1]!r}",)))
