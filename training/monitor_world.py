"""The monitor's two windows from a world: what the champion was trained on, and what was published since a day."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.pair_columns import PAIR_COLUMNS
from features.schema import PROFILE
from matcher.domain import Demand
from matcher.eligibility import Verdicts
from matcher.matching import Matcher
from matcher.policy import default_rulebook
from matcher.ranker import Ranker
from matcher.rating import RatingModel
from training.dataset import History, pair_matrix_of, read_demands, read_history
from training.evaluate import MICRO_TURNOVER_CNY
from training.monitor import MATURE_DAYS, Window
from training.trial import question_of

MOST_DEMANDS, MOST_JUDGED = 4_000, 300
"""Demands drawn evenly from a window that has more: for its lines, and for its refusals by rule."""
FAIL = 0


def windows(
    world: Path, ranker: Ranker, rating: RatingModel | None, since: date, *, progress: bool = False
) -> tuple[Window, Window]:
    """What was published while the model learned and before ``since``, and what since.

    Raises
    ------
    FileNotFoundError
        If the directory holds no world.
    """
    history = read_history(world, progress=progress)
    learned = date.fromisoformat(str(ranker.manifest["records_until"]))
    matcher = Matcher(history.catalog, ranker, rating, default_rulebook())
    reader = _Reader(history, matcher, read_demands(world), last_day_of(world))
    published = history.published_on
    until = min(learned, since - timedelta(days=1))
    before = np.nonzero(published <= np.datetime64(until))[0]
    after = np.nonzero(published >= np.datetime64(since))[0]
    first = published.min().item()
    return reader.window(before, first, until), reader.window(after, since, reader.last)


def last_day_of(world: Path) -> date:
    """Last day of which the log knows anything."""
    shown = pq.read_table(world / "exposures.parquet", columns=["shown_on"]).to_pandas()["shown_on"]
    made = pq.read_table(world / "applications.parquet", columns=["applied_on", "reviewed_on"]).to_pandas()
    days = [shown.max(), made["applied_on"].max(), made["reviewed_on"].dropna().max()]
    return max(day for day in days if isinstance(day, date))


def refused_by(verdicts: Verdicts) -> Counter[str]:
    """How many products each rule excludes for one demand."""
    rules = verdicts.catalog.rules
    failing = np.nonzero(verdicts.condition_verdicts[rules.check_condition] == FAIL)[0]
    codes = [check.rule.code for checks in rules.checks for check in checks]
    pairs = {(codes[check], int(rules.check_product[check])) for check in failing.tolist()}
    pairs |= {
        (extra.code, product) for extra in verdicts.extra for product in np.nonzero(extra.verdict == FAIL)[0].tolist()
    }
    return Counter(code for code, _ in pairs)


class _Reader:
    def __init__(self, history: History, matcher: Matcher, stated: Sequence[Demand], last: date) -> None:
        self._history, self._matcher, self._stated, self.last = history, matcher, stated, last

    def window(self, rows: NDArray[np.intp], first: date, last: date) -> Window:
        rows = _even(rows, MOST_DEMANDS)
        place = np.full(len(self._history.demand_ids), -1)
        place[rows] = np.arange(len(rows))
        lines = self._lines(place)
        refusals, judged = self._refusals(_even(rows, MOST_JUDGED))
        return Window(
            first=first.isoformat(),
            last=last.isoformat(),
            demands=self._demands(rows),
            lines=lines,
            reviews=self._reviews(place),
            capacity=self._capacity(rows, first, last),
            refusals=refusals,
            refusals_of=judged,
        )

    def _demands(self, rows: NDArray[np.intp]) -> pd.DataFrame:
        known = self._history.profiles
        numbers = {
            column.name: known[column.name][rows].astype(np.float64) for column in PROFILE if column.dtype != "string"
        }
        stated = {n: np.log1p(self._history.demands[n][rows]) for n in ("amount_cny", "term_months")}
        sales = np.fmin(numbers["sales_12m_cny"], numbers["taxed_sales_12m_cny"])
        return pd.DataFrame(
            numbers
            | stated
            | {
                "first_time": numbers["has_prior_loan"] == 0,
                "micro": sales < MICRO_TURNOVER_CNY,
                "district": known["division_code"][rows].astype(object),
            }
        )

    def _lines(self, place: NDArray[np.intp]) -> pd.DataFrame:
        """Shown lines; columns of product and pair are features, those of the demand stand with the demands."""
        history, ranker = self._history, self._matcher.ranker
        shown = history.exposures[place[history.exposures["demand"].to_numpy()] >= 0]
        owner = history.catalog.columns["institution_id"]
        if shown.empty:
            return pd.DataFrame(columns=["demand", "institution", "position", "p", "q", "seen", "known", "applied"])
        X = pair_matrix_of(history, ranker.effects, shown["demand"].to_numpy(), shown["product"].to_numpy())
        scores, looks = ranker.predict(X), np.array(ranker.manifest["examination"])
        position = shown["position"].to_numpy()
        old = shown["shown_on"].to_numpy().astype("datetime64[D]") <= np.datetime64(self.last - MATURE)
        features = {c.name: X[:, k] for k, c in enumerate(PAIR_COLUMNS) if c.side in {"product", "pair"}}
        return pd.DataFrame(
            {
                "demand": place[shown["demand"].to_numpy()],
                "institution": np.asarray(owner)[shown["product"].to_numpy()],
                "position": position,
                "p": scores.p_apply,
                "q": scores.p_approve,
                "seen": looks[np.minimum(position, len(looks)) - 1],
                "known": shown["at_risk"].to_numpy() & old,
                "applied": shown["applied"].to_numpy(),
            }
            | features
        )

    def _reviews(self, place: NDArray[np.intp]) -> pd.DataFrame:
        history, ranker = self._history, self._matcher.ranker
        made = history.applications
        made = made[(place[made["demand"].to_numpy()] >= 0) & made["approved"].notna().to_numpy()]
        if made.empty:
            return pd.DataFrame({"demand": np.zeros(0, int), "q": np.zeros(0), "approved": np.zeros(0)})
        X = pair_matrix_of(history, ranker.effects, made["demand"].to_numpy(), made["product"].to_numpy())
        return pd.DataFrame(
            {
                "demand": place[made["demand"].to_numpy()],
                "q": ranker.predict(X).p_approve,
                "approved": made["approved"].to_numpy(dtype=float),
            }
        )

    def _capacity(self, rows: NDArray[np.intp], first: date, last: date) -> dict[str, float]:
        """Reviews in the days of the window, scaled to the demands drawn of it."""
        published = self._history.published_on
        here = (published >= np.datetime64(first)) & (published <= np.datetime64(last))
        share = len(rows) / max(int(here.sum()), 1)
        months = ((last - first).days + 1) / 30.4375
        return {
            each.institution_id: share * months * each.reviews_per_month
            for each in self._history.catalog.institution_list
            if each.reviews_per_month is not None
        }

    def _refusals(self, rows: NDArray[np.intp]) -> tuple[dict[str, float], int]:
        count: Counter[str] = Counter()
        for row in rows.tolist():
            count += refused_by(self._matcher.judge(question_of(self._history, self._stated[row], row)))
        total = max(len(rows) * len(self._history.catalog), 1)
        return {code: number / total for code, number in count.items()}, len(rows)


MATURE = timedelta(days=MATURE_DAYS)


def _even(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    return rows if len(rows) <= most else rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]
