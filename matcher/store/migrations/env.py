"""Runs the migrations on the connection the store hands over; there is no alembic.ini."""

from alembic import context

from matcher.store.tables_platform import leads

_CONNECTION = context.config.attributes["connection"]

context.configure(connection=_CONNECTION, target_metadata=leads.metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
