"""The plan's yearly targets against what was counted. What nobody counted is unknown, never missed and never zero.

A count may be known within bounds only: it is reached once its lowest is enough, missed while its highest is not, and
unknown between, with the datum that would settle it. Small groups of a breakdown are hidden.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from matcher.domain import Text
from matcher.policy.rulebook import Rulebook, default_rulebook
from matcher.policy.statutes_parser import Target

YES, NO, UNKNOWN = "yes", "no", "unknown"
SMALLEST_CELL = 5
"""Groups of fewer enterprises are not shown."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One group of a breakdown: how many enterprises, and the amount of the target's unit on them."""

    group: str
    enterprises: int
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What was counted of one target.

    Parameters
    ----------
    lowest, highest
        The least and the most it can be, equal where it is known; None where no bound is known.
    how
        From which rows of the store, and by which day's knowledge.
    missing
        The data that would settle it.
    """

    lowest: Decimal | None
    highest: Decimal | None
    how: Text | None = None
    missing: tuple[Text, ...] = ()
    breakdown: tuple[Cell, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TargetAnswer:
    """One target of one year.

    Parameters
    ----------
    observed
        The counter's value, or the least it can be; ``None`` where the store cannot know it.
    at_most
        The most it can be; ``None`` where nothing bounds it.
    reached
        ``yes``, ``no`` or ``unknown``.
    breakdown
        Groups large enough to be shown, and None for each that is not.
    """

    target: Target
    observed: Decimal | None
    reached: str
    at_most: Decimal | None = None
    how: Text | None = None
    missing: tuple[Text, ...] = ()
    breakdown: Mapping[str, Cell | None] | None = None


def targets(
    counters: Mapping[str, Counted | Decimal | int | float | None], year: int, rulebook: Rulebook | None = None
) -> tuple[TargetAnswer, ...]:
    """Every target of a year, reached or not.

    Parameters
    ----------
    counters
        What was counted by the end of the year or so far, by ``Target.counter``; absent or None is unknown.

    Returns
    -------
    tuple
        Empty for a year the rulebook sets no target for.
    """
    rulebook = rulebook or default_rulebook()
    return tuple(_answer(each, _counted(counters.get(each.counter))) for each in rulebook.targets if each.year == year)


def shown_cells(cells: Sequence[Cell]) -> dict[str, Cell | None]:
    """A breakdown without its small groups; where one alone would be hidden, the next smallest is hidden with it.

    >>> cells = [Cell(group=g, enterprises=n, amount=Decimal(n)) for g, n in (("a", 3), ("b", 9), ("c", 7))]
    >>> {group: cell and cell.enterprises for group, cell in shown_cells(cells).items()}
    {'a': None, 'b': 9, 'c': None}
    """
    filled = sorted((cell for cell in cells if cell.enterprises), key=lambda cell: cell.enterprises)
    hidden = {cell.group for cell in filled if cell.enterprises < SMALLEST_CELL}
    if len(hidden) == 1 and len(filled) > 1:  # else the total less the others would give it away
        hidden.add(filled[1].group)
    return {cell.group: None if cell.group in hidden else cell for cell in cells}


def _counted(counted: Counted | Decimal | int | float | None) -> Counted:
    if isinstance(counted, Counted):
        return counted
    if counted is None or counted != counted:
        return Counted(lowest=None, highest=None)
    exact = counted if isinstance(counted, Decimal) else Decimal(str(counted))
    return Counted(lowest=exact, highest=exact)


def _answer(target: Target, counted: Counted) -> TargetAnswer:
    return TargetAnswer(
        target=target,
        observed=counted.lowest,
        at_most=counted.highest,
        reached=_reached(target, counted),
        how=counted.how,
        missing=counted.missing,
        breakdown=shown_cells(counted.breakdown) if counted.breakdown else None,
    )


def _reached(target: Target, counted: Counted) -> str:
    if counted.lowest is not None and _meets(target, counted.lowest):
        return YES
    if counted.highest is not None and not _meets(target, counted.highest):
        return NO
    return UNKNOWN


def _meets(target: Target, observed: Decimal) -> bool:
    return observed > target.threshold if target.operator == "gt" else observed >= target.threshold
