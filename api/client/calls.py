"""One request to the service: tried again where that is safe, and a refusal raised as what it says."""

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

MOST_WAIT_SECONDS = 60.0
_AGAIN = (429, 503)
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FieldFault:
    """One bad field of a request: its JSON pointer, or the name of a parameter, and what is wrong."""

    pointer: str
    detail: str


class Problem(Exception):  # noqa: N818  # named after the problem document of RFC 9457
    """A refusal of the service.

    Parameters
    ----------
    code
        The last word of its type: ``not_found``, ``invalid``, ``too_fast``…
    errors
        Every bad field.
    request_id
        What to quote to those who run the service.
    """

    def __init__(self, status: int, code: str, detail: str, errors: tuple[FieldFault, ...], request_id: str) -> None:
        super().__init__(f"{status} {code}: {detail}" + "".join(f" [{each.pointer} {each.detail}]" for each in errors))
        self.status, self.code, self.detail, self.errors, self.request_id = status, code, detail, errors, request_id


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long to try.

    Parameters
    ----------
    tries
        The first included.
    first_wait
        Seconds before the second try; each further wait is twice as long, give or take a third, and at least what
        ``Retry-After`` says.
    """

    tries: int = 5
    first_wait: float = 0.25
    sleep: Callable[[float], None] = time.sleep

    def wait(self, tried: int, told: str | None) -> None:
        """Wait after the ``tried``-th try."""
        seconds = self.first_wait * 2 ** (tried - 1) * random.uniform(0.67, 1.33)
        asked = float(told) if told is not None and told.isascii() and told.isdigit() else 0.0
        self.sleep(min(MOST_WAIT_SECONDS, max(seconds, asked)))


class Calls:
    """Requests under one key; closes what it opened.

    Parameters
    ----------
    http
        A client of one's own, for tests, proxies or certificates; it is not closed here.
    """

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        language: str = "zh-CN",
        timeout: float = 30.0,
        patience: Patience | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Accept-Language": language}
        self._patience = patience or Patience()
        self._http = http or httpx.Client(timeout=timeout)
        self._owned = http is None

    def close(self) -> None:
        """Give the connections back."""
        if self._owned:
            self._http.close()

    def send(
        self,
        method: str,
        path: str,
        names: Mapping[str, object] | None = None,
        *,
        params: Mapping[str, object] | None = None,
        body: object = None,
        once: bool = False,
        repeatable: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One answer of 2xx or 304.

        Parameters
        ----------
        names
            What stands for the names in braces of ``path``.
        once
            Send an ``Idempotency-Key``, the same at every try, so that trying again does nothing twice.
        repeatable
            Whether a request that was sent and not answered may be sent again; never a POST without ``once``.

        Raises
        ------
        Problem
            Whatever the service refuses.
        httpx.TransportError
            When it cannot be reached, or a POST that may not be repeated was cut off.
        """
        sent = self._headers | dict(headers or {})
        if once:
            sent.setdefault("Idempotency-Key", secrets.token_hex(16))
        content = None if body is None else json.dumps(body, ensure_ascii=False, default=str).encode()
        if content is not None:
            sent["Content-Type"] = "application/json"
        request = self._http.build_request(
            method, self.url(path, names), params=asked(params), content=content, headers=sent
        )
        return self._tried(request, repeatable=repeatable and (once or method != "POST"))

    def lines(self, path: str, last: str | None) -> Iterator[str]:
        """Lines of an open stream of events, until it ends.

        Raises
        ------
        Problem
            If it is refused.
        httpx.TransportError
            When it breaks off.
        """
        headers = self._headers | {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": last})
        with self._http.stream("GET", self.url(path), headers=headers, timeout=httpx.Timeout(10.0, read=60.0)) as told:
            if not told.is_success:
                told.read()
                raise problem_of(told)
            yield from told.iter_lines()

    def pause(self, tried: int) -> None:
        """Wait before a stream is opened again."""
        self._patience.wait(tried, None)

    @property
    def tries(self) -> int:
        """How often to try in a row."""
        return self._patience.tries

    def url(self, path: str, names: Mapping[str, object] | None = None) -> str:
        """The address of a path with its names filled in."""
        filled = {name: quote(str(value), safe="") for name, value in (names or {}).items()}
        return self._base + path.format(**filled)

    def _tried(self, request: httpx.Request, *, repeatable: bool) -> httpx.Response:
        tried = 0
        while True:
            tried += 1
            last = tried >= self._patience.tries
            told: str | None = None
            try:
                answer = self._http.send(request)
            except httpx.ConnectError:
                if last:
                    raise
            except httpx.TransportError:
                if last or not repeatable:
                    raise
            else:
                if answer.is_success or answer.status_code == httpx.codes.NOT_MODIFIED:
                    return answer
                problem = problem_of(answer)
                if last or not (answer.status_code in _AGAIN or problem.code == "in_flight"):
                    raise problem
                told = answer.headers.get("retry-after")
            self._patience.wait(tried, told)


def asked(params: Mapping[str, object] | None) -> dict[str, str]:
    """Query parameters that were given."""
    spelled = {True: "true", False: "false"}
    return {
        name: spelled[value] if isinstance(value, bool) else str(value)
        for name, value in (params or {}).items()
        if value is not None
    }


def problem_of(answer: httpx.Response) -> Problem:
    """The refusal in an answer; one that is no problem document (of a proxy, say) has the code ``unknown``."""
    try:
        told = answer.json()
        faults = tuple(FieldFault(pointer=each["pointer"], detail=each["detail"]) for each in told.get("errors") or ())
        code, detail = str(told["type"]).rsplit(":", 1)[-1], str(told["detail"])
    except (ValueError, KeyError, TypeError, AttributeError):
        code, detail, faults = "unknown", answer.text[:200], ()
    return Problem(answer.status_code, code, detail, faults, answer.headers.get("x-request-id", ""))
