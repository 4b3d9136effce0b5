"""Enterprises: what they are, and the hidden quality behind what they will show in the records."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from training.city.codes import social_credit_codes
from training.city.parameters import FIRST_DEMAND_DAY, RECORD_MONTHS, World, stream

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DIVISIONS = (
    ("370602", "芝罘", "Zhifu", 0.17),
    ("370611", "福山", "Fushan", 0.09),
    ("370612", "牟平", "Muping", 0.06),
    ("370613", "莱山", "Laishan", 0.09),
    ("370614", "蓬莱", "Penglai", 0.07),
    ("370671", "高新区", "High-tech Zone", 0.04),
    ("370672", "开发区", "Development Area", 0.16),
    ("370681", "龙口", "Longkou", 0.09),
    ("370682", "莱阳", "Laiyang", 0.05),
    ("370683", "莱州", "Laizhou", 0.06),
    ("370685", "招远", "Zhaoyuan", 0.05),
    ("370686", "栖霞", "Qixia", 0.03),
    ("370687", "海阳", "Haiyang", 0.04),
)
COUNTY_TOWNS = ("370612", "370614", "370681", "370682", "370683", "370685", "370686", "370687")
SIZES = ("micro", "small", "medium")
SIZE_SHARES = (0.62, 0.33, 0.05)


@dataclass(frozen=True, kw_only=True)
class Industry:
    """One industry of the city and the bounds of its size standard: employees, then revenue in 10,000 yuan."""

    code: str
    share: float
    employees: tuple[float, float, float] | None
    revenue: tuple[float, float, float] | None
    assets: tuple[float, float, float] | None = None
    power: float = 0.02


_INDUSTRY = (20, 300, 1000), (300, 2000, 40000)
INDUSTRIES = (
    Industry(code="F5131", share=0.17, employees=(5, 20, 200), revenue=(1000, 5000, 40000)),
    Industry(code="F5212", share=0.155, employees=(10, 50, 300), revenue=(100, 500, 20000)),
    Industry(code="C3311", share=0.05, employees=_INDUSTRY[0], revenue=_INDUSTRY[1], power=0.09),
    Industry(code="C1353", share=0.05, employees=_INDUSTRY[0], revenue=_INDUSTRY[1], power=0.06),
    Industry(code="C3484", share=0.04, employees=_INDUSTRY[0], revenue=_INDUSTRY[1], power=0.08),
    Industry(code="C2669", share=0.03, employees=_INDUSTRY[0], revenue=_INDUSTRY[1], power=0.14),
    Industry(code="C3670", share=0.03, employees=_INDUSTRY[0], revenue=_INDUSTRY[1], power=0.08),
    Industry(code="L7299", share=0.11, employees=(10, 100, 300), revenue=None, assets=(100, 8000, 120000)),
    Industry(code="E4790", share=0.07, employees=None, revenue=(300, 6000, 80000), assets=(300, 5000, 80000)),
    Industry(code="M7320", share=0.06, employees=(10, 100, 300), revenue=None),
    Industry(code="A0142", share=0.04, employees=None, revenue=(50, 500, 20000), power=0.05),
    Industry(code="A0411", share=0.02, employees=None, revenue=(50, 500, 20000), power=0.05),
    Industry(code="I6510", share=0.04, employees=(10, 100, 300), revenue=(50, 1000, 10000)),
    Industry(code="G5430", share=0.028, employees=(20, 300, 1000), revenue=(200, 3000, 30000)),
    Industry(code="G5990", share=0.012, employees=(20, 100, 200), revenue=(100, 1000, 30000)),
    Industry(code="H6210", share=0.025, employees=(10, 100, 300), revenue=(100, 2000, 10000), power=0.04),
    Industry(code="K7020", share=0.025, employees=(100, 300, 1000), revenue=(500, 1000, 5000)),
    Industry(code="O8111", share=0.025, employees=(10, 100, 300), revenue=None),
    Industry(code="R9011", share=0.02, employees=(10, 100, 300), revenue=None),
)


@dataclass(frozen=True, kw_only=True)
class Enterprises:
    """All enterprises, one row each, in order of their codes.

    ``quality`` (enterprises, months), about standard normal, ``growth`` and ``reputation`` are hidden and never enter a
    record as such; ``revenue_cny`` is the level of a year. ``industry``, ``division`` and ``size`` index
    ``INDUSTRIES``, ``DIVISIONS`` and ``SIZES``.
    """

    uscc: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    registered_on: npt.NDArray[np.datetime64]
    industry: Ints
    division: Ints
    size: Ints
    revenue_cny: Floats
    employees: Ints
    assets_cny: Floats
    leverage: Floats
    margin: Floats
    capital_cny: Floats
    agri_rural: Bools
    exporter: Bools
    tech: Bools
    prior_loan: Bools
    quality: Floats
    growth: Floats
    reputation: Floats
    power: Floats

    def __len__(self) -> int:
        return len(self.uscc)

    @property
    def section(self) -> npt.NDArray[np.str_]:
        """Industry section letter of each."""
        return np.array([i.code[0] for i in INDUSTRIES])[self.industry]


def found_enterprises(world: World, n: int, seed: int) -> Enterprises:
    """Draw the city's enterprises."""
    rng = stream(seed, 1)
    industry = rng.choice(len(INDUSTRIES), n, p=_industry_shares(world))
    division = rng.choice(len(DIVISIONS), n, p=_division_shares(world))
    size = rng.choice(3, n, p=SIZE_SHARES)
    growth = rng.normal(0, 1, n)
    quality = _quality(rng, n, growth)
    age_days = np.clip(rng.lognormal(np.log(6.5 * 365), 0.75, n), 60, 30 * 365).astype(int)
    registered = np.datetime64(FIRST_DEMAND_DAY) - age_days.astype("timedelta64[D]")
    revenue, employees, assets = _scale(rng, industry, size)
    code = np.array([i.code for i in INDUSTRIES])[industry]
    section = np.array([c[0] for c in code])
    agri = (section == "A") | (np.isin(code, ["C1353"]) & (rng.random(n) < 0.5))
    tech = rng.random(n) < np.where(np.isin(section, ["I", "M"]), 0.35, np.where(section == "C", 0.22, 0.02))
    exporter = rng.random(n) < np.where(section == "C", 0.25, np.where(code == "F5131", 0.15, 0.02))
    mean_quality = quality.mean(axis=1)
    log_age = np.log(age_days / 365 + 0.5)
    prior = rng.random(n) < _sigmoid(-1.25 + 0.45 * log_age + 0.45 * size + 0.25 * mean_quality)
    leverage = np.clip(0.56 - 0.11 * mean_quality + rng.normal(0, 0.13, n), 0.05, 1.4)
    enterprises = Enterprises(
        uscc=_codes(rng, division, section),
        name=_names(rng, division, code),
        registered_on=registered,
        industry=industry,
        division=division,
        size=size,
        revenue_cny=revenue,
        employees=employees,
        assets_cny=assets,
        leverage=leverage,
        margin=0.05 + 0.035 * mean_quality + rng.normal(0, 0.04, n),
        capital_cny=np.round(revenue * rng.lognormal(-1.0, 0.8, n), -4) + 10_000,
        agri_rural=agri,
        exporter=exporter,
        tech=tech,
        prior_loan=prior,
        quality=quality,
        growth=growth,
        reputation=rng.normal(0, 1, n),
        power=np.array([i.power for i in INDUSTRIES])[industry] * rng.lognormal(0, 0.35, n),
    )
    order = np.argsort(enterprises.uscc)
    return Enterprises(**{f.name: getattr(enterprises, f.name)[order] for f in fields(Enterprises)})


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


