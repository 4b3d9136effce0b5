"""The tables of the working life around the match, with the conventions of ``tables``."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from matcher.store.tables import METADATA

_SERIAL = BigInteger().with_variant(Integer, "sqlite")

leads = Table(
    "leads",
    METADATA,
    Column("lead_id", String(64), primary_key=True),
    Column("demand_id", String(64), nullable=False, index=True),
    Column("institution_id", String(64), nullable=False),
    Column("product_id", String(64), nullable=False),
    Column("state", String(24), nullable=False),
    Column("origin", String(24), nullable=False),
    Column("value", Float, nullable=True),
    Column("due_on", Date, nullable=True, index=True),
    Column("late", Boolean, nullable=False, default=False),
    Column("reminded_on", Date, nullable=True),
    Column("reason_code", String(40), nullable=True),
    Column("amount_cny", String(40), nullable=True),
    Column("annual_rate", String(40), nullable=True),
    Column("detail", Text, nullable=True),
    Column("pushed_at", String(40), nullable=True),
    Column("changed_at", String(40), nullable=False),
    UniqueConstraint("demand_id", "institution_id", name="uq_leads_demand_institution"),
    Index("ix_leads_institution_state", "institution_id", "state"),
)

push_queue = Table(
    "push_queue",
    METADATA,
    Column("demand_id", String(64), primary_key=True),
    Column("recorded_at", String(40), nullable=False),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("sequence", _SERIAL, primary_key=True, autoincrement=True),
    Column("institution_id", String(64), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("payload", Text, nullable=False),
    Column("occurred_at", String(40), nullable=False),
    Column("recorded_at", String(40), nullable=False),
    Column("first_delivered_at", String(40), nullable=True),
    Index("ix_outbox_institution_sequence", "institution_id", "sequence"),
)

subscriptions = Table(
    "subscriptions",
    METADATA,
    Column("institution_id", String(64), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

webhooks = Table(
    "webhooks",
    METADATA,
    Column("webhook_id", String(64), primary_key=True),
    Column("institution_id", String(64), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),
    Column("secret", String(120), nullable=False),
    Column("previous_secret", String(120), nullable=True),
    Column("previous_until", String(40), nullable=True),
    Column("active", Boolean, nullable=False, default=True),
    Column("recorded_at", String(40), nullable=False),
)

deliveries = Table(
    "deliveries",
    METADATA,
    Column("delivery_id", _SERIAL, primary_key=True, autoincrement=True),
    Column("webhook_id", String(64), nullable=False, index=True),
    Column("sequence", BigInteger, nullable=False),
    Column("state", String(24), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", String(40), nullable=False),
    Column("last_status", Integer, nullable=True),
    Column("last_error", Text, nullable=True),
    Column("delivered_at", String(40), nullable=True),
    UniqueConstraint("webhook_id", "sequence", name="uq_deliveries_webhook_sequence"),
    Index("ix_deliveries_state_next", "state", "next_at"),
)

events = Table(
    "events",
    METADATA,
    Column("event_id", String(80), primary_key=True),
    Column("type", String(40), nullable=False, index=True),
    Column("occurred_at", String(40), nullable=False),
    Column("received_at", String(40), nullable=False),
    Column("actor", String(80), nullable=False),
    Column("demand_id", String(64), nullable=True, index=True),
    Column("uscc", String(18), nullable=True),
    Column("product_id", String(64), nullable=True),
    Column("institution_id", String(64), nullable=True),
    Column("recommendation_id", String(64), nullable=True),
    Column("position", Integer, nullable=True),
    Column("propensity", Float, nullable=True),
    Column("reason_code", String(40), nullable=True),
    Column("fingerprint", String(64), nullable=False),
)

price_tables = Table(
    "price_tables",
    METADATA,
    Column("version", String(80), primary_key=True),
    Column("as_of", Date, nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

lead_lists = Table(
    "lead_lists",
    METADATA,
    Column("version", String(80), primary_key=True),
    Column("institution_id", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

officers = Table(
    "officers",
    METADATA,
    Column("institution_id", String(64), primary_key=True),
    Column("period", Date, primary_key=True),
    Column("officers", Integer, nullable=False),
    Column("capacity", Integer, nullable=True),
    Column("reviewed", Integer, nullable=True),
    Column("recorded_at", String(40), nullable=False),
)

personalisation = Table(
    "personalisation",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

contacts = Table(
    "contacts",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

matchmaking_events = Table(
    "matchmaking_events",
    METADATA,
    Column("matchmaking_event_id", String(64), primary_key=True),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

referrals = Table(
    "referrals",
    METADATA,
    Column("referral_id", String(64), primary_key=True),
    Column("uscc", String(18), nullable=False, index=True),
    Column("demand_id", String(64), nullable=True),
    Column("kind", String(24), nullable=False),
    Column("recipient", String(80), nullable=False, index=True),
    Column("state", String(24), nullable=False),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)

anchors = Table(
    "anchors",
    METADATA,
    Column("uscc", String(18), primary_key=True),
    Column("document", Text, nullable=False),
    Column("recorded_at", String(40), nullable=False),
)
