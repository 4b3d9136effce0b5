"""What a lead is called: a demand at an institution has one name, before it has a row and ever after."""

import hashlib


def lead_id_of(demand_id: str, institution_id: str) -> str:
    """The name of a demand's lead at an institution."""
    return "L-" + hashlib.sha256(f"{demand_id}|{institution_id}".encode()).hexdigest()[:20]
