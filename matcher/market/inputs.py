"""What a market may be given. Anything else is refused, and the refusal names the argument."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class MarketInputError(ValueError):
    """An argument a market cannot be planned with; ``argument`` is its name."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")
        self.argument = argument


class ShapeError(MarketInputError):
    """An array whose shape does not fit the others."""


class ProbabilityError(MarketInputError):
    """A probability outside [0, 1]."""


class CapacityError(MarketInputError):
    """A number of reviews that is negative or not a number."""


class ExaminationError(MarketInputError):
    """An examination curve that is too short or holds something else than chances."""


def probabilities(name: str, values: ArrayLike, dimensions: int = 2) -> Floats:
    """``values`` as float64; NaN (not eligible) becomes 0.

    Raises
    ------
    ShapeError, ProbabilityError
        Naming ``name``.
    """
    array = _numbers(name, values, ProbabilityError)
    if array.ndim != dimensions:
        raise ShapeError(name, f"has {array.ndim} dimensions, {dimensions} are needed")
    missing = np.isnan(array)
    array = np.where(missing, 0.0, array) if missing.any() else array
    if array.size and not (array.min() >= 0.0 and array.max() <= 1.0):
        raise ProbabilityError(name, "holds values outside [0, 1]; leave ineligible pairs NaN or 0")
    return array


def capacities(name: str, values: ArrayLike) -> Floats:
    """Reviews each institution can make in the period; infinite is allowed and means never full.

    Raises
    ------
    ShapeError, CapacityError
        Naming ``name``.
    """
    array = _numbers(name, values, CapacityError)
    if array.ndim != 1:
        raise ShapeError(name, f"has {array.ndim} dimensions, one value an institution is needed")
    if np.isnan(array).any():
        raise CapacityError(name, "holds a value that is not a number; an institution without officers has 0")
    if (array < 0.0).any():
        raise CapacityError(name, "holds a negative number of reviews")
    return array


def institutions(name: str, values: ArrayLike, products: int, count: int) -> Integers:
    """Institution of each product, as a place in the table of capacities.

    Raises
    ------
    ShapeError, MarketInputError
        Naming ``name``.
    """
    array = np.asarray(values)
    if array.shape != (products,):
        raise ShapeError(name, f"has shape {array.shape}, one institution for each of {products} products is needed")
    whole = array.astype(np.int64) if array.size else np.zeros(0, dtype=np.int64)
    if array.size and (array.dtype.kind not in "iuf" or (whole != array).any()):
        raise MarketInputError(name, "holds something else than whole numbers")
    if whole.size and (whole.min() < 0 or whole.max() >= count):
        raise MarketInputError(name, f"names an institution outside 0 to {count - 1}")
    return whole


def examination_curve(name: str, values: ArrayLike, positions: int) -> Floats:
    """Chance that each of the first ``positions`` positions is looked at.

    Raises
    ------
    ExaminationError
        Naming ``name``.
    """
    array = _numbers(name, values, ExaminationError)
    if array.ndim != 1 or array.size < positions:
        raise ExaminationError(name, f"has shape {array.shape}, one chance for each of {positions} positions is needed")
    if not (array.min() >= 0.0 and array.max() <= 1.0):
        raise ExaminationError(name, "holds values outside [0, 1]")
    return array[:positions]


def whole_number(name: str, value: int, least: int = 1) -> int:
    """``value`` if it is a whole number of at least ``least``.

    Raises
    ------
    MarketInputError
        Naming ``name``.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise MarketInputError(name, f"is {value!r}, a whole number of at least {least} is needed")
    return int(value)


def same_shape(name: str, array: Floats, shape: Sequence[int]) -> None:
    """Refuse ``array`` unless it has ``shape``.

    Raises
    ------
    ShapeError
        Naming ``name``.
    """
    if array.shape != tuple(shape):
        raise ShapeError(name, f"has shape {array.shape}, {tuple(shape)} is needed")


def _numbers(name: str, values: ArrayLike, error: type[MarketInputError]) -> Floats:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise error(name, "is no array of numbers") from problem
