"""The same number of rows through ``mlflow models serve``, without reasons, rules or audit: the yardstick beside ours.

MLflow lives in the training rooms; here it is only a process of its own.
"""

import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from api.bench_http import free_port, wait_until_ready
from api.settings import Settings
from matcher.ranker import APPROVE_MODEL, Ranker, champion_directory, columns_read

_SERVE = ("-m", "mlflow", "models", "serve", "--env-manager", "local", "--host", "127.0.0.1", "--workers", "1")
_SAVE = """
import sys, lightgbm, mlflow.lightgbm
mlflow.lightgbm.save_model(lightgbm.Booster(model_file=sys.argv[1]), sys.argv[2], pip_requirements=[])
"""


def measure_mlflow(settings: Settings, rows: int, requests: int) -> dict[str, Any]:
    """Median and 99th percentile of scoring ``rows`` rows by one of our two models.

    Raises
    ------
    RuntimeError
        If mlflow is not installed or its server does not start.
    """
    champion = champion_directory(settings.matcher_models / "ranker")
    model, columns = champion / APPROVE_MODEL, len(columns_read(Ranker.load(champion).manifest))
    with tempfile.TemporaryDirectory(prefix="matcher-mlflow-") as directory:
        saved = Path(directory) / "model"
        done = subprocess.run(
            [sys.executable, "-c", _SAVE, str(model), str(saved)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"mlflow could not save the model: {done.stderr.strip()[-300:]}")
        port = free_port()
        with subprocess.Popen(
            [sys.executable, *_SERVE, "-m", str(saved), "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        ) as server:
            try:
                wait_until_ready(port, "/ping", server)
                times = _scores(port, rows, columns, requests)
            finally:
                # mlflow starts a server of its own below this process: the whole group is ours to end.
                with suppress(ProcessLookupError):
                    os.killpg(server.pid, signal.SIGTERM)
                server.wait(timeout=30)
    ordered = sorted(times)
    return {
        "p50_ms": round(statistics.median(ordered) * 1_000, 2),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] * 1_000, 2),
        "rows": rows,
        "models": 1,
        "count": len(ordered),
    }


def _scores(port: int, rows: int, columns: int, requests: int) -> list[float]:
    values = np.random.default_rng(1).random((rows, columns)).round(6)
    body = json.dumps({"inputs": values.tolist()})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for number in range(requests + 5):
        since = time.perf_counter()
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"mlflow answered {answer.status}: {told[:200]!r}")
        if number >= 5:
            times.append(time.perf_counter() - since)
    connection.close()
    return times
