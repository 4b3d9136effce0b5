"""What happens to every enterprise each month, before anybody records it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.city.enterprises import Bools, Enterprises, Floats, Ints, months_between
from training.city.parameters import MONTHS, RECORD_MONTHS, World, stream

GRADES = ("A", "B", "M", "C", "D")
CLASSES = ("pass", "special_mention", "substandard", "doubtful")
_SEASON = {
    "A": (0.7, 0.6, 0.7, 0.8, 0.9, 1.0, 1.0, 1.1, 1.4, 1.6, 1.3, 0.9),
    "E": (0.8, 0.5, 0.9, 1.0, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1),
    "F": (1.2, 0.8, 0.9, 0.9, 1.0, 1.0, 0.9, 0.9, 1.0, 1.1, 1.1, 1.2),
    "C": (0.9, 0.7, 1.0, 1.0, 1.05, 1.05, 1.0, 1.0, 1.1, 1.05, 1.05, 1.1),
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Monthly facts, each (enterprises, months); ``grade`` indexes ``GRADES`` with -1 for not graded.

    Loans of the log are added to the credit columns while the log is simulated.
    """

    sales: Floats
    filed: Bools
    tax_due: Floats
    tax_paid: Floats
    grade: Ints
    headcount: Ints
    social_paid: Bools
    kwh: Floats
    utility_paid: Bools
    outstanding: Floats
    lenders: Ints
    ever_borrowed: Bools
    overdue: Floats
    overdue_days: Ints
    inquiries: Ints
    export: Floats
    imported: Floats


def live_through(world: World, enterprises: Enterprises, seed: int) -> Panel:
    """Simulate every month of every enterprise."""
    rng = stream(seed, 2)
    n = len(enterprises)
    shape = (n, RECORD_MONTHS)
    quality = enterprises.quality
    sales = _sales(rng, enterprises)
    alive = np.stack([months_between(enterprises.registered_on, m) >= 0 for m in MONTHS], axis=1)
    sales = sales * alive
    careful = 1 / (1 + np.exp(-(3.4 + 0.95 * quality)))
    filed = (rng.random(shape) < careful**0.5) & alive
    due = sales * (0.018 + 0.006 * rng.random((n, 1)))
    paid = due * np.where(rng.random(shape) < careful, 1.0, rng.random(shape)) * filed
    headcount = np.maximum(
        1, np.round(enterprises.employees[:, None] * np.exp(_trend(enterprises) * 0.4 + rng.normal(0, 0.03, shape)))
    )
    output = np.maximum(sales, 1.0)
    kwh = enterprises.power[:, None] * output ** (0.96) * rng.lognormal(0, 0.08, shape) * 1.6
    outstanding, lenders, overdue_days = _credit(rng, enterprises)
    inquiries = rng.poisson(np.exp(-1.35 - 0.42 * quality + 0.35 * enterprises.prior_loan[:, None]))
    export_share = np.where(enterprises.exporter, rng.beta(2, 3, n), 0.0)[:, None]
    return Panel(
        sales=sales,
        filed=filed,
        tax_due=due,
        tax_paid=paid,
        grade=_grades(rng, enterprises),
        headcount=headcount.astype(np.int64),
        social_paid=rng.random(shape) < careful**0.8,
        kwh=kwh,
        utility_paid=rng.random(shape) < careful**0.7,
        outstanding=outstanding,
        lenders=lenders,
        ever_borrowed=np.repeat(enterprises.prior_loan[:, None], RECORD_MONTHS, axis=1),
        overdue=outstanding * (overdue_days > 0) * rng.uniform(0.02, 0.2, shape),
        overdue_days=overdue_days,
        inquiries=inquiries.astype(np.int64),
        export=sales * export_share * rng.lognormal(0, 0.25, shape),
        imported=sales * export_share * 0.4 * rng.lognormal(0, 0.4, shape),
    )


def _trend(enterprises: Enterprises) -> Floats:
    years = (np.arange(RECORD_MONTHS) - 12) / 12
    rate = 0.05 + 0.15 * enterprises.growth + 0.06 * enterprises.quality.mean(axis=1)
    return np.asarray(rate[:, None] * years[None, :])


def _sales(rng: np.random.Generator, enterprises: Enterprises) -> Floats:
    seasons = {s: np.array(v) / np.mean(v) for s, v in _SEASON.items()}
    by_section = np.stack([seasons.get(s, np.ones(12)) for s in enterprises.section])
    season = by_section[:, np.array([m.month - 1 for m in MONTHS])]
    spread = np.clip(0.22 - 0.07 * enterprises.quality.mean(axis=1), 0.06, 0.6)[:, None]
    noise = rng.normal(0, 1, season.shape) * spread
    level = enterprises.revenue_cny[:, None] / 12
    return np.asarray(level * season * np.exp(_trend(enterprises) + noise - spread**2 / 2))


def _grades(rng: np.random.Generator, enterprises: Enterprises) -> Ints:
    """Tax credit grades, set anew each April; young enterprises get M."""
    n = len(enterprises)
    grades = np.empty((n, RECORD_MONTHS), dtype=np.int64)
    current = np.full(n, -1)
    for month, day in enumerate(MONTHS):
        if month == 0 or day.month == 4:
            seen = enterprises.quality[:, max(0, month - 6)] + rng.normal(0, 0.6, n)
            current = np.digitize(-seen, [-0.75, 0.35, 0.6, 1.35])
            young = months_between(enterprises.registered_on, day) < 30
            current = np.where(young & (current < 3), 2, current)
        grades[:, month] = current
    return grades


def _credit(rng: np.random.Generator, enterprises: Enterprises) -> tuple[Floats, Ints, Ints]:
    n = len(enterprises)
    prior = enterprises.prior_loan
    has_now = prior & (rng.random(n) < 0.72)
    lenders = np.where(has_now, 1 + rng.poisson(0.4 + 0.5 * enterprises.size, n), 0)
    level = enterprises.revenue_cny * np.clip(rng.lognormal(-1.6, 0.7, n) * enterprises.leverage / 0.55, 0, 1.2)
    outstanding = (np.where(has_now, level, 0.0))[:, None] * rng.lognormal(0, 0.05, (n, RECORD_MONTHS))
    spell = np.zeros(n)
    hard = rng.random(n) < 0.09
    days = np.zeros((n, RECORD_MONTHS), dtype=np.int64)
    for month in range(RECORD_MONTHS):
        quality = enterprises.quality[:, month]
        starts = rng.random(n) < 1 / (1 + np.exp(4.3 + 1.35 * quality))
        cures = rng.random(n) < np.where(hard, 0.03, 0.55)
        spell = np.where(spell > 0, np.where(cures, 0, spell + 30), np.where(starts, rng.integers(1, 30, n), 0))
        days[:, month] = np.where(has_now, spell, 0)
    return outstanding, np.repeat(lenders[:, None], RECORD_MONTHS, axis=1).astype(np.int64), days


def loan_classes(overdue_days: Ints, outstanding: Floats) -> npt.NDArray[np.object_]:
    """Five-category class from days past due; ``None`` without a loan."""
    grade = np.digitize(overdue_days, [1, 90, 180])
    names = np.array([*CLASSES, None], dtype=object)
    return np.asarray(names[np.where(outstanding > 0, grade, len(CLASSES))])
