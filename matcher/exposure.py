"""What stands where in one list: the market's prices over one catalogue, and the lines drawn to keep the curves known.

Nothing here changes a probability, a verdict or a term.
"""

import calendar
import hashlib
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from matcher.calibration import Floats
from matcher.catalog import Catalog
from matcher.domain import Text
from matcher.market import PriceTable, ServedList, serve
from matcher.market.prices import OLDEST_DAYS, PRICE_CEILING, extended
from matcher.ranker import Ranker
from matcher.wording import both

MAX_APPLICATIONS = 3
"""Applications one demand is taken to make at most where no table says."""

LONGEST = 50
"""Most lines a list can have."""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A price table, or none, compiled for one catalogue.

    Parameters
    ----------
    owner
        Institution of each product, as a place in ``price``.
    price
        Price of a review per institution.
    """

    catalog: Catalog
    table: PriceTable | None
    owner: NDArray[np.int64]
    price: Floats
    examination: Floats
    max_applications: int

    @classmethod
    def of(cls, catalog: Catalog, ranker: Ranker, table: PriceTable | None) -> "Exposure":
        """Prices and examination of the table; without one nothing costs and the ranker's curve holds."""
        place = {name: row for row, name in enumerate(catalog.institutions)}
        prices = {} if table is None else table.prices
        curve = ranker.manifest["examination"] if table is None else table.examination.chance
        return cls(
            catalog=catalog,
            table=table,
            owner=np.array([place[product.institution_id] for product in catalog.products], dtype=np.int64),
            price=np.array([prices.get(name, 0.0) for name in catalog.institutions], dtype=np.float64),
            examination=extended(np.asarray(curve, dtype=np.float64), LONGEST),
            max_applications=MAX_APPLICATIONS if table is None else table.max_applications,
        )

    def serve(
        self, p: Floats, q: Floats, rows: NDArray[np.intp], *, as_of: date, top_n: int, explore: float, seed: str
    ) -> ServedList:
        """One list of the products in ``rows``, best first; a table too far from ``as_of`` is not charged.

        Parameters
        ----------
        p, q
            Chances of each product in ``rows``; only these are listed, drawn lines included.
        """
        return serve(
            p,
            q,
            self.owner[rows],
            self.price,
            examination=self.examination,
            max_applications=self.max_applications,
            top_n=top_n,
            price_age_days=0 if self.table is None else self.table.distance(as_of),
            oldest_price_days=OLDEST_DAYS,
            price_ceiling=PRICE_CEILING,
            explore=explore,
            draws=draws_of(seed, top_n) if explore > 0.0 else None,
        )

    def charged(self, rows: NDArray[np.intp], as_of: date) -> Floats:
        """What a review of each product in ``rows`` costs on a day; nothing where the table is too far from it."""
        if self.table is None or self.table.is_stale(as_of):
            return np.zeros(len(rows))
        return np.minimum(self.price, PRICE_CEILING)[self.owner[rows]]

    def queue_texts(self, rows: NDArray[np.intp], price: Floats, as_of: date) -> tuple[Text | None, ...]:
        """Why a review costs what it costs, per item; ``None`` where it costs nothing."""
        return tuple(
            self._queue_text(row, charged, as_of) if charged > 0.0 else None
            for row, charged in zip(rows.tolist(), price.tolist(), strict=True)
        )

    def _queue_text(self, row: int, charged: float, as_of: date) -> Text:
        institution = self.catalog.products[row].institution_id
        queue = None if self.table is None else self.table.queues.get(institution)
        until = as_of.replace(day=calendar.monthrange(as_of.year, as_of.month)[1]).isoformat()
        zh, en = "", ""
        if queue is not None:
            load, room = f"{queue.load:.0f}", f"{queue.capacity.left:.0f}"
            zh = f"（预计申请 {load} 件，可审 {room} 件）"
            en = f" ({load} files are expected, {room} can be reviewed)"
        return both(
            f"该机构的审批队列排满至 {until}{zh}：一个审批名额的影子价格为 {charged:.3f}",
            f"This bank's review queue is full until {until}{en}: an officer's slot is priced at {charged:.3f}",
        )


def draws_of(seed: str, positions: int) -> Floats:
    """(2, positions) numbers in [0, 1) that follow from the seed alone, on every machine and in every version.

    >>> draws_of("a", 3).shape, bool((draws_of("a", 3) == draws_of("a", 3)).all())
    ((2, 3), True)
    """
    words = np.frombuffer(hashlib.shake_256(seed.encode()).digest(16 * positions), dtype="<u8")
    return np.asarray((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(positions, 2).T


def by_relevance(p: Floats, q: Floats, rows: NDArray[np.intp], top_n: int) -> ServedList:
    """A list as it was before the market: by p·q alone, ties by place in the catalogue."""
    score = p * q
    order = np.lexsort((rows, -score))[:top_n].astype(np.int64)
    ones, none = np.ones(len(order)), np.zeros(len(order))
    return ServedList(
        order=order,
        score=score[order],
        need=ones,
        price=none,
        explored=np.zeros(len(order), dtype=bool),
        propensity=ones,
        priced=False,
    )
