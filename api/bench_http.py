"""The recommend call over HTTP on the loopback: a server process of its own, one client and thirty-two."""

import http.client
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.settings import Settings

_CLIENTS = 32
_PATIENCE = 120.0


def measure_http(settings: Settings, demand_ids: Sequence[str], requests: int) -> dict[str, Any]:
    """Latency and throughput with reasons and durable audit.

    Raises
    ------
    RuntimeError
        If the server does not become ready.
    """
    port = free_port()
    since = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "run"], env=_environment(settings, port), stdout=subprocess.DEVNULL
    ) as server:
        try:
            wait_until_ready(port, "/health/ready", server)
            ready = time.perf_counter() - since
            key = json.loads(settings.keys_file.read_text(encoding="utf-8"))["platform"]
            _asks(port, key, demand_ids, 40)
            alone = _asks(port, key, demand_ids, requests)
            started = time.perf_counter()
            with ThreadPoolExecutor(_CLIENTS) as pool:
                each = max(1, requests // _CLIENTS)
                parts = pool.map(lambda _: _asks(port, key, demand_ids, each), range(_CLIENTS))
                together = [timing for part in parts for timing in part]
            elapsed = time.perf_counter() - started
            peak = peak_memory_mb(server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
    return {
        "later_start_seconds_to_ready": round(ready, 2),
        "server_peak_memory_mb": peak,
        "clients_1": _told(alone, sum(each.seconds for each in alone)),
        f"clients_{_CLIENTS}": _told(together, elapsed),
    }


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(port: int, path: str, server: "subprocess.Popen[bytes]") -> None:
    """Ask until the answer is 200.

    Raises
    ------
    RuntimeError
        If the server ends, or has not answered in two minutes.
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with {server.returncode} before it was ready")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
        time.sleep(0.05)
    raise RuntimeError(f"not ready within {_PATIENCE:.0f} s")


def peak_memory_mb(process: int) -> int | None:
    """Most memory a process has held so far; ``None`` where the system does not say."""
    try:
        lines = Path(f"/proc/{process}/status").read_text("ascii").splitlines()
    except OSError:
        return None
    return next((round(int(line.split()[1]) / 1024) for line in lines if line.startswith("VmHWM:")), None)


@dataclass(frozen=True, kw_only=True)
class _Timing:
    """One request as the client saw it, and the seconds of it that the matcher says it computed."""

    seconds: float
    computed: float


def _asks(port: int, key: str, demand_ids: Sequence[str], count: int) -> list[_Timing]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    times = []
    for number in range(count):
        body = json.dumps({"demand_id": demand_ids[number % len(demand_ids)]})
        since = time.perf_counter()
        connection.request("POST", "/v1/recommendations", body, headers)
        answer = connection.getresponse()
        answer.read()
        seconds = time.perf_counter() - since
        if answer.status != http.client.OK:
            raise RuntimeError(f"a recommendation was answered {answer.status}")
        stages = re.findall(r";dur=([0-9.]+)", answer.getheader("Server-Timing", ""))
        times.append(_Timing(seconds=seconds, computed=sum(map(float, stages)) / 1_000))
    connection.close()
    return times


def _told(times: Sequence[_Timing], elapsed: float) -> dict[str, float]:
    ordered = sorted(each.seconds for each in times)
    around = statistics.median(each.seconds - each.computed for each in times)
    return {
        "p50_ms": round(statistics.median(ordered) * 1_000, 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1_000, 2),
        "rendering_audit_and_transport_p50_ms": round(around * 1_000, 2),
        "rps": round(len(ordered) / elapsed, 1),
        "count": len(ordered),
    }


def _environment(settings: Settings, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "MATCHER_HOME": str(settings.matcher_home),
        "MATCHER_CITY": str(settings.city),
        "MATCHER_MODELS": str(settings.matcher_models),
        "DATABASE_URL": settings.database,
        "MATCHER_MODE": "development",
    }
