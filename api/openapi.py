"""The OpenAPI document: for every route each status it can answer, with media type, headers and schema.

What all routes share is derived here from the route itself: a key is asked for (401, 403), its rate is bounded (429),
the service may not be ready (503), parameters may be wrong (422), what a path names may not be there (404), a body may
be no JSON or too large (400, 413), and a creating POST takes an ``Idempotency-Key`` (409). A table adds what only one
route knows; a route may say more itself by its ``responses``.
"""

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from api import documented, lead_files
from api.client import answers
from api.documented import problems

Json = dict[str, Any]
_PROMETHEUS, _SVG, _PNG = "text/plain", "image/svg+xml", "image/png"
_METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What only one route knows.

    Parameters
    ----------
    answer
        Type of its JSON answer.
    files
        Media types of answers that are no JSON, with whether they are binary.
    also
        Statuses it answers beyond those every route of its kind does.
    """

    answer: Any = None
    files: tuple[tuple[str, bool], ...] = ()
    also: tuple[int, ...] = ()


_FILES = ((lead_files.CSV, False), (lead_files.XLSX, True))
_DESK = Told(answer=answers.DeskLead)
ROUTES: dict[str, Told] = {
    "POST /v1/recommendations": Told(answer=answers.Recommendation, also=(404,)),
    "GET /v1/recommendations/{recommendation_id}": Told(answer=answers.Recommendation),
    "POST /v1/recommendations/{recommendation_id}/replay": Told(answer=answers.Replay, also=(409,)),
    "GET /v1/products": Told(answer=answers.ProductPage),
    "GET /v1/products/{product_id}": Told(answer=answers.Product),
    "PUT /v1/products/{product_id}": Told(answer=answers.Product),
    "GET /v1/products/{product_id}/versions/{version}": Told(answer=answers.Product),
    "GET /v1/products/{product_id}/qr.{form}": Told(files=((_SVG, False), (_PNG, True))),
    "GET /v1/enterprises": Told(answer=answers.EnterprisePage),
    "GET /v1/enterprises/{uscc}/profile": Told(answer=answers.Profile),
    "PUT /v1/enterprises/{uscc}/records/{source}": Told(answer=answers.RecordsTaken),
    "GET /v1/enterprises/{uscc}/consents": Told(answer=answers.ConsentPage),
    "PUT /v1/enterprises/{uscc}/consents/{source}": Told(answer=answers.Consent),
    "DELETE /v1/enterprises/{uscc}/consents/{source}": Told(answer=answers.ConsentRevoked),
    "PUT /v1/enterprises/{uscc}/personalisation": Told(answer=answers.Personalised),
    "POST /v1/demands": Told(answer=answers.Demand),
    "GET /v1/demands": Told(answer=answers.DemandPage),
    "GET /v1/demands/{demand_id}": Told(answer=answers.Demand),
    "POST /v1/demands/{demand_id}/publish": Told(answer=answers.Demand),
    "POST /v1/demands/{demand_id}/withdraw": Told(answer=answers.Demand),
    "POST /v1/demands/{demand_id}/reopen": Told(answer=answers.Demand),
    "GET /v1/institutions/{institution_id}/leads": Told(answer=answers.LeadPage, files=_FILES, also=(410,)),
    "POST /v1/leads/{lead_id}/claim": _DESK,
    "POST /v1/leads/{lead_id}/contact": _DESK,
    "POST /v1/leads/{lead_id}/due-diligence": _DESK,
    "POST /v1/leads/{lead_id}/return": _DESK,
    "POST /v1/leads/{lead_id}/decision": _DESK,
    "POST /v1/leads/{lead_id}/sign": _DESK,
    "POST /v1/leads/{lead_id}/disbursement": _DESK,
    "POST /v1/leads/{lead_id}/repayment": _DESK,
    "GET /v1/refusal-reasons": Told(answer=answers.RefusalReasons),
    "POST /v1/events": Told(answer=answers.EventsTaken),
    "GET /v1/events/types": Told(answer=answers.EventTypes),
    "GET /v1/audit": Told(answer=answers.AuditPage),
    "POST /v1/policies/assess": Told(answer=answers.Assessment),
    "GET /v1/policies": Told(answer=answers.Rulebook),
    "GET /v1/targets": Told(answer=answers.Targets),
    "GET /v1/lists/{name}.{form}": Told(files=_FILES, also=(304,)),
    "POST /v1/keys": Told(answer=answers.MadeKey),
    "GET /v1/keys": Told(answer=answers.KeyList),
    "POST /v1/keys/{key_id}/rotate": Told(answer=answers.MadeKey),
    "POST /v1/webhooks/{webhook_id}/enable": Told(also=(404,)),
    "GET /health/live": Told(answer=answers.Live),
    "GET /health/ready": Told(answer=answers.Ready),
    "GET /metrics": Told(files=((_PROMETHEUS, False),)),
}
NOT_ONCE = frozenset(
    {
        "POST /v1/products/{product_id}/preview",
        "POST /v1/recommendations/{recommendation_id}/replay",
        "POST /v1/policies/assess",
        "POST /v1/webhooks/{webhook_id}/enable",
        "POST /v1/webhooks/{webhook_id}/test",
        "POST /v1/webhooks/{webhook_id}/deliveries/replay",
        "POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
    }
)
"""POSTs that look at no ``Idempotency-Key``: they create nothing, or say the same when repeated."""

_PARAMETERS: Json = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Repeated with the same body, the first answer is given again; with another body it is 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
        "example": "7b1f6f0e-2f0b-4a53-9d57-0f6f2f5f6f11",
    },
    "AcceptLanguage": {
        "name": "Accept-Language",
        "in": "header",
        "required": False,
        "description": "Language of texts: zh-CN unless said otherwise.",
        "schema": {"type": "string", "enum": ["zh-CN", "en"]},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "ETags the caller holds; 304 where one of them still stands.",
        "schema": {"type": "string", "maxLength": 200, "pattern": "^[!-~]+$"},
    },
}
_HEADERS: Json = {
    "RequestId": ("X-Request-Id", "Names this request in the service's log."),
    "ContentLanguage": ("Content-Language", "Language of the texts."),
    "RetryAfter": ("Retry-After", "Seconds to wait before trying again."),
    "Challenge": ("WWW-Authenticate", "How to authenticate: Bearer."),
    "Replayed": ("Idempotent-Replayed", "`true` where this is the stored answer of an earlier request."),
    "ETag": ("ETag", "Version of the file."),
}
_REASONS = {
    400: "The body is not one JSON document in UTF-8.",
    401: "No key, or none of ours.",
    403: "A good key whose role or scope may not do this.",
    404: "Not there, or nothing this caller may know of.",
    409: "Not possible as things stand, or a request with this Idempotency-Key is still in work.",
    412: "``If-Match`` names a version that is not the present one.",
    410: "The cursor's plan is no longer kept: begin again without it.",
    413: "The body is larger than is read.",
    422: "A field or parameter says what it may not; each is named. Unknown ones are refused.",
    429: "Over the key's rate, or as much in work as is taken on.",
    503: "Not ready: what is missing is named.",
}


def build(app: FastAPI) -> Json:
    """The document of an app, made from its routes."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas: Json = {}
    for path, operations in document["paths"].items():
        for method in _METHODS:
            if method in operations:
                _complete(f"{method.upper()} {path}", operations[method], schemas)
    components = document.setdefault("components", {})
    kept = components.get("schemas", {})
    components["schemas"] = {
        name: schema
        for name, schema in (kept | documented.schemas() | schemas).items()
        if name not in {"HTTPValidationError", "ValidationError"}
    }
    components["parameters"] = _PARAMETERS
    components["headers"] = {
        name: {"description": text, "schema": {"type": "string"}} for name, (_, text) in _HEADERS.items()
    }
    components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    document["security"] = [{"key": []}]
    return document


