"""The arithmetic that all families share: windows of months, ratios, growth and volatility; unknown is never zero."""

from typing import Any

import ibis

Value = Any
"""An ibis column expression."""


def months(back: Value, first: int, last: int) -> Value:
    """Rows whose month lies ``first`` to ``last`` whole months back; 1 is the month before that of the day."""
    return back.between(first, last)


def yuan(fen: Value) -> Value:
    """Hundredths as units: fen as yuan."""
    return fen.cast("float64") / 100.0


def ratio(numerator: Value, denominator: Value) -> Value:
    """Quotient, null when the denominator is null, zero or negative."""
    over = denominator.cast("float64")
    return (over > 0).ifelse(numerator.cast("float64") / over, ibis.null("float64"))


def growth(recent: Value, before: Value) -> Value:
    """Recent over before, minus 1; null without a base above zero."""
    return ratio(recent, before) - 1.0


def mean_growth(value: Value, back: Value, span: int) -> Value:
    """Mean of the months on record among the last ``span`` over the mean of those in the ``span`` before, minus 1.

    With every month on record this is the growth of the sums; a month that is missing counts on neither side.
    """
    recent, before = months(back, 1, span), months(back, span + 1, 2 * span)
    return growth(
        ratio(value.sum(where=recent), value.count(where=recent)),
        ratio(value.sum(where=before), value.count(where=before)),
    )


def volatility(value: Value, window: Value, count: Value | None = None) -> Value:
    """Population standard deviation over mean of the monthly values (whole numbers) in a window.

    Sums of squares are taken in decimals of 38 digits, so they are exact and the same in any order of rows.

    Parameters
    ----------
    count
        Number of months; by default those with a value. A larger number counts the others as zero.

    Returns
    -------
    Value
        Null under two months or for a sum of zero or less.
    """
    known = value.count(where=window) if count is None else count
    wide = value.cast("decimal(19, 0)")
    total = value.sum(where=window).cast("decimal(19, 0)")
    squares = (wide * wide).sum(where=window).cast("decimal(36, 0)") * known.cast("decimal(2, 0)")
    spread = (squares - total * total).cast("float64").sqrt()
    return (known >= 2).ifelse(ratio(spread, total), ibis.null("float64"))
