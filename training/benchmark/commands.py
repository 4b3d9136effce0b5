"""``matcher-train benchmark ppp``, ``… sba`` and ``… invoices``: parse, delegate, print."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from training.benchmark.protocol import Report

app = typer.Typer(no_args_is_help=True, help="Measure the footprint model on real lending files.")

Data = Annotated[Path, typer.Option("--data", help="Parquet file of loans, or the folder that has it.")]
Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
Predictions = Annotated[Path | None, typer.Option("--predictions", help="Where to write loan_id, rank, lender, score.")]
Json = Annotated[Path | None, typer.Option("--json", help="Where to write the figures.")]


def run(
    dataset: Literal["ppp", "sba"],
    data: Path,
    *,
    features_before: date,
    labels_until: date,
    test_until: date,
    predictions: Path | None = None,
    json_out: Path | None = None,
    quiet: bool = False,
) -> "Report":
    """Fit on loans up to ``labels_until``, rank the lenders of every later loan up to ``test_until``.

    Parameters
    ----------
    features_before
        First day of the newest label window; its footprints know only earlier loans.
    predictions
        Parquet: the first fifty lenders of every test loan, sealed ones included.
    json_out
        Figures over the test loans whose lender is known.
    quiet
        No progress bars.

    Raises
    ------
    training.datasets.us_loans.DataAbsentError, training.datasets.us_loans.DataShapeError
        If the file is not there or lacks columns; the message says where the public releases are.
    """
    from training.benchmark import protocol
    from training.datasets import ppp, sba

    lending = {"ppp": ppp.load, "sba": sba.load}[dataset](data)
    days = protocol.Days(features_before=features_before, labels_until=labels_until, test_until=test_until)
    return protocol.measure(lending, days, predictions=predictions, json_out=json_out, quiet=quiet)


@app.command("ppp")
def ppp_command(
    data: Data,
    features_before: Day,
    labels_until: Day,
    test_until: Day,
    predictions: Predictions = None,
    json: Json = None,
) -> None:
    """US Paycheck Protection Program loans, by day."""
    _run_and_print("ppp", data, (features_before, labels_until, test_until), predictions, json)


@app.command("sba")
def sba_command(
    data: Data,
    features_before: Day,
    labels_until: Day,
    test_until: Day,
    predictions: Predictions = None,
    json: Json = None,
) -> None:
    """US SBA 7(a) loans, by year."""
    _run_and_print("sba", data, (features_before, labels_until, test_until), predictions, json)


@app.command("invoices")
def invoices_command(
    data: Annotated[Path, typer.Option("--data", help="Folder of the public invoices, with labelled firms.")],
    predict: Annotated[Path | None, typer.Option("--predict", help="Folder of the firms to predict.")] = None,
    predictions: Annotated[Path | None, typer.Option("--predictions", help="Where to write the csv.")] = None,
    json: Json = None,
) -> None:
    """Default risk of real firms from their invoices: cross-validated report, and predictions for other firms."""
    import json as codec

    from training.datasets.invoices import InvoicesMissingError
    from training.rating import predict_invoices, report

    if (predict is None) != (predictions is None):
        raise typer.BadParameter("--predict and --predictions go together")
    try:
        found = report(data)
        if predict is not None and predictions is not None:
            predict_invoices(data, predict, predictions)
    except InvoicesMissingError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if json is not None:
        json.write_text(codec.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n", "utf-8")


def _run_and_print(
    dataset: Literal["ppp", "sba"],
    data: Path,
    days: tuple[datetime, datetime, datetime],
    predictions: Path | None,
    json_out: Path | None,
) -> None:
    from rich.console import Console

    from training.datasets.us_loans import DataAbsentError, DataShapeError

    before, until, test = (moment.date() for moment in days)
    try:
        report = run(
            dataset,
            data,
            features_before=before,
            labels_until=until,
            test_until=test,
            predictions=predictions,
            json_out=json_out,
        )
    except (DataAbsentError, DataShapeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    Console().print(report.table())
