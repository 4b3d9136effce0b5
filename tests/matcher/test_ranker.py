"""A bundle is what its manifest says or it does not serve; scores are calibrated; contributions are exact."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from features.pair_columns import OFFSETS, PAIR_NAMES
from matcher.calibration import Calibration, expit
from matcher.ranker import BundleError, Ranker, manifest_digest
from tests.training.made_up import APPLY_CALIBRATION, made_up_pairs, products, tiny_model, write_tiny_bundle


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ranker")
    write_tiny_bundle(folder)
    return folder


@pytest.fixture(scope="module")
def ranker(root: Path) -> Ranker:
    return Ranker.load(root)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path)


X = made_up_pairs(200, seed=9)


def test_probabilities_are_the_calibrated_raw_scores_with_offsets(ranker: Ranker) -> None:
    raw, _ = ranker.raw(X)
    offset = np.nan_to_num(X[:, PAIR_NAMES.index("institution_apply_offset")].astype(float))
    expected = 1 / (1 + np.exp(-(APPLY_CALIBRATION.log_odds(raw) + offset)))
    np.testing.assert_allclose(ranker.predict(X).p_apply, expected, rtol=1e-12)
    assert ((ranker.predict(X).p_approve > 0) & (ranker.predict(X).p_approve < 1)).all()


def test_no_rows_give_no_scores(ranker: Ranker) -> None:
    assert len(ranker.predict(X[:0]).p_apply) == 0


def test_scores_do_not_depend_on_the_other_rows(ranker: Ranker) -> None:
    together = ranker.predict(X).p_approve
    alone = np.concatenate([ranker.predict(X[row : row + 1]).p_approve for row in range(20)])
    assert alone.tobytes() == together[:20].tobytes()


def test_contributions_add_up_to_the_raw_scores(ranker: Ranker) -> None:
    parts = ranker.contributions(X)
    offsets = [PAIR_NAMES.index(name) for name in OFFSETS]
    trees = np.delete(parts.apply, offsets[0], axis=1).sum(axis=1) + parts.apply_bias
    np.testing.assert_allclose(trees, ranker.raw(X)[0], atol=1e-9)


def test_contributions_are_those_of_tree_shap() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the oracle's own imports warn
        import shap
    model = tiny_model([0] * len(PAIR_NAMES), 3)
    given = model.predict(X[:5], pred_contrib=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = shap.TreeExplainer(model).shap_values(X[:5].astype(np.float64))
    np.testing.assert_allclose(given[:, :-1], np.asarray(oracle).reshape(5, -1), atol=1e-6)


def test_a_bundle_knows_the_institutions_of_a_catalogue(ranker: Ranker) -> None:
    side = ranker.prepare(products(6, np.random.default_rng(1)))
    assert side.raw["institution_approve_effect"].tolist() == [0.0, 0.0, -0.4, 0.5, 0.0, 0.0]


@pytest.mark.parametrize("name", ["p.txt", "q.txt", "institution_rates.json", "card.md"])
def test_a_tampered_file_is_refused_by_name(copy: Path, name: str) -> None:
    path = copy / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(BundleError, match=name):
        Ranker.load(copy)


def test_a_missing_file_is_refused_by_name(copy: Path) -> None:
    (copy / "q.txt").unlink()
    with pytest.raises(BundleError, match=r"q\.txt cannot be read"):
        Ranker.load(copy)


def test_a_manifest_changed_by_hand_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["calibration"]["p"]["intercept"] = 3.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="changed after it was written"):
        Ranker.load(copy)


def test_a_bundle_of_another_schema_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["schema_hash"] = "0" * 64
    manifest["digest"] = manifest_digest(manifest)
    path.write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match="fitted to pair rows of schema 000000000000"):
        Ranker.load(copy)


def test_a_champion_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "champion.json").write_text('{"version": "../elsewhere"}')
    with pytest.raises(BundleError, match="no folder beside it"):
        Ranker.load(tmp_path)


def test_an_empty_folder_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json cannot be read"):
        Ranker.load(tmp_path)


def test_calibration_is_strictly_increasing_and_its_slope_is_its_derivative() -> None:
    raw = np.linspace(-12, 12, 400)
    calibrated = APPLY_CALIBRATION.log_odds(raw)
    assert (np.diff(calibrated) > 0).all()
    step = 1e-5
    numeric = (APPLY_CALIBRATION.log_odds(raw + step) - APPLY_CALIBRATION.log_odds(raw - step)) / (2 * step)
    np.testing.assert_allclose(APPLY_CALIBRATION.slope(raw), numeric, atol=1e-6)


def test_a_calibration_that_is_not_increasing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive slope"):
        Calibration(intercept=0.0, knots=(0.0,), slopes=(1.0, -0.1), width=1.0)


def test_even_odds_are_one_half() -> None:
    assert expit(np.array([0.0, np.log(3.0)])).tolist() == pytest.approx([0.5, 0.75])
