"""How a shown list is read: what is looked at, clicked and applied for, and with what claim on the queue."""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from training.city.actors import City, Log
from training.city.approval import Judgement
from training.city.enterprises import Floats, Ints
from training.city.listing import Lists
from training.city.luck import Luck
from training.city.parameters import LAST_DAY, MAX_APPLICATIONS, stream
from training.city.queues import File
from training.city.ties import is_main

CLICK_LIFT = 1.3
"""How much likelier, in logits, an offer looked at is clicked than applied for."""


def read_lists(
    luck: Luck,
    city: City,
    log: Log,
    rows: Ints,
    lists: Lists,
    logit: Floats,
    judgement: Judgement,
    popularity: Floats,
) -> None:
    """Examine, click and apply; files enter ``log.files``, clicks the popularity of the place."""
    here = lists.product >= 0
    product = np.maximum(lists.product, 0)
    line = np.arange(len(rows))[:, None]
    seen = here & (luck.looks(product) < np.array(city.world.examination)[None, : here.shape[1]])
    p = 1 / (1 + np.exp(-logit[line, product]))
    p_click = 1 / (1 + np.exp(-(logit[line, product] + CLICK_LIFT)))
    clicked = seen & (luck.clicks(product) < p_click)
    applied = clicked & (luck.applies(product) < p / p_click)
    applied &= np.cumsum(applied, axis=1) <= MAX_APPLICATIONS
    delay = np.minimum(luck.delays(product) - 1, 10)
    published = city.demands.published_on[rows].astype("datetime64[D]")
    shown = np.broadcast_to(published[:, None], here.shape)
    on = shown + delay.astype("timedelta64[D]")
    applied &= on <= np.datetime64(LAST_DAY)
    d, k = np.nonzero(here)
    ids = np.array([p["product_id"] for p in city.marketplace.products], dtype=object)
    applied_on = np.where(applied[d, k], on[d, k], np.datetime64("NaT"))
    log.exposures.append(
        pa.table(
            {
                "demand_id": pa.array(city.demands.demand_id[rows[d]], pa.string()),
                "product_id": pa.array(ids[product[d, k]], pa.string()),
                "position": pa.array((k + 1).astype(np.int64)),
                "propensity": pa.array(lists.propensity[d, k]),
                "explored": pa.array(lists.explored[d, k]),
                "shown_on": pa.array(shown[d, k].astype("datetime64[D]"), pa.date32()),
                "clicked": pa.array(clicked[d, k]),
                "applied": pa.array(applied[d, k]),
                "applied_on": pa.array(applied_on.astype("datetime64[D]"), pa.date32(), from_pandas=True),
            }
        )
    )
    division = city.enterprises.division[city.demands.enterprise[rows]]
    np.add.at(popularity, (np.broadcast_to(division[:, None], here.shape)[clicked], product[clicked]), 1.0)
    _send_files(luck, city, log, rows, np.argwhere(applied), product, on, judgement)


def _send_files(
    luck: Luck,
    city: City,
    log: Log,
    rows: Ints,
    hits: Ints,
    product: Ints,
    on: npt.NDArray[np.datetime64],
    judgement: Judgement,
) -> None:
    line, sent = hits[:, 0], product[hits[:, 0], hits[:, 1]]
    approve = luck.approvals(line, sent) < judgement.chance[line, sent]
    keys = _priority(luck, city, rows, hits, product, judgement)
    for i, (d, k) in enumerate(hits):
        j = int(product[d, k])
        bank = int(city.marketplace.institution[j])
        day = pd.Timestamp(on[d, k]).date()
        days = int(city.marketplace.days[j])
        log.files.append(
            File(
                application=len(log.files),
                demand=int(rows[d]),
                product=j,
                bank=bank,
                applied_on=day,
                ready_on=day + timedelta(days=days // 2),
                key=day.toordinal() - float(keys[i]),
                approve=bool(approve[i]),
                reason="" if approve[i] else judgement.reason(log.lending, int(d), j, bank),
                days=days,
            )
        )


def _priority(luck: Luck, city: City, rows: Ints, hits: Ints, product: Ints, judgement: Judgement) -> Floats:
    """Days by which a file passes others; what counts differs between institutions."""
    d, j = hits[:, 0], product[hits[:, 0], hits[:, 1]]
    bank = city.marketplace.institution[j]
    good = judgement.points[d].sum(axis=1)
    small = -np.log(city.demands.amount_cny[rows[d]] / 1e6)
    customer = is_main(city.ties, city.demands.enterprise[rows[d]], len(city.institutions))[np.arange(len(d)), bank]
    online = city.marketplace.listed("online", "tags")[j] & (luck.online(d, j) < city.world.online_first)
    way = stream(city.seed, 15).integers(0, 3, len(city.institutions))[bank]
    mixed = np.choose(way, [0 * good, 3.0 * good, 4.0 * small])
    by_world = {"mixed": mixed, "quality": 5.0 * good, "customers": 15.0 * customer, "fifo": 0 * good}
    return np.asarray(by_world[city.world.queue] + 8.0 * online)
