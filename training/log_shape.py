"""Columns and types of a world's log as it is written down; ``received_on`` is the store's alone."""

import pyarrow as pa

DEMANDS = pa.schema(
    {
        "demand_id": pa.string(),
        "uscc": pa.string(),
        "amount_cny": pa.float64(),
        "term_months": pa.int64(),
        "purpose": pa.string(),
        "kinds": pa.list_(pa.string()),
        "max_annual_rate": pa.float64(),
        "collateral": pa.list_(pa.struct({"kind": pa.string(), "appraised_value_cny": pa.float64()})),
        "repayment": pa.string(),
        "needed_by": pa.date32(),
        "published_on": pa.date32(),
    }
)
EXPOSURES = pa.schema(
    {
        "demand_id": pa.string(),
        "product_id": pa.string(),
        "position": pa.int64(),
        "propensity": pa.float64(),
        "explored": pa.bool_(),
        "shown_on": pa.date32(),
        "clicked": pa.bool_(),
        "applied": pa.bool_(),
        "applied_on": pa.date32(),
        "received_on": pa.date32(),
    }
)
APPLICATIONS = pa.schema(
    {
        "application_id": pa.string(),
        "demand_id": pa.string(),
        "product_id": pa.string(),
        "institution_id": pa.string(),
        "applied_on": pa.date32(),
        "queue_position": pa.int64(),
        "reviewed": pa.bool_(),
        "reviewed_on": pa.date32(),
        "approved": pa.bool_(),
        "refusal_reason": pa.string(),
        "amount_cny": pa.float64(),
        "annual_rate": pa.float64(),
        "disbursed_on": pa.date32(),
        "matured_on": pa.date32(),
        "outcome": pa.string(),
        "received_on": pa.date32(),
    }
)
OFFICERS = pa.schema(
    {
        "institution_id": pa.string(),
        "period": pa.date32(),
        "officers": pa.int64(),
        "capacity": pa.int64(),
        "reviewed": pa.int64(),
    }
)
