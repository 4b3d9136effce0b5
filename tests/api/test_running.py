"""The service as people start it: one line that works, a clean end, and no start in production without keys."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from api.bench_http import free_port

pytestmark = pytest.mark.xdist_group("api")


def started(world: Path, models: Path, home: Path, **more: str) -> "subprocess.Popen[str]":
    """``matcher run`` in a process of its own."""
    environment = {
        **os.environ,
        "MATCHER_CITY": str(world),
        "MATCHER_MODELS": str(models),
        "MATCHER_HOME": str(home),
        "PORT": str(free_port()),
        "OMP_NUM_THREADS": "1",
        **more,
    }
    command = [sys.executable, "-m", "api.cli", "run"]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def test_the_printed_line_gives_a_real_recommendation_and_an_interrupt_ends_cleanly(
    world: Path, models: Path, tmp_path: Path
) -> None:
    with started(world, models, tmp_path / "home") as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("curl "))
        words = shlex.split(line)
        headers = dict(words[place + 1].split(": ", 1) for place, word in enumerate(words) if word == "-H")
        asked = urllib.request.Request(words[2], data=words[-1].encode(), headers=headers)
        with urllib.request.urlopen(asked, timeout=30) as answered:
            answer = json.load(answered)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    assert answer["items"]
    assert {item["eligibility"]["verdict"] for item in answer["items"]} <= {"pass", "unknown"}
    assert not list((tmp_path / "home").glob("*.unfinished"))


def test_production_does_not_start_without_keys_of_its_own(world: Path, models: Path, tmp_path: Path) -> None:
    with started(world, models, tmp_path / "home", MATCHER_MODE="production") as process:
        assert process.wait(timeout=60) == 1
        assert process.stderr is not None
        assert "matcher keys add" in process.stderr.read()
    assert not (tmp_path / "home" / "keys.json").exists()
