"""Looking, clicking, applying: the likelihood by hand, its derivatives by difference, positions recovered."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.calibration import expit
from training import apply_likelihood as looking
from training.apply_likelihood import Looks
from training.calibrate import binary_loss, fit_calibration, shrunken_offsets


def looks(seen: float, known: float, clicked: bool, applied: bool) -> Looks:
    return Looks(
        seen=np.array([seen]), known=np.array([known]), clicked=np.array([clicked]), applied=np.array([applied])
    )


def test_what_was_not_clicked_may_not_have_been_looked_at() -> None:
    # σ(0) = 1/2 clicks when gap is 0 and appeal 0; looked at with 0.4: nothing happens with 1 - 0.4/2
    value = looking.log_likelihood(np.array([0.0]), 0.0, looks(0.4, 1.0, False, False))
    assert value[0] == pytest.approx(np.log(0.8))


def test_a_click_without_application_lies_between_the_two_thresholds() -> None:
    gap = float(np.log(3.0))  # P(click | seen) = 3/4, P(apply | seen) = 1/2
    value = looking.log_likelihood(np.array([0.0]), gap, looks(1.0, 1.0, True, False))
    assert value[0] == pytest.approx(np.log(0.25))
    assert looking.log_likelihood(np.array([0.0]), gap, looks(1.0, 0.0, True, False))[0] == pytest.approx(np.log(0.75))


@given(
    appeal=st.floats(-4, 4),
    gap=st.floats(0.1, 2),
    seen=st.floats(0.05, 0.99),
    known=st.floats(0, 1),
    outcome=st.sampled_from([(False, False), (True, False), (True, True)]),
)
def test_the_gradient_is_that_of_the_likelihood(
    appeal: float, gap: float, seen: float, known: float, outcome: tuple[bool, bool]
) -> None:
    row, step = looks(seen, known, *outcome), 1e-5
    gradient, information = looking.derivatives(np.array([appeal]), gap, row)
    up, down = (looking.log_likelihood(np.array([appeal + d]), gap, row)[0] for d in (step, -step))
    assert gradient[0] == pytest.approx(-(up - down) / (2 * step), abs=1e-5)
    assert information[0] > 0


def simulated(n: int, curve: np.ndarray, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    position = rng.integers(1, len(curve) + 1, n)
    clicked = (rng.random(n) < curve[position - 1]) & (rng.random(n) < 0.4)
    return pd.DataFrame({"position": position, "clicked": clicked, "explored": rng.random(n) < 0.5})


def test_examination_is_recovered_from_what_chance_placed() -> None:
    curve = np.array([1.0, 0.7, 0.5, 0.35])
    estimate = looking.examination_of(simulated(120_000, curve, 3))
    np.testing.assert_allclose(estimate, curve, atol=0.03)


def test_examination_never_rises_and_begins_at_one() -> None:
    estimate = looking.examination_of(simulated(300, np.array([1.0, 0.9, 0.8, 0.7, 0.6]), 4))
    assert estimate[0] == 1.0
    assert (np.diff(estimate) <= 0).all()


def test_delays_tell_how_much_is_known_of_recent_items() -> None:
    day = np.datetime64("2026-08-31")
    shown = pd.Timestamp("2026-05-01")
    days = [0] * 200 + [3] * 100 + [10] * 100
    frame = pd.DataFrame(
        {
            "shown_on": [shown] * 400,
            "applied_on": [shown + pd.Timedelta(days=d) for d in days],
            "applied": [True] * 400,
        }
    )
    curve = looking.delay_curve(frame, day)
    assert curve[[0, 3, 9, 10]].tolist() == [0.5, 0.75, 0.75, 1.0]


def test_calibration_recovers_a_distortion() -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(0, 1.5, 40_000)
    truth = expit(0.4 + 0.6 * raw)
    outcome = (rng.random(40_000) < truth).astype(float)
    calibration = fit_calibration(raw, binary_loss(outcome, np.ones(40_000)))
    assert np.abs(expit(calibration.log_odds(raw)) - truth).mean() < 0.01
    assert (calibration.slope(np.linspace(-9, 9, 50)) > 0).all()


def test_offsets_of_thin_groups_stay_near_none() -> None:
    group = np.array([0] * 4 + [1] * 4000)
    gradient = np.full(len(group), -0.1)
    thin, thick = shrunken_offsets(group, 2, gradient, np.full(len(group), 0.25), 0.25)
    assert thin == pytest.approx(0.4 / (1.0 + 16.0))
    assert thick == pytest.approx(400 / (1000 + 16.0))


def test_applications_alone_forget_what_clicks_say() -> None:
    alone = looks(0.8, 0.5, True, False).applications_alone()
    # no application known: 1 - 0.8 · 0.5 · σ(0)
    assert looking.log_likelihood(np.array([0.0]), 0.0, alone)[0] == pytest.approx(np.log(0.8))
