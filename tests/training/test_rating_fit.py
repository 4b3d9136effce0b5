"""Fitting a card, and the public invoices in small: made-up firms in the shape of the published files."""

from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from features.schema import PROFILE
from training.datasets.invoices import InvoicesMissingError, InvoicesShapeError, read_firms
from training.next_year import in_fitting_half, outcomes
from training.rating import predict_invoices, report
from training.rating_card import measured
from training.scorecard import MIX, Sample, fit_scorecard, profile_columns

VALID, VOID = "有效发票", "作废发票"
COLUMNS = [
    "enterprise_code",
    "invoice_no",
    "issued_on",
    "counterparty_code",
    "amount_cny",
    "tax_cny",
    "total_cny",
    "status",
]


def row(code: str, number: str, day: str, party: str, amount: float, status: str = VALID) -> list[object]:
    return [code, number, pd.Timestamp(day), party, amount, amount * 0.13, amount * 1.13, status]


def folder(path: Path, firms: pd.DataFrame, output: list[list[object]], inputs: list[list[object]]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    firms.to_csv(path / "enterprises.csv", index=False)
    pd.DataFrame(output, columns=COLUMNS).to_parquet(path / "output_invoices.parquet")
    pd.DataFrame(inputs, columns=COLUMNS).to_parquet(path / "input_invoices.parquet")
    return path


def firms_of(defaulted: dict[str, str | None]) -> pd.DataFrame:
    return pd.DataFrame({"enterprise_code": list(defaulted), "name": "***", "defaulted": list(defaulted.values())})


@pytest.fixture
def small(tmp_path: Path) -> Path:
    output = [
        row("E1", "1", "2019-12-03", "B1", 1000.0),
        row("E1", "2", "2019-12-05", "B2", 500.0),
        row("E1", "3", "2019-12-06", "B2", -200.0),
        row("E1", "4", "2019-12-07", "B3", 9999.0, VOID),
        row("E1", "5", "2019-12-08", "B3", 7777.0, f" {VOID}"),
        row("E1", "1", "2019-12-03", "B1", 1000.0),
        row("E1", "1", "2020-01-02", "B4", 300.0),
    ]
    inputs = [row("E2", "9", "2020-01-31", "C1", 50.0)]
    return folder(tmp_path / "data", firms_of({"E1": "False", "E2": "True", "E3": None}), output, inputs)


def test_void_invoices_carry_no_money_and_reversals_count_against(small: Path) -> None:
    firms = read_firms(small)
    profiles = firms.profiles()
    assert firms.as_of == date(2020, 2, 1)
    assert list(profiles.index) == ["E1", "E2", "E3"]
    assert profiles.loc["E1", "sales_12m_cny"] == 1000 + 500 - 200 + 300
    assert profiles.loc["E1", "void_share_12m"] == pytest.approx(2 / 6)
    assert profiles.loc["E2", "purchases_12m_cny"] == 50


def test_a_row_repeated_is_one_invoice_and_a_number_used_again_is_another(small: Path) -> None:
    invoices = read_firms(small).invoices
    numbers = invoices.loc[(invoices["uscc"] == "E1") & (invoices["counterparty"].isin(["B1", "B4"])), "invoice_no"]
    assert sorted(numbers) == ["1", "1#1"]


def test_an_outcome_not_given_stays_unknown(small: Path) -> None:
    defaulted = read_firms(small).enterprises["defaulted"]
    assert defaulted["E1"] == 0
    assert defaulted["E2"] == 1
    assert np.isnan(defaulted["E3"])


def test_absent_files_are_named_with_their_origin(tmp_path: Path) -> None:
    with pytest.raises(InvoicesMissingError, match="problem C of the 2020 CUMCM"):
        read_firms(tmp_path)


def test_a_status_nobody_knows_is_refused(tmp_path: Path) -> None:
    strange = [row("E1", "1", "2019-12-03", "B1", 1.0, "失控发票")]
    with pytest.raises(InvoicesShapeError, match="失控发票"):
        read_firms(folder(tmp_path, firms_of({"E1": None}), strange, []))


def random_profiles(count: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({column.name: np.full(count, np.nan) for column in PROFILE})
    frame["sales_12m_cny"] = rng.lognormal(14, 1.5, count)
    frame["leverage"] = rng.beta(4, 4, count)
    frame["lawsuits_defendant_24m"] = rng.poisson(0.3, count).astype(float)
    frame.loc[rng.random(count) < 0.2, "leverage"] = np.nan
    return frame


def random_sample(count: int = 4000) -> Sample:
    profiles = random_profiles(count)
    odds = -2.5 - 0.8 * (np.log(profiles["sales_12m_cny"]) - 14) + 3 * (profiles["leverage"].fillna(0.5) - 0.5)
    defaulted = (np.random.default_rng(1).random(count) < 1 / (1 + np.exp(-odds))).astype(float)
    return Sample(profiles=profiles, defaulted=defaulted, weight=np.ones(count))


def test_a_fitted_card_is_calibrated_and_cuts_the_population_to_the_mix() -> None:
    sample = random_sample()
    model = fit_scorecard(sample, sample.profiles, version="t")
    columns = profile_columns(model, sample.profiles)
    assert model.default_probabilities(columns).mean() == pytest.approx(sample.defaulted.mean(), abs=1e-4)
    letters = model.rate_many(columns)
    known = np.array([letter is not None for letter in letters])
    for letter, share in zip("ABCDE", MIX, strict=True):
        assert np.mean(letters[known] == letter) == pytest.approx(share, abs=0.06)


def test_points_follow_the_known_direction_even_against_the_sample() -> None:
    sample = random_sample()
    upside_down = sample.profiles.assign(sales_12m_cny=1e12 / sample.profiles["sales_12m_cny"])
    turned = Sample(profiles=upside_down, defaulted=sample.defaulted, weight=sample.weight)
    plain, against = (fit_scorecard(s, s.profiles, version="t").factors for s in (sample, turned))
    assert {f.column for f in plain} - {f.column for f in against} == {"sales_12m_cny"}
    for factor in (*plain, *against):
        steps = np.diff(factor.points)
        assert (steps >= 0).all() if factor.column == "sales_12m_cny" else (steps <= 0).all()


def test_a_sample_that_contradicts_every_factor_gives_no_card() -> None:
    sample = random_sample()
    turned = Sample(profiles=sample.profiles, defaulted=1 - sample.defaulted, weight=sample.weight)
    with pytest.raises(ValueError, match="direction"):
        fit_scorecard(turned, turned.profiles, version="t")


def test_half_the_weight_on_everything_gives_the_same_probabilities() -> None:
    sample = random_sample()
    half = Sample(profiles=sample.profiles, defaulted=sample.defaulted, weight=sample.weight / 2)
    one = fit_scorecard(sample, sample.profiles, version="t", ridge=20.0)
    other = fit_scorecard(half, sample.profiles, version="t", ridge=10.0)
    assert one.factors == other.factors
    assert one.intercept == pytest.approx(other.intercept, rel=1e-3)


def test_without_a_default_there_is_no_card() -> None:
    sample = random_sample(100)
    with pytest.raises(ValueError, match="some defaults"):
        fit_scorecard(
            Sample(profiles=sample.profiles, defaulted=np.zeros(100), weight=sample.weight),
            sample.profiles,
            version="t",
        )


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty firms: thirty labelled, a third of them small sellers that defaulted."""
    rng = np.random.default_rng(7)
    output, outcome = [], {}
    for firm in range(40):
        weak = firm % 3 == 0
        outcome[f"E{firm}"] = None if firm >= 30 else str(weak)
        for week in range(60):
            if rng.random() < (0.4 if weak else 0.95):
                day = (date(2019, 1, 7) + timedelta(weeks=week)).isoformat()
                party = f"B{rng.integers(2 if weak else 12)}"
                output.append(row(f"E{firm}", f"{week}", day, party, float(rng.lognormal(7 if weak else 10))))
    bought = [row("E0", "1", "2019-05-05", "C1", 1.0)]
    return folder(tmp_path_factory.mktemp("market"), firms_of(outcome), output, bought)


def test_the_report_gives_the_spread_over_repeats(market: Path) -> None:
    shown = StringIO()
    result = report(market, repeats=3, console=Console(file=shown, width=120))
    assert (result.firms, result.labelled, result.defaults) == (40, 30, 10)
    assert len(result.auc) == 3
    assert result.auc.min() > 0.9
    assert sum(known for _, known, _ in result.letters.values()) == 30
    assert "mean ± sd over repeats" in shown.getvalue()


def test_predictions_cover_every_firm_asked_for(market: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions" / "out.csv"
    predict_invoices(market, market, out)
    written = pd.read_csv(out).set_index("enterprise_code")
    assert list(written.columns) == ["p_default", "rating"]
    assert len(written) == 40
    weak = [f"E{firm}" for firm in range(30, 40) if firm % 3 == 0]
    strong = [f"E{firm}" for firm in range(30, 40) if firm % 3]
    assert written.loc[weak, "p_default"].min() > written.loc[strong, "p_default"].max()


def credit_rows(*rows: tuple[str, str, float, int, str | None]) -> pd.DataFrame:
    columns = ["uscc", "known_on", "outstanding_cny", "overdue_days", "loan_class"]
    frame = pd.DataFrame(list(rows), columns=columns)
    known_on = pd.to_datetime(frame["known_on"])
    return frame.assign(known_on=known_on, period=known_on - pd.Timedelta(days=5))


def test_default_is_the_first_bad_record_known_in_the_year_of_a_borrower_then_sound() -> None:
    rows = credit_rows(
        ("SOUND", "2025-10-05", 9.0, 0, "pass"),
        ("SOUND", "2026-10-05", 9.0, 89, "special_mention"),
        ("CLASS", "2025-10-05", 9.0, 0, "pass"),
        ("CLASS", "2025-11-02", 9.0, 0, "substandard"),
        ("CLASS", "2026-02-05", 9.0, 0, "pass"),
        ("DAYS", "2025-10-05", 9.0, 0, "pass"),
        ("DAYS", "2026-03-05", 9.0, 90, None),
        ("LATE", "2025-10-05", 9.0, 0, "pass"),
        ("LATE", "2026-11-01", 9.0, 120, "substandard"),
        ("ALREADY", "2025-10-05", 9.0, 200, "doubtful"),
        ("ALREADY", "2026-01-05", 9.0, 200, "loss"),
        ("CURED", "2025-09-05", 9.0, 100, "substandard"),
        ("CURED", "2025-11-01", 9.0, 0, "pass"),
        ("NOLOAN", "2025-10-05", 0.0, 0, None),
        ("NOLOAN", "2026-05-05", 9.0, 100, "substandard"),
        ("NEW", "2025-11-05", 9.0, 100, "substandard"),
    )
    found = outcomes(rows, date(2025, 11, 1), date(2026, 10, 31))
    assert found.to_dict() == {"CLASS": 1.0, "CURED": 0.0, "DAYS": 1.0, "LATE": 0.0, "SOUND": 0.0}


def test_the_halves_are_about_even_and_set_by_the_code_alone() -> None:
    codes = [f"91370602{i:09d}X" for i in range(2000)]
    chosen = [in_fitting_half(code) for code in codes]
    assert 900 < sum(chosen) < 1100
    assert [in_fitting_half(code) for code in reversed(codes)] == chosen[::-1]


def test_expected_defaults_of_the_letters_add_up_to_those_of_all() -> None:
    sample = random_sample()
    model = fit_scorecard(sample, sample.profiles, version="t")
    found = measured(model, sample)
    assert sum(of["borrowers"] for of in found["letters"].values()) == found["borrowers"] == 4000
    assert sum(of["observed"] for of in found["letters"].values()) == found["defaults"] == sample.defaulted.sum()
    assert sum(of["expected"] for of in found["letters"].values()) == pytest.approx(found["expected"], abs=0.35)


def test_a_factor_nearly_always_at_its_least_keeps_the_bins_that_matter() -> None:
    sample = random_sample()
    suits = np.zeros(4000)
    suits[:120], suits[120:200] = 1.0, 3.0
    odds = -3.0 + 1.2 * suits
    defaulted = (np.random.default_rng(2).random(4000) < 1 / (1 + np.exp(-odds))).astype(float)
    profiles = sample.profiles.assign(lawsuits_defendant_24m=suits)
    model = fit_scorecard(Sample(profiles=profiles, defaulted=defaulted, weight=sample.weight), profiles, version="t")
    factor = next(f for f in model.factors if f.column == "lawsuits_defendant_24m")
    assert factor.edges == (1.0,)
    assert factor.points[0] > factor.points[1]
