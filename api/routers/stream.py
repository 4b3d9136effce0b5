"""The stream of leads: an institution's messages as they come, by server-sent events."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api import errors
from api.auth import Caller, caller_of, requires
from api.documented import problems
from api.errors import FieldError, ProblemError
from api.service import service_of
from api.streaming import EventStream
from matcher.domain import Text
from matcher.store import outbox

router = APIRouter(prefix="/v1/stream", tags=["push"])
Bank = Annotated[Caller, Depends(requires("institution"))]
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_NO_NUMBER = Text(zh="不是本流的消息编号", en="not the id of an event of this stream")
_REFUSED = (401, 403)
_EXAMPLE = 'id: 17\nevent: lead.pushed\ndata: {"lead_id": "L-0123456789abcdef0123"}\n\n'
_STREAM = {
    "description": "Events without end: `id` is the number to resume from, `event` the kind, `data` the JSON of it.",
    "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
}
_LAST = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The last event received; those after it are sent first.",
    "schema": {"type": "string"},
}


@router.get(
    "/leads",
    summary="线索推送流 · Stream of leads",
    response_class=Response,
    responses={200: _STREAM, **problems(401, 403, 422, 429, 503)},
    openapi_extra={"parameters": [_LAST]},
)
async def leads(
    request: Request, caller: Bank, last_event_id: Annotated[str | None, Query(max_length=40)] = None
) -> Response:
    """Messages to the caller's institution: those after ``Last-Event-ID``, then each new one as it comes.

    Without a number the stream begins now; with 0 it begins with the first message kept. A comment comes every 15
    seconds. Opening the stream asks for every kind but those that ``PUT /v1/subscriptions/{kind}`` refused.
    """
    given = request.headers.get("last-event-id") or last_event_id
    if given is not None and not _NUMBER.fullmatch(given):
        raise errors.invalid([FieldError(pointer="/last_event_id", detail=_NO_NUMBER)])
    service = service_of(request)
    store, push = service.instance.store, service.push
    if push is None or caller.institution_id is None:
        raise errors.unready(["push"])
    head = store.read(outbox.head)
    after = head if given is None else int(given)
    if after > head:
        raise errors.invalid([FieldError(pointer="/last_event_id", detail=_NO_NUMBER)])
    listener = push.listeners.enter(caller.key_id, caller.institution_id)
    return EventStream(
        store, service.metrics, push.listeners, listener, after, lambda: _is_allowed(request), push.stream_pace
    )


async def _is_allowed(request: Request) -> bool:
    try:
        await caller_of(request, ("institution",))
    except ProblemError as problem:
        return problem.status not in _REFUSED
    return True
