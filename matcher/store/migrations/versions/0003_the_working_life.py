"""The working life around the match: desks, pushes, events, prices, meetings."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED = {
    "demands": (sa.Column("expires_on", sa.Date(), nullable=True),),
    "keys": (
        sa.Column("scopes", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.String(length=40), nullable=True),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("rotated_from", sa.String(length=32), nullable=True),
    ),
    "demand_moves": (
        sa.Column("institution_id", sa.String(length=64), nullable=True),
        sa.Column("lead_id", sa.String(length=64), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("occurred_on", sa.Date(), nullable=True),
    ),
}


_HEAD = """
INSERT INTO facts (name, value)
SELECT 'audit_head', CAST(sequence AS VARCHAR(20)) || ':' || digest FROM audit
WHERE sequence = (SELECT MAX(sequence) FROM audit)
"""
"""The audit states its head from here on: a store that has rows begins with the last of them."""


def upgrade() -> None:
    """Make the tables, and the new columns of those there were."""
    for name, columns in _ADDED.items():
        for column in columns:
            op.add_column(name, column)
    op.create_index("ix_demands_expires_on", "demands", ["expires_on"], unique=False)
    _leads()
    _push_queue()
    _outbox()
    _subscriptions()
    _webhooks()
    _deliveries()
    _events()
    _price_tables()
    _lead_lists()
    _officers()
    _personalisation()
    _contacts()
    _matchmaking_events()
    _referrals()
    _anchors()
    op.execute(_HEAD)


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM facts WHERE name = 'audit_head'")
    for name in _TABLES:
        op.drop_table(name)
    op.drop_index("ix_demands_expires_on", "demands")
    for name, columns in _ADDED.items():
        with op.batch_alter_table(name) as table:
            for column in columns:
                table.drop_column(column.name)


_TABLES = (
    "leads",
    "push_queue",
    "outbox",
    "subscriptions",
    "webhooks",
    "deliveries",
    "events",
    "price_tables",
    "lead_lists",
    "officers",
    "personalisation",
    "contacts",
    "matchmaking_events",
    "referrals",
    "anchors",
)


def _leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.String(length=64), nullable=False),
        sa.Column("demand_id", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("origin", sa.String(length=24), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("reminded_on", sa.Date(), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("amount_cny", sa.String(length=40), nullable=True),
        sa.Column("annual_rate", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("pushed_at", sa.String(length=40), nullable=True),
        sa.Column("changed_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("lead_id"),
        sa.UniqueConstraint("demand_id", "institution_id", name="uq_leads_demand_institution"),
    )
    op.create_index("ix_leads_demand_id", "leads", ["demand_id"], unique=False)
    op.create_index("ix_leads_due_on", "leads", ["due_on"], unique=False)
    op.create_index("ix_leads_institution_state", "leads", ["institution_id", "state"], unique=False)


def _push_queue() -> None:
    op.create_table(
        "push_queue",
        sa.Column("demand_id", sa.String(length=64), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("demand_id"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("occurred_at", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.Column("first_delivered_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("sequence"),
    )
    op.create_index("ix_outbox_institution_sequence", "outbox", ["institution_id", "sequence"], unique=False)


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "kind"),
    )


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("secret", sa.String(length=120), nullable=False),
        sa.Column("previous_secret", sa.String(length=120), nullable=True),
        sa.Column("previous_until", sa.String(length=40), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id"),
    )
    op.create_index("ix_webhooks_institution_id", "webhooks", ["institution_id"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column(
            "delivery_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("webhook_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(length=40), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("delivered_at", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id"),
        sa.UniqueConstraint("webhook_id", "sequence", name="uq_deliveries_webhook_sequence"),
    )
    op.create_index("ix_deliveries_state_next", "deliveries", ["state", "next_at"], unique=False)
    op.create_index("ix_deliveries_webhook_id", "deliveries", ["webhook_id"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("occurred_at", sa.String(length=40), nullable=False),
        sa.Column("received_at", sa.String(length=40), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("demand_id", sa.String(length=64), nullable=True),
        sa.Column("uscc", sa.String(length=18), nullable=True),
        sa.Column("product_id", sa.String(length=64), nullable=True),
        sa.Column("institution_id", sa.String(length=64), nullable=True),
        sa.Column("recommendation_id", sa.String(length=64), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("propensity", sa.Float(), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index("ix_events_demand_id", "events", ["demand_id"], unique=False)
    op.create_index("ix_events_type", "events", ["type"], unique=False)


def _price_tables() -> None:
    op.create_table(
        "price_tables",
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )


def _lead_lists() -> None:
    op.create_table(
        "lead_lists",
        sa.Column("version", sa.String(length=80), nullable=False),
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("version", "institution_id"),
    )


def _officers() -> None:
    op.create_table(
        "officers",
        sa.Column("institution_id", sa.String(length=64), nullable=False),
        sa.Column("period", sa.Date(), nullable=False),
        sa.Column("officers", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("reviewed", sa.Integer(), nullable=True),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("institution_id", "period"),
    )


def _personalisation() -> None:
    op.create_table(
        "personalisation",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
    )


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
    )


def _matchmaking_events() -> None:
    op.create_table(
        "matchmaking_events",
        sa.Column("matchmaking_event_id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("matchmaking_event_id"),
    )


def _referrals() -> None:
    op.create_table(
        "referrals",
        sa.Column("referral_id", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("demand_id", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("recipient", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=24), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("referral_id"),
    )
    op.create_index("ix_referrals_recipient", "referrals", ["recipient"], unique=False)
    op.create_index("ix_referrals_uscc", "referrals", ["uscc"], unique=False)


def _anchors() -> None:
    op.create_table(
        "anchors",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
    )
