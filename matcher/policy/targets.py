"""The plan's yearly targets against what was counted. What nobody counted is unknown, never missed and never zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from matcher.policy.rulebook import Rulebook, default_rulebook
from matcher.policy.statutes_parser import Target

YES, NO, UNKNOWN = "yes", "no", "unknown"


@dataclass(frozen=True, kw_only=True)
class TargetAnswer:
    """One target of one year.

    Parameters
    ----------
    observed
        The counter's value, ``None`` where the store cannot know it.
    reached
        ``yes``, ``no`` or ``unknown``.
    """

    target: Target
    observed: Decimal | None
    reached: str


def targets(
    counters: Mapping[str, Decimal | int | float | None], year: int, rulebook: Rulebook | None = None
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
    return tuple(_answer(each, counters.get(each.counter)) for each in rulebook.targets if each.year == year)


def _answer(target: Target, counted: Decimal | int | float | None) -> TargetAnswer:
    if counted is None or counted != counted:
        return TargetAnswer(target=target, observed=None, reached=UNKNOWN)
    observed = counted if isinstance(counted, Decimal) else Decimal(str(counted))
    met = observed > target.threshold if target.operator == "gt" else observed >= target.threshold
    return TargetAnswer(target=target, observed=observed, reached=YES if met else NO)
