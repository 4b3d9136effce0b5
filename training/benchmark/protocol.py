"""One run of a lending benchmark: fit on the past, rank every candidate for every later loan, compare, write."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from features.footprint import Block, Doubles, Floats, Footprint, log_softmax
from training.benchmark.baselines import (
    NAIVE_BAYES,
    Scorer,
    boosted_ranker,
    factorisation,
    recent_plan,
    scorers_by_plan,
)
from training.benchmark.metrics import CUT, Gain, discounted_gain, macro, means, paired_gains
from training.benchmark.model import Learned, Tick, label_windows, learn, score_all
from training.datasets.us_loans import DataShapeError, Lending

MODEL = "footprint"
DEPTH = 50
_TAIL = 0.8


@dataclass(frozen=True, kw_only=True)
class Days:
    """The newest labels' features know only days before the first; test loans lie after the second, to the third."""

    features_before: date
    labels_until: date
    test_until: date


@dataclass(frozen=True, kw_only=True)
class Report:
    """Figures of one run, as written to the json."""

    figures: Mapping[str, Any]

    def table(self) -> Table:
        """One line per model; the last columns are the footprint model's gain over that line."""
        title = "{dataset}: {scored} loans scored, {test} predicted".format(**self.figures, **self.figures["loans"])
        table = Table(
            "model", "Hit@10", "NDCG@10", "MRR", "NDCG@10 by state", "gain, 95 %", "by state, 95 %", title=title
        )
        for name, found in self.figures["models"].items():
            gains = self.figures["gain_over"].get(name, {})
            table.add_row(
                name,
                *(f"{found[key]:.4f}" for key in ("hit_rate_10", "ndcg_10", "mrr")),
                f"{found['macro']['ndcg_10']:.4f}",
                *(_interval(gains.get(key)) for key in ("ndcg_10", "macro_ndcg_10")),
            )
        return table


def measure(
    lending: Lending, days: Days, *, predictions: Path | None = None, json_out: Path | None = None, quiet: bool = False
) -> Report:
    """Fit, rank, compare; see :func:`training.benchmark.run`.

    Raises
    ------
    DataShapeError
        If no loan up to ``labels_until`` has a lender.
    """
    loans = lending.loans
    test = _test_loans(loans, days)
    past = loans[(loans["day"] <= pd.Timestamp(days.labels_until)) & loans["institution"].notna()]
    if not len(past):
        raise DataShapeError(f"no loan up to {days.labels_until} has a lender: there is nothing to learn from")
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), disable=quiet
    )
    with bar if not quiet else nullcontext():
        task = bar.add_task("reading the windows", total=2 * len(lending.half_lives) + 6)

        def tick(text: str) -> None:
            bar.update(task, description=text, advance=1)

        learned = learn(lending, label_windows(past, days.features_before, days.labels_until), tick)
        top = _Top(test)
        ranks = _rank(lending, learned, days, test, top, tick)
        tick("comparing")
        report = Report(figures=_figures(lending, learned, days, past, test, ranks, top))
        bar.update(task, completed=2 * len(lending.half_lives) + 6, description="done")
    if predictions is not None:
        top.frame().to_parquet(predictions, index=False)
    if json_out is not None:
        json_out.write_text(json.dumps(_plain(report.figures), indent=2, ensure_ascii=False) + "\n")
    return report


class _Top:
    """The first lenders of every test loan, filled block by block."""

    def __init__(self, test: pd.DataFrame) -> None:
        self.test = test
        self.lender = np.full((len(test), DEPTH), None, dtype=object)
        self.score = np.full((len(test), DEPTH), np.nan)

    def recording(self, scorer: Scorer, institutions: pd.Index) -> Scorer:
        """The scorer, noting what it puts first; ties go in the order of the names."""
        names = institutions.to_numpy(dtype=object)

        def score(block: Block) -> Floats:
            found = scorer(block)
            best = np.argsort(-found, axis=1, kind="stable")[:, :DEPTH]
            width = best.shape[1]
            self.lender[block.rows, :width] = names[block.candidates[best]]
            self.score[block.rows, :width] = np.take_along_axis(log_softmax(found), best, axis=1)
            return found

        return score

    def frame(self) -> pd.DataFrame:
        """``loan_id``, ``rank`` from 1, ``lender``, ``score`` (log posterior)."""
        n = len(self.test)
        frame = pd.DataFrame(
            {
                "loan_id": np.repeat(self.test["loan_id"].to_numpy(), DEPTH),
                "rank": np.tile(np.arange(1, DEPTH + 1), n),
                "lender": self.lender.ravel(),
                "score": self.score.ravel(),
            }
        )
        return frame[frame["lender"].notna()].reset_index(drop=True)


