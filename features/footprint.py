"""What each institution has financed so far, as shares and ratios known before a day; never as raw counts.

A footprint is a set of *terms*, each a log ratio that says how much likelier an institution becomes once one more
thing is known of a demand:

- a **share** term, log P(institution | cell) - log P(institution | coarser cell), for places and for places crossed
  with industry, kind of enterprise or amount band. Shares are smoothed hierarchically (a Dirichlet prior centred on
  the coarser cell), so a thin cell says little and an unseen or unknown one says nothing;
- a **ratio** term, log P(cell | institution) - log P(cell), shrunk the same way: a naive-Bayes likelihood;
- a **distance** term: how usual the amount is for the institution, against how usual it is overall.

Their weighted sum, normalised over the candidate institutions, is the log posterior of the institution. With unit
weights on one chain of places and on the ratios it is smoothed popularity times naive Bayes.

An absent value is unknown and leaves its terms at zero: leaving a field empty can never identify an institution.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_TINY = 1e-12
_EVENED = 0.6
"""Power by which bunched events are discounted; 0 leaves them, 1 counts a bunch as one event."""


@dataclass(frozen=True, kw_only=True)
class Term:
    """One log ratio of a footprint.

    Parameters
    ----------
    name
        Identifier, unique within its plan.
    kind
        ``share`` (of the cell's events), ``ratio`` (of the institution's events) or ``distance`` (of a quantity).
    columns
        What defines a cell; for ``distance`` the one positive quantity, whose logarithm is compared.
    parent
        The coarser term of the same kind it is smoothed towards and measured against; empty at the top.
    given
        For a ratio: the columns held fixed on both sides, as ``("state",)`` for "among its loans of the state".
    evened
        Columns (``day`` among them) over which an institution's bunches are evened out before sharing: with ``day``
        a bank of a thousand loans on one day weighs less than one of a thousand loans on ten.
    strength
        Events the prior is worth.
    half_life
        Days after which an event counts half, as a multiple of the plan's: below 1 it tells the recent trend.
    weight
        Weight in the posterior before any is learned.
    """

    name: str
    kind: Literal["share", "ratio", "distance"]
    columns: tuple[str, ...]
    parent: str = ""
    given: tuple[str, ...] = ()
    evened: tuple[str, ...] = ()
    strength: float = 10.0
    half_life: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The terms of a footprint, parents before children, and the column within which institutions compete.

    ``region`` names the column whose value bounds the candidates: institutions with an event in that region; an
    unknown or never seen region has all institutions as candidates. Empty: one market. ``half_life`` is in days;
    ``strength`` multiplies that of every term.
    """

    terms: tuple[Term, ...]
    region: str = ""
    half_life: float = 1e9
    strength: float = 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that events and queries must have, ``institution`` and ``day`` aside."""
        names = {name: None for t in self.terms for name in (*t.columns, *t.given, *t.evened) if name != "day"}
        return tuple(names | ({self.region: None} if self.region else {}))

    @property
    def weights(self) -> Doubles:
        """Weights before any is learned, in the order of the terms."""
        return np.array([term.weight for term in self.terms])

    def weighted(self, weights: Mapping[str, float]) -> "Plan":
        """The same terms with other weights; a term not named gets 0."""
        return replace(self, terms=tuple(replace(t, weight=float(weights.get(t.name, 0.0))) for t in self.terms))


@dataclass(frozen=True, kw_only=True)
class Block:
    """Terms of some queries against one set of candidates, kept as tables of distinct cells.

    Parameters
    ----------
    rows
        Positions of the queries.
    candidates
        Indices into ``Footprint.institutions``.
    known_region
        False where the region was never seen, so that everyone is a candidate.
    tables
        One array (distinct cells, candidates) per term.
    lookup
        One array (queries,) per term: the row of its table.
    """

    rows: Indices
    candidates: Indices
    known_region: bool
    tables: tuple[Floats, ...]
    lookup: tuple[Indices, ...]

    def utility(self, weights: Doubles) -> Floats:
        """Weighted sum of the terms, (queries, candidates)."""
        total = np.zeros((len(self.rows), len(self.candidates)), dtype=np.float32)
        for table, lookup, weight in zip(self.tables, self.lookup, weights, strict=True):
            if weight != 0.0:
                total += (table * np.float32(weight))[lookup]
        return total

    def values(self) -> Floats:
        """All terms, (queries, candidates, terms)."""
        return np.stack([table[at] for table, at in zip(self.tables, self.lookup, strict=True)], axis=-1)

    def take(self, keep: npt.NDArray[np.bool_]) -> "Block":
        """The block of some of its queries, same candidates."""
        return replace(self, rows=self.rows[keep], lookup=tuple(at[keep] for at in self.lookup))


@dataclass(frozen=True)
class _Level:
    """Decayed events of every known cell of one term, and of the cells it is taken within."""

    cells: Indices
    counts: sparse.csr_array
    totals: Doubles
    given: sparse.csr_array
    given_totals: Doubles
    given_of: Indices


class Footprint:
    """Shares of what each institution financed before a day; made by :meth:`fit`."""

    def __init__(self, plan: Plan, institutions: pd.Index) -> None:
        self.plan = plan
        self.institutions = institutions
        self._vocabulary: dict[str, pd.Index] = {}
        self._levels: dict[str, _Level] = {}
        self._amounts: dict[str, tuple[Floats, Floats]] = {}
        self._regions: dict[int, Indices] = {}

    @classmethod
    def fit(
        cls, events: pd.DataFrame, as_of: date, plan: Plan, *, institutions: Sequence[str] | None = None
    ) -> "Footprint":
        """Footprints as known at the start of a day.

        Parameters
        ----------
        events
            One row per loan made: ``institution``, ``day`` and the plan's columns; null is unknown.
        as_of
            Only events of days strictly before it are read.
        institutions
            Those to know of, also without any event; everyone with an event where absent.

        Raises
        ------
        KeyError
            If a column of the plan is absent.
        """
        missing = [name for name in ("institution", "day", *plan.columns) if name not in events.columns]
        if missing:
            raise KeyError(f"events lack the columns {', '.join(missing)}: the plan reads {', '.join(plan.columns)}")
        day = events["day"].to_numpy(dtype="datetime64[D]")
        past = events[(day < np.datetime64(as_of)) & events["institution"].notna().to_numpy()]
        known = past["institution"].unique() if institutions is None else institutions
        self = cls(plan, pd.Index(sorted(known)))
        past = past[past["institution"].isin(self.institutions)]
        who = self.institutions.get_indexer(pd.Index(past["institution"])).astype(np.int64)
        age = (np.datetime64(as_of) - past["day"].to_numpy(dtype="datetime64[D]")).astype(np.int64)
        coded = self._learn_codes(past, age)
        for term in plan.terms:
            weight = np.exp2(-age / (plan.half_life * term.half_life)) * self._evenness(term, coded, who)
            if term.kind == "distance":
                width, strength = len(self.institutions), term.strength * plan.strength
                self._amounts[term.name] = _usual(past[term.columns[0]], who, weight, width, strength)
            else:
                self._levels[term.name] = self._level(term, coded, who, weight)
        if plan.region:
            pairs = np.unique(np.stack([coded[plan.region], who]), axis=1)
            self._regions = {int(r): pairs[1, pairs[0] == r] for r in np.unique(pairs[0]) if r >= 0}
        return self

    def blocks(self, queries: pd.DataFrame, size: int = 4096) -> Iterator[Block]:
        """Terms of every query, one region at a time, at most ``size`` queries a block."""
        coded = {
            n: v.get_indexer(pd.Index(queries[n])).astype(np.int64) for n, v in self._vocabulary.items() if n != "day"
        }
        everyone = np.arange(len(self.institutions))
        region = coded[self.plan.region] if self.plan.region else np.full(len(queries), -1)
        for code in np.unique(region):
            rows = np.flatnonzero(region == code)
            for start in range(0, len(rows), size):
                part = rows[start : start + size]
                yield self._block(queries.iloc[part], {n: c[part] for n, c in coded.items()}, part, int(code), everyone)

    def log_shares(self, queries: pd.DataFrame) -> Floats:
        """All terms against all institutions, (queries, institutions, terms); NaN where not a candidate."""
        shape = (len(queries), len(self.institutions), len(self.plan.terms))
        out = np.full(shape, np.nan, dtype=np.float32)
        for block in self.blocks(queries):
            out[np.ix_(block.rows, block.candidates)] = block.values()
        return out

    def posterior(self, queries: pd.DataFrame, weights: Doubles | None = None) -> Floats:
        """Log posterior of the institution, (queries, institutions); minus infinity where not a candidate.

        Parameters
        ----------
        weights
            One per term; the plan's own where absent.
        """
        chosen = self.plan.weights if weights is None else weights
        out = np.full((len(queries), len(self.institutions)), -np.inf, dtype=np.float32)
        for block in self.blocks(queries):
            out[np.ix_(block.rows, block.candidates)] = log_softmax(block.utility(chosen))
        return out

    def _learn_codes(self, past: pd.DataFrame, age: Indices) -> dict[str, Indices]:
        quantities = {t.columns[0] for t in self.plan.terms if t.kind == "distance"}
        coded = {"day": age}
        self._vocabulary["day"] = pd.RangeIndex(int(age.max(initial=0)) + 1)
        for name in self.plan.columns:
            if name not in quantities:
                codes, values = pd.factorize(past[name], sort=True)
                coded[name], self._vocabulary[name] = codes.astype(np.int64), pd.Index(values)
        return coded

    def _combine(self, coded: Mapping[str, Indices], columns: Sequence[str], n: int) -> Indices:
        cell = np.zeros(n, dtype=np.int64)
        unknown = np.zeros(n, dtype=bool)
        for name in columns:
            cell = cell * max(len(self._vocabulary[name]), 1) + coded[name]
            unknown |= coded[name] < 0
        return np.where(unknown, -1, cell)

    def _evenness(self, term: Term, coded: Mapping[str, Indices], who: Indices) -> Doubles:
        if not term.evened:
            return np.ones(len(who))
        within = tuple(dict.fromkeys((*term.evened, *([self.plan.region] if self.plan.region else []))))
        key = self._combine(coded, within, len(who)) * len(self.institutions) + who
        _, which, size = np.unique(key, return_inverse=True, return_counts=True)
        evened: Doubles = size[which].astype(float) ** -_EVENED
        return evened

    def _level(self, term: Term, coded: Mapping[str, Indices], who: Indices, weight: Doubles) -> _Level:
        cell = self._combine(coded, term.columns, len(who))
        known = cell >= 0
        weight, who = weight[known], who[known]
        cells, inverse = np.unique(cell[known], return_inverse=True)
        outer, outer_of = np.unique(self._combine(coded, term.given, len(cell))[known], return_inverse=True)
        given_of = np.zeros(len(cells), dtype=np.int64)
        given_of[inverse] = outer_of
        counts, given = (
            sparse.csr_array((weight, (at, who)), shape=(n, len(self.institutions)))
            for at, n in ((inverse, len(cells)), (outer_of, len(outer)))
        )
        return _Level(cells, counts, _row_sums(counts), given, _row_sums(given), given_of)

    def _block(
        self, queries: pd.DataFrame, here: Mapping[str, Indices], rows: Indices, region: int, everyone: Indices
    ) -> Block:
        candidates = self._regions.get(region, everyone)
        flat = 1.0 / max(len(candidates), 1)
        estimates: dict[str, tuple[Doubles, Indices]] = {}
        tables: list[Floats] = []
        lookups: list[Indices] = []
        for term in self.plan.terms:
            if term.kind == "distance":
                values, lookup = np.unique(queries[term.columns[0]].to_numpy(dtype=float), return_inverse=True)
                table = _distance(values, *self._amounts[term.name], candidates)
            else:
                top = np.full((1, len(candidates)), flat if term.kind == "share" else 1.0)
                parent, parent_at = estimates.get(term.parent, (top, np.zeros(len(rows), dtype=np.int64)))
                level = self._levels[term.name]
                cell = _find(level.cells, self._combine(here, term.columns, len(rows)))
                both, lookup = np.unique(np.stack([cell, parent_at]), axis=1, return_inverse=True)
                above = parent[both[1]]
                smoothed = _shares if term.kind == "share" else _ratios
                estimate = smoothed(level, both[0], candidates, above, term.strength * self.plan.strength)
                estimates[term.name] = (estimate, lookup)
                table = np.log(estimate) - np.log(above)
            tables.append(table.astype(np.float32))
            lookups.append(lookup)
        known = not self.plan.region or region in self._regions
        return Block(rows=rows, candidates=candidates, known_region=known, tables=tuple(tables), lookup=tuple(lookups))


def log_softmax(utility: Floats) -> Floats:
    """Logarithm of the shares proportional to exp(utility), along the last axis."""
    shifted = utility - utility.max(axis=-1, keepdims=True)
    normalised: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def _row_sums(counts: sparse.csr_array) -> Doubles:
    return np.asarray(counts.sum(axis=1), dtype=float).ravel()


def _find(cells: Indices, wanted: Indices) -> Indices:
    if not len(cells):
        return np.full(len(wanted), -1)
    at = np.minimum(np.searchsorted(cells, wanted), len(cells) - 1)
    return np.where(cells[at] == wanted, at, -1)


def _dense(counts: sparse.csr_array, at: Indices, candidates: Indices) -> Doubles:
    out = np.zeros((len(at), len(candidates)))
    known = np.flatnonzero(at >= 0)
    if len(known):
        out[known] = counts[at[known]].toarray()[:, candidates]
    return out


def _shares(level: _Level, at: Indices, candidates: Indices, above: Doubles, strength: float) -> Doubles:
    seen = _dense(level.counts, at, candidates)
    share: Doubles = (seen + strength * above) / (seen.sum(axis=1, keepdims=True) + strength)
    return share


def _ratios(level: _Level, at: Indices, candidates: Indices, above: Doubles, strength: float) -> Doubles:
    out = above.copy()
    known = np.flatnonzero(at >= 0)
    if len(known):
        cell, outer = at[known], level.given_of[at[known]]
        usual = np.maximum(level.totals[cell] / np.maximum(level.given_totals[outer], _TINY), _TINY)[:, None]
        seen, whole = _dense(level.counts, cell, candidates), _dense(level.given, outer, candidates)
        out[known] = (seen / usual + strength * above[known]) / (whole + strength)
    return out


def _usual(amount: pd.Series, who: Indices, weight: Doubles, width: int, strength: float) -> tuple[Floats, Floats]:
    """Shrunk mean and variance of the log amount per institution, the overall ones last."""
    value = np.log(amount.to_numpy(dtype=float))
    known = np.isfinite(value)
    value, who, weight = value[known], who[known], weight[known]
    total = max(float(weight.sum()), _TINY)
    mean = float(weight @ value) / total
    variance = float(weight @ (value - mean) ** 2) / total + 1e-3
    mass = np.bincount(who, weight, width)
    centre = (np.bincount(who, weight * value, width) + strength * mean) / (mass + strength)
    around = np.bincount(who, weight * (value - centre[who]) ** 2, width)
    spread = (around + strength * variance) / (mass + strength)
    return np.append(centre, mean).astype(np.float32), np.append(spread, variance).astype(np.float32)


def _distance(values: Doubles, mean: Floats, spread: Floats, candidates: Indices) -> Doubles:
    value = np.log(values)[:, None]
    fit = -0.5 * ((value - mean) ** 2 / spread + np.log(spread))
    against = fit[:, candidates] - fit[:, [-1]]
    return np.where(np.isfinite(against), against, 0.0)
