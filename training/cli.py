"""``matcher-train``: build worlds, fit, measure, choose a size; heavy libraries load with their command."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from training.benchmark.commands import app as benchmark
from training.loop_command import loop
from training.monitor_command import monitor
from training.off_policy_cli import off_policy
from training.world_cache import world_directory

app = typer.Typer(help="Train and measure the models of credit-matcher.", no_args_is_help=True)
app.add_typer(benchmark, name="benchmark")
app.command("off-policy")(off_policy)
app.command("loop")(loop)
app.command("monitor")(monitor)

WorldName = Annotated[str, typer.Option("--world", help="Name of a simulated world; evaluate takes all.")]
Cache = Annotated[Path, typer.Option("--cache", envvar="MATCHER_WORLDS", help="Where worlds are kept and built.")]
Models = Annotated[Path, typer.Option("--models", help="Folder of the ranker's bundles.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON instead of tables.")]
Kept = Annotated[bool, typer.Option("--record/--no-record", help="Keep it in MLflow (MLFLOW_TRACKING_URI).")]
Small = Annotated[bool, typer.Option("--small", help="A small world of 1,000 enterprises × 60 products.")]

CACHE, MODELS = Path(".local/city"), Path("models/ranker")


@app.command()
def city(
    out: Annotated[Path, typer.Option("--out", help="Directory to build in.")],
    world: WorldName = "default",
    seed: Annotated[int | None, typer.Option(help="Seed; the world's own by default.")] = None,
    enterprises: Annotated[int | None, typer.Option(help="Number of enterprises.")] = None,
    demands: Annotated[int | None, typer.Option(help="Number of demands.")] = None,
    small: Small = False,
) -> None:
    """Build a simulated world."""
    from training.city.build import DEFAULT_SEED, build

    build(
        out,
        world,
        seed=DEFAULT_SEED if seed is None else seed,
        enterprises=enterprises,
        demands=demands,
        small=small,
        progress=sys.stderr.isatty(),
    )
    typer.echo(f"{world}: {out}")


@app.command()
def fit(
    world: WorldName = "default",
    cache: Cache = CACHE,
    models: Models = MODELS,
    small: Small = False,
    record: Kept = True,
    search: Annotated[
        int, typer.Option("--search", min=0, help="Sizes of the models to try first, on the calibration months.")
    ] = 0,
) -> None:
    """Fit a ranker, measure it, write its bundle and keep the run; the champion stays who it is."""
    from training.promotion_cli import fit_and_keep

    trained = fit_and_keep(world_directory(cache, world, small), models, record=record, trials=search)
    typer.echo(str(trained.folder))


@app.command()
def train(
    world: WorldName = "default",
    cache: Cache = CACHE,
    models: Models = MODELS,
    small: Small = False,
    record: Kept = True,
    as_json: AsJson = False,
) -> None:
    """City, fit, evaluate, gates: from nothing to a challenger, into service where every gate lets it pass."""
    from training import promotion_cli

    directory = world_directory(cache, world, small)
    trained = promotion_cli.fit_and_keep(directory, models, record=record)
    ruling = promotion_cli.judge_and_move(directory, models, trained.folder.name, trained.history, record=record)
    gates = promotion_cli.ruling_json(ruling)
    _show({world: trained.report | {"bundle": trained.folder.name, "ruling": gates}}, as_json)
    if not as_json:
        promotion_cli.show(ruling)


@app.command()
def promote(
    version: Annotated[
        str | None, typer.Argument(help="Version to promote; the record's challenger if absent.")
    ] = None,
    world: WorldName = "default",
    cache: Cache = CACHE,
    models: Models = MODELS,
    small: Small = False,
    record: Kept = True,
    as_json: AsJson = False,
) -> None:
    """Put a version into service if every gate lets it pass; else name the gates that refuse, status 1."""
    from training import promotion_cli

    chosen = version or promotion_cli.challenger(models)
    ruling = promotion_cli.judge_and_move(world_directory(cache, world, small), models, chosen, record=record)
    if as_json:
        typer.echo(json.dumps(promotion_cli.ruling_json(ruling), indent=1, ensure_ascii=False))
    else:
        promotion_cli.show(ruling)
    if not ruling.passed:
        raise typer.Exit(1)


@app.command()
def rollback(models: Models = MODELS, record: Kept = True) -> None:
    """Put the version before the champion back into service."""
    from training.promotion_cli import go_back

    typer.echo(go_back(models, record=record))


@app.command()
def evaluate(
    world: WorldName = "default",
    cache: Cache = CACHE,
    models: Models = MODELS,
    small: Small = False,
    enterprises: Annotated[
        int | None, typer.Option(min=200, help="Enterprises per world; a full city if absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure on the held-out months: the champion where it was trained on that world, else a ranker fitted to it."""
    from training.city.parameters import WORLDS

    reports = {}
    for name in sorted(WORLDS) if world == "all" else [world]:
        reports[name] = _report(world_directory(cache, name, small, enterprises), models)
        if not as_json:
            _show({name: reports[name]}, as_json)
    if as_json:
        _show(reports if world == "all" else reports[world], as_json)


@app.command()
def curve(world: WorldName = "default", cache: Cache = CACHE, small: Small = False, as_json: AsJson = False) -> None:
    """The quality–latency curve over model sizes."""
    import tempfile

    from training.curve import curve as run

    with tempfile.TemporaryDirectory() as scratch:
        rows = run(world_directory(cache, world, small), Path(scratch), progress=sys.stderr.isatty())
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(value if isinstance(value, str) else f"{value:.4f}" for value in row.values()))
    Console().print(table)


