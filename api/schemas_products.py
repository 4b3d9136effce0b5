"""What a caller is answered about versions and previews of products."""

from pydantic import BaseModel


class VersionShown(BaseModel):
    """One version of a product."""

    version: int
    recorded_at: str
    current: bool


class VersionList(BaseModel):
    """Versions of a product, first to last."""

    items: list[VersionShown]
    next_cursor: str | None


class MaskedDemand(BaseModel):
    """One demand in a preview; its handle is good for this preview alone."""

    handle: str
    purpose: str
    amount_from_cny: str
    amount_below_cny: str | None


class Changed(BaseModel):
    """How many demands would change to a verdict, and up to 50 of them."""

    count: int
    sample: list[MaskedDemand]


class RuleCount(BaseModel):
    """How many demands a check keeps out, alone keeps out, or cannot decide."""

    code: str
    clause: str | None
    failed: int
    failed_alone: int
    unknown: int


class PreviewShown(BaseModel):
    """What a product as written would admit, beside what its present version admits."""

    product_id: str
    present_version: int | None
    as_of: str
    demands: int
    counts: dict[str, dict[str, int] | None]
    newly_admitted: Changed
    newly_unknown: Changed
    newly_refused: Changed
    rules: list[RuleCount]
