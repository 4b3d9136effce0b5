"""The lending benchmark, on made-up loans of the same shape as the real files."""

import itertools
import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from training import benchmark
from training.benchmark.metrics import (
    discounted_gain,
    hits,
    macro,
    means,
    paired_gains,
    rank_of_truth,
)
from training.benchmark.model import label_windows
from training.benchmark.posterior import Window, choices, learn_weights
from training.datasets import ppp, sba
from training.datasets.us_loans import DataAbsentError, DataShapeError

DAYS = {"features_before": date(2020, 4, 13), "labels_until": date(2020, 4, 15), "test_until": date(2020, 4, 18)}


def ppp_loans(n: int = 900, seed: int = 0) -> pd.DataFrame:
    """Each zip has its own bank, which finances it four times in five, and farms have theirs."""
    draw = np.random.default_rng(seed)
    zip_code = draw.integers(0, 6, n)
    farm = draw.random(n) < 0.3
    state = np.where(zip_code < 3, "AK", "WY")
    local = np.array([f"Bank {z}" for z in zip_code])
    lender = np.where(draw.random(n) < 0.8, np.where(farm, "Farm Credit", local), "Everywhere Bank")
    return pd.DataFrame(
        {
            "loan_id": [f"L{i:05d}" for i in range(n)],
            "approved_on": pd.Timestamp("2020-04-03") + pd.to_timedelta(np.sort(draw.integers(0, 16, n)), unit="D"),
            "state": state,
            "city": [f"Town {z}" for z in zip_code],
            "zip": [f"9{z}50{z}" for z in zip_code],
            "naics": np.where(farm, "111110", "722511"),
            "business_type": draw.choice(["Corporation", "Sole Proprietorship"], n),
            "amount_usd": draw.choice([8192, 16384, 65536], n),
            "lender": lender,
        }
    )


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("ppp")
    loans = ppp_loans()
    loans.loc[loans["approved_on"] > "2020-04-17", "lender"] = None
    loans.loc[loans.index[-1], ["state", "zip", "naics"]] = ["ZZ", None, None]
    loans.to_parquet(folder / "ppp_loans.parquet")
    return folder, folder


@pytest.fixture(scope="module")
def outcome(sealed: tuple[Path, Path]) -> tuple[pd.DataFrame, dict, pd.DataFrame]:
    folder, out = sealed
    files = {"predictions": out / "p.parquet", "json_out": out / "p.json"}
    benchmark.run("ppp", folder, **DAYS, **files, quiet=True)
    loans = pd.read_parquet(folder / "ppp_loans.parquet")
    return pd.read_parquet(out / "p.parquet"), json.loads((out / "p.json").read_text()), loans


def test_every_later_loan_is_predicted_sealed_ones_too(outcome: tuple) -> None:
    predicted, figures, loans = outcome
    test = loans[loans["approved_on"] > "2020-04-15"]
    assert set(predicted["loan_id"]) == set(test["loan_id"])
    assert figures["loans"]["sealed"] == int(test["lender"].isna().sum()) > 0
    assert figures["loans"]["scored"] == int(test["lender"].notna().sum())


def test_predictions_are_ranked_from_one_by_falling_score(outcome: tuple) -> None:
    predicted, _, _ = outcome
    assert list(predicted.columns) == ["loan_id", "rank", "lender", "score"]
    for _, one in predicted.groupby("loan_id"):
        assert one["rank"].tolist() == list(range(1, len(one) + 1))
        assert one["score"].is_monotonic_decreasing
        assert one["lender"].is_unique


def test_only_lenders_of_the_state_are_candidates_but_a_new_state_has_everyone(outcome: tuple) -> None:
    predicted, _, loans = outcome
    state = predicted["loan_id"].map(loans.set_index("loan_id")["state"])
    assert set(predicted.loc[state == "AK", "lender"]) == {
        "Bank 0",
        "Bank 1",
        "Bank 2",
        "Farm Credit",
        "Everywhere Bank",
    }
    assert predicted.loc[state == "ZZ", "lender"].nunique() == 8


def test_the_json_has_every_figure_of_every_model(outcome: tuple) -> None:
    _, figures, _ = outcome
    assert set(figures["models"]) == {
        "footprint",
        "decayed_naive_bayes",
        "catboost_ranker",
        "implicit_als",
        "state_popularity",
        "zip3_popularity",
        "zip5_popularity",
        "city_popularity",
        "zip5_naive_bayes",
        "recency",
    }
    for name, found in figures["models"].items():
        assert 0 <= found["ndcg_10"] <= found["hit_rate_10"] <= 1
        assert {"macro", "tail"} <= set(found)
        gain = figures["gain_over"].get(name)
        assert (gain is None) == (name == "footprint")
        if gain:
            assert gain["ndcg_10"]["low"] <= gain["ndcg_10"]["relative"] <= gain["ndcg_10"]["high"]


