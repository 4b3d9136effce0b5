"""A place of the audit chain, signed and kept away from the store: who rewrites the store cannot rewrite this."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

import msgspec

from matcher.store.audit import Link


class CheckpointError(Exception):
    """A checkpoint that cannot be trusted or read; says which file and why."""


def write_checkpoint(path: Path, link: Link, key: bytes) -> None:
    """Write a place of the chain with its signature."""
    document = {"sequence": link.sequence, "digest": link.digest, "signature": _sign(link, key)}
    path.write_bytes(msgspec.json.encode(document) + b"\n")


def read_checkpoint(path: Path, key: bytes) -> Link:
    """The place a checkpoint speaks of.

    Raises
    ------
    CheckpointError
        If it is no checkpoint, or not signed with this key.
    """
    try:
        document = msgspec.json.decode(path.read_bytes())
        link = Link(sequence=int(document["sequence"]), digest=str(document["digest"]))
        signature = str(document["signature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is no checkpoint of an audit: {error!r}") from error
    if not hmac.compare_digest(signature.encode(), _sign(link, key).encode()):
        raise CheckpointError(f"{path} was not signed with this key, or was changed since")
    return link


def signing_key(path: Path, *, make: bool) -> bytes:
    """The key kept in a file, made for its owner alone where there is none and it may be.

    Raises
    ------
    CheckpointError
        If there is none and none may be made.
    """
    if path.exists():
        return path.read_bytes()
    if not make:
        raise CheckpointError(f"there is no key at {path}: give the one the checkpoint was signed with")
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(32)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
    return key


def _sign(link: Link, key: bytes) -> str:
    return hmac.new(key, f"{link.sequence}:{link.digest}".encode(), hashlib.sha256).hexdigest()
