"""``matcher-train market``: parse, delegate, print."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

SYNTHETIC = "synthetic"
"""Instead of a city's name: the made-up mechanisms."""

CONTROL_SEEDS = 3
"""Seeds of each world that are also put through the controls, which take most of the time once cities are built."""

METHODS = ("p", "q", "p*q", "ipfp", "prices", "frozen")


def run(
    world: str, seeds: int, cache: Path, *, enterprises: int | None, controls: bool, as_json: bool, progress: bool
) -> None:
    """Run the report asked for and print it.

    Raises
    ------
    typer.BadParameter
        If there is no such world.
    """
    if world == SYNTHETIC:
        _synthetic(seeds, as_json)
        return
    from training.city.parameters import WORLDS
    from training.market_cities import report
    from training.market_city import Size

    worlds = tuple(WORLDS) if world == "all" else tuple(world.split(","))
    for name in worlds:
        if name not in WORLDS:
            raise typer.BadParameter(
                f"no world {name!r}; there are all, {', '.join(WORLDS)} and {SYNTHETIC}", param_hint="--world"
            )
    found = report(
        cache,
        worlds=tuple(dict.fromkeys(worlds)),
        seeds=tuple(range(seeds)),
        size=Size.of(enterprises) if enterprises else None,
        control_seeds=min(seeds, CONTROL_SEEDS) if controls else 0,
        progress=progress,
    )
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    console = Console()
    for table in (_funded(found), _beside(found), _aims(found), *([_controls(found)] if controls else [])):
        console.print(table)


def _synthetic(seeds: int, as_json: bool) -> None:
    from training.market_report import report

    found = report(seeds=tuple(range(seeds)))
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    table = Table("market (made up)", "gain over best", "over p·q", "of the bound", "unreviewed", "frozen loss")
    for name, row in found["worlds"].items():
        shares = (row["gain_over_best"], row["gain_over_pq"], row["share_of_bound"])
        unreviewed = row["prices"]["unreviewed"]
        table.add_row(name, *(f"{share['mean']:.1%}" for share in (*shares, unreviewed, row["frozen_loss"])))
    Console().print(table)


def _rows(found: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [*found["worlds"].items(), ("overall", found["overall"])]


def _funded(found: dict[str, Any]) -> Table:
    seeds = len(found["seeds"])
    table = Table(
        "simulated city", *METHODS, "over best", "over p·q", title=f"Distinct enterprises funded a month, {seeds} seeds"
    )
    for name, row in _rows(found):
        funded = (f"{row['methods'][method]['funded']['mean']:.1f}" for method in METHODS)
        table.add_row(name, *funded, _interval(row["gain_over_best"]), _interval(row["gain_over_pq"]))
    return table


def _beside(found: dict[str, Any]) -> Table:
    names = ("unreviewed", "duplicate_approvals", "utilisation", "small_share", "gini_exposure", "bottom_quarter")
    table = Table(
        "simulated city",
        *(name.replace("_", " ") for name in names),
        "envy",
        "frozen loss",
        "of bound",
        "of plain bound",
        title="Prices",
    )
    for name, row in _rows(found):
        measured = (row["methods"]["prices"][each] for each in (*names, "envy"))
        totals = (row[each] for each in ("frozen_loss", "share_of_bound", "share_of_plain_bound"))
        table.add_row(name, *(f"{each['mean']:.1%}" for each in (*measured, *totals)))
    return table


def _aims(found: dict[str, Any]) -> Table:
    table = Table("aim", "at", "value", "found", "met", title="Aims")
    for aim in found["aims"]:
        row = (aim["aim"], aim["at"], f"{aim['value']:.1%}", f"{aim['found']:.1%}", "yes" if aim["met"] else "no")
        table.add_row(*row)
    return table


def _controls(found: dict[str, Any]) -> Table:
    worlds = [name for name in found["controls"] if name != "all"]
    seeds = min(len(found["seeds"]), CONTROL_SEEDS)
    table = Table(
        "control",
        "funded by prices",
        "over best",
        "over p·q",
        *worlds,
        title=f"Controls over {seeds} seeds: gain of prices, mean over worlds; over the best in each world",
    )
    for control, row in found["controls"]["all"].items():
        each = (found["controls"][world][control]["gain_over_best"]["mean"] for world in worlds)
        table.add_row(
            control.replace("_", " "),
            f"{row['prices']['mean']:.1f}",
            _interval(row["gain_over_best"]),
            _interval(row["gain_over_pq"]),
            *(f"{gain:+.1%}" for gain in each),
        )
    return table


def _interval(value: dict[str, float]) -> str:
    return f"{value['mean']:+.1%} [{value['low']:+.1%}, {value['high']:+.1%}]"
