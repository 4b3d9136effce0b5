"""VAT invoices, drawn in one vectorised pass: sales of a month split over invoices, customers and accidents."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.city.enterprises import Enterprises
from training.city.holdings import Holdings
from training.city.panel import Panel
from training.city.parameters import LAST_DAY, MONTHS, stream

_RATES = np.array([0.01, 0.03, 0.06, 0.09, 0.13])


def invoice_table(enterprises: Enterprises, panel: Panel, holdings: Holdings, seed: int) -> pa.Table:
    """All invoices of all enterprises that let the platform see them, ordered by enterprise, output before input."""
    rng = stream(seed, 7)
    busy = np.array([1.9, 5.2, 11.0])[enterprises.size] * rng.lognormal(0, 0.45, len(enterprises))
    has = holdings.present["invoices"]
    sold = panel.sales * has[:, None]
    margin = np.clip(0.30 + 0.05 * enterprises.quality.mean(axis=1) + rng.normal(0, 0.08, len(enterprises)), 0.05, 0.8)
    lag = np.concatenate([panel.sales[:, :1], panel.sales[:, :-1]], axis=1)
    bought = (0.5 * sold + 0.5 * lag * has[:, None]) * (1 - margin)[:, None] * rng.lognormal(0, 0.15, sold.shape)
    sales, rows = _direction(rng, "output", enterprises, sold, busy, 6 + 26 * enterprises.size)
    purchases, more = _direction(rng, "input", enterprises, bought, busy * 0.6, 4 + 12 * enterprises.size)
    order = np.argsort(np.concatenate([rows, more]), kind="stable")
    return pa.concat_tables([sales, purchases]).take(pa.array(order))


def _direction(
    rng: np.random.Generator,
    direction: str,
    e: Enterprises,
    monthly: np.ndarray,
    busy: np.ndarray,
    partners: np.ndarray,
) -> tuple[pa.Table, np.ndarray]:
    counts = np.where(monthly > 0, 1 + rng.poisson(busy[:, None], monthly.shape), 0)
    idle = rng.random(monthly.shape) < 0.05 * np.exp(-0.6 * e.quality)
    counts = np.where(idle, 0, counts)
    cell = np.repeat(np.arange(counts.size), counts.ravel())
    row, month = cell // monthly.shape[1], cell % monthly.shape[1]
    weight = rng.exponential(1, len(cell)) ** 1.2
    amount = weight / np.bincount(cell, weight, minlength=counts.size)[cell] * monthly.ravel()[cell]
    quality = e.quality.ravel()[cell]
    void = rng.random(len(cell)) < np.clip(0.035 * np.exp(-0.55 * quality), 0.001, 0.4)
    back = ~void & (rng.random(len(cell)) < np.clip(0.014 * np.exp(-0.6 * quality), 0.0005, 0.3))
    starts = MONTHS.to_numpy().astype("datetime64[D]")
    lengths = np.array([m.days_in_month for m in MONTHS])
    issued = starts[month] + np.floor(rng.random(len(cell)) * lengths[month]).astype("timedelta64[D]")
    issued = np.maximum(issued, e.registered_on[row].astype("datetime64[D]"))
    skew = np.clip(1.5 + 1.1 * rng.normal(0, 1, len(e)) - 0.45 * e.quality.mean(axis=1), 1.0, 6.0)
    partner = np.floor(partners[row] * rng.random(len(cell)) ** skew[row]).astype(np.int64) + row * 131
    returned = issued[back] + rng.integers(3, 45, int(back.sum())).astype("timedelta64[D]")
    late = returned > np.datetime64(LAST_DAY)
    returned = np.where(late, np.datetime64(LAST_DAY), returned)
    share = np.where(rng.random(len(returned)) < 0.6, 1.0, rng.random(len(returned)))
    rows = np.concatenate([row, row[back]])
    value = np.round(np.concatenate([amount, -amount[back] * share]), 2)
    days = np.concatenate([issued, returned])
    known = days + rng.integers(0, 3, len(days)).astype("timedelta64[D]")
    rate = _RATES[np.concatenate([row, row[back]]) % len(_RATES)]
    order = np.lexsort((days, rows))
    keep = order[known[order] <= np.datetime64(LAST_DAY)]
    status = np.concatenate([void, np.zeros(int(back.sum()), dtype=bool)])
    partner = np.concatenate([partner, partner[back]])
    number = np.arange(len(keep)) + (10_000_000 if direction == "output" else 50_000_000)
    table = pa.table(
        {
            "uscc": _words(e.uscc, rows[keep]),
            "known_on": pa.array(known[keep].astype("datetime64[D]")),
            "direction": _words(np.array([direction], dtype=object), np.zeros(len(keep), dtype=np.int64)),
            "invoice_no": pc.cast(pa.array(number), pa.string()),
            "issued_on": pa.array(days[keep].astype("datetime64[D]")),
            "counterparty": pc.binary_join_element_wise(
                "P" if direction == "output" else "Q", pc.cast(pa.array(partner[keep] * 7 % 999_983), pa.string()), ""
            ),
            "amount_cny": pa.array(value[keep]),
            "tax_cny": pa.array(np.round(value[keep] * rate[keep], 2)),
            "status": _words(np.array(["valid", "void"], dtype=object), status[keep].astype(np.int64)),
        }
    )
    return table, rows[keep]


def _words(words: np.ndarray, index: np.ndarray) -> pa.Array:
    coded = pa.DictionaryArray.from_arrays(pa.array(index.astype(np.int32)), pa.array(list(words), type=pa.string()))
    return pc.cast(coded, pa.string())
