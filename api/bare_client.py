"""A bare HTTP/1.1 client over asyncio: one kept connection and next to no work of its own, to measure with."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status and body of an answer."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)


class BareClient:
    """One connection to a port of the loopback, opened when it is first needed, and again after it was lost.

    Requests raise ``OSError`` or ``EOFError`` where the connection is lost before the whole answer came.
    """

    def __init__(self, port: int, key: str = "") -> None:
        self._port, self._key = port, key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def request(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, once: str | None = None
    ) -> Answer:
        """One request with a JSON body; ``key`` in place of the client's own, ``once`` as its idempotency key."""
        raw = b"" if body is None else json.dumps(body).encode()
        headers = {
            "host": "127.0.0.1",
            "authorization": f"Bearer {key or self._key}",
            "content-length": str(len(raw)),
            **({"content-type": "application/json"} if raw else {}),
            **({} if once is None else {"idempotency-key": once}),
        }
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(_head(method, path, headers) + raw)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the connection go."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._reader = self._writer = None

    async def _exchange(self, request: bytes) -> Answer:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(request)
        await self._writer.drain()
        head = await self._reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        return Answer(status=int(lines[0].split(" ")[1]), body=await self._reader.readexactly(length))


def _head(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
