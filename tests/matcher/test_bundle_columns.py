"""A bundle reads the columns it names: one fitted before columns were appended serves beside one that reads them."""

import json
from pathlib import Path

import numpy as np
import pytest

from features.dealings import DEALINGS_COLUMNS
from features.pair_columns import COLUMN_OF, FIRST_NAMES, PAIR_NAMES, schema_hash
from features.schema import SOURCES
from matcher.explain import accounts
from matcher.lead_texts import told_columns
from matcher.ranker import BundleError, Ranker, columns_read, manifest_digest
from tests.training.made_up import made_up_pairs, write_tiny_bundle

RANKERS = Path(__file__).parents[2] / "models" / "ranker"
FIRST = RANKERS / "2026-08-31-8bfa6ac4"
X = made_up_pairs(60)
NEW = [COLUMN_OF[name] for name in PAIR_NAMES if name not in FIRST_NAMES]


def test_columns_are_appended_and_never_moved() -> None:
    assert PAIR_NAMES[: len(FIRST_NAMES)] == FIRST_NAMES
    assert schema_hash(FIRST_NAMES) == json.loads((FIRST / "manifest.json").read_text("utf-8"))["schema_hash"]
    assert schema_hash(FIRST_NAMES) != schema_hash()


def test_a_bundle_that_names_no_columns_reads_the_first_ones_alone() -> None:
    old = Ranker.load(FIRST)
    changed = X.copy()
    changed[:, NEW] = 7.0
    assert columns_read(old.manifest) == FIRST_NAMES
    assert np.array_equal(old.predict(X).p_apply, old.predict(changed).p_apply)
    assert not old.contributions(changed).approve[:, NEW].any()


def test_the_account_of_an_older_bundle_still_adds_up() -> None:
    old = Ranker.load(FIRST)
    scores = old.predict(X)
    made = accounts(old, X, queue_price=np.zeros(len(X)), still_needed=np.ones(len(X)))
    for account, score in zip(made, scores.p_apply * scores.p_approve, strict=True):
        assert account.base + sum(reason.contribution for reason in account.reasons) == pytest.approx(score, abs=1e-6)


def test_every_committed_bundle_loads() -> None:
    versions = {Ranker.load(folder).version for folder in RANKERS.iterdir() if folder.is_dir()}
    assert json.loads((RANKERS / "champion.json").read_text("utf-8"))["version"] in versions
    assert "2026-08-31-8bfa6ac4" in versions


def test_a_bundle_of_a_column_there_is_not_is_refused_by_its_name(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["columns"] = [*manifest["columns"][:-1], "shoe_size"]
    manifest["digest"] = manifest_digest(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(BundleError, match="shoe_size"):
        Ranker.load(folder)


def test_no_institution_is_told_of_dealings_whatever_it_may_read() -> None:
    told = told_columns(frozenset(SOURCES))
    dealings = [COLUMN_OF[name] for name in DEALINGS_COLUMNS]
    assert not told[dealings].any()
    assert told[COLUMN_OF["sales_12m_cny"]]
