"""Vectors that a reader spread over columns, put together again for modules that take tensors."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from trainwell.data.source import Source

_NUMBERED = re.compile(r"^(input\d|.*?)(\d+)$")  # the second of several inputs is spread over input10, input11, …

_ALONE = re.compile(r"^input\d$")


def columns_as_tensors(source: Source, target: str | list[str] | None) -> Source:
    """A source whose number columns `x0, x1, …` are one array "input"; unchanged where columns have names of their own.

    Args:
        source: what a reader returned for arrays or a data set.
        target: the target columns, which stay in the frame; None for what the source declares.
    """
    kept: set[str | None] = {target} if isinstance(target, str) else set(target) if target else {source.target}
    kept |= {name for name in source.frame.columns if target is None and source.target is None and name.startswith("target")}
    groups = _groups([name for name in source.frame.columns if name not in kept])
    if groups is None or not all(source.frame[n].dtype.is_numeric() for names in groups.values() for n in names):
        return source
    arrays = {("input" if stem == "x" else stem): _stacked(source, names) for stem, names in groups.items()}
    frame = source.frame.select([name for name in source.frame.columns if name in kept])
    return replace(source, frame=frame, arrays=arrays | source.arrays)


def _groups(names: list[str]) -> dict[str, list[str]] | None:
    """Column names by stem, where every stem is numbered 0, 1, 2, … in order; None where one is not.

    Of several inputs one with a single number for each row has no second number: `input1`.
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        if _ALONE.match(name):
            groups[name] = [name]
            continue
        match = _NUMBERED.match(name)
        if match is None or int(match[2]) != len(groups.setdefault(match[1], [])):
            return None
        groups[match[1]].append(name)
    return groups


def _stacked(source: Source, names: list[str]) -> np.ndarray:
    columns = source.frame.select(names)
    whole = all(dtype.is_integer() for dtype in columns.dtypes) and not sum(columns.null_count().row(0))
    array = np.ascontiguousarray(columns.to_numpy().astype(np.int64 if whole else np.float32))
    return array[:, 0] if _ALONE.match(names[0]) else array
