"""Every refusal is an RFC 9457 problem document in the caller's language, saying what, where and what to do next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import msgspec
import structlog
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from api.language import language_of
from matcher.domain import Text
from matcher.store.writer import OutcomeUnknownError

TYPES = "urn:credit-matcher:problem:"
MEDIA_TYPE = "application/problem+json"
_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class FieldError:
    """One bad field: a JSON pointer into the body (or the name of a query parameter) and what is wrong with it."""

    pointer: str
    detail: Text


class ProblemError(Exception):
    """Raised anywhere at the edge, answered as a problem document."""

    def __init__(
        self,
        status: int,
        code: str,
        title: Text,
        detail: Text,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail.en)
        self.status, self.code, self.title, self.detail = status, code, title, detail
        self.errors, self.headers = tuple(errors), dict(headers or {})


def unauthenticated() -> ProblemError:
    """401: no key, or not one of ours."""
    return ProblemError(
        401,
        "unauthenticated",
        Text(zh="未认证", en="Not authenticated"),
        Text(
            zh="请在 Authorization 头中提供有效密钥：Bearer <key>。",
            en="Send a valid key: Authorization: Bearer <key>.",
        ),
        headers={"WWW-Authenticate": "Bearer"},
    )


def forbidden(role: str, allowed: Sequence[str]) -> ProblemError:
    """403: a good key of a role that may not do this."""
    roles = ", ".join(allowed)
    return ProblemError(
        403,
        "forbidden",
        Text(zh="无权限", en="Not allowed"),
        Text(
            zh=f"角色 {role} 不能执行此操作；需要：{roles}。", en=f"The role {role} may not do this; it takes: {roles}."
        ),
    )


def out_of_scope(scope: str) -> ProblemError:
    """403: a good key of the right role, narrowed to other things."""
    return ProblemError(
        403,
        "out_of_scope",
        Text(zh="超出授权范围", en="Out of scope"),
        Text(zh=f"该密钥未获授权 {scope}。", en=f"The key is not good for {scope}."),
    )


def too_fast(seconds: int) -> ProblemError:
    """429: more requests than this caller may make."""
    return ProblemError(
        429,
        "too_fast",
        Text(zh="请求过于频繁", en="Too many requests"),
        Text(
            zh=f"已超过该密钥的速率，请在 {seconds} 秒后重试。", en=f"Over this key's rate; try again in {seconds} s."
        ),
        headers={"Retry-After": str(seconds)},
    )


def not_found(what: Text) -> ProblemError:
    """404: nothing there, or nothing this caller may know of."""
    return ProblemError(
        404,
        "not_found",
        Text(zh="未找到", en="Not found"),
        Text(zh=f"没有该{what.zh}。", en=f"There is no such {what.en}."),
    )


def invalid(errors: Sequence[FieldError]) -> ProblemError:
    """422: well-formed, but some field says what it may not."""
    return ProblemError(
        422,
        "invalid",
        Text(zh="请求内容无效", en="Invalid request"),
        Text(zh=f"有 {len(errors)} 处错误，未作任何更改。", en=f"{len(errors)} error(s); nothing was changed."),
        errors=errors,
    )


def malformed(detail: Text) -> ProblemError:
    """400: not one JSON document."""
    return ProblemError(400, "malformed", Text(zh="无法解析请求", en="Malformed request"), detail)


def too_large(limit: int) -> ProblemError:
    """413: more bytes than are read."""
    return ProblemError(
        413,
        "too_large",
        Text(zh="请求过大", en="Request too large"),
        Text(zh=f"请求体不得超过 {limit} 字节。", en=f"A body may hold {limit} bytes at most."),
    )


def conflict(code: str, detail: Text) -> ProblemError:
    """409: the thing stands where this cannot be done."""
    return ProblemError(409, code, Text(zh="状态冲突", en="Conflict"), detail)


def busy(seconds: int = 1) -> ProblemError:
    """429: as much in work as is taken on."""
    return ProblemError(
        429,
        "busy",
        Text(zh="请求过多", en="Too many requests"),
        Text(zh=f"服务繁忙，请在 {seconds} 秒后重试。", en=f"The service is full; try again in {seconds} s."),
        headers={"Retry-After": str(seconds)},
    )


def unready(missing: Sequence[str]) -> ProblemError:
    """503: the service cannot answer yet, and what it lacks."""
    lacks = ", ".join(missing)
    return ProblemError(
        503,
        "unready",
        Text(zh="服务未就绪", en="Not ready"),
        Text(zh=f"尚缺：{lacks}。", en=f"Still missing: {lacks}."),
        headers={"Retry-After": "2"},
    )


def problem_response(request: Request, problem: ProblemError) -> Response:
    """The document, in the language asked for."""
    language = language_of(request)
    document: dict[str, object] = {
        "type": TYPES + problem.code,
        "title": problem.title.in_language(language),
        "status": problem.status,
        "detail": problem.detail.in_language(language),
        "instance": request.url.path,
    }
    if problem.errors:
        document["errors"] = [
            {"pointer": error.pointer, "detail": error.detail.in_language(language)} for error in problem.errors
        ]
    return Response(
        msgspec.json.encode(document),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=problem.headers | {"Content-Language": language},
    )


def install(app: FastAPI) -> None:
    """Answer every error of the app as a problem document."""

    async def on_problem(request: Request, error: Exception) -> Response:
        return problem_response(request, error if isinstance(error, ProblemError) else _unexpected())

    async def on_http(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        phrase = HTTPStatus(status).phrase
        titles = {404: Text(zh="未找到", en="Not found"), 405: Text(zh="方法不允许", en="Method not allowed")}
        title = titles.get(status, Text(zh=phrase, en=phrase))
        code = {404: "not_found", 405: "method_not_allowed"}.get(status, "refused")
        detail = Text(zh="请核对路径与方法，见 /docs。", en="Check the path and the method; /docs lists what there is.")
        return problem_response(request, ProblemError(status, code, title, detail, headers=headers))

    async def on_unknown(request: Request, error: Exception) -> Response:
        _LOG.error("outcome unknown", route=getattr(request.scope.get("route"), "path", "unknown"), exc_info=error)
        return problem_response(request, _outcome_unknown())

    async def on_crash(request: Request, error: Exception) -> Response:
        _LOG.error("unexpected", route=getattr(request.scope.get("route"), "path", "unknown"), exc_info=error)
        return problem_response(request, _unexpected())

    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(OutcomeUnknownError, on_unknown)
    app.add_exception_handler(Exception, on_crash)


def _outcome_unknown() -> ProblemError:
    return ProblemError(
        503,
        "outcome_unknown",
        Text(zh="结果未知", en="Outcome unknown"),
        Text(
            zh="提交时与数据库的连接中断，无法确认是否已完成：请用同一 Idempotency-Key 重试，或先查询当前状态。",
            en="The database went away while it was being saved, so it is unknown whether it was done: ask again with "
            "the same Idempotency-Key, or look at how it stands first.",
        ),
        headers={"Retry-After": "2"},
    )


def _unexpected() -> ProblemError:
    return ProblemError(
        500,
        "unexpected",
        Text(zh="内部错误", en="Internal error"),
        Text(zh="发生意外错误，已记录。", en="Something unexpected happened and was logged."),
    )
