"""Request bodies: bounded, strict JSON, validated; every fault is named by its pointer, in both languages."""

import json
from decimal import Decimal
from typing import Any, NoReturn, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api import errors
from api.errors import FieldError
from matcher.domain import Text

M = TypeVar("M", bound=BaseModel)
_MESSAGES: dict[str, Text] = {
    "missing": Text(zh="必填", en="required"),
    "extra_forbidden": Text(zh="未知字段", en="unknown field"),
    "greater_than": Text(zh="必须大于 {gt}", en="must be greater than {gt}"),
    "greater_than_equal": Text(zh="不得小于 {ge}", en="must be at least {ge}"),
    "less_than": Text(zh="必须小于 {lt}", en="must be less than {lt}"),
    "less_than_equal": Text(zh="不得大于 {le}", en="must be at most {le}"),
    "decimal_max_places": Text(zh="最多 {decimal_places} 位小数", en="at most {decimal_places} decimal places"),
    "decimal_max_digits": Text(zh="数字过长", en="too many digits"),
    "decimal_whole_digits": Text(zh="数字过长", en="too many digits"),
    "decimal_parsing": Text(zh="不是数值", en="not a number"),
    "decimal_type": Text(zh="不是数值", en="not a number"),
    "finite_number": Text(zh="必须是有限数值", en="must be a finite number"),
    "int_parsing": Text(zh="必须是整数", en="must be a whole number"),
    "int_type": Text(zh="必须是整数", en="must be a whole number"),
    "bool_type": Text(zh="必须是 true 或 false", en="must be true or false"),
    "string_type": Text(zh="必须是文本", en="must be text"),
    "string_too_long": Text(zh="最多 {max_length} 个字符", en="at most {max_length} characters"),
    "string_too_short": Text(zh="至少 {min_length} 个字符", en="at least {min_length} characters"),
    "string_pattern_mismatch": Text(zh="格式不符", en="not in the expected form"),
    "enum": Text(zh="只能是 {expected}", en="must be {expected}"),
    "literal_error": Text(zh="只能是 {expected}", en="must be {expected}"),
    "list_type": Text(zh="必须是列表", en="must be a list"),
    "tuple_type": Text(zh="必须是列表", en="must be a list"),
    "too_long": Text(zh="最多 {max_length} 项", en="at most {max_length} items"),
    "too_short": Text(zh="至少 {min_length} 项", en="at least {min_length} items"),
    "dict_type": Text(zh="必须是对象", en="must be an object"),
    "model_type": Text(zh="必须是对象", en="must be an object"),
    "model_attributes_type": Text(zh="必须是对象", en="must be an object"),
}
_DAY = Text(zh="不是有效日期（YYYY-MM-DD）", en="not a calendar day (YYYY-MM-DD)")


async def read(request: Request, limit: int) -> bytes:
    """The body, refused as soon as it grows over the limit."""
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > limit:
        raise errors.too_large(limit)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise errors.too_large(limit)
        parts.append(part)
    return b"".join(parts)


def parse(body: bytes) -> Any:
    """One JSON document; numbers with a point stay exact, NaN, infinities and repeated names are refused."""
    try:
        return json.loads(
            body.decode("utf-8"), parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_no_repeats
        )
    except UnicodeDecodeError:
        raise errors.malformed(Text(zh="请求体不是 UTF-8 文本。", en="The body is not UTF-8 text.")) from None
    except RecursionError:
        raise errors.malformed(Text(zh="JSON 嵌套过深。", en="The JSON is nested too deeply.")) from None
    except json.JSONDecodeError as error:
        place = f"{error.lineno}:{error.colno}"
        raise errors.malformed(
            Text(zh=f"请求体不是有效 JSON（{place}）。", en=f"The body is not valid JSON (at {place}).")
        ) from None
    except ValueError:
        raise errors.malformed(Text(zh="JSON 中的数字过长。", en="A number in the JSON is too long.")) from None


def validate(model: type[M], document: Any) -> M:
    """The document as a model.

    Raises
    ------
    ProblemError
        422 with one entry for every bad field.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise errors.invalid([field_error(one) for one in error.errors(include_url=False)]) from None


def pointer(location: tuple[str | int, ...]) -> str:
    """A JSON pointer.

    >>> pointer(("demand", "collateral", 0, "kind"))
    '/demand/collateral/0/kind'
    """
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join("/" + part.encode("utf-8", "replace").decode()[:100] for part in parts)


def field_error(error: Any) -> FieldError:
    """One fault as validation tells it, in both languages."""
    location, kind = error["loc"], str(error["type"])
    if kind.startswith("date"):
        detail = _DAY
    elif kind == "value_error" and isinstance(error.get("ctx", {}).get("error"), BilingualError):
        detail = error["ctx"]["error"].text
    elif kind in _MESSAGES:
        text, context = _MESSAGES[kind], error.get("ctx", {})
        detail = Text(zh=text.zh.format(**context), en=text.en.format(**context))
    else:
        message = str(error["msg"]).encode("utf-8", "replace").decode()
        detail = Text(zh=f"无效：{message}", en=message)
    return FieldError(pointer=pointer(location), detail=detail)


class BilingualError(ValueError):
    """Raised by a validator of a model, with its message in both languages."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def _refuse_constant(name: str) -> NoReturn:
    raise errors.malformed(Text(zh=f"JSON 不允许 {name}。", en=f"{name} is no JSON number; leave the field out."))


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise errors.malformed(Text(zh="同一对象中字段名重复。", en="An object names the same field twice."))
    return document
