"""What the OpenAPI document says of bodies that are parsed here rather than by the framework."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"
_BODIES: dict[str, type[BaseModel]] = {}


class ProblemField(BaseModel):
    """One bad field: where it is, and what is wrong with it."""

    pointer: str
    detail: str


class Problem(BaseModel):
    """Why a request was refused (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[ProblemField] | None = None


def body_of(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """The ``requestBody`` entry of a route that takes this model."""
    _BODIES[model.__name__] = model
    content: dict[str, Any] = {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}
    extra = model.model_config.get("json_schema_extra")
    if isinstance(extra, dict) and isinstance(shown := extra.get("examples"), list):
        content["example"] = shown[0]
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of a route that refuses with these statuses, each a problem document."""
    _BODIES[Problem.__name__] = Problem
    schema = {"$ref": REFERENCE.format(model=Problem.__name__)}
    content = {"application/problem+json": {"schema": schema}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def schemas() -> dict[str, Any]:
    """Schemas of every body documented so far, by name."""
    found: dict[str, Any] = {}
    for name, model in _BODIES.items():
        schema = model.model_json_schema(ref_template=REFERENCE)
        found |= schema.pop("$defs", {})
        found[name] = schema
    return found
