"""A blocking HTTP client of an app in this process, over ASGI: no socket, one event loop for the whole session."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import httpx
from fastapi import FastAPI

from tests.api.documented_answers import body_fault, fault_of

T = TypeVar("T")


class Client:
    """Blocking requests to an app; errors of the app come back as its own 500, and no answer may be undocumented."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.asynchronous = httpx.AsyncClient(transport=transport, base_url="http://matcher.test", timeout=60)
        self.asynchronous.event_hooks = {"response": [self._hold]}

    async def _hold(self, response: httpx.Response) -> None:
        """Whatever the app answers, in whichever test, must stand in its OpenAPI document."""
        assert (fault := fault_of(self.app, response.request, response)) is None, fault
        if response.headers.get("content-type", "").endswith("json"):
            await response.aread()
            assert (fault := body_fault(self.app, response.request, response)) is None, fault

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the client's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request."""
        return self.wait(self.asynchronous.request(method, url, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        """GET."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        """POST."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> httpx.Response:
        """PUT."""
        return self.request("PUT", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        """DELETE."""
        return self.request("DELETE", url, **options)

    def close(self) -> None:
        """Close the connections and stop the loop."""
        self.wait(self.asynchronous.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
