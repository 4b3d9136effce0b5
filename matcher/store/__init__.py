"""The store: tables, migrations and queries. It knows what products and demands are, and nothing of models or law."""
