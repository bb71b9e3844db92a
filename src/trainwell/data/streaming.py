"""Data larger than memory: fitted column by column, encoded block by block into memory maps in the cache.

The first pass reads one column after another and fits it with the code that fits columns in memory, so that what is found and
fitted is the same to the bit. The second pass encodes blocks of rows into files that training maps. The result lies in the
cache under a key of the files and of what the recipe says about data; with the same files and words nothing is read twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file

from trainwell.core.errors import RecipeError
from trainwell.core.recipe import Recipe
from trainwell.core.shape import Facts
from trainwell.data import cache
from trainwell.data.card import Card, Check
from trainwell.data.data import Data
from trainwell.data.fingerprint import about_data
from trainwell.data.inputs import Fitted, gather_inputs
from trainwell.data.kinds.kind import Raw, Rule
from trainwell.data.kinds.known import is_scalar
from trainwell.data.kinds.picture import holds_pictures
from trainwell.data.kinds.words import as_cells
from trainwell.data.mapped import mapped
from trainwell.data.preparation import Preparation
from trainwell.data.source import Source
from trainwell.data.stored import Stored

#: Part of the key; another number forgets what earlier code encoded.
_VERSION = 1
#: Cells of text that are looked at to tell whether they name picture files.
_LOOKED_AT = 1_000


def settled(source: Source, recipe: Recipe) -> Source:
    """The source as it is, or in memory where its kind of data is prepared as a whole: pictures, series, running text."""
    if not isinstance(source.frame, Stored):
        return source
    kinds = {column.kind for column in recipe.columns.values()}
    whole = recipe.task == "language" or recipe.series.horizon or recipe.series.id or kinds & {"series", "picture"}
    if recipe.prepare.outlier_rule == "forest":
        remedy = "Use prepare.outlier_rule=mad or iqr, or give TRAINWELL_MEMORY more."
        raise RecipeError("an isolation forest needs the table in memory, and it is larger", remedy=remedy)
    if not whole and not any(_names_pictures(source, name) for name in source.frame.columns):
        return source
    checks = [check for check in source.checks if check.code != "streamed"]
    return replace(source, frame=source.frame.collect(), checks=checks)


def _names_pictures(source: Source, name: str) -> bool:
    if source.frame.schema[name] != pl.String or not isinstance(source.frame, Stored):
        return False
    head = source.frame.lazy.select(name).head(_LOOKED_AT).collect().to_series()
    raw = Raw(name, head, np.arange(len(head)), source.base)
    return is_scalar(raw) and holds_pictures(raw, source.kinds.get(name, "auto"))


def streamed(source: Source, recipe: Recipe, fit: Callable[[], Data], rebuild: Callable[[Source, Recipe], Data]) -> Data:
    """Data of a table in files, from the cache if it was prepared before.

    Args:
        source: the table.
        recipe: the rules.
        fit: everything but the encoded inputs; called when they are not in the cache.
        rebuild: makes data of a source under another recipe.
    """
    table = source.frame
    assert isinstance(table, Stored)
    digest = blake2b(repr((_VERSION, table.identity, table.columns, about_data(recipe))).encode(), digest_size=20)
    digest.update(repr((source.target, sorted(source.kinds.items()), [vars(check) for check in source.checks])).encode())
    digest.update(b"" if source.parts is None else "\0".join(source.parts.astype(str)).encode())
    key = digest.hexdigest()
    folder = cache.find(key) or cache.build(key, lambda place: _fill(place, fit()), about=f"encoded {source.origin}")
    return _opened(folder, source, recipe, rebuild)


def _fill(place: Path, data: Data) -> None:
    """Everything that `_opened` reads, as files of a cache entry."""
    preparation, table = data.preparation, data.source.frame
    assert isinstance(table, Stored)
    size = len(table) * sum(4 * math.prod(i.shape) for i in preparation.shape.inputs)
    cache.need_space(size, "the encoded rows", smaller="leave columns out with columns.NAME=ignore")
    arrays = _write(place, _blocks(table, preparation.columns)) | _write(place, iter([{"target": data.arrays["target"]}]))
    save_file({name: np.ascontiguousarray(rows) for name, rows in data.rows.items()}, place / "rows.safetensors")
    facts = {f.name: getattr(data.facts, f.name) for f in fields(Facts) if f.name != "shape"}
    about = {"arrays": arrays, "rows": list(data.rows), "card": asdict(data.card), "facts": facts}
    (place / "about.json").write_text(json.dumps(about))
    preparation.save(place)


def _blocks(table: Stored, columns: tuple[Fitted, ...]) -> Iterator[dict[str, np.ndarray]]:
    """The inputs of block of rows after block of rows."""
    for block in table.blocks([column.name for column in columns]):
        yield gather_inputs(columns, [encoded(column, block[column.name]) for column in columns], len(block))


def encoded(column: Fitted, cells: pl.Series) -> np.ndarray:
    """Some cells of a column as the network sees them."""
    raw = Raw(column.name, as_cells(cells), np.arange(len(cells)))
    return column.does.encode(column.state, column.does.clean(raw, column.form, Rule()))


def _write(place: Path, blocks: Iterator[dict[str, np.ndarray]]) -> dict[str, tuple[str, list[int]]]:
    """One file per array, block behind block; the type and shape of each."""
    shapes: dict[str, tuple[str, list[int]]] = {}
    with ExitStack() as stack:
        files: dict[str, BinaryIO] = {}
        for block in blocks:
            for name, array in block.items():
                if name not in files:
                    files[name] = stack.enter_context((place / _file(name)).open("wb"))
                    shapes[name] = (array.dtype.str, [0, *array.shape[1:]])
                files[name].write(np.ascontiguousarray(array).data)
                shapes[name][1][0] += len(array)
    return shapes


def _file(name: str) -> str:
    """The file of an input, whatever characters its column's name has."""
    return f"{blake2b(name.encode(), digest_size=8).hexdigest()}.raw"


def _opened(folder: Path, source: Source, recipe: Recipe, rebuild: Callable[[Source, Recipe], Data]) -> Data:
    about = json.loads((folder / "about.json").read_text())
    arrays: dict[str, np.ndarray] = {
        name: mapped(folder / _file(name), np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in about["arrays"].items()
    }
    card: dict[str, Any] = about["card"]
    checks = [Check(**check | {"examples": tuple(check["examples"])}) for check in card["checks"]]
    preparation, rows = Preparation.load(folder), load_file(folder / "rows.safetensors")
    return Data(
        card=Card(source.origin, card["rows"], card["columns"], checks),
        arrays=arrays,
        rows={part: rows[part] for part in about["rows"]},
        preparation=preparation,
        source=source,
        facts=Facts(shape=preparation.shape, **about["facts"]),
        recipe=recipe,
        rebuild=rebuild,
    )
