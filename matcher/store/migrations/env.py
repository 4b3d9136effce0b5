"""Runs the migrations on the connection the store hands over; there is no alembic.ini."""

from alembic import context

from matcher.store import tables_platform

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables_platform.leads.metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
