"""Loaders that map real data onto the source tables."""
