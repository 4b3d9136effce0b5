"""Keys of a development instance: one per role, made once, left in a file its owner alone can read."""

import json
import os
from typing import Any

from api.auth import ROLES
from api.instance import Instance
from matcher.store import keys


class NoKeysError(Exception):
    """Production makes no keys: it must have been given some of its own."""


def ensure_keys(instance: Instance) -> dict[str, Any] | None:
    """The development keys, made anew where the file is lost; ``None`` in production.

    Raises
    ------
    NoKeysError
        In production without a key in the store.
    """
    kept = instance.store.read(keys.every)
    if instance.settings.is_production:
        if not any(not key.revoked for key in kept):
            raise NoKeysError(
                "No key is in the store, and production makes none by itself: "
                "add one with matcher keys add <role> before matcher run."
            )
        return None
    known = _read(instance)
    if known is not None:
        return known
    bank = instance.matcher.catalog.products[0].institution_id
    made: dict[str, Any] = {
        role: {"institution_id": bank, "key": instance.keyring.issue(role, bank)}
        if role == "institution"
        else instance.keyring.issue(role)
        for role in ROLES
    }
    path = instance.settings.keys_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(made, file, indent=1)
    return made


def _read(instance: Instance) -> dict[str, Any] | None:
    """The keys of the file, if every one of them opens this store."""
    try:
        known: dict[str, Any] = json.loads(instance.settings.keys_file.read_text(encoding="utf-8"))
        presented = [known[role]["key"] if role == "institution" else known[role] for role in ROLES]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return known if all(instance.keyring.caller(key) is not None for key in presented) else None
