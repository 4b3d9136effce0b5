"""US SBA 7(a) loans: which bank financed whom, by year, place, industry, staff, standing and amount.

Left out on purpose: how a loan ended (known years later), and the low-doc and revolving marks, whose absence or default
says more about who typed the record than about the enterprise.
"""

from pathlib import Path

import numpy as np

from features.footprint import Plan, Term
from training.datasets.us_loans import (
    Lending,
    add_common_columns,
    crossed,
    evened_terms,
    popularity_terms,
    read_loans,
)

PUBLIC = (
    "The public files are the US Small Business Administration's FOIA releases of 7(a) loan data (data.sba.gov, "
    "'7(a) & 504 FOIA'): save them as one parquet file with the columns loan_id, city, state, zip, naics, approved_on, "
    "no_emp, new_exist, franchise_code, urban_rural, gr_appv, bank and give its path with --data."
)

_COLUMNS = {
    "loan_id": "loan_id",
    "city": "city",
    "state": "state",
    "zip": "zip",
    "naics": "naics",
    "approved_on": "day",
    "no_emp": "employees",
    "new_exist": "new_exist",
    "franchise_code": "franchise_code",
    "urban_rural": "urban_rural",
    "gr_appv": "amount",
}

_CONTEXTS = ("naics2", "type", "band", "staff")

PLAN = Plan(
    region="state",
    terms=(
        *popularity_terms(*_CONTEXTS),
        *(Term(name=f"us_{c}", kind="ratio", columns=(c,), weight=0.0) for c in ("naics2", *_CONTEXTS[1:], "urban")),
        Term(name="us_naics4", kind="ratio", columns=("naics4",), parent="us_naics2", weight=0.0),
        Term(name="us_franchise", kind="ratio", columns=("franchise",), weight=0.0),
        crossed("state_naics2", "state", "state", "naics2"),
        crossed("state_band", "state", "state", "band"),
        crossed("state_type", "state", "state", "type"),
        crossed("state_type_octave", "state_type", "state", "type", "octave"),
        crossed("state_naics2_octave", "state_naics2", "state", "naics2", "octave"),
        crossed("us_band_share", "nation", "band"),
        Term(name="usual_amount", kind="distance", columns=("amount",), weight=0.0),
        *evened_terms("steady", "day"),
        *evened_terms("broad", "naics4"),
    ),
)


def load(path: Path) -> Lending:
    """The loans of a 7(a) file.

    Raises
    ------
    DataAbsentError, DataShapeError
        As :func:`training.datasets.us_loans.read_loans`.
    """
    loans = add_common_columns(read_loans(path, "sba_7a_loans.parquet", _COLUMNS, "bank", PUBLIC))
    employees = loans["employees"].astype(float)
    loans = loans.assign(
        staff=np.log2(employees.where(employees > 0)).round(),
        type=loans["new_exist"].map({1: "existing", 2: "new"}),
        urban=loans["urban_rural"].map({1: "urban", 2: "rural"}),
        franchise=loans["franchise_code"].fillna(0).gt(1),
    )
    return Lending(
        name="sba",
        loans=loans,
        plan=PLAN,
        popularity=Plan(region="state", terms=popularity_terms(*_CONTEXTS)),
        half_lives=(365.0, 600.0),
        recent_days=90.0,
    )
