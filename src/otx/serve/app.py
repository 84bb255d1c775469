"""The routes: KServe v2, uploads, the page, metrics. Whatever a client does wrong is a 4xx with one line.

FastAPI is imported when an app is made, and reads the annotations of its functions, so they are not postponed here.
"""

import asyncio
import html
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from otx.core.errors import UserError
from otx.serve.service import Record, Service, TooLargeError, UnknownFormatError, facts

if TYPE_CHECKING:
    from fastapi import FastAPI, Request


def create_app(service: Service) -> "FastAPI":
    """The app that serves a model.

    Args:
        service: The model.
    """
    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title=f"OTX: {service.name}", version=version("otx"), docs_url=None, redoc_url=None, lifespan=lifespan
    )
    _count(app)
    _refuse(app)
    _add_kserve(app, service)
    _add_people(app, service)
    return app


def _add_kserve(app: "FastAPI", service: Service) -> None:
    from fastapi import HTTPException, Request

    desk = _Desk(service)

    def known(name: str) -> Service:
        if name != service.name:
            raise HTTPException(404, f"there is no model {name!r:.80} here, only {service.name!r}")
        return service

    @app.get("/v2")
    async def server() -> dict[str, Any]:
        return {"name": "otx", "version": version("otx"), "extensions": []}

    @app.get("/v2/health/live")
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    @app.get("/v2/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        return known(name).metadata()

    @app.get("/v2/models/{name}/ready")
    async def model_ready(name: str) -> dict[str, Any]:
        return {"name": known(name).name, "ready": True}

    @app.post("/v2/models/{name}/infer")
    async def infer(name: str, request: Request) -> dict[str, Any]:
        return await desk.answer(request, known(name).infer)

    @app.post("/predict")
    async def predict(request: Request, picture: bool = False) -> dict[str, Any]:
        return await desk.answer(request, lambda data: service.upload(data, picture=picture))


def _add_people(app: "FastAPI", service: Service) -> None:
    from fastapi.responses import HTMLResponse

    page = files("otx.serve").joinpath("page.html").read_text(encoding="utf-8")
    for key, value in facts(service).items():
        page = page.replace(f"{{{{{key}}}}}", html.escape(value))

    @app.get("/", include_in_schema=False)
    async def index() -> HTMLResponse:
        return HTMLResponse(page)


class _Desk:
    """Where requests wait for a thread, not too many of them."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._present = 0

    async def answer(self, request: "Request", work: Callable[[bytes], Record]) -> Record:
        """What a thread makes of the body."""
        from fastapi import HTTPException

        if self._present >= self._service.threads + self._service.limits.waiting:
            raise HTTPException(503, "too many requests at a time, try again later", {"Retry-After": "1"})
        self._present += 1
        try:
            data = await self._body(request)
            return await asyncio.get_running_loop().run_in_executor(self._service.pool, work, data)
        finally:
            self._present -= 1

    async def _body(self, request: "Request") -> bytes:
        """The body, of which no more is kept than is allowed; the rest is read, or the client would not hear why."""
        from fastapi import HTTPException

        data, size, limits = bytearray(), 0, self._service.limits
        try:
            async with asyncio.timeout(limits.upload_seconds):
                async for chunk in request.stream():
                    size += len(chunk)
                    if size <= limits.bytes:
                        data += chunk
        except TimeoutError:
            if size <= limits.bytes:
                raise HTTPException(408, f"the request did not arrive in {limits.upload_seconds:g} s") from None
        if size > limits.bytes:
            raise TooLargeError(f"expected at most {limits.bytes} bytes, found more")
        return bytes(data)


def _refuse(app: "FastAPI") -> None:
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    @app.exception_handler(UserError)
    async def mistake(_: Request, error: UserError) -> JSONResponse:
        status = 413 if isinstance(error, TooLargeError) else 415 if isinstance(error, UnknownFormatError) else 400
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(HTTPException)
    async def refusal(_: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": str(error.detail)}, error.status_code, error.headers)

    @app.exception_handler(RequestValidationError)
    async def parameter(_: Request, error: RequestValidationError) -> JSONResponse:
        found = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return JSONResponse({"error": found}, 400)

    @app.exception_handler(Exception)
    async def defect(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": f"a defect of the server: {type(error).__name__}; its log says more"}, 500)


def _count(app: "FastAPI") -> None:
    """Count answers and their time, for `/metrics`."""
    from fastapi import Request, Response
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest

    registry = CollectorRegistry()
    answers = Counter("otx_answers", "Answers by route and status.", ["route", "status"], registry=registry)
    seconds = Histogram("otx_answer_seconds", "Time to an answer.", ["route"], registry=registry)

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Any]) -> Response:
        began = asyncio.get_running_loop().time()
        response: Response = await call_next(request)
        route = getattr(request.scope.get("route"), "path", "unknown")
        answers.labels(route, response.status_code).inc()
        seconds.labels(route).observe(asyncio.get_running_loop().time() - began)
        return response

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
