"""The public invoices of problem C of the 2020 Chinese mathematical modelling contest (CUMCM), as a source table.

Three files of one folder: ``enterprises.csv`` (code, masked name, the bank's rating and ``defaulted``, both empty for
firms without a label), ``output_invoices.parquet`` and ``input_invoices.parquet`` (or the same as csv). The bank's
rating is read by nobody here: every firm it graded D had defaulted, so it tells the outcome, not the risk.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from features.profile import build_profiles
from features.sources import SourceTables

STATUS = {"有效发票": "valid", "作废发票": "void"}
"""Status as written in the files, stray blanks stripped."""

_ORIGIN = (
    "The invoices are public: problem C of the 2020 CUMCM contest (www.mcm.edu.cn, attachments 1 and 2). Put "
    "enterprises.csv, output_invoices.parquet and input_invoices.parquet into one folder and name it with --data."
)
_COLUMNS = {
    "enterprise_code": "uscc",
    "invoice_no": "invoice_no",
    "issued_on": "issued_on",
    "counterparty_code": "counterparty",
    "amount_cny": "amount_cny",
    "tax_cny": "tax_cny",
    "status": "status",
}


class InvoicesMissingError(FileNotFoundError):
    """A file of the public invoices is not there; the message says where they come from."""


class InvoicesShapeError(ValueError):
    """A file of the public invoices does not have the shape it was published in."""


@dataclass(frozen=True, kw_only=True)
class InvoiceFirms:
    """The firms of one folder.

    Parameters
    ----------
    enterprises
        Index ``enterprise_code``; ``defaulted`` is 1, 0, or NaN where the file does not say.
    invoices
        Rows of the source table ``invoices``, known on the day of issue.
    as_of
        The day after the last invoice of any firm. A firm that issued nothing lately has sold nothing lately: that is
        known, and risk.
    """

    enterprises: pd.DataFrame
    invoices: pd.DataFrame
    as_of: date

    def profiles(self) -> pd.DataFrame:
        """Profiles of every firm of the list as of ``as_of``, in the list's order, built on the one feature path."""
        tables = SourceTables.from_frames({"invoices": self.invoices})
        try:
            codes = list(self.enterprises.index)
            return build_profiles(tables, self.as_of, enterprises=codes).reindex(codes)
        finally:
            tables.close()


def read_firms(data: Path) -> InvoiceFirms:
    """Firms and invoices of one folder.

    Raises
    ------
    InvoicesMissingError
        If a file is absent.
    InvoicesShapeError
        If a column is absent, or a status is neither valid nor void.
    """
    enterprises = pd.read_csv(_existing(data, "enterprises", ("csv",)), dtype=str)
    if "enterprise_code" not in enterprises:
        raise InvoicesShapeError(f"{data}: enterprises.csv has no column enterprise_code")
    invoices = pd.concat([_invoices(data, direction) for direction in ("output", "input")], ignore_index=True)
    return InvoiceFirms(
        enterprises=_outcomes(enterprises.set_index("enterprise_code")),
        invoices=invoices,
        as_of=invoices["issued_on"].max() + timedelta(days=1),
    )


def _existing(data: Path, name: str, endings: tuple[str, ...]) -> Path:
    for ending in endings:
        path = data / f"{name}.{ending}"
        if path.is_file():
            return path
    raise InvoicesMissingError(f"{data / name}.{endings[0]} is not there. {_ORIGIN}")


def _outcomes(enterprises: pd.DataFrame) -> pd.DataFrame:
    stated = enterprises.get("defaulted", pd.Series(None, index=enterprises.index, dtype=object))
    known = stated.astype(object).where(stated.notna(), None).map(_outcome, na_action="ignore")
    return pd.DataFrame({"name": enterprises.get("name"), "defaulted": known.astype("float64")})


def _outcome(text: str) -> float | None:
    return {"true": 1.0, "是": 1.0, "1": 1.0, "false": 0.0, "否": 0.0, "0": 0.0}.get(str(text).strip().lower())


def _invoices(data: Path, direction: str) -> pd.DataFrame:
    path = _existing(data, f"{direction}_invoices", ("parquet", "csv"))
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype={"invoice_no": str})
    missing = set(_COLUMNS) - set(frame.columns)
    if missing:
        raise InvoicesShapeError(f"{path}: no column {', '.join(sorted(missing))}")
    rows = frame.drop_duplicates().rename(columns=_COLUMNS)[list(_COLUMNS.values())]
    status = rows["status"].str.strip().map(STATUS)
    if status.isna().any():
        strange = rows.loc[status.isna(), "status"].iloc[0]
        raise InvoicesShapeError(f"{path}: status {strange!r} is neither 有效发票 nor 作废发票")
    day = pd.to_datetime(rows["issued_on"]).dt.date
    rows = rows.assign(status=status, issued_on=day, known_on=day, direction=direction)
    return _numbered(rows)


def _numbered(rows: pd.DataFrame) -> pd.DataFrame:
    """Invoice numbers made unique per firm: numbers repeat across the books of a firm, so later ones get a suffix."""
    ordered = rows.sort_values(["uscc", "invoice_no", "issued_on", "counterparty", "amount_cny"], kind="stable")
    turn = ordered.groupby(["uscc", "invoice_no"], sort=False).cumcount()
    number = ordered["invoice_no"].astype(object)
    return ordered.assign(invoice_no=number.where(turn == 0, number + "#" + turn.astype(str).astype(object)))
