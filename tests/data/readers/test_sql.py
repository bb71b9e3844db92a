"""Rows of a database: the same as from a file, and no password is ever written down."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trainwell.core.errors import DataError, MissingExtra
from trainwell.core.recipe import Recipe
from trainwell.data.load import load
from trainwell.data.readers import sql
from trainwell.train.fit import fit
from trainwell.train.resume import load_again

PASSWORD = "s3cr3t-geheim"


@pytest.fixture
def frame() -> pl.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=120)
    labels = pl.Series(["a", "b", "c"]).gather(draw.integers(0, 3, 120)).set(pl.Series(x > 2), None)
    return pl.DataFrame({"x": x, "label": labels, "y": pl.Series(["no", "yes"]).gather((x > 0).astype(np.int64))})


@pytest.fixture
def database(tmp_path: Path, frame: pl.DataFrame) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as held:
        held.execute("create table orders (x real, label text, y text)")
        held.executemany("insert into orders values (?, ?, ?)", frame.rows())
        held.commit()
    return path


def test_sqlite_gives_the_cells_of_its_table(database: Path, frame: pl.DataFrame) -> None:
    assert load(f"sqlite:///{database}?table=orders", target="y").source.table.equals(frame)
    some = load(f"sqlite:///{database}?query=select y, x * 2 as twice from orders order by rowid", target="y")
    np.testing.assert_array_equal(some.source.table["twice"], frame["x"] * 2)
    assert "order" not in {check.code for check in some.card.checks}


def test_duckdb_gives_the_cells_of_its_table(tmp_path: Path, frame: pl.DataFrame) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as held:
        held.register("given", frame.to_arrow())
        held.execute("create table orders as select * from given")
    source = sql.read_sql(f"duckdb:///{tmp_path}/shop.duckdb?query=select * from orders")
    assert source.table.equals(frame)
    assert [check.code for check in source.checks] == ["order"]


def test_connectorx_gives_the_cells_of_its_table(database: Path, frame: pl.DataFrame) -> None:
    """The way of servers, tried on a database that needs none."""
    pytest.importorskip("connectorx")
    assert sql._server(f"sqlite://{database}", "select * from orders").equals(frame)


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (f"postgresql://me:{PASSWORD}@host/shop?table=a", "postgresql://me:$TRAINWELL_SQL_PASSWORD@host/shop?table=a"),
        ("mysql://me:$DB@host/shop?query=select ':x@y'", "mysql://me:$DB@host/shop?query=select ':x@y'"),
        (f"mssql://host/shop?password={PASSWORD}&table=a", "mssql://host/shop?password=$TRAINWELL_SQL_PASSWORD&table=a"),
        ("postgresql://me@host/shop?table=a", "postgresql://me@host/shop?table=a"),
        ("sqlite:////data/shop.db?table=a", "sqlite:////data/shop.db?table=a"),
    ],
)
def test_a_variable_stands_for_a_password(place: str, shown: str) -> None:
    assert sql.hidden(place) == sql.absolute(place) == shown


def test_no_file_of_a_run_holds_the_password(
    database: Path, frame: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def server(connection: str, query: str) -> pl.DataFrame:
        asked.append(connection)
        return frame

    monkeypatch.setattr(sql, "_server", server)
    recipe = Recipe(target="y", model="mlp", steps=2)
    data = load(f"postgresql://me:{PASSWORD}@host/shop?query=select * from orders order by x", recipe=recipe)
    fit(recipe, data, seed=0, folder=tmp_path / "run")
    files = [path for path in (tmp_path / "run").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert PASSWORD.encode() not in path.read_bytes(), path
    with pytest.raises(DataError, match="TRAINWELL_SQL_PASSWORD is not set"):
        load_again(tmp_path / "run")
    monkeypatch.setenv("TRAINWELL_SQL_PASSWORD", PASSWORD)
    assert load_again(tmp_path / "run").fingerprint == data.fingerprint
    assert asked == [f"postgresql://me:{PASSWORD}@host/shop"] * 2


def test_a_driver_that_repeats_the_password_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(connection: str, query: str) -> pl.DataFrame:
        raise RuntimeError(f"cannot connect to {connection}.")

    monkeypatch.setattr(sql, "_server", refuses)
    with pytest.raises(DataError) as caught:
        sql.read_sql(f"postgresql://me:{PASSWORD}@host/shop?table=orders")
    assert PASSWORD not in str(caught.value)
    assert "cannot connect to postgresql://me:…@host/shop" in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("?table=nothing", "no such table: nothing"),
        ("?query=selec x from orders", "syntax error"),
        ("", "it is not said what to read"),
        ("?query= ", "it is not said what to read"),
        ("?query=select x from orders where x > 1e9", "no rows"),
        ("?query=delete from orders", "readonly database"),
    ],
)
def test_a_wrong_question_is_one_sentence(database: Path, asked: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        load(f"sqlite:///{database}{asked}", target="y")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such database file"):
        sql.read_sql(f"sqlite:///{tmp_path}/none.db?table=a")
    assert not (tmp_path / "none.db").exists()


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"trainwell\[sql\]"):
        sql.read_sql("mysql://me@host/shop?table=orders")