def test_the_model_finds_the_local_bank_and_the_bank_of_farms(outcome: tuple) -> None:
    _, figures, _ = outcome
    assert figures["models"]["footprint"]["ndcg_10"] > figures["models"]["state_popularity"]["ndcg_10"] + 0.1


def test_later_lenders_never_reach_the_ranking(sealed: tuple[Path, Path], outcome: tuple, tmp_path: Path) -> None:
    folder, _ = sealed
    loans = pd.read_parquet(folder / "ppp_loans.parquet")
    loans.loc[loans["approved_on"] > "2020-04-15", "lender"] = None
    loans.to_parquet(tmp_path / "blind.parquet")
    benchmark.run("ppp", tmp_path / "blind.parquet", **DAYS, predictions=tmp_path / "p.parquet", quiet=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "p.parquet"), outcome[0])


def test_an_empty_label_window_falls_back_on_the_days_before_it(tmp_path: Path) -> None:
    loans = ppp_loans(300)
    loans[~loans["approved_on"].between("2020-04-12", "2020-04-15")].to_parquet(tmp_path / "gap.parquet")
    report = benchmark.run("ppp", tmp_path / "gap.parquet", **DAYS, quiet=True)
    assert report.figures["loans"]["scored"] > 0


def test_a_single_day_of_history_is_enough_to_rank(tmp_path: Path) -> None:
    loans = ppp_loans(300)
    loans[(loans["approved_on"] == "2020-04-15") | (loans["approved_on"] > "2020-04-15")].to_parquet(
        tmp_path / "l.parquet"
    )
    report = benchmark.run("ppp", tmp_path / "l.parquet", **DAYS, quiet=True)
    assert report.figures["models"]["footprint"]["hit_rate_10"] > 0.9


