"""The board: runs that train and runs that have ended, in the browser. It reads run folders, and writes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from trainwell.core.errors import TrainwellError
from trainwell.report.board import pages
from trainwell.report.board.index import Entry, Index
from trainwell.ship.serve.guard import Guard
from trainwell.ship.serve.limits import Limits
from trainwell.ship.serve.server import Server
from trainwell.ship.serve.start import listening
from trainwell.ship.serve.telemetry import Telemetry

#: What is written into a page is escaped; nothing is loaded from elsewhere.
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def open_board(root: Path, *, host: str = "127.0.0.1", port: int = 8100) -> Server:
    """Show the runs below a folder, until the server is closed.

    Args:
        root: the folder.
        host: the address to listen at.
        port: 0 takes a free one.

    Raises:
        TrainwellError: there is no such folder.
        UsageError: the address is taken.

    Example:
        >>> import tempfile, urllib.request
        >>> with open_board(Path(tempfile.mkdtemp()), port=0) as server:
        ...     b"No run here yet." in urllib.request.urlopen(server.url).read()
        True
    """
    limits = Limits(body=1024)
    board = Board(Index(root))
    app = Guard(board.app, limits=limits, telemetry=Telemetry(), local=True)
    server = Server(app, listening(host, port), host, limits=limits, name=str(root))
    server.start()
    return server


class Board:
    """The pages of one folder of runs.

    Args:
        index: of the runs.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        ways: dict[str, Callable[[Request], Response]] = {
            "/": self._list,
            "/rows": self._rows,
            "/run": self._run,
            "/run-part": self._part,
            "/compare": self._compare,
            "/report": self._report,
        }
        self.app = Starlette(routes=[Route(path, _aside(way)) for path, way in ways.items()])

    def _list(self, _: Request) -> Response:
        return _html(pages.list_page(str(self._index.root), pages.list_rows(self._index.entries())))

    def _rows(self, request: Request) -> Response:
        asked = request.query_params
        most = int(asked.get("most", "")) if asked.get("most", "").isdigit() else pages.SHOWN
        return _fresh(request, pages.list_rows(self._index.entries(), asked.get("words", ""), most))

    def _run(self, request: Request) -> Response:
        return _html(pages.run_page(self._named(request)))

    def _part(self, request: Request) -> Response:
        return _fresh(request, pages.run_part(self._named(request)))

    def _compare(self, request: Request) -> Response:
        names = request.query_params.getlist("run")
        found = {entry.name: entry for entry in self._index.entries()}
        chosen = [found[name] for name in dict.fromkeys(names) if name in found]
        return _html(pages.compare_page(chosen)) if len(chosen) > 1 else RedirectResponse("./")

    def _report(self, request: Request) -> Response:
        path = self._named(request).folder / "report.html"
        if not path.exists():
            raise TrainwellError("this run has no report", remedy="trainwell report writes one.")
        return FileResponse(path, headers=HEADERS)

    def _named(self, request: Request) -> Entry:
        name = request.query_params.get("name", "")
        entry = self._index.one(name)
        if entry is None:
            raise TrainwellError(f"there is no run {name!r:.100} here")
        return entry


def _aside(way: Callable[[Request], Response]) -> Callable[[Request], object]:
    """A page made in a thread, so that a long list keeps nobody waiting; what cannot be shown says why."""

    async def answer(request: Request) -> Response:
        try:
            return await asyncio.to_thread(way, request)
        except (TrainwellError, OSError) as error:
            told = error if isinstance(error, TrainwellError) else TrainwellError(str(error))
            return HTMLResponse(pages.refusal_page(told), 404, headers=HEADERS)

    return answer


def _html(text: str) -> Response:
    return HTMLResponse(text, headers=HEADERS)


def _fresh(request: Request, text: str) -> Response:
    """A part of a page, or 304 when the browser has it."""
    tag = f'"{blake2b(text.encode(), digest_size=12).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    return HTMLResponse(text, headers={**HEADERS, "etag": tag})
