"""Every table once. Documents are JSON text, moments are RFC 3339 text in UTC, days are days, digests are hex SHA-256.

The migrations under ``migrations`` make these tables; a test holds the two equal.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

METADATA = MetaData()
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

institutions = Table(
    "institutions",
    METADATA,
    Column("institution_id", String(64), primary_key=True),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

products = Table(
    "products",
    METADATA,
    Column("product_id", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("institution_id", String(64), nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

catalogues = Table(
    "catalogues",
    METADATA,
    Column("version", String(80), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

rulebooks = Table(
    "rulebooks",
    METADATA,
    Column("version", String(80), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

demands = Table(
    "demands",
    METADATA,
    Column("demand_id", String(64), primary_key=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("state", String(24), nullable=False),
    Column("published_on", Date, nullable=True, index=True),
    Column("expires_on", Date, nullable=True, index=True),
    Column("recorded_at", String(40), nullable=False),
)

demand_moves = Table(
    "demand_moves",
    METADATA,
    Column("move_id", _SERIAL, primary_key=True, autoincrement=True),
    Column("demand_id", String(64), nullable=False, index=True),
    Column("before", String(24), nullable=True),
    Column("after", String(24), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("occurred_at", String(40), nullable=False),
    Column("institution_id", String(64), nullable=True),
    Column("lead_id", String(64), nullable=True),
    Column("reason_code", String(40), nullable=True),
    Column("late", Boolean, nullable=False, default=False),
    Column("occurred_on", Date, nullable=True),
)

record_batches = Table(
    "record_batches",
    METADATA,
    Column("batch_id", _SERIAL, primary_key=True, autoincrement=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("source", String(32), nullable=False),
    Column("known_on", Date, nullable=False),
    Column("rows", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

consents = Table(
    "consents",
    METADATA,
    Column("consent_id", _SERIAL, primary_key=True, autoincrement=True),
    Column("uscc", String(18), nullable=False),
    Column("source", String(32), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("recipient", String(80), nullable=False),
    Column("granted_on", Date, nullable=False),
    Column("expires_on", Date, nullable=True),
    Column("revoked", Boolean, nullable=False, default=False),
    Column("recorded_at", String(40), nullable=False),
    Index("ix_consents_uscc", "uscc"),
)

recommendations = Table(
    "recommendations",
    METADATA,
    Column("recommendation_id", String(64), primary_key=True),
    Column("demand_id", String(64), nullable=True, index=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("as_of", Date, nullable=False),
    Column("inputs", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

audit = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("occurred_at", String(40), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("action", String(40), nullable=False),
    Column("subject", String(120), nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("caller", String(64), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

keys = Table(
    "keys",
    METADATA,
    Column("key_id", String(32), primary_key=True),
    Column("role", String(24), nullable=False),
    Column("institution_id", String(64), nullable=True),
    Column("hash", String(200), nullable=False),
    Column("revoked", Boolean, nullable=False, default=False),
    Column("recorded_at", String(40), nullable=False),
    Column("scopes", Text, nullable=True),
    Column("expires_at", String(40), nullable=True),
    Column("requests_per_minute", Integer, nullable=True),
    Column("rotated_from", String(32), nullable=True),
)

facts = Table(
    "facts",
    METADATA,
    Column("name", String(80), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the store says of itself: which world it was loaded from, its day."""
