"""Laws of profiles: nothing later is seen, order and repetition do not matter, one enterprise alone is the same."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.profile import build_profiles, profile_columns
from features.schema import PROFILE, SOURCES, Column
from features.sources import SourceShapeError, SourceTables
from features.synthetic import synthetic_invoices

DAY = date(2026, 10, 15)
FIRMS = ("91370602MA3TERT037", "92370681MA3TERT03H")
FEW = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _value(column: Column, draw: np.random.Generator) -> Any:
    if column.null and draw.random() < 0.15:
        return None
    if column.allowed:
        return str(draw.choice(column.allowed))
    match column.dtype:
        case "date":
            day = DAY - timedelta(days=int(draw.integers(-60, 700)))
            return day.replace(day=1) if column.name == "period" else day
        case "float":
            return float(draw.integers(0, 10**7)) / 100
        case "integer":
            return int(draw.integers(2020, 2026) if column.name == "year" else draw.integers(0, 9))
        case "boolean":
            return bool(draw.integers(2))
        case _:
            return f"{column.name}-{draw.integers(60 if column.name == 'invoice_no' else 6)}"


def _frames(seed: int, rows: int = 25) -> dict[str, pd.DataFrame]:
    draw = np.random.default_rng(seed)
    frames = {}
    for source in SOURCES.values():
        made = [{c.name: _value(c, draw) for c in source.columns} for _ in range(rows)]
        for row in made:
            row["uscc"] = str(draw.choice(FIRMS))
        frames[source.name] = pd.DataFrame(made, columns=source.names, dtype=object)
    return frames


def _built(frames: dict[str, pd.DataFrame], **asked: Any) -> pd.DataFrame:
    return build_profiles(SourceTables.from_frames(frames), DAY, **asked)


def _same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)


@FEW
@given(st.integers(0, 10**6))
def test_no_row_known_later_changes_any_profile(seed: int) -> None:
    frames = _frames(seed)
    known = {name: frame[frame["known_on"] <= DAY] for name, frame in frames.items()}
    assert sum(map(len, known.values())) < sum(map(len, frames.values()))
    _same(_built(frames), _built(known))


@FEW
@given(st.integers(0, 10**6))
def test_order_and_repetition_of_rows_do_not_matter(seed: int) -> None:
    frames = _frames(seed)
    mixed = {n: pd.concat([f.sample(frac=1, random_state=seed), f.head(9)]) for n, f in frames.items()}
    _same(_built(frames), _built(mixed))


@FEW
@given(st.integers(0, 10**6))
def test_one_enterprise_alone_is_the_same_bit_for_bit(seed: int) -> None:
    frames = _frames(seed)
    everyone = _built(frames)
    for firm in everyone.index:
        _same(everyone.loc[[firm]], _built(frames, enterprises=[firm]))
    _same(everyone, _built(frames, enterprises=[*everyone.index, everyone.index[0]]))


def test_profiles_hold_the_declared_types_and_bounds() -> None:
    frame = _built(_frames(7, rows=400))
    for column in PROFILE:
        assert frame[column.name].dtype == (object if column.dtype == "string" else np.float64)
        if column.minimum is not None:
            assert (frame[column.name].dropna() >= column.minimum).all(), column.name
        if column.allowed:
            assert set(frame[column.name].dropna()) <= set(column.allowed)
    unknown = frame.columns[frame.isna().all()]
    assert list(unknown) == []
    assert profile_columns(frame)["age_months"].dtype == np.float64


def test_many_invoices_give_the_same_whatever_the_number_of_threads(tmp_path: Path) -> None:
    synthetic_invoices(tmp_path, invoices=40_000, enterprises=50)
    one, two = (build_profiles(SourceTables.from_directory(tmp_path, threads=n), DAY) for n in (1, 2))
    _same(one, two)
    firm = one.index[17]
    _same(one.loc[[firm]], build_profiles(SourceTables.from_directory(tmp_path), DAY, enterprises=[firm]))
    rows = pd.read_parquet(tmp_path / "invoices.parquet").query("uscc == @firm and status == 'valid'")
    issued = pd.to_datetime(rows["issued_on"])
    known = pd.to_datetime(rows["known_on"]) <= pd.Timestamp(DAY)
    year = rows[(rows["direction"] == "output") & known & issued.between("2025-10-01", "2026-09-30")]
    assert one.loc[firm, "sales_12m_cny"] == pytest.approx(year["amount_cny"].sum(), abs=0.005)


def test_tables_from_csv_and_parquet_are_the_same_as_from_frames(tmp_path: Path) -> None:
    frames = _frames(3)
    for number, (name, frame) in enumerate(frames.items()):
        if number % 2:
            frame.to_csv(tmp_path / f"{name}.csv", index=False)
        else:
            frame.to_parquet(tmp_path / f"{name}.parquet")
    _same(_built(frames), build_profiles(SourceTables.from_directory(tmp_path), DAY))


def test_a_table_of_another_shape_is_refused_by_name() -> None:
    frame = pd.DataFrame({"uscc": ["x"], "colour": ["red"]})
    with pytest.raises(SourceShapeError, match=r"tax: missing columns .*known_on.*unknown columns \['colour'\]"):
        SourceTables.from_frames({"tax": frame})
    with pytest.raises(SourceShapeError, match="No source is called horoscope"):
        SourceTables.from_frames({"horoscope": frame})
