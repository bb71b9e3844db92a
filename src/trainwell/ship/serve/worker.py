"""Who computes: the event loop what takes a moment, a thread what takes longer; what waits together is computed together.

Handing work to a thread and back costs more than a small network takes for a few rows, and two threads that both want the
interpreter make each other wait. A batch of the thread takes what is waiting when the network is free. It waits for more only
while other requests are known to be on their way, and never longer than a few milliseconds: a single client waits for nobody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.served import Served

#: Rows of one request that are computed in one go, before others get their turn.
MANY = 2_048
#: Seconds that the event loop computes at most before it looks after its connections again.
MOMENT = 0.0005
#: A network that once takes this long there is left to the thread from then on.
_TOO_LONG = 0.05


@dataclass(eq=False)
class Job:
    """A request that waits for the network.

    Args:
        served: the version that it was encoded for.
        future: of the event loop, which gets the answer.
        arrays: encoded rows; None where `work` is called instead.
        work: answers a whole table.
    """

    served: Served
    future: asyncio.Future[Any]
    arrays: list[np.ndarray] | None = None
    work: Callable[[], Any] | None = None

    @property
    def rows(self) -> int:
        return len(self.arrays[0]) if self.arrays is not None else 0


class Worker:
    """Computes jobs, one batch at a time.

    Args:
        limits: rows of a batch, and how long it waits.
        batched: told the number of rows of every batch.
        together: compute requests together even where their answers may then differ in the last digits.
    """

    def __init__(self, limits: Limits, *, batched: Callable[[int], None] = lambda _: None, together: bool = False) -> None:
        self._limits, self._batched, self._together = limits, batched, together
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="trainwell-network", daemon=True)
        self._left: Job | None = None  # taken from the queue, not fitting into the last batch
        self._owned = threading.Lock()  # held by whoever computes
        self._small: list[Job] = []  # for the event loop, at its next turn
        #: Requests that have arrived and are not in the queue yet; written by the event loop alone.
        self.coming = 0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._queue.put(None)
        self._thread.join(self._limits.leave_seconds)

    async def compute(self, served: Served, arrays: list[np.ndarray]) -> np.ndarray:
        """Answers for encoded rows, perhaps computed beside those of others; many rows leave gaps for other requests."""
        n = len(arrays[0])
        size = MANY if served.exact else n
        pieces = [await self._piece(served, [x[start : start + size] for x in arrays]) for start in range(0, n, size)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    async def _piece(self, served: Served, arrays: list[np.ndarray]) -> np.ndarray:
        found: np.ndarray = await self._wait(Job(served, asyncio.get_running_loop().create_future(), arrays=arrays))
        return found

    async def call(self, served: Served, work: Callable[[], Any]) -> Any:
        """The result of `work`, called in the thread that owns the network."""
        return await self._wait(Job(served, asyncio.get_running_loop().create_future(), work=work))

    async def _wait(self, job: Job) -> Any:
        if job.arrays is not None and job.served.seconds(job.rows) <= MOMENT:
            if not self._small:
                asyncio.get_running_loop().call_soon(self._at_once)
            self._small.append(job)
        else:
            self._queue.put(job)
        return await job.future

    def _at_once(self) -> None:
        """Compute small jobs here, those that have come in the same turn together; what takes longer is for the thread."""
        jobs, self._small = self._small, []
        free = self._owned.acquire(blocking=False)
        try:
            while free and jobs:
                batch = self._together_with(jobs)
                if batch[0].served.seconds(sum(job.rows for job in batch)) > MOMENT:
                    break
                jobs, start = jobs[len(batch) :], time.monotonic()
                _deliver(*self._answers([job for job in batch if not job.future.cancelled()]))
                if time.monotonic() - start > _TOO_LONG:
                    batch[0].served.slow = True
        finally:
            if free:
                self._owned.release()
        for job in jobs:
            self._queue.put(job)

    def _together_with(self, jobs: list[Job]) -> list[Job]:
        """The first jobs that make a batch."""
        if not self._shares(jobs[0]):
            return jobs[:1]
        rows, n = 0, 0
        for job in jobs:
            rows += job.rows
            if n and (rows > self._limits.batch or job.served is not jobs[0].served):
                break
            n += 1
        return jobs[:n]

    def _run(self) -> None:
        while (jobs := self._take()) is not None:
            jobs = [job for job in jobs if not job.future.cancelled()]
            if jobs:
                with self._owned:
                    found = self._answers(jobs)
                jobs[0].future.get_loop().call_soon_threadsafe(_deliver, *found)

    def _take(self) -> list[Job] | None:
        """The next batch; None at the end."""
        first = self._left or self._queue.get()
        self._left = None
        if first is None:
            return None
        jobs, rows, until = [first], first.rows, time.monotonic() + self._limits.wait
        while rows < self._limits.batch and self._shares(first):
            job = self._next(until)
            if job is None:
                break
            if not self._shares(job) or job.served is not first.served or rows + job.rows > self._limits.batch:
                self._left = job
                break
            jobs.append(job)
            rows += job.rows
        return jobs

    def _shares(self, job: Job) -> bool:
        return job.arrays is not None and (self._together or job.served.exact)

    def _next(self, until: float) -> Job | None:
        """What waits, or comes before `until` while somebody is on the way."""
        while True:
            try:
                wait = until - time.monotonic() if self.coming > 0 else 0.0
                job = self._queue.get(timeout=min(wait, 0.0005)) if wait > 0 else self._queue.get_nowait()
            except Empty:
                if self.coming > 0 and time.monotonic() < until:
                    continue
                return None
            if job is None:
                self._queue.put(None)  # the end, after this batch
            return job

    def _answers(self, jobs: list[Job]) -> tuple[list[Job], list[Any]]:
        """Every job with its result, or the exception that it raised."""
        try:
            return jobs, list(self._results(jobs)) if jobs else []
        except Exception as error:
            if len(jobs) == 1:
                return jobs, [error]
            return jobs, [self._answers([job])[1][0] for job in jobs]  # what one of them did must not fail the others

    def _results(self, jobs: list[Job]) -> Sequence[Any]:
        if jobs[0].work is not None:
            return [jobs[0].work()]
        inputs = [job.arrays for job in jobs if job.arrays is not None]
        self._batched(sum(job.rows for job in jobs))
        if len(inputs) == 1:
            return [jobs[0].served.compute(inputs[0])]
        values = jobs[0].served.compute([np.concatenate(parts) for parts in zip(*inputs, strict=True)])
        return np.split(values, np.cumsum([job.rows for job in jobs])[:-1])


def _deliver(jobs: list[Job], results: Sequence[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if job.future.done():
            continue  # the client has left
        if isinstance(result, Exception):
            job.future.set_exception(result)
        else:
            job.future.set_result(result)
