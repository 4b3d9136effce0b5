"""Benchmarks on real lending files: which institution did finance this enterprise, of all that could.

``run`` does one file; ``app`` is the command group ``matcher-train benchmark``.
"""

from training.benchmark.commands import app, run

__all__ = ["app", "run"]
