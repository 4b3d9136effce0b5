"""Lists in pages: a limit, and an opaque cursor that stands after the last item shown."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from api import errors
from api.errors import FieldError
from matcher.domain import Text

T = TypeVar("T")
DEFAULT, MOST = 50, 200
_DIGITS = 18


@dataclass(frozen=True, kw_only=True)
class Page:
    """Items of one page and the cursor of the next, ``None`` on the last."""

    items: list[Any]
    next_cursor: str | None

    def document(self) -> dict[str, Any]:
        """The wire's shape."""
        return {"items": self.items, "next_cursor": self.next_cursor}


def page(items: Sequence[T], key: Callable[[T], str], limit: int, cursor: str | None) -> tuple[list[T], str | None]:
    """The items after the cursor, at most ``limit``; ``items`` stand in order of ``key``.

    A list that changes between two pages shifts nothing: the cursor names the last key shown, not a position.
    """
    start = 0
    if cursor is not None:
        after = decoded(cursor)
        start = next((index for index, item in enumerate(items) if key(item) > after), len(items))
    shown = list(items[start : start + limit])
    more = start + limit < len(items)
    return shown, encoded(key(shown[-1])) if more and shown else None


def cursor_of(number: int) -> str:
    """The cursor that stands after an item known by a number."""
    return encoded(str(number))


def number_after(cursor: str | None) -> int | None:
    """The number a cursor stands after, ``None`` on the first page.

    Raises
    ------
    ProblemError
        422 for what is no cursor of such a list.
    """
    if cursor is None:
        return None
    text = decoded(cursor)
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise _no_cursor()
    return int(text)


def cut(items: Sequence[T], key: Callable[[T], str], limit: int) -> tuple[list[T], str | None]:
    """The first ``limit`` items and the cursor of what follows; whoever asked the store asked for one more."""
    shown = list(items[:limit])
    return shown, encoded(key(shown[-1])) if len(items) > limit else None


def after(cursor: str | None) -> str | None:
    """The key a cursor stands after, ``None`` at the beginning; 422 where it is no cursor."""
    return None if cursor is None else decoded(cursor)


def encoded(key: str) -> str:
    """A cursor that stands after a key."""
    return base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def decoded(cursor: str) -> str:
    """The key a cursor stands after.

    Raises
    ------
    ProblemError
        422 for what is no cursor.
    """
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise _no_cursor() from None
    if "\x00" in key:  # PostgreSQL takes no such text
        raise _no_cursor()
    return key


def _no_cursor() -> errors.ProblemError:
    detail = Text(zh="不是有效游标", en="not a cursor of this list")
    return errors.invalid([FieldError(pointer="/cursor", detail=detail)])
