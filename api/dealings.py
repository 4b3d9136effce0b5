"""Earlier dealings of an enterprise as a request reads them: the world's log and what the store added since."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import Connection

from api.world import World
from features.dealings import SETTLED_DAYS, Line
from matcher.store import dealings
from matcher.store.dealings import Dealing

_NEVER = np.datetime64("NaT", "D")
Days = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True)
class DealingsBook:
    """The log a world came with, by enterprise; what happens later is in the store."""

    rows_of: dict[str, tuple[int, int]] = field(repr=False)
    demand_id: Sequence[str] = field(repr=False)
    product_id: Sequence[str] = field(repr=False)
    shown_on: Days = field(repr=False)
    applied_on: Days = field(repr=False)
    decided_on: Days = field(repr=False)
    approved: NDArray[np.bool_] = field(repr=False)

    def lines(self, connection: Connection, uscc: str, as_of: date) -> tuple[Line, ...]:
        """Lines known before a day; what the store keeps of one demand and product stands for what the log says."""
        kept = dealings.dealings_of(connection, uscc)
        known = {(each.demand_id, each.product_id) for each in kept}
        logged = (self._logged(row) for row in range(*self.rows_of.get(uscc, (0, 0))))
        every = [*kept, *(each for each in logged if (each.demand_id, each.product_id) not in known)]
        return tuple(line for each in every if (line := as_known(each, as_of)) is not None)

    def _logged(self, row: int) -> Dealing:
        days = (self.shown_on[row].item(), self.applied_on[row].item(), self.decided_on[row].item())
        return Dealing(
            demand_id=self.demand_id[row],
            product_id=self.product_id[row],
            shown_on=days[0],
            applied_on=days[1],
            decided_on=days[2],
            approved=bool(self.approved[row]) if days[2] is not None else None,
        )


def as_known(dealing: Dealing, as_of: date) -> Line | None:
    """What a dealing says before a day; ``None`` where it says nothing yet."""
    applied = dealing.applied_on is not None and dealing.applied_on < as_of
    decided = dealing.decided_on is not None and dealing.decided_on < as_of
    shown = dealing.shown_on is not None and dealing.shown_on < as_of
    settled = shown and dealing.shown_on is not None and dealing.shown_on + timedelta(days=SETTLED_DAYS) < as_of
    if not (applied or decided or settled):
        return None
    return Line(
        product_id=dealing.product_id,
        shown=shown,
        applied=applied or decided,
        approved=dealing.approved if decided else None,
    )


def open_dealings(world: World) -> DealingsBook:
    """The dealings of a world's log; none where it has no log."""
    paths = [world.directory / f"{name}.parquet" for name in ("demands", "exposures", "applications")]
    if not all(path.is_file() for path in paths):
        return _book({}, [], [], *(np.zeros(0, dtype="datetime64[D]"),) * 3, np.zeros(0, dtype=bool))
    owners = pq.read_table(paths[0], columns=["demand_id", "uscc"])
    shown = pq.read_table(paths[1], columns=["demand_id", "product_id", "shown_on", "applied_on"])
    made = pq.read_table(paths[2], columns=["demand_id", "product_id", "reviewed_on", "approved"])
    who = owners["uscc"].combine_chunks().dictionary_encode()
    at = pc.index_in(shown["demand_id"], owners["demand_id"]).to_numpy()
    code = who.indices.to_numpy()[at]
    order = np.argsort(code, kind="stable")
    ends = np.searchsorted(code[order], np.arange(len(who.dictionary) + 1)).tolist()
    shown = shown.take(pa.array(order))
    decided_on, approved = _decisions(shown, made)
    return _book(
        dict(zip(who.dictionary.to_pylist(), pairwise(ends), strict=True)),
        shown["demand_id"].to_pylist(),
        shown["product_id"].to_pylist(),
        _days(shown["shown_on"]),
        _days(shown["applied_on"]),
        decided_on,
        approved,
    )


def _decisions(shown: pa.Table, made: pa.Table) -> tuple[Days, NDArray[np.bool_]]:
    """Day and outcome of the file that followed each line."""
    made = made.filter(pc.is_valid(made["approved"]))
    keys, files = (pc.binary_join_element_wise(table["demand_id"], table["product_id"], " ") for table in (shown, made))
    at = pc.fill_null(pc.index_in(keys, files), -1).to_numpy()
    decided_on, approved = np.full(len(at), _NEVER), np.zeros(len(at), dtype=bool)
    has = at >= 0
    decided_on[has] = _days(made["reviewed_on"])[at[has]]
    approved[has] = np.asarray(made["approved"].cast(pa.bool_()).to_numpy(), dtype=bool)[at[has]]
    return decided_on, approved


def _days(column: pa.ChunkedArray) -> Days:
    days: Days = column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
    return days


def _book(
    rows_of: dict[str, tuple[int, int]],
    demand_id: Sequence[str],
    product_id: Sequence[str],
    shown_on: Days,
    applied_on: Days,
    decided_on: Days,
    approved: NDArray[np.bool_],
) -> DealingsBook:
    return DealingsBook(
        rows_of=rows_of,
        demand_id=demand_id,
        product_id=product_id,
        shown_on=shown_on,
        applied_on=applied_on,
        decided_on=decided_on,
        approved=approved,
    )