def _industry_shares(world: World) -> Floats:
    shares = np.array([i.share * (world.agri if i.code[0] == "A" else 1.0) for i in INDUSTRIES])
    return np.asarray(shares / shares.sum())


def _division_shares(world: World) -> Floats:
    factor = 1 + 0.6 * (world.agri - 1)
    shares = np.array([d[3] * (factor if d[0] in COUNTY_TOWNS else 1.0) for d in DIVISIONS])
    return np.asarray(shares / shares.sum())


def _quality(rng: np.random.Generator, n: int, growth: Floats) -> Floats:
    level = 0.9 * rng.normal(0, 1, n) + 0.25 * growth
    path = np.empty((n, RECORD_MONTHS))
    wander = rng.normal(0, 0.25, n)
    for month in range(RECORD_MONTHS):
        wander = 0.95 * wander + rng.normal(0, 0.08, n)
        path[:, month] = level + wander
    return path


def _scale(rng: np.random.Generator, industry: Ints, size: Ints) -> tuple[Floats, Ints, Floats]:
    """Yearly revenue, employees and assets, forced into the size class by the standard's bounds."""
    n = len(industry)
    median = np.array([120.0, 1500.0, 12000.0])[size]
    revenue = median * np.exp(rng.normal(0, 1, n) * np.array([1.1, 0.8, 0.6])[size])
    employees = np.array([5.0, 35.0, 320.0])[size] * np.exp(rng.normal(0, 1, n) * np.array([0.7, 0.6, 0.4])[size])
    assets = revenue * rng.lognormal(-0.1, 0.5, n)
    for k, kind in enumerate(INDUSTRIES):
        rows = industry == k
        for values, bounds in ((revenue, kind.revenue), (employees, kind.employees), (assets, kind.assets)):
            if bounds is not None:
                values[rows] = _within(values[rows], size[rows], bounds)
    return revenue * 1e4, np.maximum(1, np.round(employees)).astype(np.int64), assets * 1e4


