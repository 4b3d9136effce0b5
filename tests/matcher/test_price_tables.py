"""Price tables are content: kept and read back whole, named by what they hold, and silent about far days."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.market import Examination, PriceTable, PriceTableError, ReviewCapacity, ReviewQueue
from matcher.market.floor import exposure_floor
from matcher.market.inbound import inbound
from matcher.market.prices import extended

DAY = date(2026, 10, 31)
TABLE = PriceTable(
    as_of=DAY,
    prices={"B-1": 0.25},
    examination=Examination(chance=(1.0, 0.5), low=(1.0, 0.4), high=(1.0, 0.6), source="a log"),
    max_applications=3,
    queues={
        "B-1": ReviewQueue(capacity=ReviewCapacity(reviews=40.0, how="stated", officers=5, committed=4), load=80.0)
    },
    expected_funded={"prices": 12.5},
    demands=100,
    model="m",
    catalog="c",
)


def test_a_table_read_back_is_the_same_table_of_the_same_version() -> None:
    again = PriceTable.from_json(TABLE.to_json())
    assert again == TABLE
    assert again.version == TABLE.version
    assert again.to_json() == TABLE.to_json()


def test_the_version_names_the_day_and_changes_with_any_content() -> None:
    assert TABLE.version.startswith("2026-10-31-")
    others = (
        replace(TABLE, prices={"B-1": 0.26}),
        replace(TABLE, as_of=DAY + timedelta(days=1)),
        replace(TABLE, planner="proportional_fitting"),
    )
    assert len({TABLE.version, *(other.version for other in others)}) == 4


@pytest.mark.parametrize(("days", "stale"), [(-4, True), (-3, False), (0, False), (3, False), (4, True)])
def test_prices_speak_of_three_days_either_way(days: int, stale: bool) -> None:
    assert TABLE.is_stale(DAY + timedelta(days=days)) is stale


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "as_of": "2026-10-31"}'])
def test_what_is_no_table_is_refused(document: bytes) -> None:
    with pytest.raises(PriceTableError, match=r"[Pp]lan again"):
        PriceTable.from_json(document)


@given(curve=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12), positions=st.integers(1, 50))
def test_a_curve_for_longer_lists_goes_on_falling_and_keeps_its_beginning(curve: list[float], positions: int) -> None:
    falling = sorted(curve, reverse=True)
    longer = extended(np.array(falling), positions)
    assert len(longer) >= positions
    assert longer[: len(falling)].tolist() == falling
    assert (np.diff(longer) <= 1e-12).all()
    assert (longer > 0.0).all()


def test_a_file_counts_for_its_approval_times_the_chance_that_no_rival_succeeds() -> None:
    found = inbound(3, np.array([0, 0, 2]), np.array([0.8, 0.5, 0.6]), np.zeros(3))
    assert found.value.tolist() == pytest.approx([0.8 * 0.5, 0.5 * 0.2, 0.6], abs=1e-6)
    assert found.need.tolist() == pytest.approx([0.1, 1.0, 0.4], abs=1e-6)


def test_a_file_that_a_dear_queue_leaves_unread_takes_nothing_from_its_rival() -> None:
    found = inbound(1, np.array([0, 0]), np.array([0.8, 0.1]), np.array([0.0, 0.6]))
    assert found.value[0] == pytest.approx(0.8)
    assert inbound(2, np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0)).need.tolist() == [1.0, 1.0]


def test_a_small_institution_with_half_the_capacity_and_a_tenth_of_the_views_gets_a_floor() -> None:
    owner, small = np.array([0, 0, 1, 1]), np.array([False, False, True, True])
    views = np.array([50.0, 40.0, 10.0, 0.0])
    nothing_new = np.zeros(4, dtype=bool)
    floor = exposure_floor(views, owner, np.array([30.0, 30.0]), small=small, new=nothing_new)
    assert floor is not None
    assert floor.tolist() == pytest.approx([0.0, 0.0, 12.5, 12.5])
    assert exposure_floor(views, owner, np.array([30.0, 3.0]), small=small, new=nothing_new) is None
    assert exposure_floor(views, owner, np.array([30.0, np.inf]), small=small, new=nothing_new) is None


def test_a_new_product_nobody_sees_gets_half_of_its_share() -> None:
    owner, new = np.array([0, 0, 1]), np.array([False, True, False])
    floor = exposure_floor(
        np.array([60.0, 0.0, 40.0]), owner, np.array([20.0, 20.0]), small=np.zeros(3, dtype=bool), new=new
    )
    assert floor is not None
    assert floor.tolist() == pytest.approx([0.0, 12.5, 0.0])
