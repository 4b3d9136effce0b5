"""Another champion comes into service while requests are answered; a broken one changes nothing and says why."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.champion import ChampionWatch
from api.instance import Instance
from matcher.ranker import champion_directory
from tests.api.in_process import Client
from tests.training.made_up import APPLY_CALIBRATION, APPROVE_CALIBRATION, EFFECTS
from training.bundle import Bundle, set_champion, write_bundle

pytestmark = pytest.mark.xdist_group("api")
REQUESTS = 60


@pytest.fixture
def champions(models: Path, instance: Instance) -> Iterator[tuple[str, str]]:
    """Versions of the champion and of another bundle beside it; the champion serves again afterwards."""
    root, first = models / "ranker", champion_directory(models / "ranker")
    second = write_bundle(
        root,
        Bundle(
            apply_text=(first / "p.txt").read_text(),
            approve_text=(first / "q.txt").read_text(),
            effects=EFFECTS,
            apply_calibration=APPLY_CALIBRATION,
            approve_calibration=APPROVE_CALIBRATION,
            examination=(1.0, 0.7, 0.5),
            facts={"records_until": "2026-09-30", "seed": 2},
            card="# 另一个 Another\n",
        ),
    )
    yield first.name, second.name
    set_champion(root, first.name)
    ChampionWatch(instance).look()


@pytest.fixture
def demand(client: Client, platform: dict[str, str]) -> dict[str, Any]:
    uscc = client.get("/v1/enterprises?limit=1", headers=platform).json()["items"][0]["uscc"]
    return {"uscc": uscc, "amount_cny": "500000.00", "term_months": 12, "purpose": "working_capital", "kinds": ["loan"]}


def test_no_request_fails_while_champions_change_and_each_is_answered_by_one(
    client: Client,
    instance: Instance,
    models: Path,
    champions: tuple[str, str],
    platform: dict[str, str],
    demand: dict[str, Any],
) -> None:
    watch, answered = ChampionWatch(instance), threading.Event()

    def change() -> None:
        turn = 0
        while not answered.is_set():
            turn += 1
            set_champion(models / "ranker", champions[turn % 2])
            watch.look()

    async def ask() -> list[httpx.Response]:
        found = []
        for _ in range(REQUESTS // 6):
            asked = (
                client.asynchronous.post("/v1/recommendations", json={"demand": demand}, headers=platform)
                for _ in range(6)
            )
            found += await asyncio.gather(*asked)
        return found

    changing = threading.Thread(target=change)
    changing.start()
    try:
        found = client.wait(ask())
    finally:
        answered.set()
        changing.join()
    assert [answer.status_code for answer in found] == [200] * REQUESTS
    assert {answer.json()["versions"]["model"] for answer in found} == set(champions)
    assert watch.fault is None


def test_a_broken_champion_leaves_the_old_one_serving_and_readiness_says_why(
    client: Client,
    instance: Instance,
    models: Path,
    champions: tuple[str, str],
    platform: dict[str, str],
    demand: dict[str, Any],
) -> None:
    (models / "ranker" / champions[1] / "q.txt").write_text("changed")
    set_champion(models / "ranker", champions[1])
    watch = ChampionWatch(instance)
    client.app.state.service.champion = watch
    try:
        assert not watch.look()
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert "q.txt" in ready.json()["champion_fault"]
        answer = client.post("/v1/recommendations", json={"demand": demand}, headers=platform)
        assert answer.json()["versions"]["model"] == champions[0]
        set_champion(models / "ranker", champions[0])
        watch.look()
        assert client.get("/health/ready").json()["champion_fault"] is None
    finally:
        client.app.state.service.champion = None


def test_a_champion_file_that_is_no_json_changes_nothing(
    instance: Instance, models: Path, champions: tuple[str, str]
) -> None:
    pointer = models / "ranker" / "champion.json"
    pointer.write_text('{"version": ')
    watch = ChampionWatch(instance)
    assert not watch.look()
    assert watch.fault
    pointer.write_text(json.dumps({"version": champions[0]}))
    assert not watch.look()
    assert watch.fault is None


def test_the_watch_follows_by_itself_and_ends_when_told(
    instance: Instance, models: Path, champions: tuple[str, str]
) -> None:
    looked = threading.Event()

    class Told(ChampionWatch):
        def look(self) -> bool:
            changed = super().look()
            if changed:
                looked.set()
            return changed

    set_champion(models / "ranker", champions[1])
    watch = Told(instance, every=0.01).start()
    assert looked.wait(20)
    watch.stop()
    assert instance.matcher.versions.model == champions[1]
