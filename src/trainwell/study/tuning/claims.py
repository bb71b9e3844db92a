"""Who works on what: claims that a dead worker loses at once (same machine) or within seconds (another machine).

A worker claims a batch of candidates before it proposes, trains and scores them. On one machine, or in a folder that several
share, a claim is a lock on a file, which the kernel releases at the instant its holder dies, whatever killed it. Workers that
share only a database write claims into a table there and renew them; a claim that was not renewed for `LEASE` seconds, counted
on the clock of the one who waits, passes to the next worker by one compare-and-swap.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

#: Seconds without renewal after which a claim in a database is taken over, and between two renewals.
LEASE, RENEW = 5.0, 1.0
CREATE = """CREATE TABLE IF NOT EXISTS trainwell_claims (study VARCHAR(250) NOT NULL, name VARCHAR(100) NOT NULL,
owner VARCHAR(40) NOT NULL, beat INTEGER NOT NULL, PRIMARY KEY (study, name))"""
TAKE_OVER = "UPDATE trainwell_claims SET owner=:me, beat=0 WHERE study=:study AND name=:name"
RENEWAL = "UPDATE trainwell_claims SET beat=beat+1 WHERE study=:study AND name=:name AND owner=:me"


class Claims(Protocol):
    """What a worker asks before it works."""

    def take(self, key: str) -> bool:
        """Whether the claim is now mine; never waits."""
        ...

    def release(self, key: str) -> None:
        """Give a claim of mine back."""
        ...


class Alone:
    """Claims of the only worker there is.

    Example:
        >>> Alone().take("batch-0")
        True
    """

    def take(self, key: str) -> bool:  # noqa: ARG002  nobody else asks
        """Always mine."""
        return True

    def release(self, key: str) -> None:
        """Nothing to give back."""


class FileClaims:
    """Claims as locks on files.

    Args:
        folder: where the lock files lie; they stay there, empty.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> mine, yours = FileClaims(folder), FileClaims(folder)
        >>> mine.take("batch-0"), yours.take("batch-0")
        (True, False)
        >>> mine.release("batch-0")
        >>> yours.take("batch-0")
        True
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, int] = {}

    def take(self, key: str) -> bool:
        """Lock the file of this claim, if nobody alive has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / f"{key}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._held[key] = handle
        return True

    def release(self, key: str) -> None:
        """Unlock the file."""
        os.close(self._held.pop(key))


class TableClaims:
    """Claims as rows of a table, for workers that share nothing but a database.

    Args:
        engine: SQLAlchemy's way to the database.
        study: name of the study, so that several can share the table.

    Example:
        >>> from sqlalchemy import create_engine
        >>> engine = create_engine("sqlite:///:memory:")
        >>> mine, yours = TableClaims(engine, "a"), TableClaims(engine, "a")
        >>> mine.take("batch-0"), yours.take("batch-0"), mine.release("batch-0"), yours.take("batch-0")
        (True, False, None, True)
        >>> yours.close()
    """

    def __init__(self, engine: Engine, study: str) -> None:
        self._engine, self._study, self._me = engine, study, uuid4().hex
        self._held: set[str] = set()
        self._seen: dict[str, tuple[tuple[str, int], float]] = {}
        self._closed = threading.Event()
        self._renewing: threading.Thread | None = None
        self._create()

    def _create(self) -> None:
        from sqlalchemy.exc import DBAPIError

        try:
            self._ask(CREATE, "")
        except DBAPIError:  # two workers at once: some databases let only one of them pass
            self._holder("")  # speaks if there is still no table

    def take(self, key: str) -> bool:
        """Write my row, or take over one that nobody renews any more."""
        holder = self._holder(key)
        if holder is None:
            mine = self._insert(key)
        elif self._is_stale(key, holder):
            mine = self._ask(f"{TAKE_OVER} AND owner=:owner AND beat=:beat", key, owner=holder[0], beat=holder[1]) == 1
        else:
            return False
        if mine:
            self._seen.pop(key, None)
            self._held.add(key)
            self._renew_from_now_on()
        return mine

    def release(self, key: str) -> None:
        """Delete my row."""
        self._held.discard(key)
        self._ask("DELETE FROM trainwell_claims WHERE study=:study AND name=:name AND owner=:me", key)

    def close(self) -> None:
        """Stop renewing."""
        self._closed.set()
        if self._renewing is not None:
            self._renewing.join()

    def _is_stale(self, key: str, holder: tuple[str, int]) -> bool:
        """Whether the same holder was seen at the same beat for the length of a lease."""
        before, since = self._seen.get(key, (None, 0.0))
        if before != holder:
            self._seen[key] = holder, time.monotonic()
            return False
        return time.monotonic() - since > LEASE

    def _renew_from_now_on(self) -> None:
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, daemon=True)
            self._renewing.start()

    def _renew(self) -> None:
        from sqlalchemy.exc import OperationalError

        while not self._closed.wait(RENEW):
            for key in list(self._held):
                with suppress(OperationalError):  # the database was busy or away; the next beat tries again
                    self._ask(RENEWAL, key)

    def _holder(self, key: str) -> tuple[str, int] | None:
        from sqlalchemy import text

        with self._engine.connect() as connection:
            statement = text("SELECT owner, beat FROM trainwell_claims WHERE study=:study AND name=:name")
            row = connection.execute(statement, {"study": self._study, "name": key}).first()
        return None if row is None else (str(row[0]), int(row[1]))

    def _insert(self, key: str) -> bool:
        from sqlalchemy.exc import IntegrityError

        try:
            return self._ask("INSERT INTO trainwell_claims VALUES (:study, :name, :me, 0)", key) == 1
        except IntegrityError:  # another worker was quicker
            return False

    def _ask(self, statement: str, key: str, **values: str | int) -> int:
        """Run a statement in a transaction of its own; the number of rows it changed."""
        from sqlalchemy import text

        names = [word for word in ("study", "name", "me") if f":{word}" in statement]
        known = {"study": self._study, "name": key, "me": self._me}
        connection: Connection
        with self._engine.begin() as connection:
            return connection.execute(text(statement), {**{n: known[n] for n in names}, **values}).rowcount


class Both:
    """A claim in the database, and its lock on this machine, where a worker that lost its lease may still be writing.

    Args:
        table: for the other machines.
        files: for this one.
    """

    def __init__(self, table: TableClaims, files: FileClaims) -> None:
        self.table, self.files = table, files

    def take(self, key: str) -> bool:
        """Both, or none."""
        if not self.files.take(key):
            return False
        if self.table.take(key):
            return True
        self.files.release(key)
        return False

    def release(self, key: str) -> None:
        """Both."""
        self.table.release(key)
        self.files.release(key)


@contextmanager
def hold(claims: Claims, key: str, *, poll: float = 0.05) -> Iterator[None]:
    """Wait for a claim, and give it back at the end."""
    while not claims.take(key):
        time.sleep(poll)
    try:
        yield
    finally:
        claims.release(key)