def test_sba_has_the_same_protocol(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    n = 500
    place = draw.integers(0, 4, n)
    loans = pd.DataFrame(
        {
            "loan_id": [str(i) for i in range(n)],
            "city": [f"TOWN {p}" for p in place],
            "state": np.where(place < 2, "RI", "VT"),
            "zip": 2900.0 + place,
            "bank": [f"BANK {p}" for p in place],
            "naics": draw.choice([0.0, 722511.0], n),
            "approved_on": pd.Timestamp("2000-01-01") + pd.to_timedelta(draw.integers(0, 2190, n), unit="D"),
            "no_emp": draw.choice([0.0, 4.0], n),
            "new_exist": draw.choice([0.0, 1.0, 2.0], n),
            "franchise_code": draw.choice([0.0, 1.0, 500.0], n),
            "urban_rural": draw.choice([0.0, 1.0, 2.0], n),
            "gr_appv": draw.choice([8192, 65536], n),
        }
    )
    loans.to_parquet(tmp_path / "sba_7a_loans.parquet")
    report = benchmark.run(
        "sba",
        tmp_path,
        features_before=date(2004, 1, 1),
        labels_until=date(2004, 12, 31),
        test_until=date(2005, 12, 31),
        quiet=True,
    )
    assert report.figures["models"]["footprint"]["hit_rate_10"] == 1.0


@pytest.mark.parametrize("name", ["ppp", "sba"])
def test_absent_data_says_where_the_public_files_are(name: str, tmp_path: Path) -> None:
    days = ["--features-before", "2020-04-13", "--labels-until", "2020-04-15", "--test-until", "2020-04-18"]
    found = CliRunner().invoke(benchmark.app, [name, "--data", str(tmp_path / "nothing.parquet"), *days])
    assert found.exit_code == 2
    assert "FOIA" in found.output
    assert "nothing.parquet" in found.output


def test_absent_columns_are_named(tmp_path: Path) -> None:
    ppp_loans(10).drop(columns="naics").to_parquet(tmp_path / "l.parquet")
    with pytest.raises(DataShapeError, match="naics"):
        ppp.load(tmp_path / "l.parquet")
    with pytest.raises(DataAbsentError):
        sba.load(tmp_path)


def test_a_file_without_the_lender_column_has_nothing_to_learn_from(tmp_path: Path) -> None:
    ppp_loans(30).drop(columns="lender").to_parquet(tmp_path / "l.parquet")
    with pytest.raises(DataShapeError, match="nothing to learn"):
        benchmark.run("ppp", tmp_path / "l.parquet", **DAYS, quiet=True)


def test_forbidden_inputs_are_never_read(tmp_path: Path) -> None:
    ppp_loans(10).assign(gender="F", race="x", veteran="y", ownership_type="z").to_parquet(tmp_path / "l.parquet")
    assert not {"gender", "race", "veteran", "ownership_type"} & set(ppp.load(tmp_path / "l.parquet").loans.columns)


def test_codes_that_mean_not_given_become_unknown(tmp_path: Path) -> None:
    loans = ppp_loans(2).assign(zip=["00000", "2134"], naics=["0", "999"], amount_usd=[0, 64])
    loans.to_parquet(tmp_path / "l.parquet")
    read = ppp.load(tmp_path / "l.parquet").loans
    assert read["zip5"].isna().tolist() == [True, False]
    assert read["zip5"].iloc[1] == "02134"
    assert read["naics6"].isna().all()
    assert read["amount"].isna().tolist() == [True, False]


def test_windows_step_back_from_the_labels_and_skip_days_without_loans() -> None:
    days = pd.to_datetime([*pd.date_range("2020-04-01", "2020-04-20"), *pd.date_range("2020-04-27", "2020-04-28")])
    loans = pd.DataFrame({"day": days.repeat(5), "institution": "a"})
    found = label_windows(loans, date(2020, 4, 27), date(2020, 4, 28))
    assert found[0] == Window(features_before=date(2020, 4, 27), first=date(2020, 4, 27), last=date(2020, 4, 28))
    assert found[1].last == date(2020, 4, 20)
    assert all(later.first > earlier.last for later, earlier in itertools.pairwise(found))


def test_weights_follow_what_lenders_do(tmp_path: Path) -> None:
    ppp_loans(600).to_parquet(tmp_path / "l.parquet")
    lending = ppp.load(tmp_path / "l.parquet")
    window = Window(features_before=date(2020, 4, 10), first=date(2020, 4, 10), last=date(2020, 4, 18))
    sample = choices(lending.loans, window, lending.popularity, limit=200)
    assert sum(len(c.chosen) * c.weight for c in sample) == pytest.approx(1.0)
    nothing = np.zeros(len(lending.popularity.terms))
    learned = dict(zip([t.name for t in lending.popularity.terms], learn_weights([sample], nothing), strict=True))
    assert learned["naics2"] > 0.2
    assert max(learned["zip3"], learned["zip5"], learned["city"]) > 0.2


def test_no_labels_leave_the_weights_alone() -> None:
    assert learn_weights([[], []], np.array([1.0, 0.0])).tolist() == [1.0, 0.0]


def test_ranks_count_the_better_share_ties_and_miss_without_bound() -> None:
    scores = np.array([[0.1, 0.9, 0.5], [0.2, 0.2, 0.2], [1.0, 2.0, 3.0]], dtype=np.float32)
    assert rank_of_truth(scores, np.array([2, 0, -1])).tolist() == [2.0, 2.0, np.inf]


def test_metrics_by_hand() -> None:
    rank = np.array([1.0, 3.0, 10.0, 11.0, np.inf])
    assert hits(rank).tolist() == [1, 1, 1, 0, 0]
    assert discounted_gain(rank).tolist() == pytest.approx([1, 1 / 2, 1 / np.log2(11), 0, 0])
    found = means(rank)
    assert found.hit_rate_10 == pytest.approx(3 / 5)
    assert found.ndcg_10 == pytest.approx((3 / 2 + 1 / np.log2(11)) / 5)
    assert found.mrr == pytest.approx((1 + 1 / 3 + 1 / 10 + 1 / 11) / 5)


def test_the_mean_over_states_gives_each_state_one_voice() -> None:
    found = macro(np.array([1.0, 1.0, 1.0, np.inf]), np.array(["AK", "AK", "AK", "WY"], dtype=object))
    assert found.hit_rate_10 == pytest.approx((1 + 0) / 2)


def test_paired_gains_of_twice_the_baseline_have_no_spread() -> None:
    base = np.array([0.25, 0.5, 0.1, 0.4])
    found = paired_gains({"m": 2 * base, "b": base}, "m", np.array(["x", "x", "y", "y"], dtype=object), draws=50)["b"]
    for gain in found.values():
        assert (gain.relative, gain.low, gain.high) == pytest.approx((1.0, 1.0, 1.0))


def test_paired_gains_over_nothing_are_undefined() -> None:
    found = paired_gains({"m": np.ones(2), "b": np.zeros(2)}, "m", np.array(["x", "x"], dtype=object), draws=5)["b"]
    assert np.isnan(found["ndcg_10"].relative)
