"""Bad rows are refused one by one with file, line, column and reason; the good ones go in."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.sources import Refusal, read_rows

FIRM = "91370602MA3TERT037"
GOOD: dict[str, Any] = {
    "uscc": FIRM,
    "known_on": "2026-10-05",
    "direction": "output",
    "invoice_no": "1",
    "issued_on": "2026-10-01",
    "counterparty": None,
    "amount_cny": "12.50",
    "tax_cny": 1,
    "status": "valid",
}


def only(refusals: tuple[Refusal, ...]) -> Refusal:
    assert len(refusals) == 1, refusals
    assert refusals[0].reason.zh
    return refusals[0]


def test_a_good_row_goes_in_typed() -> None:
    result = read_rows("invoices", [GOOD])
    assert result.refusals == ()
    row = result.frame.iloc[0]
    assert (row["amount_cny"], row["tax_cny"], row["issued_on"]) == (12.5, 1.0, date(2026, 10, 1))
    assert pd.isna(row["counterparty"])


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"amount_cny": "twelve"}, "amount_cny", "must be a number, not 'twelve'"),
        ({"amount_cny": float("nan")}, "amount_cny", "must be a number, not 'nan'"),
        ({"amount_cny": True}, "amount_cny", "must be a number, not 'true'"),
        ({"amount_cny": None}, "amount_cny", "may not be empty"),
        ({"amount_cny": 2e13}, "amount_cny", "beyond 1e+13"),
        ({"status": " valid"}, "status", "is none of valid, void"),
        ({"issued_on": "2026-02-30"}, "issued_on", "must be an ISO day"),
        ({"issued_on": "20261001"}, "issued_on", "must be an ISO day"),
        ({"issued_on": "2026-10-06"}, "known_on", "known_on 2026-10-05 lies before issued_on 2026-10-06"),
        ({"invoice_no": 7}, "invoice_no", "must be a text, not '7'"),
        ({"invoice_no": "7 "}, "invoice_no", "has blanks around it"),
        ({"counterparty": "c" * 300}, "counterparty", "longer than 256"),
        ({"uscc": "91370602MA3TERT038"}, "uscc", "digit 18 is 8, the first 17 call for 7"),
        ({"colour": "red"}, "colour", "unknown column of invoices"),
    ],
)
def test_a_bad_row_is_refused_by_line_column_and_reason(change: dict[str, Any], column: str, reason: str) -> None:
    result = read_rows("invoices", [GOOD, GOOD | {"invoice_no": "2"} | change], name="batch")
    refusal = only(result.refusals)
    assert (refusal.file, refusal.line, refusal.column) == ("batch", 2, column)
    assert reason in refusal.reason.en
    assert list(result.frame["invoice_no"]) == ["1"]


def test_whole_numbers_are_exact_or_refused() -> None:
    fixed = {"uscc": FIRM, "known_on": date(2026, 9, 9)}
    rows = [{"period": f"2026-0{k + 1}-01", "headcount": h} for k, h in enumerate((3, 3.0, None, 3.5, "3", -1))]
    result = read_rows("social_security", rows, fixed=fixed)
    assert [r.line for r in result.refusals] == [4, 5, 6]
    assert [None if pd.isna(h) else h for h in result.frame["headcount"]] == [3, 3, None]
    late = read_rows("social_security", [{"period": "2026-01-02"}], fixed=fixed)
    assert "is not the first day of a month" in only(late.refusals).reason.en


def test_a_row_may_not_contradict_its_batch() -> None:
    refusal = only(read_rows("invoices", [GOOD], fixed={"known_on": date(2026, 10, 9)}).refusals)
    assert (refusal.column, refusal.line) == ("known_on", 1)


def test_one_fact_twice_in_a_batch_is_refused_but_a_later_correction_goes_in() -> None:
    later = GOOD | {"known_on": "2026-10-08", "status": "void"}
    result = read_rows("invoices", [GOOD, GOOD, later])
    refusal = only(result.refusals)
    assert refusal.line == 2
    assert "the same fact as line 1" in refusal.reason.en
    assert len(result.frame) == 2


def test_a_first_copy_that_was_refused_does_not_block_the_second() -> None:
    result = read_rows("invoices", [GOOD | {"status": "odd"}, GOOD])
    assert only(result.refusals).line == 1
    assert len(result.frame) == 1


def test_ends_may_not_lie_before_beginnings_and_reports_not_before_the_end_of_the_year() -> None:
    base = {"uscc": FIRM, "known_on": "2026-01-01"}
    case = base | {"case_no": "1", "filed_on": "2025-05-02", "role": "defendant", "kind": "civil"}
    assert only(read_rows("court", [case | {"closed_on": "2025-05-01"}]).refusals).column == "closed_on"
    assert read_rows("annual_report", [base | {"year": 2025}]).refusals == ()
    assert "2026-12-31" in only(read_rows("annual_report", [base | {"year": 2026}]).refusals).reason.en


def test_lines_of_a_csv_count_its_header_and_torn_rows(tmp_path: Path) -> None:
    path = tmp_path / "tax.csv"
    path.write_text(
        "uscc,known_on,period,taxed_sales_cny,credit_grade\n"
        f"{FIRM},2026-02-09,2026-01-01,10.5,A\n"
        f"{FIRM},2026-03-09\n"
        f"{FIRM},2026-04-09,2026-03-01,-1,\n"
        f"{FIRM},2026-05-09,2026-04-01,,E\n"
        f"{FIRM},2026-06-09,2026-05-01,7,\n",
        encoding="utf-8",
    )
    result = read_rows("tax", path)
    assert [(r.file, r.line, r.column) for r in result.refusals] == [
        ("tax.csv", 3, ""),
        ("tax.csv", 4, "taxed_sales_cny"),
        ("tax.csv", 5, "credit_grade"),
    ]
    assert list(result.frame["taxed_sales_cny"]) == [10.5, 7.0]
    assert list(result.frame.columns[-2:]) == ["tax_paid_cny", "credit_grade"]


def test_a_file_of_another_shape_or_encoding_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "customs.csv"
    path.write_text("uscc,period,colour\n", encoding="utf-8")
    assert {r.column for r in read_rows("customs", path).refusals} == {"colour", "known_on"}
    path.write_bytes("uscc,known_on,period,进口\n".encode("gbk"))
    result = read_rows("customs", path)
    assert only(result.refusals).line == 0
    assert result.frame.empty


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    rows = [GOOD | {"amount_cny": 5.0}, GOOD | {"invoice_no": "2", "amount_cny": None}]
    pd.DataFrame(rows).to_parquet(tmp_path / "invoices.parquet")
    result = read_rows("invoices", tmp_path / "invoices.parquet")
    refusal = only(result.refusals)
    assert (refusal.line, refusal.column) == (2, "amount_cny")
    assert list(result.frame["amount_cny"]) == [5.0]


def test_an_unknown_source_is_an_error() -> None:
    with pytest.raises(KeyError, match="horoscope"):
        read_rows("horoscope", [])
