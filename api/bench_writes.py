"""Acknowledged writes a second: demands published over HTTP by 64 clients at once, each answer after its commit."""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from typing import Any

from api.bare_client import BareClient
from api.bench_http import free_port, wait_until_ready
from api.settings import Settings

CLIENTS = 64
_CREATED = 201


def measure_writes(settings: Settings, writes: int) -> dict[str, Any]:
    """Publications acknowledged a second by 64 clients, with the pushes they cause going on beside them.

    Raises
    ------
    RuntimeError
        If the server does not become ready, or refuses a publication.
    """
    port = free_port()
    environment = {**os.environ, **settings.environment, "PORT": str(port), "HOST": "127.0.0.1", "REFRESH_MINUTES": "0"}
    command = [sys.executable, "-m", "api.cli", "run"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until_ready(port, "/health/ready", server)
            key = json.loads(settings.keys_file.read_text(encoding="utf-8"))["platform"]
            asyncio.run(_publish(port, key, 2 * CLIENTS))
            since = time.perf_counter()
            seconds = asyncio.run(_publish(port, key, writes))
            elapsed = time.perf_counter() - since
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=60)
    ordered = sorted(seconds)
    return {
        f"clients_{CLIENTS}": {
            "acknowledged_per_second": round(len(ordered) / elapsed, 1),
            "p50_ms": round(statistics.median(ordered) * 1_000, 2),
            "p99_ms": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1_000, 2),
            "count": len(ordered),
        }
    }


async def _publish(port: int, key: str, writes: int) -> list[float]:
    """Seconds of each of so many publications."""
    waiting = iter(range(writes))
    seconds: list[float] = []

    async def client() -> None:
        caller = BareClient(port, key)
        for number in waiting:
            since = time.perf_counter()
            answer = await caller.request("POST", "/v1/demands", _body(number), once=f"bench-{since}-{number}")
            if answer.status != _CREATED:
                raise RuntimeError(f"a publication was answered {answer.status}")
            seconds.append(time.perf_counter() - since)
        caller.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return seconds


def _body(number: int) -> dict[str, Any]:
    amount = str(1_000_000 + 1_000 * (number % 4_000))
    return {"uscc": "91370602MA3TERT037", "amount_cny": amount, "term_months": 12, "purpose": "working_capital"}
