"""The bench in its quick form: one JSON document with every figure that is promised, none negative, none missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from api.bench import measure
from api.settings import Settings

pytestmark = pytest.mark.xdist_group("api")


@pytest.fixture(scope="module")
def measured(world: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One quick run on the small city, as a reader of the printed JSON sees it."""
    home = tmp_path_factory.mktemp("bench")
    settings = Settings(matcher_home=home, matcher_city=world, matcher_models=models, database_url="")
    found: dict[str, Any] = json.loads(
        json.dumps(measure(settings, quick=True, with_mlflow=False, say=lambda _line: None))
    )
    assert list(home.iterdir()) == []
    return found


def test_bench_quick(measured: dict[str, Any]) -> None:
    assert measured["products"] == 60
    assert set(measured["catalogue_compile"]) == {"parse_ms", "compile_ms", "matcher_ms"}
    assert measured["policy"]["assess_p50_us"] > 0
    assert set(measured["bulk_scoring"]) == {
        "pairs",
        "pair_rows_seconds_per_million",
        "scoring_seconds_per_million",
    }
    assert measured["profile_build"]["enterprises"] > 0
    assert measured["peak_memory_mb"]["this_process"] >= max(measured["memory_after_mb"].values()) > 0


def test_stages_add_up_to_the_whole_and_the_law_has_a_figure_of_its_own(measured: dict[str, Any]) -> None:
    found = measured["recommend_in_process"]
    assert sum(found["stage_mean_ms"].values()) == pytest.approx(found["mean_ms"], abs=0.1)
    assert found["benefits_and_cost_added_p50_ms"] == found["stage_p50_ms"]["benefits_and_cost"]
    assert 0 < found["p50_ms"] <= found["p99_ms"]


@pytest.mark.parametrize("clients", ["clients_1", "clients_32"])
def test_the_call_is_measured_over_http(measured: dict[str, Any], clients: str) -> None:
    found = measured["recommend_over_http"][clients]
    assert 0 < found["rendering_audit_and_transport_p50_ms"] < found["p99_ms"]
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert found["rps"] > 0


def test_publications_acknowledged_a_second_are_measured(measured: dict[str, Any]) -> None:
    found = measured["publish_over_http"]["clients_64"]
    assert found["acknowledged_per_second"] > 0
    assert 0 < found["p50_ms"] <= found["p99_ms"]


def test_a_plan_and_what_prices_add_to_an_answer_are_measured(measured: dict[str, Any]) -> None:
    assert measured["plan"]["seconds"] > 0
    assert measured["plan"]["open_demands"] > 100
    found = measured["serving_at_prices"]
    assert found["pairs"] == 20
    assert 0 < found["market_stage_p50_ms"] < found["by_relevance_p50_ms"]
    assert abs(found["added_p50_ms"]) < found["by_relevance_p50_ms"]
