"""Query parameters nobody asked for are refused by name, and one given twice as well: a misspelt filter filters not."""

from typing import get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api import errors
from api.bodies import pointer
from api.errors import FieldError
from matcher.domain import Text

_MOST_NAMED = 20
_TWICE = Text(zh="只能给出一次", en="may be given once only")


def refuse_unknown(request: Request) -> None:
    """Pass a request whose every query parameter its route knows.

    Raises
    ------
    ProblemError
        422 with every other parameter named.
    """
    route = request.scope.get("route")
    if not request.url.query or not isinstance(route, APIRoute):
        return
    known = _asked(route.dependant)
    faults = []
    for name in dict.fromkeys(request.query_params.keys()):
        if name not in known:
            faults.append(FieldError(pointer=pointer((name,)), detail=_unknown(known)))
        elif not known[name] and len(request.query_params.getlist(name)) > 1:
            faults.append(FieldError(pointer=pointer((name,)), detail=_TWICE))
    if faults:
        raise errors.invalid(faults[:_MOST_NAMED])


def _asked(dependant: Dependant) -> dict[str, bool]:
    """Names of the query parameters of a route, and whether each may be given several times."""
    own = {each.alias: get_origin(each.field_info.annotation) in {list, tuple, set} for each in dependant.query_params}
    for inner in dependant.dependencies:
        own |= _asked(inner)
    return own


def _unknown(known: dict[str, bool]) -> Text:
    listed = ", ".join(known)
    return Text(
        zh=f"未知参数；可用：{listed or '无'}",
        en=f"unknown parameter; there {'are ' + listed if listed else 'is none'}",
    )
