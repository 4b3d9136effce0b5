"""What ``matcher-train fit``, ``train``, ``promote`` and ``rollback`` do, and how a ruling is shown."""

import math
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from matcher.ranker import champion_directory
from training import gate
from training.dataset import History, read_history
from training.plots import pictures
from training.promote import ChampionMovedError, NoWayBackError, Ruling, judge, promote, rollback
from training.record import CHALLENGER, Record, Run
from training.search import search
from training.train import Trained, train


def fit_and_keep(world: Path, models: Path, *, record: bool = True, trials: int = 0) -> Trained:
    """Fit a ranker to a world, write its bundle, and keep the run where ``record`` says so.

    Parameters
    ----------
    trials
        Sizes tried first on the calibration months; with none the usual ones are taken.
    """
    progress, since = sys.stderr.isatty(), perf_counter()
    history = read_history(world, progress=progress)
    since = _done("profiles and log read", since)
    found = search(history, trials, progress=progress) if trials else None
    if found is not None:
        typer.echo(f"search: {found.usual:.5f} with the usual sizes, {found.loss:.5f} with {found.settings}", err=True)
    trained = train(world, models, None if found is None else found.settings, history=history, progress=progress)
    since = _done(f"fitted and measured on {trained.report['held_out']['demands']:,} held-out demands", since)
    if record:
        made = pictures(trained.history, trained.held_out, trained.folder)
        place = Record()
        run = place.keep(Run(folder=trained.folder, report=trained.report, pictures=made))
        _done(f"recorded as {run} in {place.uri}", since)
    return trained


def judge_and_move(
    world: Path, models: Path, version: str, history: History | None = None, *, record: bool = True
) -> Ruling:
    """Judge a version on a world and put it into service if it passes; the record's alias follows."""
    since = perf_counter()
    history = history or read_history(world, progress=sys.stderr.isatty())
    ruling = judge(history, world, models, version, rating_folder(models.parent / "rating"))
    _done(f"{len(ruling.gates)} gates asked", since)
    try:
        moved = promote(models, ruling)
    except ChampionMovedError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if moved and record:
        _name_champion(version)
    return ruling


def go_back(models: Path, *, record: bool = True) -> str:
    """Put the version before the champion back; status 1 with the reason where there is none."""
    try:
        version = rollback(models)
    except NoWayBackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if record:
        _name_champion(version)
    return version


def challenger(models: Path) -> str:
    """The version the record calls challenger; status 2 naming what there is where there is none."""
    found = Record().aliases().get(CHALLENGER)
    if found is None:
        there = ", ".join(sorted(path.parent.name for path in models.glob("*/manifest.json"))) or "none"
        raise typer.BadParameter(f"the record knows no challenger: name a version, there are {there}")
    return found


def show(ruling: Ruling) -> None:
    """Every gate as a table, then the verdict; refusals in both languages on standard error."""
    table = Table("gate", "value", "bound", "", "")
    for each in ruling.gates:
        mark = "[green]✓[/green]" if each.passed else "[red]✗[/red]"
        table.add_row(each.name, f"{each.value:.4f}", f"{each.bound:.4f}", mark, each.text.en)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(table)
    if ruling.passed:
        console.print(f"{ruling.challenger} serves; before it {ruling.champion or 'none'}")
        return
    typer.echo(f"{ruling.challenger} is refused, {ruling.champion or 'none'} stays:", err=True)
    for each in gate.failing(ruling.gates):
        typer.echo(f"  {each.name}: {each.text.zh} · {each.text.en}", err=True)


def ruling_json(ruling: Ruling) -> dict[str, Any]:
    """A ruling as plain values."""
    return {
        "challenger": ruling.challenger,
        "champion": ruling.champion,
        "passed": ruling.passed,
        "gates": [
            {
                "name": each.name,
                "value": each.value if math.isfinite(each.value) else None,
                "bound": each.bound,
                "passed": each.passed,
                "text": {"zh": each.text.zh, "en": each.text.en},
            }
            for each in ruling.gates
        ],
    }


def _done(what: str, since: float) -> float:
    """Say on standard error what is done and how long it took; gives the moment."""
    now = perf_counter()
    typer.echo(f"[{now - since:6.1f} s] {what}", err=True)
    return now


def _name_champion(version: str) -> None:
    if not Record().name_champion(version):
        typer.echo(f"the record has no run of {version}: its alias champion stays where it was", err=True)


def rating_folder(directory: Path) -> Path | None:
    """The rating in service: the one ``champion.json`` names, else the newest; none where there is no model."""
    chosen = champion_directory(directory)
    if chosen != directory:
        return chosen
    versions = sorted(directory.glob("*/manifest.json"))
    return versions[-1].parent if versions else None
