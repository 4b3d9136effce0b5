"""``matcher-train loop``: the closed loop from one command."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer
from rich.console import Console


def loop(
    cycles: Annotated[int, typer.Option(min=1, help="Months retrained before they are served, 5 at most.")] = 5,
    world: Annotated[str, typer.Option("--world", help="Name of a simulated world.")] = "drifting",
    out: Annotated[Path, typer.Option("--out", help="Where loop.json, loop.png and loop.svg go.")] = Path(
        ".local/loop"
    ),
    enterprises: Annotated[int, typer.Option(min=200, help="Enterprises; four demands each in a year.")] = 3_000,
    seed: Annotated[int | None, typer.Option(help="Seed of the city; the usual one by default.")] = None,
    small: Annotated[bool, typer.Option("--small", help="18 institutions and 60 products.")] = False,
    record: Annotated[bool, typer.Option("--record/--no-record", help="Keep it in MLflow.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON instead of tables.")] = False,
) -> None:
    """Serve, log, retrain, gate and promote in a drifting city, beside the same city served by its first model."""
    from training import loop_report
    from training.city.build import DEFAULT_SEED
    from training.city.parameters import UnknownWorldError
    from training.loop import LoopSettings, run

    market = {"institutions": 18, "products": 60} if small else {}
    try:
        settings = LoopSettings(
            world=world,
            cycles=cycles,
            enterprises=enterprises,
            demands=4 * enterprises,
            seed=DEFAULT_SEED if seed is None else seed,
            **market,
        )
        with TemporaryDirectory() as scratch:
            found = loop_report.report(run(Path(scratch), settings, progress=sys.stderr.isatty()))
    except (ValueError, UnknownWorldError) as error:
        raise typer.BadParameter(str(error)) from error
    loop_report.write(found, out)
    if record:
        typer.echo(f"recorded as {loop_report.keep(found)}", err=True)
    if as_json:
        typer.echo(json.dumps(found, indent=1, ensure_ascii=False))
        return
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(loop_report.table(found))
    console.print(_told(found["planted"], found["rollback"]))
    console.print(f"{out / 'loop.json'}, loop.png, loop.svg")


def _told(planted: dict[str, Any], rollback: dict[str, Any]) -> str:
    gates = ", ".join(each["name"] for each in planted["failing"])
    way_back = (
        f"rollback {rollback['before']} → {rollback['after']}: same probabilities to the last bit"
        if rollback["restored"]
        else "rollback not shown: nothing was promoted"
    )
    refused = f"refused by {gates}" if not planted["passed"] else "NOT refused"
    return f"planted model ({planted['what']}): {refused}\n{way_back}"
