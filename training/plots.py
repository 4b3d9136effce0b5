"""Pictures of a training run: calibration, reliability by segment, ranking by month, importance, drift.

Axes are in English. Every picture is a figure of its own canvas: nothing here touches a display or a global state.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from features.pair_columns import PAIR_NAMES
from matcher.ranker import APPLY_MODEL, APPROVE_MODEL, columns_read, read_manifest
from training import metrics
from training.dataset import History
from training.evaluate import HeldOut, segments
from training.gate import paired_interval
from training.monitor import PSI_ALARM, stability

BINS, MOST_IMPORTANT = 20, 25
APPLY_COLOUR, APPROVE_COLOUR, QUIET = "#1f6f8b", "#c8553d", "#9a9a9a"
TITLES = {"p": "P(apply | seen)", "q": "P(approve | reviewed)"}


def pictures(history: History, held_out: HeldOut, folder: Path) -> dict[str, Figure]:
    """Every picture of a run by its file name, for the held-out pairs and the bundle in ``folder``."""
    return {
        "calibration.png": calibration(held_out),
        "reliability_by_segment.png": reliability(held_out, segments(history, held_out)),
        "ndcg_by_month.png": ndcg_by_month(history, held_out),
        "importance.png": importance(folder),
        "drift.png": drift(history),
    }


def calibration(held_out: HeldOut) -> Figure:
    """What was said against what is true, in twenty bins of equal size, for both probabilities."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    for axes, which, colour in zip(figure.subplots(1, 2), "pq", (APPLY_COLOUR, APPROVE_COLOUR), strict=True):
        _reliability(axes, held_out, slice(None), which, colour)
        axes.set_title(TITLES[which])
    return figure


def reliability(held_out: HeldOut, parts: Mapping[str, NDArray[np.intp]]) -> Figure:
    """The same, one row of panels per probability and one column per segment."""
    figure = Figure(figsize=(3.0 * len(parts), 6.2), layout="constrained")
    grid = figure.subplots(2, len(parts), squeeze=False)
    for row, (which, colour) in enumerate((("p", APPLY_COLOUR), ("q", APPROVE_COLOUR))):
        for axes, (name, rows) in zip(grid[row], parts.items(), strict=True):
            _reliability(axes, held_out, rows, which, colour)
            axes.set_title(f"{TITLES[which]}\n{name}, {len(rows):,} pairs", fontsize=9)
    return figure


def ndcg_by_month(history: History, held_out: HeldOut) -> Figure:
    """NDCG@10 of each held-out month with its 95 % bootstrap interval over demands."""
    gain = held_out.true_p * held_out.true_q
    best = metrics.discounted_gain(held_out.demand, gain, gain)
    reached = metrics.discounted_gain(held_out.demand, held_out.said_p * held_out.said_q, gain)
    month = history.month[np.unique(held_out.demand)]
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    for place, each in enumerate(np.unique(month)):
        value = (reached / np.where(best > 0, best, 1.0))[(month == each) & (best > 0)]
        low, high = paired_interval(value)
        axes.plot([place, place], [low, high], color=APPLY_COLOUR, linewidth=3, alpha=0.4)
        axes.plot(place, value.mean(), "o", color=APPLY_COLOUR)
        axes.annotate(f"{value.mean():.4f}", (place, value.mean()), xytext=(8, 0), textcoords="offset points")
    axes.set_xticks(range(len(np.unique(month))), [history.first_day(int(m)).isoformat()[:7] for m in np.unique(month)])
    axes.margins(x=0.4)
    _plain(axes, "month of publication", "NDCG@10, oracle = 1")
    return figure


def importance(folder: Path) -> Figure:
    """Columns by the gain of their splits, share of all, for both models of a bundle."""
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    names = columns_read(read_manifest(folder))
    models = ((APPLY_MODEL, "p", APPLY_COLOUR), (APPROVE_MODEL, "q", APPROVE_COLOUR))
    for axes, (file, which, colour) in zip(figure.subplots(1, 2), models, strict=True):
        booster = lightgbm.Booster(model_str=(folder / file).read_text(encoding="utf-8"))
        gain = booster.feature_importance("gain")
        share = gain / max(float(gain.sum()), 1e-12)
        rows = np.argsort(share)[-MOST_IMPORTANT:]
        axes.barh([names[row] for row in rows], share[rows], color=colour)
        axes.tick_params(axis="y", labelsize=8)
        axes.set_title(TITLES[which])
        _plain(axes, "share of gain", "")
    return figure


def drift(history: History) -> Figure:
    """What moved: columns by their stability index between learned and held-out demands, and outcomes by month."""
    held_out = history.published_on >= np.datetime64(history.held_out_from)
    known = {name: values for name, values in history.profiles.items() if name in PAIR_NAMES and values.dtype != object}
    moved = {
        name: stability(values[~held_out].astype(float), values[held_out].astype(float))
        for name, values in known.items()
    }
    highest = sorted(moved, key=lambda name: moved[name])[-MOST_IMPORTANT:]
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.barh(highest, [moved[name] for name in highest], color=APPLY_COLOUR)
    left.axvline(PSI_ALARM, color=APPROVE_COLOUR, linewidth=1, linestyle="--")
    left.tick_params(axis="y", labelsize=8)
    _plain(left, "population stability index, held-out against learned months", "")
    made, shown = history.applications, history.exposures
    reviewed = made[made["approved"].notna()]
    for rows, outcome, colour, title in (
        (reviewed, reviewed["approved"].astype(float), APPROVE_COLOUR, "approved of reviewed"),
        (shown, shown["applied"].astype(float), APPLY_COLOUR, "applied for of shown"),
    ):
        by_month = outcome.groupby(history.month[rows["demand"].to_numpy()]).mean()
        names = [history.first_day(int(month)).isoformat()[:7] for month in by_month.index]
        right.plot(names, by_month.to_numpy(), "o-", color=colour, label=title)
    right.axvline(history.held_out_from.isoformat()[:7], color=QUIET, linewidth=1, linestyle="--")
    right.tick_params(axis="x", rotation=60)
    right.set_ylim(bottom=0)
    right.legend(frameon=False)
    _plain(right, "month of publication", "share")
    return figure


def _reliability(axes: Any, held_out: HeldOut, rows: NDArray[np.intp] | slice, which: str, colour: str) -> None:
    said, true = (held_out.said_p, held_out.true_p) if which == "p" else (held_out.said_q, held_out.true_q)
    said, true = said[rows], true[rows]
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), BINS) if len(part)]
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--")
    axes.plot([said[part].mean() for part in parts], [true[part].mean() for part in parts], "o-", color=colour, ms=4)
    _plain(axes, "said", "true")


def _plain(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
