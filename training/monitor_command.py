"""``matcher-train monitor``: what has changed since a day, as a page, as JSON and as an exit status."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from matcher.ranker import Ranker
    from training.monitor import Window


def monitor(
    since: Annotated[datetime, typer.Option("--since", formats=["%Y-%m-%d"], help="First day that is watched.")],
    world: Annotated[Path | None, typer.Option("--world", help="Directory of a world whose log is watched.")] = None,
    store: Annotated[str | None, typer.Option("--store", help="URL of the service's store.")] = None,
    home: Annotated[Path | None, typer.Option("--home", help="Home of a service with the embedded store.")] = None,
    models: Annotated[Path, typer.Option("--models", help="Folder of the ranker's bundles.")] = Path("models/ranker"),
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("monitor.html"),
    record: Annotated[bool, typer.Option("--record/--no-record", help="Keep it in MLflow.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON instead of the findings.")] = False,
) -> None:
    """Drift, calibration, exposure and refusals since a day; status 0 fine, 1 alarms, 2 cannot tell."""
    from matcher.ranker import BundleError, Ranker
    from training.monitor import findings
    from training.monitor_page import document, page
    from training.plots_monitor import pictures

    try:
        ranker = Ranker.load(models)
        reference, recent, source = _windows(since.date(), world, store, home, ranker, models)
    except (BundleError, FileNotFoundError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    found = findings(reference, recent)
    told = document(reference, recent, found, ranker.version, source)
    drawn = pictures(reference, recent, found)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page(told, found, drawn), encoding="utf-8")
    if record:
        _keep(told, drawn)
    if as_json:
        typer.echo(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        for each in found:
            if each.state in {"alarm", "watch"}:
                typer.echo(f"{each.state:6} {each.group:12} {each.text.zh} · {each.text.en}")
        few = sum(each.state == "too_few" for each in found)
        typer.echo(f"{few} 项样本不足 findings with too few to tell")
        typer.echo(f"{told['status']}: {len(told['alarms'])} 项告警 alarms · {out}")
    raise typer.Exit(told["exit_status"])


def _windows(
    since: Any, world: Path | None, store: str | None, home: Path | None, ranker: "Ranker", models: Path
) -> tuple["Window", "Window", str]:
    if sum(each is not None for each in (world, store, home)) > 1:
        raise typer.BadParameter("name one of --world, --store and --home")
    if world is not None:
        from matcher.rating import RatingModel
        from training import monitor_world
        from training.promotion_cli import rating_folder

        folder = rating_folder(models.parent / "rating")
        rating = None if folder is None else RatingModel.load(folder)
        reference, recent = monitor_world.windows(world, ranker, rating, since, progress=sys.stderr.isatty())
        return reference, recent, str(world)
    return _store_windows(since, store or _embedded(home), ranker)


def _store_windows(since: Any, url: str, ranker: "Ranker") -> tuple["Window", "Window", str]:
    from sqlalchemy.engine import make_url

    from matcher.store.database import StoreUnreachableError, open_database
    from training import monitor_store

    named = make_url(url)
    if named.get_backend_name() == "sqlite" and not Path(named.database or "").is_file():
        raise FileNotFoundError(f"no store at {named.database}: an empty one would tell nothing")
    try:
        database = open_database(url)
    except StoreUnreachableError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    with database.reads.connect() as connection:
        reference, recent = monitor_store.windows(connection, ranker.manifest["examination"], since)
    database.close()
    return reference, recent, named.render_as_string(hide_password=True)


def _embedded(home: Path | None) -> str:
    """URL of the embedded store under a home, ``MATCHER_HOME`` by default, which must exist already."""
    named = os.environ.get("DATABASE_URL") if home is None else None
    if named:
        return named
    path = (home or Path(os.environ.get("MATCHER_HOME", ".local"))).resolve() / "matcher.db"
    if not path.is_file():
        raise FileNotFoundError(f"no store at {path}: name one with --store or --home, or a world with --world")
    return f"sqlite:///{path}"


def _keep(told: dict[str, Any], drawn: dict[str, Any]) -> None:
    from training.record import Record, Report

    measured = [each for each in told["findings"] if each["value"] is not None]
    Record().keep_report(
        Report(
            experiment="credit-matcher-monitor",
            name=f"monitor-{told['since']['first']}",
            parameters={name: told[name] for name in ("model", "source", "thresholds", "reference", "since")},
            series={f"{each['group']}.{each['name']}": [each["value"]] for each in measured},
            documents={"monitor.json": told},
            pictures={f"{name}.png": figure for name, figure in drawn.items()},
        )
    )
