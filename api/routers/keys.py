"""Keys of callers, looked after by the administrator: made, listed, replaced, taken away. A key is seen once."""

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import AwareDatetime, ConfigDict, Field, StrictInt, model_validator
from sqlalchemy import Connection

from api import bodies, errors, idempotency, wire
from api.auth import Caller, requires
from api.bodies import BilingualError
from api.desk_bodies import NothingBody, read_nothing
from api.documented import body_of
from api.keyring import made_key
from api.schemas import Body
from api.service import instance_of, service_of
from matcher.domain import Text
from matcher.store import audit, keys
from matcher.store.clock import moment

router = APIRouter(prefix="/v1/keys", tags=["keys"])
Admin = Annotated[Caller, Depends(requires("admin"))]
KeyId = Annotated[str, Path(max_length=32)]
NO_KEY = Text(zh="密钥", en="key")
Scope = Annotated[str, Field(pattern=r"^[a-z][a-z-]{0,39}:(read|write)$")]


class KeyBody(Body):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"role": "institution", "institution_id": "I-001", "scopes": ["leads:read", "leads:write"]}]
        }
    )

    role: Literal["platform", "institution", "analyst", "regulator", "admin"]
    institution_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    scopes: Annotated[tuple[Scope, ...], Field(max_length=50)] | None = None
    expires_at: AwareDatetime | None = None
    requests_per_minute: Annotated[StrictInt, Field(ge=1, le=10_000_000)] | None = None

    @model_validator(mode="after")
    def _institution_named(self) -> "KeyBody":
        if (self.role == "institution") != (self.institution_id is not None):
            raise BilingualError(
                Text(
                    zh="机构角色须注明 institution_id，其他角色不得", en="institution_id goes with the institution role"
                )
            )
        return self


@router.post("", status_code=201, summary="新建密钥 · New key", openapi_extra=body_of(KeyBody))
async def add(request: Request, caller: Admin) -> Response:
    """Make a key; the answer is the only place where it is ever seen, and a replay of it shows the key no more."""
    service = service_of(request)
    raw = await bodies.read(request, service.settings.max_body_bytes)
    body = bodies.validate(KeyBody, bodies.parse(raw))
    instance = service.instance

    async def work() -> idempotency.Outcome:
        if body.institution_id is not None and body.institution_id not in instance.matcher.catalog.institutions:
            text = Text(zh="没有该机构", en="there is no such institution")
            raise errors.invalid([errors.FieldError(pointer="/institution_id", detail=text)])
        key_id, presented, hashed = made_key()
        row = keys.KeyRow(
            key_id=key_id,
            role=body.role,
            institution_id=body.institution_id,
            hash=hashed,
            scopes=body.scopes,
            expires_at=None if body.expires_at is None else moment(body.expires_at),
            requests_per_minute=body.requests_per_minute,
        )
        now = instance.clock.now()
        entry = audit.Entry(actor=caller.name, action="key_issued", subject=key_id, detail={"role": body.role})

        def change(connection: Connection) -> None:
            keys.add(connection, row, now)
            audit.append(connection, entry, now)

        return idempotency.Outcome(
            status=201,
            answer=wire.encode(_document(row) | {"key": presented}),
            kept=wire.encode(_document(row) | {"key": None}),
            change=change,
        )

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.get("", summary="密钥列表 · Keys")
async def every(request: Request, _caller: Admin) -> Response:
    """Every key by its public half, oldest first; never the key itself."""
    rows = instance_of(request).store.read(keys.every)
    document = {"items": [_document(row) for row in rows], "next_cursor": None}
    return Response(wire.encode(document), media_type="application/json")


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    summary="轮换密钥 · Rotate",
    openapi_extra=body_of(NothingBody, required=False),
)
async def rotate(request: Request, key_id: KeyId, caller: Admin) -> Response:
    """A successor with the same rights; the old key opens for another 24 hours. A replay shows the key no more."""
    service = service_of(request)
    raw = await read_nothing(request, service.settings.max_body_bytes)
    instance = service.instance

    async def work() -> idempotency.Outcome:
        made = instance.keyring.rotation(key_id, actor=caller.name)

        def change(connection: Connection) -> bytes:
            row = keys.find(connection, made.key_id) if made.change(connection) else None
            if row is None:
                raise errors.not_found(NO_KEY)
            return wire.encode(_document(row) | {"key": made.presented})

        return idempotency.Outcome(status=201, answer=b"", change=change, kept=_without_key)

    return await idempotency.once(request, raw, caller, instance.in_flight, instance.store, work)


@router.delete("/{key_id}", status_code=204, summary="吊销密钥 · Revoke")
async def revoke(request: Request, key_id: KeyId, caller: Admin) -> Response:
    """Make a key useless from the next request on."""
    instance = instance_of(request)
    if not await idempotency.durable(instance.store, instance.keyring.revocation(key_id, actor=caller.name)):
        raise errors.not_found(NO_KEY)
    return Response(status_code=204)


def _without_key(answer: bytes) -> bytes:
    return wire.encode(msgspec.json.decode(answer) | {"key": None})


def _document(row: keys.KeyRow) -> dict[str, Any]:
    return {
        "key_id": row.key_id,
        "role": row.role,
        "institution_id": row.institution_id,
        "scopes": None if row.scopes is None else list(row.scopes),
        "expires_at": row.expires_at,
        "requests_per_minute": row.requests_per_minute,
        "rotated_from": row.rotated_from,
        "revoked": row.revoked,
    }
