"""Pictures of the monitor's page, as SVG text. Labels are in English: no machine needs a Chinese font to draw them."""

from collections.abc import Sequence
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from training.monitor import (
    OVER_CAPACITY,
    PSI_ALARM,
    PSI_WATCH,
    Finding,
    Window,
    expected_applications,
    institution_loads,
)

NOW, BEFORE, WARN, QUIET = "#1f6f8b", "#9a9a9a", "#b0302a", "#c9c9c9"
COLOURS = {"fine": NOW, "watch": "#d98e2b", "alarm": WARN, "too_few": QUIET}
MOST, BINS = 22, 8


def pictures(reference: Window, since: Window, found: Sequence[Finding]) -> dict[str, Figure]:
    """Every picture for which there is something to draw, by the group it belongs to."""
    made: dict[str, Figure] = {}
    drift = [each for each in found if each.group == "drift" and each.value is not None]
    if drift:
        made["drift"] = _drift(reference, since, drift)
    if len(since.reviews) or len(since.lines):
        made["calibration"] = _calibration(since)
    if since.capacity and len(since.lines):
        made["exposure"] = _exposure(since)
    segments = [each for each in found if each.group == "segment" and each.value is not None]
    if segments:
        made["segment"] = _compared(segments, "lists' worth beside all demands' (v·p·q per demand)", 1.0)
    refusals = [each for each in found if each.group == "refusals" and each.value is not None]
    if refusals:
        made["refusals"] = _compared(refusals[:MOST], "share of products a rule excludes", None)
    return made


def svg(figure: Figure) -> str:
    """A picture as SVG text to be put into a page."""
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]


def _drift(reference: Window, since: Window, drift: Sequence[Finding]) -> Figure:
    shown = sorted(drift, key=lambda each: each.value or 0.0)[-MOST:]
    figure = Figure(figsize=(11, 6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    left.barh([each.name for each in shown], [each.value or 0.0 for each in shown], color=[_colour(e) for e in shown])
    for bound, colour in ((PSI_WATCH, COLOURS["watch"]), (PSI_ALARM, WARN)):
        left.axvline(bound, color=colour, linewidth=1, linestyle="--")
    left.tick_params(axis="y", labelsize=8)
    left.set_title("population stability index, highest first")
    for window, colour, name in ((reference, BEFORE, "reference"), (since, NOW, "since")):
        score = (window.lines["p"] * window.lines["q"]).to_numpy(float)
        right.hist(score, bins=40, density=True, histtype="step", color=colour, linewidth=2, label=name)
    right.set_title("score p·q of lines shown")
    right.legend(frameon=False)
    return _plain(figure)


def _calibration(since: Window) -> Figure:
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    said, made = expected_applications(since.lines)
    _reliability(left, said, made, "applications: v·p said, made")
    _reliability(
        right,
        since.reviews["q"].to_numpy(float),
        since.reviews["approved"].to_numpy(float),
        "approvals of reviewed files: q said, approved",
    )
    return _plain(figure)


def _reliability(axes: Any, said: Any, happened: Any, title: str) -> None:
    axes.set_title(f"{title}\n{len(said):,} matured outcomes", fontsize=10)
    top = max(float(said.max()), 0.1) if len(said) else 1.0
    axes.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--")
    if len(said) < 10 * BINS:
        axes.annotate("too few to draw", (0.5, 0.5), xycoords="axes fraction", ha="center")
        return
    for part in np.array_split(np.argsort(said, kind="stable"), BINS):
        rate = float(happened[part].mean())
        half = 1.96 * (max(rate * (1 - rate), 1e-4) / len(part)) ** 0.5
        axes.errorbar(float(said[part].mean()), rate, yerr=half, fmt="o", color=NOW, capsize=2)


def _exposure(since: Window) -> Figure:
    views, files = institution_loads(since)
    names = sorted(since.capacity, key=lambda name: files.get(name, 0.0) / max(since.capacity[name], 1e-9))
    load = [files.get(name, 0.0) / max(since.capacity[name], 1e-9) for name in names]
    total, room = max(sum(views.values()), 1e-9), max(sum(since.capacity.values()), 1e-9)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(range(len(names)), load, color=[WARN if each > OVER_CAPACITY else NOW for each in load])
    left.axhline(1.0, color=BEFORE, linewidth=1)
    left.axhline(OVER_CAPACITY, color=WARN, linewidth=1, linestyle="--")
    left.set_title("applications for each review an institution can do")
    left.set_xticks([])
    shares = pd.DataFrame({"room": since.capacity, "seen": {name: views.get(name, 0.0) for name in since.capacity}})
    right.scatter(shares["room"] / room, shares["seen"] / total, color=NOW, alpha=0.7)
    top = float(max((shares["room"] / room).max(), (shares["seen"] / total).max()))
    right.plot([0, top], [0, top], color=QUIET, linewidth=1, linestyle="--")
    right.set_title("share of looks (up) against share of reviews (across)")
    return _plain(figure)


def _compared(found: Sequence[Finding], title: str, even: float | None) -> Figure:
    shown = list(found)[::-1]
    figure = Figure(figsize=(9, 0.28 * len(shown) + 1.4), layout="constrained")
    axes = figure.subplots()
    for place, each in enumerate(shown):
        before, now = each.reference or 0.0, each.value or 0.0
        axes.plot([before, now], [place, place], color=QUIET, linewidth=2, zorder=1)
        axes.scatter(before, place, color=BEFORE, zorder=2, s=28)
        axes.scatter(now, place, color=_colour(each), zorder=3, s=36)
    if even is not None:
        axes.axvline(even, color=QUIET, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(shown)), [each.name for each in shown], fontsize=8)
    axes.set_title(f"{title}: grey before, colour since")
    return _plain(figure)


def _colour(finding: Finding) -> str:
    return COLOURS[finding.state]


def _plain(figure: Figure) -> Figure:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    return figure
