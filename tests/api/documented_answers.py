"""Holds every answer of an app against its own OpenAPI document, for the client all tests of the edge go through."""

import re
from functools import lru_cache
from typing import Any

import httpx
import jsonschema_rs
from fastapi import FastAPI

PROBLEM = "application/problem+json"
_BEYOND = {405, 500}
"""What no operation documents: a method it is not, and a fault of ours (which the tests of faults provoke)."""


def fault_of(app: FastAPI, request: httpx.Request, response: httpx.Response) -> str | None:
    """What of an answer the document does not say; ``None`` where all of it is said."""
    path = template_of(app, request)
    if path is None or response.status_code in _BEYOND:
        told = response.headers.get("content-type", "")
        return None if response.status_code < 400 or told == PROBLEM else f"{request.url.path} answers {told}"
    operation = app.openapi()["paths"][path][_method(request)]
    name = f"{_method(request).upper()} {path} {response.status_code}"
    documented = operation["responses"].get(str(response.status_code))
    if documented is None:
        return f"{name} is not documented"
    media = response.headers.get("content-type", "").split(";")[0]
    content = documented.get("content", {})
    if (media or None) not in (content or {None: 0}):
        return f"{name} answers {media}, documented are {list(content)}"
    absent = [header for header in documented["headers"] if header not in response.headers and header in _ALWAYS]
    return f"{name} lacks the headers {absent}" if absent else None


def body_fault(app: FastAPI, request: httpx.Request, response: httpx.Response) -> str | None:
    """Where a JSON body is not as its schema says."""
    path = template_of(app, request)
    media = response.headers.get("content-type", "")
    if path is None or request.method == "HEAD" or not media.endswith("json") or response.status_code in _BEYOND:
        return None
    checked = _validator(app, path, _method(request), response.status_code, media)
    fault = next(checked.iter_errors(response.json()), None)
    name = f"{request.method} {path} {response.status_code}"
    return None if fault is None else f"{name} at {list(fault.instance_path)}: {fault.message[:300]}"


def template_of(app: FastAPI, request: httpx.Request) -> str | None:
    """The path of the document a request is of: the one with fewest names in braces that fits."""
    fitting = [path for path, shape in _shapes(app) if shape.fullmatch(request.url.path)]
    found = min(fitting, key=lambda path: path.count("{"), default=None)
    return found if found is not None and _method(request) in app.openapi()["paths"][found] else None


@lru_cache(maxsize=100)
def _shapes(app: FastAPI) -> list[tuple[str, re.Pattern[str]]]:
    names = re.compile(r"\\{[^/}]+\\}")
    return [(path, re.compile(names.sub("[^/]+", re.escape(path)), re.DOTALL)) for path in app.openapi()["paths"]]


def _method(request: httpx.Request) -> str:
    return "get" if request.method == "HEAD" else request.method.lower()


@lru_cache(maxsize=2_000)
def _validator(app: FastAPI, path: str, method: str, status: int, media: str) -> Any:
    document = app.openapi()
    schema = document["paths"][path][method]["responses"][str(status)]["content"][media].get("schema", {})
    return jsonschema_rs.validator_for({**schema, "components": document["components"]})


_ALWAYS = {"X-Request-Id", "Content-Language", "Retry-After", "WWW-Authenticate", "ETag"}
