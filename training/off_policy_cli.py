"""``matcher-train off-policy``: the challenger's worth read from the log of other lists, and how far to trust that."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table


def off_policy(
    world: Annotated[str, typer.Option("--world", help="Name of a simulated world.")] = "default",
    version: Annotated[str | None, typer.Option(help="Bundle to judge; the champion if absent.")] = None,
    cache: Annotated[Path, typer.Option("--cache", envvar="MATCHER_WORLDS", help="Where worlds are kept.")] = Path(
        ".local/city"
    ),
    models: Annotated[Path, typer.Option("--models", help="Folder of the ranker's bundles.")] = Path("models/ranker"),
    small: Annotated[bool, typer.Option("--small", help="A small world.")] = False,
    replications: Annotated[int, typer.Option(min=2, help="Logs simulated anew to count coverage on.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON instead of tables.")] = False,
) -> None:
    """Estimate from the log alone what a ranker's lists would have brought; hold the estimate against the truth."""
    import numpy as np

    from matcher.ranker import Ranker
    from training import off_policy_trial as trial
    from training.dataset import read_history
    from training.evaluate import held_out_pairs
    from training.world_cache import world_directory

    directory, progress = world_directory(cache, world, small), sys.stderr.isatty()
    ranker = Ranker.load(models if version is None else models / version)
    history = read_history(directory, progress=progress)
    market = trial.market_of(history, directory, ranker, held_out_pairs(history, directory, ranker))
    report = {
        "world": world,
        "bundle": ranker.version,
        "simulated": True,
        "log": trial.estimates(market, history, np.random.default_rng(0)),
        "coverage": trial.coverage(market, replications=replications, progress=progress),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=1))
        return
    _show(report)


def _show(report: dict[str, Any]) -> None:
    console, log = Console(), report["log"]
    console.print(f"[bold]{report['world']}[/bold] (simulated) · {report['bundle']} · {log['demands']} demands")
    table = Table("applications a demand", "value", "95 % interval")
    rows = {"as logged": log["logged"], **{f"challenger, {name}": each for name, each in log["challenger"].items()}}
    rows |= {f"gain over the log, {name}": each for name, each in log["gain_over_logged"].items()}
    rows["control: outcomes dealt anew, gain"] = log["controls"]["dealt_anew"]
    even = log["controls"]["even_lists"]
    rows |= {f"control: even lists, {name}": even[name] for name in ("snips", "dr")}
    for name, each in rows.items():
        table.add_row(name, f"{each['value']:.3f}", f"{each['low']:.3f} … {each['high']:.3f}")
    table.add_row("challenger, truth", f"{log['true']:.3f}", "")
    table.add_row("even lists, truth", f"{even['true']:.3f}", "")
    console.print(table)
    covered = Table("replications", "truth", "bias", "spread", "error said", "coverage", "by position")
    for name, each in report["coverage"].items():
        numbers = (f"{each[key]:.3f}" for key in ("true", "bias", "spread", "mean_standard_error"))
        places = " ".join(f"{share:.2f}" for share in each["coverage_by_position"])
        covered.add_row(f"{name} × {each['replications']}", *numbers, f"{each['coverage']:.0%}", places)
    console.print(covered)
