"""Runs the migrations on the connection the store hands over; there is no alembic.ini."""

from alembic import context

from matcher.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
