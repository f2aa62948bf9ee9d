"""What people look at in a browser, on FastAPI. Imported when the first page is asked for, never before."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from .. import __version__


def build(instance: str, endpoints: list[str]) -> FastAPI:
    """The pages of the server with this `instance` id. FastAPI's own documentation pages are off: they load scripts
    from elsewhere."""
    pages = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @pages.api_route("/", methods=["GET", "HEAD"])
    async def banner() -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        """Says what answers here, to whoever finds the port."""
        return JSONResponse(
            {
                "service": "cliproxyapi",
                "version": __version__,
                "instance": instance,
                "endpoints": endpoints,
            },
            headers={"cache-control": "no-store"},
        )

    return pages
