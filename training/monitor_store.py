"""The monitor's two windows from the service's store: what was recommended before a day and since, what came of it.

An exposure counts once an ``exposed`` event says that it was shown; an outcome is an ``applied`` event, and the
decision on a lead. Refusals by rule are those of the near misses: of no other product does an answer keep failed rules.
"""

import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from features.schema import PROFILE
from matcher.store.tables import institutions, recommendations
from matcher.store.tables_platform import events, leads
from training.evaluate import MICRO_TURNOVER_CNY
from training.monitor import MATURE_DAYS, Window

MOST = 20_000
"""Recommendations read of each window, the latest ones."""
APPROVED, REJECTED = frozenset({"approved", "signed", "disbursed", "repaid"}), "rejected"
LINE_COLUMNS = ("demand", "institution", "position", "p", "q", "seen", "known", "applied", "key")


@dataclass(frozen=True, kw_only=True)
class _Outcomes:
    """Demand and product of what was shown, applied for, and decided."""

    exposed: frozenset[tuple[str, str]]
    applied: frozenset[tuple[str, str]]
    decided: Mapping[tuple[str, str], float]


def windows(connection: Connection, examination: Sequence[float], since: date) -> tuple[Window, Window]:
    """What was recommended before ``since``, and since.

    Parameters
    ----------
    examination
        v_k of the bundle in service.
    """
    table = recommendations.c
    outcomes = _outcomes(connection)
    room = _capacity(connection)
    found = []
    for inside in (table.as_of < since, table.as_of >= since):
        asked = (
            select(table.as_of, table.inputs, table.answer)
            .where(inside)
            .order_by(table.as_of.desc(), table.recorded_at)
        )
        found.append(
            [(row.as_of, _read(row.inputs), _read(row.answer)) for row in connection.execute(asked.limit(MOST))]
        )
    last = max((day for each in found for day, _, _ in each), default=since)
    looks = np.asarray(examination, dtype=np.float64)
    made = [_window(each, outcomes, room, looks, last) for each in found]
    return made[0], made[1]


def _window(
    kept: Sequence[tuple[date, Mapping[str, Any], Mapping[str, Any]]],
    outcomes: _Outcomes,
    room: Mapping[str, float],
    looks: NDArray[np.float64],
    last: date,
) -> Window:
    days = [day for day, _, _ in kept]
    first, final = (min(days), max(days)) if days else (last, last)
    lines = pd.DataFrame(
        [
            line
            for place, (day, inputs, answer) in enumerate(kept)
            for line in _lines(place, day, inputs, answer, outcomes, looks, last)
        ],
        columns=list(LINE_COLUMNS),
    )
    decided = lines[lines["key"].map(lambda key: key in outcomes.decided).astype(bool)].drop_duplicates("key")
    months = ((final - first).days + 1) / 30.4375
    refused, near = _refused(answer for _, _, answer in kept)
    return Window(
        first=first.isoformat(),
        last=final.isoformat(),
        demands=_demands([inputs["profile"] for _, inputs, _ in kept]),
        lines=lines.drop(columns="key"),
        reviews=pd.DataFrame(
            {
                "demand": decided["demand"].to_numpy(dtype=int),
                "q": decided["q"].to_numpy(dtype=float),
                "approved": np.array([outcomes.decided[key] for key in decided["key"]], dtype=float),
            }
        ),
        capacity={name: months * reviews for name, reviews in room.items()},
        refusals={code: count / max(near, 1) for code, count in refused.items()},
        refusals_of=len(kept),
    )


def _lines(
    place: int,
    day: date,
    inputs: Mapping[str, Any],
    answer: Mapping[str, Any],
    outcomes: _Outcomes,
    looks: NDArray[np.float64],
    last: date,
) -> list[tuple[Any, ...]]:
    demand, mature = str(inputs.get("demand_id") or ""), day <= last - timedelta(days=MATURE_DAYS)
    return [
        (
            place,
            item["institution_id"],
            item["rank"],
            item["p_apply"],
            item["p_approve"],
            looks[min(item["rank"], len(looks)) - 1],
            mature and (demand, item["product_id"]) in outcomes.exposed,
            (demand, item["product_id"]) in outcomes.applied,
            (demand, item["product_id"]),
        )
        for item in answer["items"]
        if item["p_apply"] is not None and item["p_approve"] is not None
    ]


def _demands(profiles: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    numbers = {
        column.name: np.array(
            [np.nan if known.get(column.name) is None else float(known[column.name]) for known in profiles], dtype=float
        )
        for column in PROFILE
        if column.dtype != "string"
    }
    sales = np.fmin(numbers["sales_12m_cny"], numbers["taxed_sales_12m_cny"])
    return pd.DataFrame(
        numbers
        | {
            "first_time": numbers["has_prior_loan"] == 0,
            "micro": sales < MICRO_TURNOVER_CNY,
            "district": np.array([known.get("division_code") for known in profiles], dtype=object),
        }
    )


def _refused(answers: Any) -> tuple[Counter[str], int]:
    """Near misses by the rules they fail, and how many near misses there are."""
    count: Counter[str] = Counter()
    near = 0
    for answer in answers:
        near += len(answer["near_misses"])
        for miss in answer["near_misses"]:
            count += Counter({check["code"] for check in miss["failed"]})
    return count, near


def _outcomes(connection: Connection) -> _Outcomes:
    def pairs(kind: str) -> frozenset[tuple[str, str]]:
        asked = select(events.c.demand_id, events.c.product_id).where(events.c.type == kind)
        return frozenset((str(row.demand_id), str(row.product_id)) for row in connection.execute(asked))

    decided = select(leads.c.demand_id, leads.c.product_id, leads.c.state).where(
        leads.c.state.in_([*sorted(APPROVED), REJECTED])
    )
    return _Outcomes(
        exposed=pairs("exposed"),
        applied=pairs("applied"),
        decided={(row.demand_id, row.product_id): float(row.state in APPROVED) for row in connection.execute(decided)},
    )


def _capacity(connection: Connection) -> dict[str, float]:
    rows = connection.execute(select(institutions.c.institution_id, institutions.c.document))
    told = {row.institution_id: json.loads(row.document).get("reviews_per_month") for row in rows}
    return {name: float(reviews) for name, reviews in told.items() if reviews}


def _read(packed: bytes) -> Any:
    return msgspec.json.decode(zlib.decompress(packed))
