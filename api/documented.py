"""What the OpenAPI document says of bodies that are parsed here rather than by the framework."""

from typing import Any

from pydantic import BaseModel

REFERENCE = "#/components/schemas/{model}"
_BODIES: dict[str, type[BaseModel]] = {}


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """The ``requestBody`` entry of a route that takes this model."""
    _BODIES[model.__name__] = model
    content: dict[str, Any] = {"schema": {"$ref": REFERENCE.format(model=model.__name__)}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def schemas() -> dict[str, Any]:
    """Schemas of every body documented so far, by name."""
    found: dict[str, Any] = {}
    for name, model in _BODIES.items():
        schema = model.model_json_schema(ref_template=REFERENCE)
        found |= schema.pop("$defs", {})
        found[name] = schema
    return found
