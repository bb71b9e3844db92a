"""The application: its paths, in the order in which a person meets them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from trainwell import __version__
from trainwell.ship.serve import openapi, page
from trainwell.ship.serve.guard import WORK_PATHS, App, Guard, Receive, Scope, Send
from trainwell.ship.serve.refusal import Refused
from trainwell.ship.serve.request_body import file_of
from trainwell.ship.serve.response_body import dumped
from trainwell.ship.serve.state import State, log
from trainwell.ship.serve.telemetry import CONTENT_TYPE


def application(state: State, *, token: str = "", local: bool = True) -> App:
    """The whole server as an ASGI application.

    Args:
        state: what is served.
        token: that clients need; "" for none.
        local: whether only names of this machine are accepted as host.
    """
    return Guard(_with_predict(_inner(state), state), limits=state.limits, telemetry=state.telemetry, token=token, local=local)


def _inner(state: State) -> FastAPI:
    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await state.start()
        yield
        await state.stop()

    app = FastAPI(title=f"trainwell: {state.served.name}", version=__version__, docs_url=None, redoc_url=None, lifespan=life)
    _add_page(app)
    _add_about(app, state)
    _add_errors(app)
    _describe(app, state)
    return app


def _add_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def shown(request: Request) -> Response:
        return Response(page.html(request.headers.get("accept-language", "")), headers=page.HEADERS, media_type="text/html")

    @app.get("/page.{kind}", include_in_schema=False)
    async def part(kind: str) -> Response:
        if kind not in page.PARTS:
            raise HTTPException(404)
        return Response(page.PARTS[kind][1], headers=page.HEADERS, media_type=page.PARTS[kind][0])


def _with_predict(app: App, state: State) -> App:
    """`/predict` and `/nearest` before everything else: the way through FastAPI costs as much as a small network."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] not in WORK_PATHS:
            await app(scope, receive, send)
            return
        if scope["method"] != "POST":
            raise Refused(405, "rows are asked about with POST", headers={"allow": "POST"})
        try:
            response = await _predict(Request(scope, receive), state)
        except Refused:
            raise
        except Exception as error:
            response = _failed(error)
        await response(scope, receive, send)

    return called


async def _predict(request: Request, state: State) -> Response:
    headers = request.headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    top = _whole(request.query_params.get("top")) if request.scope["query_string"] else None
    csv = "text/csv" in headers.get("accept", "")
    body = await request.body()
    if kind == "multipart/form-data":
        body, kind = await file_of(body, headers)
    if request.url.path == "/nearest":
        return Response(await state.nearest(body, kind), media_type="application/json")
    answer = await state.predict(body, kind, csv=csv, top=top)
    return Response(answer, media_type="text/csv" if csv else "application/json")


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise Refused(422, f"top={text[:40]!r} is no number of classes", field="top")
    return int(text[:9])


def _add_about(app: FastAPI, state: State) -> None:
    @app.get("/schema", summary="What a row holds and what is answered", tags=["network"])
    async def schema() -> Response:
        return Response(dumped(openapi.page_schema(state.served, state.limits)), media_type="application/json")

    @app.get("/health", summary="Whether the server answers", tags=["server"])
    async def health() -> dict[str, Any]:
        return state.health()

    @app.get("/metrics", summary="Counters for Prometheus", tags=["server"])
    async def metrics() -> Response:
        return Response(state.metrics(), headers={"content-type": CONTENT_TYPE})


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> Response:
        return Response(dumped(error.to_dict()), error.status, headers=error.headers, media_type="application/json")

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        said = Refused(error.status_code, "there is nothing here" if error.status_code == 404 else str(error.detail))
        return JSONResponse(said.to_dict(), error.status_code, headers=dict(error.headers or {}))

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        return _failed(error)


def _failed(error: Exception) -> Response:
    log.error("a request failed", exc_info=error)
    return JSONResponse(Refused(500, "the server failed; its log says why").to_dict(), 500)


def _describe(app: FastAPI, state: State) -> None:
    def described() -> dict[str, Any]:
        found = get_openapi(title=app.title, version=app.version, routes=app.routes, summary="A trained network as a service.")
        found["paths"] = {"/predict": {"post": openapi.predict_operation(state.served)}, **found.get("paths", {})}
        found.setdefault("components", {}).setdefault("schemas", {}).update(openapi.schemas(state.served))
        return found

    app.openapi = described  # type: ignore[method-assign]
