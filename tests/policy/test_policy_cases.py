"""Every case of tests/policy/cases_*.yaml, in plain words, on both sides of every threshold and day."""

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from matcher.domain import Benefit
from matcher.policy import assess

HERE = Path(__file__).parent


def _cases() -> Iterator[Any]:
    for path in sorted(HERE.glob("cases_*.yaml")):
        sheet = yaml.safe_load(path.read_text(encoding="utf-8"))
        for case in sheet["cases"]:
            whole = {"measure": sheet.get("measure"), "as_of": sheet["as_of"], "base": sheet.get("base", {}), **case}
            yield pytest.param(whole, id=f"{whole['measure']}: {case['case']}")


def _plain(figure: object) -> object:
    return figure if isinstance(figure, bool) else str(figure)


def _same(shown: object, expected: object) -> bool:
    if isinstance(shown, Decimal):
        return shown == Decimal(str(expected))
    return _plain(shown) == expected


def answer_of(measure: str, facts: dict[str, object], as_of: date) -> Benefit:
    return next(each for each in assess(facts, as_of) if each.measure == measure)


@pytest.mark.parametrize("case", list(_cases()))
def test_the_case_is_answered_as_written(case: dict[str, Any]) -> None:
    facts = {**case["base"], **case.get("but", {})}
    found = answer_of(case["measure"], facts, date.fromisoformat(case["as_of"]))
    assert found.status == case["status"]
    if "amount" in case:
        expected = None if case["amount"] is None else Decimal(case["amount"])
        assert found.amount_cny == expected
    for name in ("payee", "force"):
        if name in case:
            assert getattr(found, name) == case[name]
    if "missing" in case:
        assert list(found.missing) == case["missing"]
    for name, expected in case.get("figures", {}).items():
        assert name in found.figures, f"{name} is not among {dict(found.figures)}"
        assert _same(found.figures[name], expected), f"{name} is {found.figures[name]}, not {expected}"
    assert not set(case.get("without", ())) & set(found.figures)


def test_there_are_cases_enough() -> None:
    assert sum(1 for _ in _cases()) >= 120


@pytest.mark.parametrize(
    "row",
    list(csv.DictReader((HERE / "subsidy_vectors.csv").read_text(encoding="utf-8").splitlines())),
    ids=lambda row: "-".join((row["principal_yuan"], row["actual_rate_pct"], row["sign_date"], row["day_basis"])),
)
def test_the_worked_subsidies_are_reproduced_to_the_fen(row: dict[str, str]) -> None:
    trademark = row["cap_yuan"] == "100000"
    facts = {
        "pledge_kind": "trademark" if trademark else "invention_patent",
        "own_patent": True,
        "first_pledge": True,
        "principal_cny": row["principal_yuan"],
        "annual_rate": Decimal(row["actual_rate_pct"]) / 100,
        "days": int(row["days"]),
        "day_count": f"act/{row['day_basis']}",
        "signed_on": row["sign_date"],
        "provincial_subsidy_conditions_met": False,
        "subsidy_received_cny": "0",
    }
    measure = "trademark_pledge_subsidy" if trademark else "patent_pledge_subsidy"
    found = answer_of(measure, facts, date(2025, 6, 30))
    assert found.amount_cny == Decimal(row["payable_yuan"])
    assert found.figures["lpr_1y"] == Decimal(row["lpr_used_pct"]) / 100
    assert found.figures["subsidy_rate"] == Decimal(row["subsidy_rate_pct"]) / 100
    assert found.status == "conditional"
    assert found.missing == ("repaid_on", "interest_paid_cny")
