"""A held-out month of a simulated city as a market: the scores of a ranker trained on its log, and the truth beside.

A planner may see what the log tells: trained scores, the examination curve from randomised lines, officers and their
past reviews. The truth is kept for playing out what its lists lead to; no field named ``true_`` reaches a planner.
"""

from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from matcher.catalog import Catalog
from matcher.dealings_book import open_dealings
from matcher.market import ReviewCapacity, ReviewMonth, review_capacities
from matcher.ranker import Ranker
from training.baselines import popularity_in_place
from training.bundle import write_bundle
from training.city.build import build
from training.dataset import HELD_OUT_MONTHS, History, exposures_between, read_history
from training.evaluate import held_out_pairs, true_examination
from training.examination import ExaminationCurve, examination_curve
from training.fit import Settings, fit
from training.market_cache import code_digest
from training.train import bundle_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_MAKERS = (
    "features/*.py",
    "training/city/*.py",
    "matcher/market/capacity.py",
    "matcher/market/files.py",
    "matcher/dealings_book.py",
    *(f"training/{name}.py" for name in ("apply_likelihood", "baselines", "calibrate", "dataset", "effects")),
    *(
        f"training/{name}.py"
        for name in ("dealings", "evaluate", "examination", "fit", "footprint", "hidden", "review")
    ),
)
_FORMAT = "2"


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large a city is built; the full one has 25,000 enterprises, 60,000 demands, 74 institutions, 426 products."""

    enterprises: int = 3_000
    demands: int = 7_200
    institutions: int = 36
    products: int = 150

    @classmethod
    def of(cls, enterprises: int) -> "Size":
        """A city of so many enterprises, everything else in the usual proportion, never too few to make a market."""
        usual = cls()
        share = enterprises / usual.enterprises
        return cls(
            enterprises=enterprises,
            demands=round(usual.demands * share),
            institutions=max(10, round(usual.institutions * share)),
            products=max(40, round(usual.products * share)),
        )


@dataclass(frozen=True, kw_only=True)
class CityMarket:
    """The two held-out months of one city; pairs are those the published rules admit.

    Parameters
    ----------
    month
        (demands,) months since the first of the two: the earlier makes the prices the later is served at.
    demand, product
        (pairs,) rows.
    apply, approve
        (pairs,) what the trained ranker says; ``true_apply``, ``true_approve`` what holds.
    popularity
        (pairs,) clicks on the product in the enterprise's district before both months.
    institution_of, small
        Institution of each product; whether an institution is published as small.
    capacity
        Reviews a month each institution is believed to do, from officers, past reviews and files before both months.
    true_capacity
        Reviews a month each institution can do.
    examination, examination_low, examination_high, true_examination
        Chance that each position is looked at: estimated from randomised lines with its interval, and as it is.
    """

    month: Integers
    demand: Integers
    product: Integers
    apply: Floats
    approve: Floats
    popularity: Floats
    true_apply: Floats
    true_approve: Floats
    institution_of: Integers
    small: NDArray[np.bool_]
    capacity: Floats
    true_capacity: Integers
    examination: Floats
    examination_low: Floats
    examination_high: Floats
    true_examination: Floats

    def save(self, path: Path) -> None:
        """Write to a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new.npz")
        np.savez_compressed(beside, **{each.name: getattr(self, each.name) for each in fields(self)})
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "CityMarket":
        """Read what ``save`` wrote."""
        with np.load(path, allow_pickle=False) as kept:
            return cls(**{each.name: kept[each.name] for each in fields(cls)})


def market_of_city(world: str, seed: int, cache: Path, size: Size | None = None) -> CityMarket:
    """Build the city, train a ranker on its log and score its held-out months; kept in ``cache``, made only once.

    The city itself is not kept. What is kept bears a digest of the code that made it, so that a change makes it anew.
    """
    size = size or Size()
    kept = cache / "markets" / f"{world}-{seed}-{size.enterprises}-{code_digest(_MAKERS, _FORMAT, repr(size))}.npz"
    if kept.is_file():
        return CityMarket.load(kept)
    cache.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache) as scratch:
        directory = build(Path(scratch) / "city", world, seed=seed, **vars(size))
        market = read_market(directory)
    market.save(kept)
    return market


def read_market(directory: Path) -> CityMarket:
    """Train on the log of a built city, and score its held-out months."""
    history = read_history(directory)
    settings = Settings(threads=1)
    with TemporaryDirectory() as scratch:
        bundle = bundle_of(history, fit(history, settings), settings, directory.name, "")
        ranker = Ranker.load(write_bundle(Path(scratch), bundle))
    return scored(directory, history, ranker)


def scored(directory: Path, history: History, ranker: Ranker) -> CityMarket:
    """The held-out months of a built city as a ranker scores them."""
    pairs = held_out_pairs(history, directory, ranker)
    rows, demand = np.unique(pairs.demand, return_inverse=True)
    curve = _curve(history)
    offices = _offices(directory, history)
    return CityMarket(
        month=history.month[rows].astype(np.int64) - (history.months - HELD_OUT_MONTHS),
        demand=demand.astype(np.int64),
        product=pairs.product.astype(np.int64),
        apply=pairs.said_p,
        approve=pairs.said_q,
        popularity=popularity_in_place(history, pairs.demand, pairs.product).astype(np.float64),
        true_apply=pairs.true_p,
        true_approve=pairs.true_q,
        institution_of=offices.institution_of,
        small=offices.small,
        capacity=offices.capacity,
        true_capacity=offices.true_capacity,
        examination=curve.chance,
        examination_low=curve.low,
        examination_high=curve.high,
        true_examination=true_examination(directory),
    )


def _curve(history: History) -> ExaminationCurve:
    shown = exposures_between(history, 0, history.months - HELD_OUT_MONTHS)
    return examination_curve(shown)


@dataclass(frozen=True, kw_only=True)
class _Offices:
    institution_of: Integers
    small: NDArray[np.bool_]
    capacity: Floats
    true_capacity: Integers


def _offices(directory: Path, history: History) -> _Offices:
    """Institutions in the order of the catalogue, with what their officers are believed to do."""
    institutions = history.catalog.institution_list
    place = {institution.institution_id: number for number, institution in enumerate(institutions)}
    owner = np.array([place[name] for name in history.catalog.columns["institution_id"]], dtype=np.int64)
    months = pd.read_parquet(directory / "officers.parquet")
    believed = believed_capacities(directory, history.catalog, history.held_out_from)
    last = months.drop_duplicates("institution_id", keep="last").set_index("institution_id")["capacity"]
    return _Offices(
        institution_of=owner,
        small=np.array([institution.is_small for institution in institutions], dtype=bool),
        capacity=np.array([believed[name].reviews for name in place], dtype=np.float64),
        true_capacity=last.loc[list(place)].to_numpy(dtype=np.int64),
    )


def believed_capacities(directory: Path, catalog: Catalog, as_of: date) -> dict[str, ReviewCapacity]:
    """Capacities as the service estimates them before a day, where institutions state nothing of what they can do."""
    table = pq.read_table(directory / "officers.parquet", columns=["institution_id", "period", "officers", "reviewed"])
    months = [ReviewMonth(**row) for row in table.to_pylist() if row["period"] < as_of]
    owners = {product.product_id: product.institution_id for product in catalog.products}
    return review_capacities(months, as_of, files=open_dealings(directory).logged_files(owners, as_of))
