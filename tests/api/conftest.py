"""One small city, one tiny bundle and one running instance for all tests of the edge."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from api.instance import Instance, open_instance
from api.keys import ensure_keys
from api.settings import Settings
from tests.api.in_process import Client
from tests.conftest import FreshDatabase
from tests.training.made_up import write_tiny_bundle
from training.city import build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated city."""
    return build(tmp_path_factory.mktemp("city"), small=True)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of models with a tiny champion."""
    root = tmp_path_factory.mktemp("models")
    (root / "ranker").mkdir()
    write_tiny_bundle(root / "ranker")
    shutil.copytree(Path(__file__).parents[2] / "models" / "rating", root / "rating")
    return root


@pytest.fixture(scope="session")
def settings(
    world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory, fresh_database: FreshDatabase
) -> Settings:
    """Settings of a development instance in a home of its own."""
    home = tmp_path_factory.mktemp("home")
    return Settings(matcher_home=home, matcher_city=world, matcher_models=models, database_url=fresh_database(home))


@pytest.fixture(scope="session")
def instance(settings: Settings) -> Iterator[Instance]:
    """A running instance."""
    opened = open_instance(settings, lambda _line: None)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def keys(instance: Instance) -> dict[str, Any]:
    """One key per role."""
    made = ensure_keys(instance)
    assert made is not None
    return made


@pytest.fixture(scope="session")
def client(settings: Settings, instance: Instance) -> Iterator[Client]:
    """A client of the app in process; the instance outlives it."""
    opened = Client(create_app(settings, opened=instance))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def platform(keys: dict[str, Any]) -> dict[str, str]:
    """Headers of the platform, reading English."""
    return {"Authorization": f"Bearer {keys['platform']}", "Accept-Language": "en"}


@pytest.fixture(scope="session")
def catalogue(world: Path) -> dict[str, Any]:
    """The world's catalogue as plain JSON, for readers that know nothing of the matcher."""
    document: dict[str, Any] = json.loads((world / "catalog.json").read_text(encoding="utf-8"))
    return document