@app.command()
def rating(
    version: Annotated[str, typer.Option("--version", help="Name of the new card; that of its folder.")],
    world: WorldName = "default",
    cache: Cache = CACHE,
    models: Annotated[Path, typer.Option("--models", help="Folder of the ratings.")] = Path("models/rating"),
    invoices: Annotated[Path | None, typer.Option(help="Public invoices, to report the way of fitting on.")] = None,
    small: Small = False,
) -> None:
    """Fit the platform rating on a world, measure it on held-out enterprises; the champion stays who it is."""
    from training.rating import report
    from training.rating import train as run

    real = None if invoices is None else report(invoices, console=Console(quiet=True))
    run(world_directory(cache, world, small), models / version, version, real)
    typer.echo((models / version / "card.md").read_text("utf-8").split("\n## ")[0])


@app.command("rating-report")
def rating_report(
    data: Annotated[Path, typer.Option("--data", help="Folder of the public invoices.")], as_json: AsJson = False
) -> None:
    """The rating's cross-validated report on real invoices."""
    from training.rating import report

    found = report(data, console=Console(quiet=as_json))
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1, ensure_ascii=False))


@app.command()
def log(
    store: Annotated[str, typer.Option("--store", envvar="DATABASE_URL", help="URL of the platform's store.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write, to be read like a world.")],
    sources: Annotated[Path | None, typer.Option(help="Raw tables to which the store's records are added.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day whose consents count; today in China if left out."),
    ] = None,
) -> None:
    """Write what really happened (events, desks' decisions) in the shape of a world, for training."""
    from training.log_from_store import NoHistoryError, export

    try:
        found = export(store, out, sources=sources, as_of=None if as_of is None else as_of.date())
    except NoHistoryError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    typer.echo(json.dumps({"out": str(out), "rows": dict(found.rows), "left_out": dict(found.left_out)}, indent=1))


@app.command()
def market(
    world: Annotated[
        str,
        typer.Option("--world", help="Simulated cities, by comma, or all; or synthetic: mechanisms without a city."),
    ] = "all",
    seeds: Annotated[int, typer.Option(min=2, help="Cities of each world.")] = 10,
    cache: Cache = CACHE,
    enterprises: Annotated[int | None, typer.Option(min=200, help="Enterprises per city; 3,000 if absent.")] = None,
    controls: Annotated[bool, typer.Option("--controls", help="Negative controls too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Distinct enterprises funded under prices and every other way of making lists, with a ranker trained per city."""
    from training.market_command import run

    progress = sys.stderr.isatty()
    run(world, seeds, cache, enterprises=enterprises, controls=controls, as_json=as_json, progress=progress)


@app.command()
def plan(
    store: Annotated[
        str | None, typer.Option("--store", envvar="DATABASE_URL", help="URL of the store; that of the home if absent.")
    ] = None,
    home: Annotated[Path, typer.Option("--home", envvar="MATCHER_HOME", help="Home of the service.")] = Path(".local"),
    city: Annotated[
        Path | None, typer.Option("--city", envvar="MATCHER_CITY", help="World served; the home's default if absent.")
    ] = None,
    models: Models = MODELS,
    as_of: Annotated[
        datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Day planned for; the world's last.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan the market of a service: prices of a review and lead lists, in service at once. Meant for every night."""
    from training.plan_cli import NothingToPlanError, run, show

    try:
        report = run(store, home, city, models, None if as_of is None else as_of.date())
    except NothingToPlanError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        show(report)


def _report(world: Path, models: Path) -> dict[str, Any]:
    import tempfile

    from matcher.ranker import BundleError, Ranker
    from training.dataset import read_history
    from training.evaluate import evaluate as measure
    from training.evaluate import verdict
    from training.train import train as run

    progress = sys.stderr.isatty()
    history = read_history(world, progress=progress)
    try:
        ranker = Ranker.load(models)
        served = ranker.manifest.get("data_hash") == history.digest
    except BundleError:
        served = False
    if served:
        report = measure(history, world, ranker) | {"bundle": ranker.version}
    else:
        with tempfile.TemporaryDirectory() as scratch:
            trained = run(world, Path(scratch), progress=progress)
            report = trained.report | {"bundle": f"{trained.folder.name} (fitted now)"}
    return report | {"aims": verdict(report)}


def _show(reports: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(reports, indent=1, ensure_ascii=False))
        return
    console = Console()
    for name, report in reports.items():
        console.print(f"[bold]{name}[/bold] (simulated) · {report['bundle']} · {report['held_out']}")
        console.print(_probability_table(report))
        ranking = Table("NDCG@10", "")
        for ranker, value in sorted(report["ndcg_at_10"].items(), key=lambda item: -item[1]):
            ranking.add_row(ranker, f"{value:.4f}")
        console.print(ranking)


def _probability_table(report: dict[str, Any]) -> Table:
    table = Table("", "segment", "rows", "AUC", "oracle", "ECE", "said", "true")
    for which in ("p_apply", "p_approve"):
        for segment, m in report[which].items():
            table.add_row(which, segment, *_cells(m))
    for name, m in report["logged"].items():
        table.add_row("logged", name, *_cells(m))
    return table


def _cells(measured: dict[str, float]) -> list[str]:
    names = ("auc", "oracle_auc", "ece", "mean_said", "mean_true")
    return [f"{measured['rows']:.0f}", *(f"{measured[name]:.4f}" if name in measured else "–" for name in names)]


if __name__ == "__main__":
    app()
