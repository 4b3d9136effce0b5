"""One small world, built once: what it holds, what it hides, and what can never happen in it."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.schema import SOURCES
from matcher.catalog import Catalog
from training.city.build import build
from training.city.marginals import marginals
from training.city.truth import Truth, read_truth

SIZES = {"enterprises": 500, "demands": 1_200, "institutions": 18, "products": 60}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("default"), seed=7, **SIZES)


@pytest.fixture(scope="module")
def truth(world: Path) -> Truth:
    return read_truth(world)


def frame(world: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(world / f"{name}.parquet")


def test_every_source_has_exactly_the_columns_of_the_schema(world: Path) -> None:
    for name, source in SOURCES.items():
        assert tuple(pq.read_schema(world / "sources" / f"{name}.parquet").names) == source.names


@pytest.mark.parametrize(
    ("source", "fact_day"),
    [
        ("registry", "registered_on"),
        ("invoices", "issued_on"),
        ("court", "filed_on"),
        ("ip", "granted_on"),
        ("honours", "granted_on"),
        ("tax", "period"),
        ("social_security", "period"),
        ("utilities", "period"),
        ("credit", "period"),
        ("customs", "period"),
    ],
)
def test_nothing_is_known_before_it_happened_or_after_the_last_day(world: Path, source: str, fact_day: str) -> None:
    rows = frame(world, f"sources/{source}")
    assert len(rows) > 0
    assert (rows["known_on"] >= rows[fact_day]).all()
    assert rows["known_on"].max() <= date(2026, 10, 31)


def test_a_month_is_known_only_once_it_is_over(world: Path) -> None:
    for source in ("tax", "social_security", "utilities", "credit", "customs"):
        rows = frame(world, f"sources/{source}")
        over = pd.to_datetime(rows["period"]) + pd.offsets.MonthBegin(1)
        assert (pd.to_datetime(rows["known_on"]) > over).all()


def test_monthly_records_span_at_least_eighteen_months(world: Path) -> None:
    for source in ("tax", "social_security", "utilities", "credit", "customs"):
        assert frame(world, f"sources/{source}")["period"].nunique() >= 18


def test_every_source_is_lacking_for_some_but_the_registry_for_none(world: Path) -> None:
    everyone = set(frame(world, "sources/registry")["uscc"])
    assert len(everyone) == SIZES["enterprises"]
    for source in SOURCES:
        held = set(frame(world, f"sources/{source}")["uscc"])
        assert held <= everyone
        assert (held == everyone) == (source == "registry")


def test_sources_are_lacking_more_often_where_quality_is_low(world: Path, truth: Truth) -> None:
    held = frame(world, "sources/utilities")["uscc"].unique()
    quality = truth.enterprises.set_index("uscc")["quality"]
    assert quality[quality.index.isin(held)].mean() > quality[~quality.index.isin(held)].mean()


def test_invoices_are_voided_and_reversed(world: Path) -> None:
    invoices = frame(world, "sources/invoices")
    assert set(invoices["status"]) == {"valid", "void"}
    assert (invoices["amount_cny"] < 0).any()
    assert not invoices.duplicated(["uscc", "direction", "invoice_no"]).any()


def test_searched_and_found_nothing_is_a_row_of_its_own(world: Path) -> None:
    for source, kind in (("court", "kind"), ("ip", "kind"), ("honours", "honour"), ("real_estate", "kind")):
        assert "none" in set(frame(world, f"sources/{source}")[kind])


def test_the_catalogue_is_taken_in_without_a_fault(world: Path) -> None:
    catalog = Catalog.from_json(world / "catalog.json")
    assert len(catalog) == SIZES["products"]
    assert {str(p.kind) for p in catalog.products} == {"loan", "guarantee", "lease", "insurance"}
    for product in catalog.products:
        assert all(rule.clause.zh and rule.clause.en and rule.settle_with for rule in product.rules)


def test_every_name_says_that_it_is_simulated(world: Path) -> None:
    catalog = json.loads((world / "catalog.json").read_text())
    assert all("模拟" in i["name"]["zh"] and "Simulated" in i["name"]["en"] for i in catalog["institutions"])
    assert frame(world, "sources/registry")["name"].str.contains("模拟").all()


def test_no_hidden_column_is_in_a_log(world: Path) -> None:
    hidden = {"quality", "reputation", "growth", "p_apply", "p_approve", "relationship", "seen", "examined"}
    for path in world.rglob("*.parquet"):
        if "truth" not in path.parts:
            assert not hidden & set(pq.read_schema(path).names), path.name


def test_positions_run_from_one_without_a_gap_and_no_product_stands_twice(world: Path) -> None:
    shown = frame(world, "exposures")
    lists = shown.groupby("demand_id")
    assert (lists["position"].max() == lists.size()).all()
    assert lists["position"].min().eq(1).all()
    assert not shown.duplicated(["demand_id", "position"]).any()
    assert not shown.duplicated(["demand_id", "product_id"]).any()
    assert shown["position"].max() <= 10


def test_propensities_are_chances_and_explored_ones_are_small(world: Path) -> None:
    shown = frame(world, "exposures")
    assert shown["propensity"].between(0, 1, inclusive="right").all()
    assert 0.05 < shown["explored"].mean() < 0.3
    usual, explored = shown[~shown["explored"]]["propensity"], shown[shown["explored"]]["propensity"]
    assert usual.median() > 5 * explored.median()


def test_applying_needs_a_click_and_at_most_three_are_sent(world: Path) -> None:
    shown = frame(world, "exposures")
    assert shown.loc[shown["applied"], "clicked"].all()
    assert shown["applied"].equals(shown["applied_on"].notna())
    assert shown.groupby("demand_id")["applied"].sum().max() <= 3
    assert shown["applied"].sum() == len(frame(world, "applications"))


def test_some_files_are_never_reviewed_and_those_are_not_refused(world: Path) -> None:
    files = frame(world, "applications")
    waiting = files[~files["reviewed"]]
    assert 0.05 < len(waiting) / len(files) < 0.8
    for column in ("reviewed_on", "approved", "refusal_reason", "disbursed_on"):
        assert waiting[column].isna().all()
    refused = files[files["reviewed"] & (files["approved"] == False)]  # noqa: E712
    assert refused["refusal_reason"].notna().all()


def test_days_follow_each_other(world: Path) -> None:
    files = frame(world, "applications").merge(frame(world, "demands")[["demand_id", "published_on"]], on="demand_id")
    assert (files["applied_on"] >= files["published_on"]).all()
    done = files[files["reviewed"]]
    assert (done["reviewed_on"] >= done["applied_on"]).all()
    paid = files[files["disbursed_on"].notna()]
    assert (paid["disbursed_on"] > paid["reviewed_on"]).all()
    assert (paid["outcome"] != "none").all()
    assert set(files["outcome"]) <= {"none", "repaid", "defaulted", "outstanding"}


def test_a_demand_is_paid_out_once(world: Path) -> None:
    files = frame(world, "applications")
    assert files[files["disbursed_on"].notna()]["demand_id"].is_unique


def test_no_institution_reviews_more_than_it_can(world: Path) -> None:
    officers, files = frame(world, "officers"), frame(world, "applications")
    assert (officers["reviewed"] <= officers["capacity"]).all()
    done = files[files["reviewed"]]
    month = pd.to_datetime(done["reviewed_on"]).dt.to_period("M").dt.start_time.dt.date
    counted = done.groupby(["institution_id", month]).size()
    told = officers.set_index(["institution_id", "period"])["reviewed"]
    assert (told.reindex(counted.index) == counted).all()
    assert told.sum() == counted.sum()


def test_the_last_weeks_are_less_decided_than_the_months_before(world: Path) -> None:
    files = frame(world, "applications")
    late = files["applied_on"] >= date(2026, 10, 20)
    assert files[late]["reviewed"].mean() < files[~late]["reviewed"].mean()


def test_a_loan_paid_out_shows_in_the_credit_records_of_later_months(world: Path) -> None:
    files, credit = frame(world, "applications"), frame(world, "sources/credit")
    catalog = json.loads((world / "catalog.json").read_text())
    loans = {p["product_id"] for p in catalog["products"] if p["kind"] == "loan"}
    paid = files[files["disbursed_on"].notna() & files["product_id"].isin(loans)].merge(
        frame(world, "demands")[["demand_id", "uscc"]], on="demand_id"
    )
    rows = credit.merge(paid[["uscc", "disbursed_on"]], on="uscc")
    later = rows[rows["period"] >= rows["disbursed_on"]]
    assert len(later) > 0
    assert later["ever_borrowed"].all()


def test_truth_covers_the_held_out_months_and_only_them(world: Path, truth: Truth) -> None:
    demands = frame(world, "demands").set_index("demand_id")
    days = demands.loc[truth.pairs["demand_id"].unique(), "published_on"]
    assert days.min() >= date(2026, 9, 1)
    for column in ("p_apply", "p_approve"):
        assert truth.pairs[column].between(0, 1, inclusive="neither").all()
    shown = frame(world, "exposures").merge(demands["published_on"], on="demand_id")
    held_out = shown[shown["published_on"] >= date(2026, 9, 1)].merge(truth.pairs, how="left")
    assert held_out["p_apply"].notna().all(), "only admitted pairs are ever shown"


def test_the_log_agrees_with_its_truth(world: Path, truth: Truth) -> None:
    first = frame(world, "exposures").query("position == 1").merge(truth.pairs)
    assert first["applied"].mean() == pytest.approx(first["p_apply"].mean(), abs=0.09)
    assert truth.examination[0] == 1.0
    assert (np.diff(truth.examination) <= 0).all()


def test_the_oracle_has_something_to_know(truth: Truth) -> None:
    for column, least in (("p_apply", 0.68), ("p_approve", 0.78)):
        assert _expected_auc(truth.pairs[column].to_numpy()) > least


def _expected_auc(chance: np.ndarray) -> float:
    """AUC of the true chance against outcomes drawn from it, in expectation."""
    p = np.sort(chance)
    below = np.concatenate([[0.0], np.cumsum(1 - p)[:-1]])
    return float((p * below).sum() / (p.sum() * (1 - p).sum() - (p * (1 - p)).sum()))


def test_marginals_lie_in_their_ranges(world: Path) -> None:
    loose = {"demands paid out", "divisions", "days from application to decision, median"}
    # Of some 400 borrowers 6 to 8 are in default: one large loan is up to 3 points of the balance.
    few = ("approved of reviewed", "industry section", "revenue of medium", "government guarantee", "balance in the")
    out = [m for m in marginals(world) if not m.within and m.name not in loose and not m.name.startswith(few)]
    assert not out
