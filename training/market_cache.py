"""What takes time is kept under a name that bears a digest of the code that made it, so that no result outlives it."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]


def code_digest(patterns: Sequence[str], *besides: str) -> str:
    """Ten hexadecimal digits over the files of the repository that match, and over ``besides``."""
    total = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(_ROOT.glob(pattern)):
            total.update(path.read_bytes())
    for text in besides:
        total.update(text.encode())
    return total.hexdigest()[:10]


def kept_json(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is in the file, or else what ``make`` gives, written there whole or not at all."""
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found
    made = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(made), "utf-8")
    beside.replace(path)
    return made
