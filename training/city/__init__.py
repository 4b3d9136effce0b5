"""A simulated city with a hidden truth: everything it yields is simulated, never Yantai."""

from training.city.build import build

__all__ = ["build"]
