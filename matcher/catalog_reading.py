"""Reads untrusted JSON members one by one and collects every fault with its pointer."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from matcher.domain import Text

_Code = TypeVar("_Code", bound=StrEnum)
_T = TypeVar("_T")

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST_TEXT = 400
_LARGEST = Decimal(10) ** 13


class Fault(NamedTuple):
    """What is wrong with one member: its JSON pointer, and the message in both languages."""

    pointer: str
    message: Text


class Members:
    """The members of one JSON object, read by name; faults gather in a list shared with nested objects.

    A member read twice is an error of the programmer; a member never read is a fault of the writer ("unknown field").
    """

    def __init__(self, values: Mapping[str, object], faults: list[Fault], pointer: str = "") -> None:
        self._values = values
        self._pointer = pointer
        self._unread = set(values)
        self.faults = faults

    def fault(self, name: str, zh: str, en: str) -> None:
        """Records a fault of the member ``name``."""
        self.faults.append(Fault(f"{self._pointer}/{name}", Text(zh=zh, en=en)))

    def finish(self) -> None:
        """Records every member that nobody asked for."""
        for name in sorted(self._unread):
            self.fault(name, "未知字段", "unknown field")

    def raw(self, name: str, default: object = None) -> object:
        """The member as it came."""
        self._unread.discard(name)
        return self._values.get(name, default)

    def identifier(self, name: str) -> str:
        """A required identifier of letters, digits, dot, dash and underscore."""
        return self._matching(name, _IDENTIFIER)

    def code(self, name: str) -> str:
        """A required lower-case English identifier."""
        return self._matching(name, _CODE)

    def _matching(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.raw(name)
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        self.fault(name, "必填，须为标识符（不超过 64 个字符）", "required: an identifier of at most 64 characters")
        return ""

    def text(self, name: str) -> Text:
        """A required text: one string for both languages, or an object with ``zh`` and ``en``."""
        value = self.raw(name)
        if isinstance(value, str):
            value = {"zh": value, "en": value}
        if isinstance(value, Mapping) and set(value) == {"zh", "en"} and all(map(_is_text, value.values())):
            return Text(zh=str(value["zh"]), en=str(value["en"]))
        self.fault(
            name,
            f"必填，须为不超过 {_LONGEST_TEXT} 字的文本或 {{zh, en}}",
            f"required: a text of at most {_LONGEST_TEXT} characters, or an object with zh and en",
        )
        return Text(zh="", en="")

    def decimal(self, name: str, *, most: Decimal = _LARGEST, default: Decimal | None = None) -> Decimal:
        """A number from 0 to ``most``; required where no default is given."""
        value = self.raw(name, default)
        number = to_decimal(value)
        if number is not None and 0 <= number <= most:
            return number
        self.fault(name, f"须为 0 至 {most} 之间的数", f"must be a number from 0 to {most}")
        return Decimal(0)

    def integer(self, name: str, *, least: int, most: int, default: int | None = None) -> int:
        """A whole number from ``least`` to ``most``; required where no default is given."""
        value = self.raw(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.fault(name, f"须为 {least} 至 {most} 的整数", f"must be a whole number from {least} to {most}")
        return least

    def flag(self, name: str) -> bool:
        """True or false; false where absent."""
        value = self.raw(name, False)
        if isinstance(value, bool):
            return value
        self.fault(name, "须为 true 或 false", "must be true or false")
        return False

    def day(self, name: str, default: date | None) -> date | None:
        """An ISO day, the default where absent or null."""
        value = self.raw(name)
        if value is None:
            return default
        try:
            if isinstance(value, str) and _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:  # a day no month has, a fault like any other text
            value = None
        self.fault(name, "须为日期 YYYY-MM-DD", "must be a day, YYYY-MM-DD")
        return default

    def choice(self, name: str, codes: type[_Code]) -> _Code:
        """A required code of a closed set."""
        value = self.raw(name)
        if isinstance(value, str) and value in set(codes):
            return codes(value)
        self.fault(name, f"须为以下之一：{', '.join(codes)}", f"must be one of {', '.join(codes)}")
        return next(iter(codes))

    def choices(self, name: str, codes: type[_Code], *, required: bool = False) -> tuple[_Code, ...]:
        """A list of different codes of a closed set, empty where absent unless required."""
        value = self.raw(name, [])
        texts = _different_texts(value)
        if texts is not None and set(texts) <= set(codes) and (texts or not required):
            return tuple(codes(item) for item in texts)
        self.fault(
            name,
            f"须为不重复的列表，取值：{', '.join(codes)}",
            f"must be a list without repetition of {', '.join(codes)}",
        )
        return ()

    def tags(self, name: str) -> tuple[str, ...]:
        """A list of different lower-case codes, empty where absent."""
        texts = _different_texts(self.raw(name, []))
        if texts is not None and all(_CODE.fullmatch(text) for text in texts):
            return texts
        self.fault(name, "须为不重复的代码列表", "must be a list of codes without repetition")
        return ()

    def each(self, name: str, read: Callable[["Members"], _T], *, most: int) -> tuple[_T, ...]:
        """A list of objects, each read by ``read`` and then finished."""
        value = self.raw(name, [])
        if not isinstance(value, (list, tuple)) or len(value) > most:
            self.fault(name, f"须为不超过 {most} 项的列表", f"must be a list of at most {most} items")
            return ()
        return tuple(item for index, entry in enumerate(value) for item in self._one(f"{name}/{index}", entry, read))

    def _one(self, name: str, entry: object, read: Callable[["Members"], _T]) -> tuple[_T, ...]:
        if not isinstance(entry, Mapping):
            self.fault(name, "须为对象", "must be an object")
            return ()
        members = Members(entry, self.faults, f"{self._pointer}/{name}")
        result = read(members)
        members.finish()
        return (result,)


def to_decimal(value: object) -> Decimal | None:
    """A finite number from a decimal string or a number; ``None`` for anything else, flags included."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    if not _NUMBER.fullmatch(str(value)):
        return None
    number = Decimal(str(value))
    exponent = number.as_tuple().exponent
    return (
        number if isinstance(exponent, int) and -12 <= exponent <= 15 and len(number.as_tuple().digits) <= 30 else None
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_TEXT


def _different_texts(value: object) -> tuple[str, ...] | None:
    """The strings of a list, ``None`` unless it is a list of different strings."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value) if len(set(value)) == len(value) else None
