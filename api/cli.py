"""``matcher``: run the service, recommend in the terminal, measure, look after keys and the audit."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.day_cli import day
from api.keys_cli import app as keys_app
from api.loading import load
from api.logs import configure
from api.records_cli import audit_app, retention
from api.settings import Settings, settings_of_environment
from api.store_cli import backup, restore

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(keys_app, name="keys")
app.add_typer(audit_app, name="audit")
app.command()(backup)
app.command()(day)
app.command()(load)
app.command()(restore)
app.command()(retention)
_SAY = Console(stderr=True, highlight=False)


@app.callback()
def quietly() -> None:
    """Run the service, recommend in the terminal, measure, look after keys and the audit."""
    configure("warning")  # standard output belongs to what a command prints


@app.command()
def run() -> None:
    """Serve; the first time the default city is built and loaded. PORT, HOST, DATABASE_URL and MATCHER_HOME decide."""
    from api.serving import serve

    settings = settings_of_environment()
    ensure_city(settings)
    sys.exit(serve(settings, _say))


@app.command()
def recommend(
    demand_id: Annotated[str | None, typer.Argument(help="A demand of the library; the latest if left out.")] = None,
    top: Annotated[int, typer.Option(min=1, max=50, help="How many products.")] = 10,
    language: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
    form: Annotated[str, typer.Option(help="table, json, or sample: the answer with its lists cut short.")] = "table",
) -> None:
    """Recommend for a demand, in the terminal."""
    from api.terminal import FORMS, show_recommendation

    if form not in FORMS:
        raise typer.BadParameter(f"one of {', '.join(FORMS)}")
    settings = settings_of_environment()
    ensure_city(settings)
    sys.exit(show_recommendation(settings, demand_id, top, language, form, _say))


@app.command()
def leads(
    institution: Annotated[str, typer.Option(help="Whose leads.")],
    xlsx: Annotated[Path | None, typer.Option(help="Write the whole list to this spreadsheet.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the whole list to this csv file.")] = None,
    name: Annotated[str, typer.Option("--list", help="general, first-loans, renewals or bridge.")] = "general",
    top: Annotated[int, typer.Option(min=1, max=200, help="How many in the terminal.")] = 20,
    language: Annotated[str, typer.Option(help="zh-CN or en.")] = "zh-CN",
) -> None:
    """An institution's leads, best first: in the terminal, or as a file."""
    from api.lead_pages import MOST, Query
    from api.lead_terminal import show_leads
    from matcher.leads import LISTS

    if name not in LISTS:
        raise typer.BadParameter(f"--list takes one of {', '.join(LISTS)}")
    for file, ending in ((xlsx, ".xlsx"), (csv, ".csv")):
        if file is not None and file.suffix != ending:
            raise typer.BadParameter(f"the file's name must end in {ending}")
    settings = settings_of_environment()
    ensure_city(settings)
    files: list[Path | None] = [file for file in (xlsx, csv) if file is not None]
    for file in files or [None]:
        query = Query(institution_id=institution, name=name, limit=top if file is None else MOST)
        done = show_leads(settings, query, file, language, _say)
        if done:
            sys.exit(done)


@app.command()
def tick() -> None:
    """One round over the desk's clocks: remind, mark late, let expire. The running service does it by itself."""
    from api.instance import open_instance
    from api.pushing import run_clocks

    instance = open_instance(settings_of_environment(), lambda _line: None)
    try:
        done = run_clocks(instance)
    finally:
        instance.close()
    _say(
        "clocks: nothing is due"
        if done is None
        else f"clocks: {done.reminded} reminded, {done.late} late, {done.expired} expired"
    )


@app.command()
def bench(
    quick: Annotated[bool, typer.Option(help="A minute at most: the small city, few repetitions.")] = False,
    mlflow: Annotated[bool, typer.Option(help="Also measure mlflow models serve beside it.")] = True,
) -> None:
    """Measure everything that is promised and print one JSON; progress goes to stderr."""
    from api.bench import measure

    settings = settings_of_environment()
    if not quick:
        ensure_city(settings)
    sys.stdout.write(json.dumps(measure(settings, quick=quick, with_mlflow=mlflow, say=_say), indent=1) + "\n")


def _say(line: str) -> None:
    _SAY.print(f"[{line.split(':')[0]}] {line.partition(':')[2].strip()}" if ":" in line else line, markup=False)


def ensure_city(settings: Settings) -> None:
    """Build the default city where there is none, in a process of its own: serving knows nothing of training."""
    if (settings.city / "manifest.json").exists() or settings.matcher_city is not None or settings.is_production:
        return
    _say("city: building the default city, once (some minutes)")
    command = [sys.executable, "-m", "training.city", "--world", "default", "--out", str(settings.city)]
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"the city could not be built (exit {done.returncode}); the lines above say why")


if __name__ == "__main__":
    app()
