"""Every past answer is computed again byte for byte, whatever changed since; a version that is gone is named."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from api.instance import open_instance
from api.keys import ensure_keys
from api.serving import promising_demand
from api.settings import Settings
from features.pair_columns import PAIR_COLUMNS
from matcher.catalog import product_json
from matcher.policy import Rulebook, default_rulebook
from matcher.rating import model_digest
from tests.api.in_process import Client
from tests.training.made_up import APPLY_CALIBRATION, APPROVE_CALIBRATION, EFFECTS, tiny_model
from training.bundle import Bundle, set_champion, write_bundle

pytestmark = pytest.mark.xdist_group("api")
Change = Callable[[Path], Rulebook | None]


class Served:
    """Lists served once by a service that is stopped now."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lists: list[httpx.Response] = []
        self.headers: dict[str, str] = {}


@contextmanager
def running(settings: Settings, law: Rulebook | None = None) -> Iterator[Client]:
    """A service started anew."""
    instance = open_instance(settings, lambda _line: None, law)
    ensure_keys(instance)
    client = Client(create_app(settings, opened=instance))
    try:
        yield client
    finally:
        client.close()
        instance.close()


@pytest.fixture(scope="module")
def served(world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """One list in each language, with and without the profile."""
    home = tmp_path_factory.mktemp("replay")
    made = Served(Settings(matcher_home=home, matcher_city=world, matcher_models=models, database_url=""))
    with running(made.settings) as client:
        key = json.loads(made.settings.keys_file.read_text("utf-8"))["platform"]
        made.headers = {"Authorization": f"Bearer {key}"}
        demand = promising(client)
        for language, personalised in (("zh-CN", True), ("en", True), ("en", False)):
            body = {"demand_id": demand, "personalised": personalised}
            answer = client.post(
                "/v1/recommendations", json=body, headers={**made.headers, "Accept-Language": language}
            )
            made.lists.append(answer)
    assert all(answer.json()["items"] for answer in made.lists)
    return made


def promising(client: Client) -> str:
    """A demand with a full list."""
    instance = client.app.state.service.instance
    return promising_demand(instance, instance.clock.today())


def after(served: Served, models: Path, law: Rulebook | None, change: str) -> list[httpx.Response]:
    """The replays of every list by a service started after the change; it serves with another version now."""
    settings = served.settings.model_copy(update={"matcher_models": models})
    with running(settings, law) as client:
        body = {"demand_id": served.lists[0].json()["demand_id"]}
        fresh = client.post("/v1/recommendations", json=body, headers=served.headers).json()
        assert fresh["versions"][change] != served.lists[0].json()["versions"][change]
        ids = [answer.json()["recommendation_id"] for answer in served.lists]
        return [client.post(f"/v1/recommendations/{each}/replay", headers=served.headers) for each in ids]


def another_champion(models: Path) -> None:
    """Another bundle in service, the one before kept beside it."""
    bundle = Bundle(
        apply_text=tiny_model([c.apply_sign for c in PAIR_COLUMNS], 3).model_to_string(),
        approve_text=tiny_model([c.approve_sign for c in PAIR_COLUMNS], 4).model_to_string(),
        effects=EFFECTS,
        apply_calibration=APPLY_CALIBRATION,
        approve_calibration=APPROVE_CALIBRATION,
        examination=(1.0, 0.8, 0.6),
        facts={"records_until": "2026-09-30", "seed": 3},
        card="# 另一个 Another\n",
    )
    set_champion(models / "ranker", write_bundle(models / "ranker", bundle).name)


def another_rating(models: Path) -> None:
    """Another scorecard in service, twice as generous, the one before kept beside it."""
    first = next((models / "rating").glob("*/manifest.json"))
    manifest = json.loads(first.read_text("utf-8"))
    manifest["model"] |= {"version": "another", "base": manifest["model"]["base"] * 2 + 100}
    manifest["digest"] = model_digest(manifest["model"])
    shutil.copytree(first.parent, models / "rating" / "another")
    (models / "rating" / "another" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    (models / "rating" / "champion.json").write_text('{"version": "another"}', "utf-8")


@pytest.fixture
def own_models(models: Path, tmp_path: Path) -> Path:
    """A copy of the models that a test may change."""
    return Path(shutil.copytree(models, tmp_path / "models"))


def test_after_another_model_came_into_service(served: Served, own_models: Path) -> None:
    another_champion(own_models)
    assert [answer.json()["identical"] for answer in after(served, own_models, None, "model")] == [True] * 3


def test_after_another_rating_came_into_service(served: Served, own_models: Path) -> None:
    another_rating(own_models)
    assert [answer.json()["identical"] for answer in after(served, own_models, None, "rating")] == [True] * 3


def test_after_the_law_changed(served: Served, models: Path) -> None:
    texts = default_rulebook().texts
    changed = Rulebook.from_texts({**texts, "guarantee.yaml": texts["guarantee.yaml"].replace('"0.01"', '"0.02"')})
    assert changed.version != default_rulebook().version
    assert [answer.json()["identical"] for answer in after(served, models, changed, "policy")] == [True] * 3


def test_after_a_listed_product_changed_its_price(served: Served, models: Path) -> None:
    settings = served.settings
    admin = {"Authorization": f"Bearer {json.loads(settings.keys_file.read_text('utf-8'))['admin']}"}
    with running(settings) as client:
        catalog = client.app.state.service.instance.matcher.catalog
        listed = served.lists[0].json()["items"][0]["product_id"]
        document = product_json(catalog.products[catalog.row_of[listed]]) | {"rate_high": "0.2"}
        assert client.put(f"/v1/products/{listed}", json=document, headers=admin).status_code == 200
    assert [answer.json()["identical"] for answer in after(served, models, None, "catalog")] == [True] * 3


def test_a_model_that_is_gone_is_named(served: Served, own_models: Path) -> None:
    gone = served.lists[0].json()["versions"]["model"]
    another_champion(own_models)
    shutil.rmtree(own_models / "ranker" / gone)
    answers = after(served, own_models, None, "model")
    assert [answer.status_code for answer in answers] == [409] * 3
    assert gone in answers[0].json()["detail"]
