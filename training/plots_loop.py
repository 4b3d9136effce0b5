"""The picture of a closed loop: retrained against frozen, month by month. Labels are in English."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

RETRAINED, FROZEN, QUIET, WARN = "#1f6f8b", "#c8553d", "#9a9a9a", "#b0302a"


def loop_picture(found: Mapping[str, Any]) -> Figure:
    """Four panels over the months: enterprises funded and their running difference, ranking, calibration.

    Parameters
    ----------
    found
        As ``training.loop_report.report``.
    """
    months = found["months"]
    names = [month["first_day"][:7] for month in months]
    figure = Figure(figsize=(11.5, 8.2), layout="constrained")
    settings = found["settings"]
    figure.suptitle(
        "What retraining pays: the same city served by a retrained champion and by its first model\n"
        f"simulated world “{settings['world']}”, {settings['enterprises']:,} enterprises, "
        f"{settings['institutions']} institutions, {settings['products']} products, seed {settings['seed']}",
        fontsize=12,
    )
    grid = figure.subplots(2, 2)
    _funded(grid[0][0], months)
    _running(grid[0][1], months)
    _ranking(grid[1][0], months)
    _calibration(grid[1][1], months)
    for axes in grid.flat:
        if axes is not grid[0][0]:
            _break(axes, names, found["settings"])
        axes.set_xticks(range(len(months)), names, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", alpha=0.25)
    return figure


def _break(axes: Any, names: list[str], settings: Mapping[str, Any]) -> None:
    """The month in which the world redraws its appetites."""
    month = settings.get("break_in")
    if month in names:
        axes.axvline(names.index(month) - 0.5, color=WARN, linewidth=1, linestyle=":")
        axes.annotate(
            "appetites redrawn",
            (names.index(month) - 0.48, 0.02),
            xycoords=("data", "axes fraction"),
            fontsize=8,
            color=WARN,
        )


def _funded(axes: Any, months: list[Mapping[str, Any]]) -> None:
    for shift, side, colour in ((-0.19, "retrained", RETRAINED), (0.19, "frozen", FROZEN)):
        heights = [month["funded"][side] for month in months]
        axes.bar([place + shift for place in range(len(months))], heights, 0.36, color=colour, label=side)
    top = max(month["funded"][side] for month in months for side in ("retrained", "frozen"))
    for place, month in enumerate(months):
        axes.annotate(
            f"{month['funded']['difference']:+.0f}",
            (place, max(month["funded"]["retrained"], month["funded"]["frozen"]) + 0.02 * top),
            ha="center",
            fontsize=9,
        )
    _gates(axes, months, top)
    axes.set_ylim(0, 1.3 * top)
    axes.set_title("distinct enterprises funded, by month of the demand", fontsize=11)
    axes.legend(frameon=False, loc="upper right", fontsize=9, ncols=2)


def _gates(axes: Any, months: list[Mapping[str, Any]], top: float) -> None:
    """What the gate said before each month, above its bars."""
    for place, month in enumerate(months):
        gate = month["gate"]
        text, colour = ("launch", QUIET) if gate is None else ("promoted", RETRAINED)
        if gate is not None and not gate["passed"]:
            text, colour = "refused", WARN
        axes.annotate(text, (place, 1.12 * top), ha="center", fontsize=8, color=colour)


def _running(axes: Any, months: list[Mapping[str, Any]]) -> None:
    """Differences added up; the band adds variances, months being drawn apart."""
    total, variance = 0.0, 0.0
    middle, low, high = [], [], []
    for month in months:
        funded = month["funded"]
        total += funded["difference"]
        variance += ((funded["high"] - funded["low"]) / 3.92) ** 2
        middle.append(total)
        low.append(total - 1.96 * variance**0.5)
        high.append(total + 1.96 * variance**0.5)
    places = range(len(months))
    axes.axhline(0, color=QUIET, linewidth=1)
    axes.fill_between(places, low, high, color=RETRAINED, alpha=0.18, linewidth=0)
    axes.plot(places, middle, "o-", color=RETRAINED, linewidth=2)
    axes.annotate(f"{middle[-1]:+.0f}", (len(months) - 1, middle[-1]), xytext=(6, 4), textcoords="offset points")
    axes.set_title("enterprises funded more through retraining, running total, 95 %", fontsize=11)


def _ranking(axes: Any, months: list[Mapping[str, Any]]) -> None:
    for side, colour in (("retrained", RETRAINED), ("frozen", FROZEN)):
        axes.plot([month["ndcg_at_10"][side] for month in months], "o-", color=colour, linewidth=2, label=side)
    middle = [month["ndcg_at_10"]["frozen"] for month in months]
    low = [base + month["ndcg_at_10"]["low"] for base, month in zip(middle, months, strict=True)]
    high = [base + month["ndcg_at_10"]["high"] for base, month in zip(middle, months, strict=True)]
    axes.fill_between(range(len(months)), low, high, color=RETRAINED, alpha=0.18, linewidth=0)
    axes.set_title("NDCG@10 on demands not served yet, oracle = 1", fontsize=11)
    axes.legend(frameon=False, fontsize=9)


def _calibration(axes: Any, months: list[Mapping[str, Any]]) -> None:
    for which, style, title in (("q", "o-", "P(approve | reviewed)"), ("p", "s:", "P(apply | seen)")):
        for side, colour in (("retrained", RETRAINED), ("frozen", FROZEN)):
            values = [month["ece"][f"{which}_{side}"] for month in months]
            axes.plot(values, style, color=colour, linewidth=1.8, ms=5, label=f"{title}, {side}")
    axes.set_ylim(bottom=0)
    axes.set_title("calibration error against the truth", fontsize=11)
    axes.legend(frameon=False, fontsize=8)