def derived(name: str, operation: Json) -> tuple[int, ...]:
    """The refusals a route gives by what it is; ``name`` is its method and path.

    >>> derived("GET /v1/products", {}), derived("POST /v1/demands", {"requestBody": {}})
    ((401, 403, 422, 429, 503), (400, 401, 403, 409, 413, 422, 429, 503))
    """
    method, path = name.split(" ")
    if not path.startswith("/v1/"):
        return ()
    found = {401, 403, 422, 429, 503}
    if "{" in path:
        found.add(404)
    if "requestBody" in operation:
        found |= {400, 413}
    if method == "POST" and name not in NOT_ONCE:
        found |= {409, 413}
    return tuple(sorted(found))


def _complete(name: str, operation: Json, schemas: Json) -> None:
    told = ROUTES.get(name, Told())
    responses = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]  # the framework's own words: a refusal here is a problem document
    success = next((status for status in responses if status.startswith("2")), "200")
    _answer(responses.setdefault(success, {"description": "As asked."}), told, schemas)
    for status in (*derived(name, operation), *told.also):
        for key, response in problems(status).items():
            responses.setdefault(str(key), response if status != 304 else {"description": "Not modified."})
    if name == "GET /health/ready":
        responses["503"] = responses[success] | {"description": "Not ready; ``missing`` names what is lacking."}
    _say(responses)
    _head(name, operation, responses, success)


def _answer(response: Json, told: Told, schemas: Json) -> None:
    if told.answer is None and not told.files:
        return
    response["content"] = content = {}
    if told.answer is not None:
        schema = TypeAdapter(told.answer).json_schema(ref_template=documented.REFERENCE)
        schemas |= schema.pop("$defs", {})
        schemas[told.answer.__name__] = schema
        content["application/json"] = {"schema": {"$ref": documented.REFERENCE.format(model=told.answer.__name__)}}
    for media, binary in told.files:
        content[media] = {"schema": {"type": "string"} | ({"format": "binary"} if binary else {})}


def _say(responses: Json) -> None:
    """Reasons in words, and the headers of each answer."""
    for status, response in responses.items():
        number, is_problem = int(status), "application/problem+json" in response.get("content", {})
        if number in _REASONS and is_problem:
            response["description"] = _REASONS[number]
        shown = ["RequestId"]
        if is_problem:
            shown.append("ContentLanguage")
        if number in {429, 503} and is_problem:
            shown.append("RetryAfter")
        if number == 401:
            shown.append("Challenge")
        response["headers"] = response.get("headers", {}) | {_HEADERS[each][0]: _header(each) for each in shown}


def _head(name: str, operation: Json, responses: Json, success: str) -> None:
    """Parameters and headers every route of a kind shares."""
    method, path = name.split(" ")
    if not path.startswith("/v1/"):
        operation["security"] = []
        return
    parameters = operation.setdefault("parameters", [])
    parameters.append(_parameter("AcceptLanguage"))
    if method == "POST" and name not in NOT_ONCE:
        parameters.append(_parameter("IdempotencyKey"))
        responses[success]["headers"]["Idempotent-Replayed"] = _header("Replayed")
    if 304 in ROUTES.get(name, Told()).also:
        parameters.append(_parameter("IfNoneMatch"))
        responses[success]["headers"]["ETag"] = _header("ETag")


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _header(name: str) -> Json:
    return {"$ref": f"#/components/headers/{name}"}
