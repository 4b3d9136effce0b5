"""What every group of calls is made of: a JSON answer, one made once, and a list page by page."""

from collections.abc import Iterator, Mapping
from typing import Any

from api.client.calls import Calls


class Nouns:
    """Calls by method and path, as the OpenAPI document names them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def _path(self, _method: str, path: str) -> str:
        return path

    def _got(
        self, method: str, path: str, params: Mapping[str, object] | None = None, body: object = None, **names: object
    ) -> Any:
        answer = self._calls.send(method, path, names, params=params, body=body)
        return answer.json() if answer.content else None

    def _made(self, method: str, path: str, body: object = None, **names: object) -> Any:
        return self._calls.send(method, path, names, body=body, once=True).json()

    def _pages(self, method: str, path: str, params: Mapping[str, object], **names: object) -> Iterator[Any]:
        cursor: str | None = None
        while True:
            told = self._got(method, path, {**params, "cursor": cursor}, **names)
            yield from told["items"]
            cursor = told["next_cursor"]
            if cursor is None:
                return
