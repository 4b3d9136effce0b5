"""Every gate lets the good pass and refuses the case planted for it; hand-made numbers."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import gate
from training.gate import CALIBRATION_BOUNDS, SegmentQuality, Trial, failing, gates


def level(value: float, demands: int = 40) -> np.ndarray:
    return np.full(demands, value)


def same(value: float = 0.9, demands: int = 40) -> SegmentQuality:
    return SegmentQuality(challenger=level(value, demands), champion=level(value, demands))


GOOD = Trial(
    ranking=same(),
    segments={name: same() for name in ("first_time_borrowers", "micro", "small_institutions", "district:370602")},
    calibration={which: dict.fromkeys(CALIBRATION_BOUNDS, 0.01) for which in ("p_apply", "p_approve")},
    violations=0,
    answers=40,
    differing=0,
    challenger_ms=4.0,
    champion_ms=4.0,
    learned_until="2026-08-31",
    held_out_from="2026-09-01",
    challenger_schema="aa",
    required_schema="aa",
)


def refusals(trial: Trial) -> list[str]:
    return [each.name for each in failing(gates(trial))]


def test_a_challenger_equal_to_the_champion_passes_every_gate() -> None:
    assert refusals(GOOD) == []
    assert all(each.text.zh and each.text.en for each in gates(GOOD))


def test_a_worse_ranking_is_refused() -> None:
    assert refusals(replace(GOOD, ranking=SegmentQuality(challenger=level(0.89), champion=level(0.9)))) == ["ranking"]


def test_a_ranking_better_on_average_but_unsure_is_refused() -> None:
    challenger = np.array([1.0] * 11 + [0.0] * 9)
    unsure = SegmentQuality(challenger=challenger, champion=level(0.5, 20))
    assert challenger.mean() > 0.5
    assert refusals(replace(GOOD, ranking=unsure)) == ["ranking"]


def test_a_ranking_without_demands_is_refused() -> None:
    assert refusals(replace(GOOD, ranking=same(demands=0))) == ["ranking"]


@pytest.mark.parametrize("name", sorted(GOOD.segments))
def test_a_segment_that_loses_more_than_two_in_a_hundred_is_refused_by_name(name: str) -> None:
    planted = SegmentQuality(challenger=level(0.97), champion=level(1.0))
    assert refusals(replace(GOOD, segments={**GOOD.segments, name: planted})) == [f"segment:{name}"]


def test_a_segment_may_lose_up_to_its_margin() -> None:
    assert gate.segment("micro", SegmentQuality(challenger=level(0.99), champion=level(1.0))).passed
    assert gate.segment("micro", SegmentQuality(challenger=level(0.99), champion=level(1.0))).value == pytest.approx(
        0.01
    )


def test_a_segment_of_twenty_nine_demands_is_shown_but_not_judged() -> None:
    found = gate.segment("district:370602", SegmentQuality(challenger=level(0.5, 29), champion=level(1.0, 29)))
    assert found.passed
    assert "too few" in found.text.en
    assert not gate.segment(
        "district:370602", SegmentQuality(challenger=level(0.5, 30), champion=level(1.0, 30))
    ).passed


@pytest.mark.parametrize("which", ["p_apply", "p_approve"])
@pytest.mark.parametrize("name", sorted(CALIBRATION_BOUNDS))
def test_a_probability_off_by_more_than_its_bound_is_refused(which: str, name: str) -> None:
    errors = {key: dict(value) for key, value in GOOD.calibration.items()}
    errors[which][name] = CALIBRATION_BOUNDS[name] + 0.001
    assert refusals(replace(GOOD, calibration=errors)) == [f"calibration:{which}:{name}"]


def test_a_calibration_that_was_not_measured_is_refused() -> None:
    errors = {**GOOD.calibration, "p_apply": {"overall": 0.01, "micro": 0.01, "selected": 0.01}}
    assert refusals(replace(GOOD, calibration=errors)) == ["calibration:p_apply:first_time_borrowers"]


@pytest.mark.parametrize(
    ("planted", "refused"),
    [
        ({"violations": 1}, ["eligibility"]),
        ({"differing": 1}, ["replay"]),
        ({"answers": 0}, ["eligibility", "replay"]),
        ({"challenger_ms": 6.1}, ["latency_ratio"]),
        ({"challenger_ms": 101.0, "champion_ms": 100.0}, ["latency"]),
        ({"challenger_schema": "bb"}, ["schema"]),
        ({"learned_until": "2026-09-01"}, ["unseen_months"]),
    ],
)
def test_a_planted_fault_is_refused_by_its_gate(planted: dict[str, object], refused: list[str]) -> None:
    assert refusals(replace(GOOD, **planted)) == refused  # type: ignore[arg-type]


def test_a_broken_bundle_is_refused_with_its_reason() -> None:
    found = gate.bundle("p.txt has the hash aa")
    assert not found.passed
    assert "p.txt" in found.text.zh
    assert gate.bundle(None).passed


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(-0.5, 0.5))
def test_an_interval_moves_with_what_it_is_of(difference: list[float], shift: float) -> None:
    values = np.array(difference)
    low, high = gate.paired_interval(values, resamples=50)
    moved_low, moved_high = gate.paired_interval(values + shift, resamples=50)
    assert low <= high
    assert moved_low == pytest.approx(low + shift)
    assert moved_high == pytest.approx(high + shift)