def _within(values: Floats, size: Ints, bounds: tuple[float, float, float]) -> Floats:
    low = np.array([0.0, *bounds[:2]])[size]
    high = np.array(bounds)[size]
    margin = np.where(high > 30, 0.12, 0.0)
    return np.asarray(np.clip(values, low * (1 + margin), np.maximum(high * (1 - margin) - 1, low)))


def _codes(rng: np.random.Generator, division: Ints, section: npt.NDArray[np.str_]) -> npt.NDArray[np.object_]:
    n = len(division)
    place = np.array([d[0] for d in DIVISIONS], dtype=object)[division]
    old = (place == "370614") & (rng.random(n) < 0.6)
    place = np.where(old, np.where(rng.random(n) < 0.1, "370634", "370684"), place)
    farm = section == "A"
    draw = rng.random(n)
    office = np.where(farm & (draw < 0.35), "93", np.where(farm & (draw < 0.45), "N1", "91"))
    office = np.where(~farm & (draw < 0.03), "92", office)
    prefixes = np.array([f"{a}{b}" for a, b in zip(office, place, strict=True)])
    serials = rng.permutation(np.arange(n, dtype=np.int64) * 31 + rng.integers(0, 31, n))
    return np.array(social_credit_codes(prefixes, serials), dtype=object)


_TRADES = {
    "F": "商贸",
    "C": "制造",
    "L": "商务服务",
    "E": "建筑工程",
    "M": "科技",
    "A": "农业",
    "I": "软件",
    "G": "物流",
    "H": "餐饮",
    "K": "物业",
    "O": "汽修服务",
    "R": "文化",
}
_FIRST, _SECOND = "瑞恒嘉盛宏泰鑫海润德昌信诚远华茂丰凯", "达源通兴隆和祥利泽安晟博腾越航升阳辰"


def _names(rng: np.random.Generator, division: Ints, code: npt.NDArray[np.str_]) -> npt.NDArray[np.object_]:
    a, b = rng.integers(0, len(_FIRST), len(code)), rng.integers(0, len(_SECOND), len(code))
    places = [d[1] for d in DIVISIONS]
    return np.array(
        [
            f"烟台{places[d]}模拟{_FIRST[i]}{_SECOND[j]}{_TRADES[c[0]]}有限公司（{serial:05d}）"
            for serial, (d, i, j, c) in enumerate(zip(division, a, b, code, strict=True))
        ],
        dtype=object,
    )


def months_between(registered_on: npt.NDArray[np.datetime64], day: pd.Timestamp) -> Floats:
    """Age in months on a day."""
    return np.asarray((np.datetime64(day, "D") - registered_on).astype(float) / 30.4375)
