"""US Paycheck Protection Program loans: which lender financed whom, by day, place, industry, kind and amount."""

from pathlib import Path

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
    "The public files are the US Small Business Administration's FOIA releases of PPP loan data (data.sba.gov, "
    "'PPP FOIA'): save them as one parquet file with the columns loan_id, approved_on, state, city, zip, naics, "
    "business_type, amount_usd, lender and give its path with --data."
)

_COLUMNS = {
    "loan_id": "loan_id",
    "approved_on": "day",
    "state": "state",
    "city": "city",
    "zip": "zip",
    "naics": "naics",
    "business_type": "type",
    "amount_usd": "amount",
}

PLAN = Plan(
    region="state",
    strength=0.5,
    terms=(
        *popularity_terms("naics2", "type", "band"),
        crossed("zip3_naics2", "zip3", "zip3", "naics2"),
        crossed("zip5_naics2", "zip5", "zip5", "naics2"),
        crossed("state_naics6", "state", "state", "naics6"),
        crossed("state_type", "state", "state", "type"),
        crossed("zip3_type", "zip3", "zip3", "type"),
        crossed("state_band", "state", "state", "band"),
        crossed("zip3_octave", "zip3", "zip3", "octave"),
        Term(name="usual_amount", kind="distance", columns=("amount",), weight=0.0),
        *evened_terms("steady", "day"),
        *evened_terms("broad", "naics4"),
    ),
)


def load(path: Path) -> Lending:
    """The loans of a PPP file.

    Raises
    ------
    DataAbsentError, DataShapeError
        As :func:`training.datasets.us_loans.read_loans`.
    """
    loans = add_common_columns(read_loans(path, "ppp_loans.parquet", _COLUMNS, "lender", PUBLIC))
    return Lending(
        name="ppp",
        loans=loans,
        plan=PLAN,
        popularity=Plan(region="state", terms=popularity_terms("naics2", "type", "band")),
        half_lives=(10.0,),
        recent_days=3.0,
    )
