"""The rows of a query: SQLite by Python itself, DuckDB files and servers by the extra `sql`.

The source is one text: the connection, then `?query=` and the query, or `?table=` and a table's name. A password in it is used
and forgotten: wherever the source is written down, `$TRAINWELL_SQL_PASSWORD` stands in its place, which is looked up when the
source is read again.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import polars as pl

from trainwell.core.errors import DataError, MissingExtra
from trainwell.data.card import Check
from trainwell.data.readers.frames import read_frame
from trainwell.data.source import Source

FILES = ("sqlite", "duckdb")
SERVERS = ("postgresql", "postgres", "redshift", "mysql", "mssql", "oracle", "clickhouse", "trino", "bigquery")
#: What stands for a password in everything that is written down.
PASSWORD = "$TRAINWELL_SQL_PASSWORD"

_ASKED = re.compile(r"[?&](query|table)=(.*)\Z", re.S)
_USER = re.compile(r"(?<=://)([^:@/?\s]*):([^@/]*)(?=@)")
_SECRET = re.compile(r"([?&](?:password|passwd|pwd|token|secret|sslpassword|apikey)=)([^&]*)", re.I)


def is_sql(place: str) -> bool:
    """Whether a text names a database.

    Example:
        >>> is_sql("sqlite:///shop.db?table=orders"), is_sql("shop.db")
        (True, False)
    """
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme.lower() in (*FILES, *SERVERS)


def hidden(place: str) -> str:
    """The same source with the name of an environment variable for each password in it.

    Example:
        >>> hidden("postgresql://me:geheim@host/shop?table=orders")
        'postgresql://me:$TRAINWELL_SQL_PASSWORD@host/shop?table=orders'
    """
    connection, rest = _split(place)
    connection = _USER.sub(lambda found: f"{found[1]}:{_stands_for(found[2])}", connection)
    return _SECRET.sub(lambda found: found[1] + _stands_for(found[2]), connection) + rest


def _stands_for(secret: str) -> str:
    return secret if secret.startswith("$") or not secret else PASSWORD


def absolute(place: str) -> str:
    """The source as a run writes it down: without its password, and with the whole path of a database file."""
    place = hidden(place)
    scheme, _, rest = place.partition(":///")
    if scheme not in FILES or not rest:
        return place
    path, asked = _split(rest)
    return f"{scheme}:///{Path(path).expanduser().resolve()}{asked}"


def _split(place: str) -> tuple[str, str]:
    """The connection, and what is asked of it with its sign."""
    found = _ASKED.search(place)
    return (place[: found.start()], place[found.start() :]) if found else (place, "")


def read_sql(place: str) -> Source:
    """The rows of a query.

    Raises:
        DataError: there is no query, the database cannot be read, or a variable in the connection is not set.
        MissingExtra: the extra `sql` is not installed.

    Example:
        >>> read_sql("sqlite:///:memory:?query=select 1 as a union select 2 order by a").frame["a"].to_list()
        [1, 2]
    """
    shown, found = hidden(place), _ASKED.search(place)
    if found is None or not found[2].strip():
        remedy = "Write …?table=orders, or …?query=select * from orders order by id."
        raise DataError("it is not said what to read of this database", where=shown, remedy=remedy)
    query = found[2].strip().rstrip(";") if found[1] == "query" else f'select * from "{found[2].strip()}"'
    connection = _filled(place[: found.start()], shown)
    scheme = connection.partition("://")[0].lower()
    _demand(scheme)
    read: Callable[[str, str], pl.DataFrame] = {"sqlite": _sqlite, "duckdb": _duckdb}.get(scheme, _server)
    try:
        frame = read(connection, query)
    except _errors(scheme) as error:
        reason = _without_secrets(str(error).splitlines()[0].rstrip("."), connection)
        remedy = "Check the connection, the names of tables and columns, and the password."
        raise DataError(f"the database cannot be read ({reason})", where=shown, remedy=remedy) from None
    source = read_frame(frame, shown)
    if not re.search(r"\border\s+by\b", query, re.I):
        text = "The query says no order: add ORDER BY, or the database may give its rows, and so the split, in another one."
        source.checks.append(Check("order", "WARN", text))
    return source


def _filled(connection: str, shown: str) -> str:
    """The connection with the values of the environment variables that it names."""

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in os.environ:
            raise DataError(f"the environment variable {name} is not set", where=shown, remedy=f"Set it: export {name}=…")
        return quote(os.environ[name], safe="")

    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, connection)


def _without_secrets(text: str, connection: str) -> str:
    """What a driver said, without the passwords that it may have repeated."""
    secrets = [found[2] for pattern in (_USER, _SECRET) for found in pattern.finditer(connection)]
    for secret in secrets:
        text = text.replace(secret, "…") if secret else text
    return text


def _file_of(connection: str) -> str:
    path = connection.partition("://")[2].removeprefix("/")
    if path != ":memory:" and not Path(path).expanduser().is_file():
        raise DataError(
            "there is no such database file", where=path, remedy="Write sqlite:///shop.db or sqlite:////data/shop.db."
        )
    return path if path == ":memory:" else str(Path(path).expanduser())


def _sqlite(connection: str, query: str) -> pl.DataFrame:
    path = _file_of(connection)
    address = "file::memory:" if path == ":memory:" else f"file:{quote(path)}?mode=ro"
    with closing(sqlite3.connect(address, uri=True)) as database:
        cursor = database.execute(query)
        names = [about[0] for about in cursor.description or ()]
        rows = cursor.fetchall()
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None, strict=False)


def _duckdb(connection: str, query: str) -> pl.DataFrame:
    path = _file_of(connection)
    import duckdb

    with duckdb.connect(path, read_only=path != ":memory:") as database:
        frame = pl.from_arrow(database.sql(query).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _server(connection: str, query: str) -> pl.DataFrame:
    os.environ.setdefault("RUST_LOG", "off")  # its own lines about a server that does not answer
    return pl.read_database_uri(query, connection, engine="connectorx")


def _demand(scheme: str) -> None:
    needed = {"sqlite": (), "duckdb": ("duckdb", "pyarrow")}.get(scheme, ("connectorx", "pyarrow"))
    if not all(importlib.util.find_spec(module) for module in needed):
        raise MissingExtra(f"{scheme} databases need the extra sql", remedy='Run pip install "trainwell[sql]".')


def _errors(scheme: str) -> tuple[type[Exception], ...]:
    """What reading may end in."""
    known: tuple[type[Exception], ...] = (sqlite3.Error, pl.exceptions.PolarsError, RuntimeError, OSError)
    if scheme != "duckdb":
        return known
    import duckdb

    return (*known, duckdb.Error)
