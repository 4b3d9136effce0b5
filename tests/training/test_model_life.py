"""The life of a model on a very small world: recorded with its pictures, tried by every gate, put into service."""

import json
from pathlib import Path

import numpy as np
import pytest

from matcher.ranker import BUNDLE_FILES, BundleError, Ranker, champion_directory
from tests.training.made_up import write_tiny_bundle
from training.city.build import build
from training.dataset import History, read_demands, read_history
from training.evaluate import HeldOut, evaluate, held_out_pairs
from training.gate import CALIBRATION_BOUNDS
from training.plots import pictures
from training.promote import Ruling, judge
from training.record import Record, Report, Run

pytestmark = [
    pytest.mark.xdist_group("model_life"),
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("world"), small=True, enterprises=300, demands=500)


@pytest.fixture(scope="module")
def history(world: Path) -> History:
    return read_history(world)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_tiny_bundle(root)
    return root


@pytest.fixture(scope="module")
def held_out(history: History, world: Path, models: Path) -> HeldOut:
    return held_out_pairs(history, world, Ranker.load(models))


@pytest.fixture(scope="module")
def ruling(history: History, world: Path, models: Path) -> Ruling:
    return judge(history, world, models, champion_directory(models).name, None)


def test_the_gates_of_a_model_that_learned_nothing_refuse_it_for_its_probabilities_alone(ruling: Ruling) -> None:
    refused = {each.name.split(":")[0] for each in ruling.gates if not each.passed}
    assert refused == {"calibration"}
    assert not ruling.passed


def test_the_gates_name_every_segment_and_every_promise(ruling: Ruling) -> None:
    names = {each.name for each in ruling.gates}
    assert {
        "bundle",
        "schema",
        "unseen_months",
        "ranking",
        "eligibility",
        "replay",
        "latency",
        "latency_ratio",
    } <= names
    assert {"segment:first_time_borrowers", "segment:micro", "segment:small_institutions"} <= names
    assert any(name.startswith("segment:district:3706") for name in names)
    assert {f"calibration:{p}:{part}" for p in ("p_apply", "p_approve") for part in CALIBRATION_BOUNDS} <= names


def test_a_bundle_with_a_changed_file_is_refused_before_anything_is_measured(
    history: History, world: Path, tmp_path: Path
) -> None:
    folder = write_tiny_bundle(tmp_path)
    (tmp_path / "broken").mkdir()
    for file in folder.iterdir():
        (tmp_path / "broken" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "broken" / "q.txt").write_text("changed")
    found = judge(history, world, tmp_path, "broken", None)
    assert [(each.name, each.passed) for each in found.gates] == [("bundle", False)]
    assert "q.txt" in found.gates[0].text.en


def test_demands_as_people_state_them_stand_in_the_order_of_the_history(history: History, world: Path) -> None:
    stated = read_demands(world)
    assert [demand.demand_id for demand in stated] == list(history.demand_ids)


def test_a_run_is_kept_with_its_numbers_pictures_and_bundle_and_serves_as_it_was(
    history: History, world: Path, models: Path, held_out: HeldOut, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    folder = champion_directory(models)
    report = evaluate(history, world, Ranker.load(folder), with_baselines=False, pairs=held_out)
    record = Record(tmp_path)
    made = pictures(history, held_out, folder)
    run = record.keep(Run(folder=folder, report=report, pictures=made))

    kept = tmp_path / "mlflow" / run / "artifacts"
    assert {file.name for file in (kept / "bundle").iterdir()} == {*BUNDLE_FILES, "manifest.json"}
    assert Ranker.load(kept / "bundle").version == folder.name
    assert {file.name for file in (kept / "pictures").iterdir()} == set(made)
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in (kept / "pictures").iterdir())
    assert json.loads((kept / "report.json").read_text())["ndcg_at_10"] == report["ndcg_at_10"]
    data = MlflowClient(record.uri).get_run(run).data
    assert data.metrics["p_approve.micro.ece"] == pytest.approx(report["p_approve"]["micro"]["ece"])
    assert data.params["schema_hash"] == Ranker.load(folder).manifest["schema_hash"]

    assert record.aliases() == {"challenger": folder.name}
    assert not record.name_champion("unheard-of")
    assert record.name_champion(folder.name)
    assert record.aliases() == {"challenger": folder.name, "champion": folder.name}

    with pytest.raises(BundleError):
        record.keep(Run(folder=tmp_path, report={}))


def test_pictures_show_what_was_measured(history: History, held_out: HeldOut, models: Path) -> None:
    made = pictures(history, held_out, champion_directory(models))
    said = made["calibration.png"].axes[0].lines[1].get_xdata()
    assert len(said) == 20
    assert np.mean(said) == pytest.approx(held_out.said_p.mean(), abs=0.01)
    assert len(made["reliability_by_segment.png"].axes) == 8
    assert len(made["importance.png"].axes) == 2
    assert [tick.get_text() for tick in made["ndcg_by_month.png"].axes[0].get_xticklabels()] == ["2026-09", "2026-10"]


def test_nobody_in_service_is_no_champion_to_lose_against(history: History, world: Path, tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path)
    (tmp_path / "champion.json").unlink()
    found = judge(history, world, tmp_path, folder.name, None)
    assert found.champion == ""
    assert next(each for each in found.gates if each.name == "ranking").value == 0.0


def test_a_run_without_a_bundle_is_kept_step_by_step_in_an_experiment_of_its_own(tmp_path: Path) -> None:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

    record = Record(tmp_path)
    report = Report(
        experiment="credit-matcher-loop",
        name="loop",
        parameters={"world": "drifting", "sizes": {"products": 40}},
        series={"funded.retrained": [3.0, 5.0]},
        documents={"loop.json": {"simulated": True}},
        pictures={"loop.png": Figure()},
    )
    run = record.keep_report(report)
    client = MlflowClient(record.uri)
    data = client.get_run(run).data
    assert data.params == {"world": "drifting", "sizes.products": "40"}
    assert [(each.step, each.value) for each in client.get_metric_history(run, "funded.retrained")] == [
        (0, 3.0),
        (1, 5.0),
    ]
    kept = tmp_path / "mlflow" / run / "artifacts"
    assert json.loads((kept / "loop.json").read_text()) == {"simulated": True}
    assert (kept / "pictures" / "loop.png").is_file()
    assert record.aliases() == {}
