"""What the running server holds: the version that is served now, its counters, and the thread that owns the network."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl

from trainwell.core.errors import TrainwellError
from trainwell.data.source import Source
from trainwell.ship.serve import request_body, response_body
from trainwell.ship.serve.drift import Drift
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.opening import Origin
from trainwell.ship.serve.refusal import Refused
from trainwell.ship.serve.served import Asked, Served
from trainwell.ship.serve.telemetry import Telemetry
from trainwell.ship.serve.worker import Worker

#: Bodies up to this many bytes are read by the event loop itself, of plain rows in less than a millisecond, and of others;
#: longer ones would keep others waiting.
_SMALL_PLAIN, _SMALL = 128 << 10, 32 << 10
#: Rows up to which the event loop encodes them, and up to which they are counted cell by cell.
_FEW, _CELL_BY_CELL = 32, 2_000

log = logging.getLogger("trainwell.serve")


class State:
    """The server without its HTTP.

    Args:
        served: the first version.
        limits: of the server.
        origin: where new versions appear; None for a network in memory.
        fast: compute requests together even where their answers may then differ in the last digits.
        look_every: seconds between two looks for a new version; 0 never looks.
    """

    def __init__(
        self, served: Served, *, limits: Limits, origin: Origin | None = None, fast: bool = False, look_every: float = 1.0
    ) -> None:
        self.served, self.limits, self.origin, self.look_every = served, limits, origin, look_every
        self.telemetry = Telemetry()
        self.drift = Drift(served.fields)
        self.worker = Worker(limits, batched=self.telemetry.batch_rows.add, together=fast)
        self.trouble = ""  # why the newest version is not served
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="trainwell-rows")
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the network's thread and the look-out for new versions."""
        self.worker.start()
        if self.origin is not None and self.look_every:
            self._looking = asyncio.create_task(self._look(self.origin))

    async def stop(self) -> None:
        """Finish what waits."""
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.to_thread(self.worker.stop)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _look(self, origin: Origin) -> None:
        known = seen = origin.signature()
        while True:
            await asyncio.sleep(self.look_every)
            before, seen = seen, await self._aside(origin.signature)
            if seen and seen != known and seen == before:  # twice the same: nobody is writing any more
                known = seen
                await self._reload(origin)

    async def _reload(self, origin: Origin) -> None:
        """Open the new version beside the old one, then let new requests have it; those under way keep the old one."""
        try:
            new = await self._aside(origin.served)
        except (TrainwellError, OSError) as error:
            self.trouble = str(error)
            self.telemetry.reloads["refused"] += 1
            log.warning("the new version is not served: %s", error)
            return
        self.trouble = ""
        if new.version == self.served.version:
            return
        log.warning("version %s took the place of %s", new.version, self.served.version)
        self.served, self.drift = new, Drift(new.fields)
        self.telemetry.reloads["served"] += 1

    async def _aside(self, work: Any, *arguments: Any) -> Any:
        """The result of a function that would keep the event loop busy."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    async def predict(self, body: bytes, kind: str, *, csv: bool, top: int | None) -> bytes:
        """The answer to a request.

        Args:
            body: complete.
            kind: its content type.
            csv: answer as CSV instead of JSON.
            top: only so many of the most probable classes.

        Raises:
            Refused: the request cannot be answered.
        """
        served = self.served
        self.worker.coming += 1
        try:
            asked = await self._asked(body, kind, served)
        finally:
            self.worker.coming -= 1
        self._count(asked, served)
        if not asked.places:
            fault = asked.faults[0]
            raise Refused(422, fault.says, field=fault.to_dict()["field"])
        if asked.arrays is None:
            table = await self.worker.call(served, lambda: served.whole_table(asked))
            return response_body.as_csv(table, asked) if csv else self._table(table, asked, served)
        values = await self.worker.compute(served, asked.arrays)
        if csv:
            return response_body.as_csv(served.frame(values, asked), asked)
        if asked.n <= 256:
            return response_body.as_json(values, asked, served, top=top)
        return await self._aside(lambda: response_body.as_json(values, asked, served, top=top))

    async def nearest(self, body: bytes, kind: str) -> bytes:
        """The training rows that are most like each of a few rows.

        Raises:
            Refused: the rows cannot be read, or there are too many.
        """
        served = self.served
        if served.examples is None:
            raise Refused(404, "this network was bundled without examples", remedy="trainwell bundle RUN --examples 500.")
        asked = await self._asked(body, kind, served)
        if asked.arrays is None or not asked.places:
            fault = asked.faults[0]
            raise Refused(422, fault.says, field=fault.to_dict()["field"])
        if len(asked.places) > _FEW:
            raise Refused(413, f"examples are looked for beside {_FEW} rows at most")
        found = await self.worker.call(served, lambda: served.nearest(asked.arrays or []))
        return response_body.dumped({"nearest": found, "model": {"name": served.name, "version": served.version}})

    @staticmethod
    def _table(table: pl.DataFrame, asked: Asked, served: Served) -> bytes:
        return response_body.table_as_json(table, asked, served)

    async def _asked(self, body: bytes, kind: str, served: Served) -> Asked:
        """The request made ready."""
        plain = served.ready_plain(body, self.limits.rows) if len(body) <= _SMALL_PLAIN and kind in request_body.JSON else None
        if plain is not None:
            return plain
        if len(body) > _SMALL or kind in request_body.TABLES:
            made: Asked = await self._aside(self._read, body, kind, served)
            return made
        rows = request_body.rows_of(body, kind, served, self.limits)
        assert isinstance(rows, list)
        asked = served.ready_quickly(rows) if len(rows) <= _FEW else None
        return asked if asked is not None else await self._aside(served.ready, rows)

    def _read(self, body: bytes, kind: str, served: Served) -> Asked:
        known = served.ready_plain(body, self.limits.rows) if len(body) > _SMALL_PLAIN and kind in request_body.JSON else None
        if known is not None:
            return known
        rows = request_body.rows_of(body, kind, served, self.limits)
        return served.ready_table(rows) if isinstance(rows, Source) else served.ready(rows)

    def _count(self, asked: Asked, served: Served) -> None:
        self.telemetry.rows += len(asked.places)
        self.telemetry.bad_rows += len(asked.faults)
        if served is not self.served or not asked.places:
            return  # counters belong to the version that is served now
        if asked.plain is not None:
            self.drift.count_plain(asked.plain)
        elif asked.source is None or 0 < len(asked.rows) <= _CELL_BY_CELL:
            self.drift.count(asked.rows)
        else:
            self.drift.count_frame(asked.source.table)

    def health(self) -> dict[str, Any]:
        """Whether the server answers, and what."""
        found = {"status": "ok", "model": self.served.name, "version": self.served.version, "engine": self.served.engine}
        return found | ({"new version refused": self.trouble} if self.trouble else {})

    def metrics(self) -> str:
        """For Prometheus."""
        info = {"name": self.served.name, "version": self.served.version, "task": self.served.preparation.target.task}
        return self.telemetry.text(info=info, drift_rows=self.drift.rows, drift=self.drift.counts)