def _test_loans(loans: pd.DataFrame, days: Days) -> pd.DataFrame:
    day = loans["day"]
    inside = (day > pd.Timestamp(days.labels_until)) & (day <= pd.Timestamp(days.test_until))
    return loans[inside].reset_index(drop=True)


def _rank(
    lending: Lending, learned: Learned, days: Days, test: pd.DataFrame, top: _Top, tick: Tick
) -> dict[str, Doubles]:
    split = days.labels_until + timedelta(days=1)
    model = learned.model
    footprint = Footprint.fit(lending.loans, split, model.plan)
    naive = model.plan.weights
    scorers: dict[str, Scorer] = {MODEL: top.recording(model.score, footprint.institutions)}
    scorers["decayed_naive_bayes"] = lambda block: block.utility(naive)
    tick("boosted ranker")
    ranker = boosted_ranker(learned.samples, naive)
    if ranker is not None:
        scorers["catboost_ranker"] = ranker
    tick("factorisation")
    scorers["implicit_als"] = factorisation(footprint, lending.loans, split, test)
    tick("ranking the test loans")
    ranks = score_all(footprint, test, scorers)
    recent = recent_plan(lending.popularity, lending.recent_days)
    for plan, simple in scorers_by_plan(lending.popularity, recent).values():
        ranks |= score_all(Footprint.fit(lending.loans, split, plan), test, simple)
    return ranks


def _figures(
    lending: Lending,
    learned: Learned,
    days: Days,
    past: pd.DataFrame,
    test: pd.DataFrame,
    ranks: Mapping[str, Doubles],
    top: _Top,
) -> dict[str, Any]:
    known = test["institution"].notna().to_numpy()
    state = test["state"].astype("string").fillna("?").to_numpy(dtype=object)[known]
    scored = {name: rank[known] for name, rank in ranks.items()}
    tail = _is_tail(past, test)[known]
    gain = {name: discounted_gain(rank) for name, rank in scored.items()}
    model = learned.model
    chosen = {"half_life_days": model.plan.half_life, "naive_bayes_share": model.pool, "residual_share": model.residual}
    return {
        "dataset": lending.name,
        "days": {name: day.isoformat() for name, day in asdict(days).items()},
        "loans": {
            "test": len(test),
            "scored": int(known.sum()),
            "sealed": int((~known).sum()),
            "lender_is_a_candidate": float(np.isfinite(scored[MODEL]).mean()) if known.any() else 0.0,
        },
        "chosen": chosen,
        "weights": {t.name: float(w) for t, w in zip(model.plan.terms, model.weights, strict=True)},
        "trials": [{**asdict(t), "judged_from": t.judged_from.isoformat()} for t in learned.trials],
        "coverage": _coverage(past, top),
        "models": {n: asdict(means(r)) | _segments(r, state, tail) for n, r in scored.items()},
        "gain_over": {
            name: {key: asdict(value) for key, value in found.items()}
            for name, found in (paired_gains(gain, MODEL, state) if known.any() else {}).items()
        },
        "states": {
            s: {"loans": int((state == s).sum())} | {n: float(gain[n][state == s].mean()) for n in (MODEL, NAIVE_BAYES)}
            for s in sorted(set(state))
        },
    }


def _segments(rank: Doubles, state: npt.NDArray[np.object_], tail: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {"macro": asdict(macro(rank, state)), "tail": {**asdict(means(rank[tail])), "loans": int(tail.sum())}}


def _is_tail(past: pd.DataFrame, test: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether the true lender is none of the largest that together made four fifths of the state's past loans."""
    counts = past.groupby(["state", "institution"]).size().sort_values(ascending=False)
    reached = counts.groupby(level="state").cumsum() - counts
    large = reached < _TAIL * counts.groupby(level="state").sum().reindex(reached.index.get_level_values(0)).to_numpy()
    pairs = pd.MultiIndex.from_frame(test[["state", "institution"]])
    return ~pairs.isin(large[large].index)


def _coverage(past: pd.DataFrame, top: _Top) -> float:
    """Share of the lenders with a past loan that are among the first ten of at least one test loan."""
    shown = {name for name in np.unique(top.lender[:, :CUT].astype(str)) if name != "None"}
    return len(shown) / max(past["institution"].nunique(), 1)


def _interval(gain: Mapping[str, float] | None) -> str:
    if gain is None or math.isnan(gain["relative"]):
        return ""
    shown: Callable[[float], str] = lambda value: f"{100 * value:+.1f}"  # noqa: E731 - one format, three values
    return f"{shown(gain['relative'])} % ({shown(gain['low'])} … {shown(gain['high'])})"


def _plain(value: Any) -> Any:
    """NaN and infinities become null: JSON has neither."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Gain):
        return _plain(asdict(value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
