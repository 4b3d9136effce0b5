"""Who is calling and what each role may do: keys of our own, or tokens of an identity provider; scopes and limits."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request

from api import errors
from api.keyring import ROLES, Caller, Keyring
from api.oidc import Tokens
from api.parameters import refuse_unknown

__all__ = ["ROLES", "Caller", "Keyring", "caller_of", "requires", "scope_of"]


async def caller_of(request: Request, allowed: tuple[str, ...]) -> Caller:
    """The caller of a request, if of an allowed role and scope, and within its rate.

    Raises
    ------
    ProblemError
        401 without a good key or token, 403 for another role or scope, 429 beyond the rate.
    """
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    caller = await _known(request, presented.strip()) if scheme.lower() == "bearer" else None
    if caller is None:
        raise errors.unauthenticated()
    request.state.caller = caller.name
    if caller.role not in allowed:
        raise errors.forbidden(caller.role, allowed)
    needed = scope_of(request.method, request.url.path)
    if caller.scopes is not None and needed not in caller.scopes:
        raise errors.out_of_scope(needed)
    wait = request.app.state.service.rates.wait(caller.key_id, caller.requests_per_minute)
    if wait > 0:
        raise errors.too_fast(wait)
    return caller


def requires(*allowed: str) -> Callable[[Request], Coroutine[Any, Any, Caller]]:
    """A dependency that lets these roles in, with query parameters the route knows."""

    async def dependency(request: Request) -> Caller:
        caller = await caller_of(request, allowed)
        refuse_unknown(request)
        return caller

    dependency.__name__ = "requires_" + "_".join(allowed)
    return dependency


def scope_of(method: str, path: str) -> str:
    """The scope a request needs: the noun of its path, and whether it reads or writes.

    >>> scope_of("GET", "/v1/demands/D-1"), scope_of("POST", "/v1/leads/L-1/claim")
    ('demands:read', 'leads:write')
    """
    noun = path.strip("/").split("/")[1:2]
    return f"{noun[0] if noun else ''}:{'read' if method in {'GET', 'HEAD'} else 'write'}"


async def _known(request: Request, presented: str) -> Caller | None:
    service = request.app.state.service
    keyring: Keyring = service.instance.keyring
    tokens: Tokens | None = service.tokens
    if tokens is not None and presented.count(".") == 2:
        return await tokens.ask(presented, service.instance.clock.now())
    return keyring.caller(presented)
