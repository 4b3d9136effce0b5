"""Tries a challenger beside the champion on a world's held-out months: what the gates are shown.

Ranking and calibration are measured against the true chances of a simulated world; eligibility, replay and time on
whole answers of the matcher, as a request gets them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from features.pair_columns import schema_hash
from features.schema import PROFILE
from matcher.domain import Demand, Verdict
from matcher.matching import Matcher, Question, Recommendation
from matcher.policy import default_rulebook
from matcher.ranker import Ranker, columns_read
from matcher.rating import RatingModel
from training import metrics
from training.dataset import History, read_demands
from training.dealings import lines_of
from training.evaluate import MICRO_TURNOVER_CNY, HeldOut, against_truth, held_out_pairs, segments
from training.gate import SegmentQuality, Trial

Floats = NDArray[np.float64]
ANSWERS = 40
"""Held-out demands answered whole, spread evenly over the months."""


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """Whole answers: how many there are, how many differ or break a rule, and the median time of each ranker."""

    count: int
    differing: int
    violations: int
    challenger_ms: float
    champion_ms: float


def measure(
    history: History, world: Path, challenger: Path, champion: Path, rating: Path | None, *, answers: int = ANSWERS
) -> Trial:
    """Everything the gates ask, for two bundle folders.

    Parameters
    ----------
    rating
        Folder of the rating in service, ``None`` where there is none.
    answers
        Demands answered whole by each ranker.

    Raises
    ------
    BundleError
        If a bundle must not serve.
    """
    new, old = Ranker.load(challenger), Ranker.load(champion)
    asked = held_out_pairs(history, world, new)
    errors = _calibration(history, asked)
    before = held_out_pairs(history, world, old)
    ranking, parts = _quality(history, asked, before)
    model = None if rating is None else RatingModel.load(rating)
    given = _answer(
        _questions(history, world, answers),
        *(Matcher(history.catalog, each, model, default_rulebook()) for each in (new, Ranker.load(challenger), old)),
    )
    return Trial(
        ranking=ranking,
        segments=parts,
        calibration=errors,
        violations=given.violations,
        answers=given.count,
        differing=given.differing,
        challenger_ms=given.challenger_ms,
        champion_ms=given.champion_ms,
        learned_until=str(new.manifest["records_until"]),
        held_out_from=history.held_out_from.isoformat(),
        challenger_schema=str(new.manifest["schema_hash"]),
        required_schema=schema_hash(columns_read(new.manifest)),
    )


def question_of(history: History, demand: Demand, row: int) -> Question:
    """A demand of the history, asked on the day it was published."""
    return Question(
        demand=demand,
        as_of=history.published_on[row].item(),
        profile=_profile(history.profiles, row),
        dealings=lines_of(history.dealings, row, history.catalog.columns["product_id"]),
    )


def _calibration(history: History, asked: HeldOut) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {"p_apply": {}, "p_approve": {}}
    for name, rows in segments(history, asked).items():
        for which, key in (("p_apply", "p"), ("p_approve", "q")):
            measured = against_truth(asked, rows, key)
            if "ece" in measured:
                found[which][name] = measured["ece"]
    return found


def _quality(history: History, asked: HeldOut, before: HeldOut) -> tuple[SegmentQuality, dict[str, SegmentQuality]]:
    gain = asked.true_p * asked.true_q
    best = metrics.discounted_gain(asked.demand, gain, gain)
    some = best > 0
    scores = tuple(each.said_p * each.said_q for each in (asked, before))
    new, old = (metrics.discounted_gain(asked.demand, score, gain)[some] / best[some] for score in scores)
    small = _small_institutions(history)[asked.product]
    reached = tuple(_gain_reaching(asked.demand, score, gain, small)[some] / best[some] for score in scores)
    demands = np.unique(asked.demand)[some]
    parts = {
        name: SegmentQuality(challenger=new[rows], champion=old[rows])
        for name, rows in _demand_segments(history, demands).items()
    }
    parts["small_institutions"] = SegmentQuality(challenger=reached[0], champion=reached[1])
    return SegmentQuality(challenger=new, champion=old), parts


def _gain_reaching(demand: NDArray[np.intp], score: Floats, gain: Floats, chosen: NDArray[np.bool_]) -> Floats:
    """Discounted gain of the first ten that falls on the chosen pairs."""
    return metrics.discounted_gain(demand, score, np.where(chosen, gain, 0.0))


def _small_institutions(history: History) -> NDArray[np.bool_]:
    owners = (history.catalog.institutions[product.institution_id] for product in history.catalog.products)
    return np.array([owner.is_small for owner in owners], dtype=bool)


def _demand_segments(history: History, demands: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    known = {name: values[demands] for name, values in history.profiles.items()}
    divisions = known["division_code"]
    found = {
        "first_time_borrowers": known["has_prior_loan"] == 0,
        "micro": np.fmin(known["sales_12m_cny"], known["taxed_sales_12m_cny"]) < MICRO_TURNOVER_CNY,
    }
    for code in sorted({str(code) for code in divisions if code is not None}):
        found[f"district:{code}"] = divisions == code
    return found


def _questions(history: History, world: Path, count: int) -> tuple[Question, ...]:
    held_out = np.nonzero(history.published_on >= np.datetime64(history.held_out_from))[0]
    chosen = held_out[np.unique(np.linspace(0, len(held_out) - 1, min(count, len(held_out))).astype(int))]
    demands = read_demands(world)
    return tuple(question_of(history, demands[row], row) for row in chosen.tolist())


def _profile(profiles: Mapping[str, NDArray[np.generic]], row: int) -> dict[str, float | str | None]:
    known: dict[str, float | str | None] = {}
    for column in PROFILE:
        value = profiles[column.name][row]
        missing = value is None or value != value  # NaN alone differs from itself
        known[column.name] = None if missing else str(value) if column.dtype == "string" else float(value)
    return known


def _answer(questions: tuple[Question, ...], challenger: Matcher, again: Matcher, champion: Matcher) -> _Answers:
    new_ms, old_ms, differing, violations = [], [], 0, 0
    for question in questions:
        before = again.recommend(question)  # also warms what both timed answers share
        old_ms.append(_timed(champion, question)[1] * 1e3)
        first, seconds = _timed(challenger, question)
        new_ms.append(seconds * 1e3)
        differing += _digest(first) != _digest(before)
        verdicts = challenger.judge(question)
        violations += sum(
            item.verdict is Verdict.FAIL or verdicts.verdict[item.product_index] == 0 for item in first.items
        )
    return _Answers(
        count=len(questions),
        differing=differing,
        violations=violations,
        challenger_ms=float(np.median(new_ms)),
        champion_ms=float(np.median(old_ms)),
    )


def _timed(matcher: Matcher, question: Question) -> tuple[Recommendation, float]:
    since = perf_counter()
    return matcher.recommend(question), perf_counter() - since


def _digest(answer: Recommendation) -> str:
    return sha256(repr(answer).encode()).hexdigest()
