"""Real API processes, started fast: forked from a server that has read the code already, ended or killed by id."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any

import uvicorn

from api.app import create_app
from api.bare_client import BareClient
from api.bench_http import free_port
from api.keys import ensure_keys
from api.logs import configure
from api.serving import Server
from api.settings import Settings

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.api.processes", "lightgbm", "alembic"])
_PATIENCE = 90.0
READY = 200


@dataclass(frozen=True, kw_only=True)
class Running:
    """One process that serves."""

    process: BaseProcess
    port: int
    start: Any

    def go(self) -> None:
        """Let it open the store."""
        self.start.set()

    def kill(self) -> None:
        """End it as a power cut would; it is told nothing."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)

    def gone(self) -> None:
        """Wait until it is gone."""
        self.process.join(timeout=30)
        assert self.process.exitcode is not None

    def end(self) -> None:
        """End it as an operator does, and wait."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, signal.SIGINT)
        self.process.join(timeout=30)
        if self.process.exitcode is None:
            self.kill()
        self.gone()


def launch(settings: Settings, *, waiting: bool = False) -> Running:
    """Start serving on a free port; not yet ready.

    Parameters
    ----------
    waiting
        Touch nothing until ``go``.
    """
    port, start = free_port(), _CONTEXT.Event()
    if not waiting:
        start.set()
    process = _CONTEXT.Process(target=_serve, args=(settings.model_dump(mode="json"), port, start), daemon=True)
    process.start()
    return Running(process=process, port=port, start=start)


async def ready(running: Running) -> None:
    """Wait until it answers that it is ready."""
    deadline = time.monotonic() + _PATIENCE
    client = BareClient(running.port)
    while time.monotonic() < deadline:
        assert running.process.is_alive(), f"ended with {running.process.exitcode}"
        try:
            if (await client.request("GET", "/health/ready")).status == READY:
                client.close()
                return
        except (OSError, EOFError):
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.02)
    raise AssertionError("not ready in time")


@contextmanager
def serving(settings: Settings, count: int) -> Iterator[list[Running]]:
    """So many processes on one store, ended at the end."""
    found = [launch(settings) for _ in range(count)]
    try:
        for one in found:
            asyncio.run(ready(one))
        yield found
    finally:
        for one in found:
            one.end()


def _serve(stated: dict[str, Any], port: int, start: Any) -> None:
    start.wait()
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    configure("error")
    app = create_app(Settings(**stated), ready=ensure_keys)
    Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False, backlog=512)).run()
