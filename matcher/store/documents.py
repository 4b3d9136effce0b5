"""A demand as a JSON document, in the wire's own words, and back without loss."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from matcher.domain import Collateral, CollateralKind, Demand, Kind, Purpose, Repayment


def demand_to_document(demand: Demand) -> dict[str, Any]:
    """The wire's shape: money and rates as decimal text, days as ISO text, what was not said as null."""
    return {
        "uscc": demand.uscc,
        "amount_cny": str(demand.amount_cny),
        "term_months": demand.term_months,
        "purpose": demand.purpose.value,
        "kinds": [kind.value for kind in demand.kinds],
        "max_annual_rate": None if demand.max_annual_rate is None else str(demand.max_annual_rate),
        "collateral": [
            {
                "kind": item.kind.value,
                "appraised_value_cny": None if item.appraised_value_cny is None else str(item.appraised_value_cny),
            }
            for item in demand.collateral
        ],
        "repayment": demand.repayment.value,
        "needed_by": None if demand.needed_by is None else demand.needed_by.isoformat(),
    }


def demand_from_document(document: Mapping[str, Any], demand_id: str | None = None) -> Demand:
    """The demand a document speaks of; the document was validated when it was kept."""
    rate, needed_by = document["max_annual_rate"], document["needed_by"]
    return Demand(
        demand_id=demand_id,
        uscc=document["uscc"],
        amount_cny=Decimal(document["amount_cny"]),
        term_months=document["term_months"],
        purpose=Purpose(document["purpose"]),
        kinds=tuple(Kind(kind) for kind in document["kinds"]),
        max_annual_rate=None if rate is None else Decimal(rate),
        collateral=tuple(
            Collateral(
                kind=CollateralKind(item["kind"]),
                appraised_value_cny=None
                if item["appraised_value_cny"] is None
                else Decimal(item["appraised_value_cny"]),
            )
            for item in document["collateral"]
        ),
        repayment=Repayment(document["repayment"]),
        needed_by=None if needed_by is None else date.fromisoformat(needed_by),
    )
