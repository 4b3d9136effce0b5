"""Earlier dealings of an enterprise as lists and plans read them: the world's log and what the store added since."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import Connection

from features.dealings import SETTLED_DAYS, Dealings, Line
from matcher.market import Files
from matcher.store import dealings
from matcher.store.dealings import Dealing

_NEVER = np.datetime64("NaT", "D")
Days = NDArray[np.datetime64]


@dataclass(frozen=True, kw_only=True)
class DealingsBook:
    """The log a world came with, by enterprise; what happens later is in the store.

    Parameters
    ----------
    rows_of
        First row of each enterprise and the row behind its last.
    product
        Per row, the place of its product in ``products``.
    """

    rows_of: dict[str, tuple[int, int]] = field(repr=False)
    products: Sequence[str] = field(repr=False)
    demand_id: Sequence[str] = field(repr=False)
    product: NDArray[np.int32] = field(repr=False)
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

    def behind(self, connection: Connection, codes: Sequence[str], row_of: Mapping[str, int], as_of: date) -> Dealings:
        """Dealings behind many demands at once, by the enterprise of each: the ``lines`` of every one, as arrays.

        Parameters
        ----------
        row_of
            Row of each product in the catalogue; lines of other products are left out.
        """
        kept = dealings.dealings_behind(connection, list(dict.fromkeys(codes)))
        ranges = np.array([self.rows_of.get(uscc, (0, 0)) for uscc in codes], dtype=np.intp).reshape(-1, 2)
        size = ranges[:, 1] - ranges[:, 0]
        demand = np.repeat(np.arange(len(codes)), size)
        row = np.arange(int(size.sum())) + np.repeat(ranges[:, 0] - np.cumsum(size) + size, size)
        said, shown, applied, decided = self._known_before(row, as_of)
        place = np.array([row_of.get(name, -1) for name in self.products] or [-1], dtype=np.intp)
        chosen = said & (place[self.product[row]] >= 0) & ~self._told_again(row, demand, codes, kept)
        demand, row = demand[chosen], row[chosen]
        logged = Dealings(
            known=np.ones(len(codes), dtype=bool),
            demand=demand,
            product=place[self.product[row]],
            shown=shown[chosen],
            applied=applied[chosen] | decided[chosen],
            approved=np.where(decided[chosen], self.approved[row].astype(np.float64), np.nan),
        )
        return _with(logged, codes, kept, row_of, as_of).ordered()

    def _known_before(self, row: NDArray[np.intp], as_of: date) -> tuple[NDArray[np.bool_], ...]:
        """Per row: whether it says anything before a day, and whether it was shown, applied for and decided by then."""
        today = np.datetime64(as_of, "D")
        shown, applied, decided = (days[row] < today for days in (self.shown_on, self.applied_on, self.decided_on))
        settled = shown & (self.shown_on[row] + np.timedelta64(SETTLED_DAYS, "D") < today)
        return applied | decided | settled, shown, applied, decided

    def _told_again(
        self,
        row: NDArray[np.intp],
        demand: NDArray[np.intp],
        codes: Sequence[str],
        kept: Mapping[str, Sequence[Dealing]],
    ) -> NDArray[np.bool_]:
        """Per row: whether the store keeps something of the same demand and product."""
        told = np.zeros(len(row), dtype=bool)
        keys = {uscc: {(each.demand_id, each.product_id) for each in own} for uscc, own in kept.items()}
        for at in np.flatnonzero(np.array([uscc in keys for uscc in codes], dtype=bool)[demand]).tolist():
            name = self.demand_id[row[at]], self.products[self.product[row[at]]]
            told[at] = name in keys[codes[demand[at]]]
        return told

    def files(self, connection: Connection, institution_of: Mapping[str, str], as_of: date) -> Files:
        """Every application known before a day, the log's and the store's, to institutions that can be named.

        Parameters
        ----------
        institution_of
            Institution of each product.
        """
        return self._files(dealings.files_of(connection), institution_of, as_of)

    def logged_files(self, institution_of: Mapping[str, str], as_of: date) -> Files:
        """Every application of the log known before a day, where nothing came after the log."""
        return self._files([], institution_of, as_of)

    def _files(self, kept: Sequence[Dealing], institution_of: Mapping[str, str], as_of: date) -> Files:
        known = {(each.demand_id, each.product_id) for each in kept}
        sent = np.flatnonzero(~np.isnat(self.applied_on)).tolist()
        logged = (self._logged(row) for row in sent)
        every = [*kept, *(each for each in logged if (each.demand_id, each.product_id) not in known)]
        return files_of([each for each in every if each.product_id in institution_of], institution_of, as_of)

    def _logged(self, row: int) -> Dealing:
        days = (self.shown_on[row].item(), self.applied_on[row].item(), self.decided_on[row].item())
        return Dealing(
            demand_id=self.demand_id[row],
            product_id=self.products[self.product[row]],
            shown_on=days[0],
            applied_on=days[1],
            decided_on=days[2],
            approved=bool(self.approved[row]) if days[2] is not None else None,
        )


def _with(
    logged: Dealings,
    codes: Sequence[str],
    kept: Mapping[str, Sequence[Dealing]],
    row_of: Mapping[str, int],
    as_of: date,
) -> Dealings:
    """The same with what the store keeps."""
    added = [
        (demand, row_of[each.product_id], line)
        for demand, uscc in enumerate(codes)
        for each in kept.get(uscc, ())
        if each.product_id in row_of and (line := as_known(each, as_of)) is not None
    ]
    lines = [line for _, _, line in added]
    approved = [np.nan if line.approved is None else float(line.approved) for line in lines]
    return Dealings(
        known=logged.known,
        demand=np.concatenate([logged.demand, np.array([demand for demand, _, _ in added], dtype=np.intp)]),
        product=np.concatenate([logged.product, np.array([product for _, product, _ in added], dtype=np.intp)]),
        shown=np.concatenate([logged.shown, np.array([line.shown for line in lines], dtype=bool)]),
        applied=np.concatenate([logged.applied, np.array([line.applied for line in lines], dtype=bool)]),
        approved=np.concatenate([logged.approved, np.array(approved, dtype=np.float64)]),
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


def files_of(every: Sequence[Dealing], institution_of: Mapping[str, str], as_of: date) -> Files:
    """The applications among dealings as known before a day: an approval makes a demand's other files needless."""
    sent = [each for each in every if each.applied_on is not None and each.applied_on < as_of]
    decided = [each.decided_on if each.decided_on is not None and each.decided_on < as_of else None for each in sent]
    needless: dict[str, date] = {}
    for each, day in zip(sent, decided, strict=True):
        if day is not None and each.approved:
            needless[each.demand_id] = min(day, needless.get(each.demand_id, day))
    applied, reviewed, ended = (
        np.array(days, dtype="datetime64[D]")
        for days in ([each.applied_on for each in sent], decided, [needless.get(each.demand_id) for each in sent])
    )
    return Files(
        institution_id=[institution_of[each.product_id] for each in sent],
        product_id=[each.product_id for each in sent],
        applied_on=applied,
        reviewed_on=reviewed,
        needless_on=ended,
    )


def open_dealings(directory: Path) -> DealingsBook:
    """The dealings of the log in a world's directory; none where it has no log."""
    paths = [directory / f"{name}.parquet" for name in ("demands", "exposures", "applications")]
    if not all(path.is_file() for path in paths):
        return _book(
            {}, [], pa.array([], pa.string()), *(np.zeros(0, dtype="datetime64[D]"),) * 3, np.zeros(0, dtype=bool)
        )
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
        shown["product_id"].combine_chunks(),
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
    product_id: pa.StringArray,
    shown_on: Days,
    applied_on: Days,
    decided_on: Days,
    approved: NDArray[np.bool_],
) -> DealingsBook:
    named = product_id.dictionary_encode()
    return DealingsBook(
        rows_of=rows_of,
        products=named.dictionary.to_pylist(),
        demand_id=demand_id,
        product=named.indices.to_numpy(),
        shown_on=shown_on,
        applied_on=applied_on,
        decided_on=decided_on,
        approved=approved,
    )
