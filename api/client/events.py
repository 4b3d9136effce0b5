"""The stream of leads as events: resumed where it broke off, by the id of the last one received."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from api.client.calls import Calls, Problem

_AGAIN = (429, 503)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One message to the institution; ``id`` is what to resume from."""

    id: str
    kind: str
    data: Any


def resumed(calls: Calls, path: str, last: str | None) -> Iterator[Event]:
    """Events without end; an event is given once, even where the stream broke off in the middle of it.

    Raises
    ------
    Problem
        Where the stream is refused: no key any more, an id that is none.
    httpx.TransportError
        When it cannot be opened as often in a row as is tried.
    """
    failed = 0
    while True:
        try:
            for event in events(calls.lines(path, last)):
                failed, last = 0, event.id
                yield event
        except httpx.TransportError:
            failed += 1
            if failed >= calls.tries:
                raise
        except Problem as problem:
            failed += 1
            if problem.status not in _AGAIN or failed >= calls.tries:
                raise
        calls.pause(max(1, failed))


def events(lines: Iterator[str]) -> Iterator[Event]:
    """Whole events of a stream; one that was cut off is left out.

    >>> told = ["retry: 1000", "", ": open", "", "id: 7", "event: lead.pushed", 'data: {"a": 1}', "", "id: 8"]
    >>> list(events(iter(told)))
    [Event(id='7', kind='lead.pushed', data={'a': 1})]
    """
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))
            continue
        if "data" in fields and "id" in fields:
            kind = fields.get("event", ["message"])[-1]
            yield Event(id=fields["id"][-1], kind=kind, data=json.loads("\n".join(fields["data"])))
        fields = {}
