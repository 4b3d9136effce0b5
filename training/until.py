"""A history cut in time: what a fit made earlier would have read of it."""

from dataclasses import dataclass, fields

from training.dataset import HELD_OUT_MONTHS, History


@dataclass(frozen=True, kw_only=True)
class Until(History):
    """A history of whose months the first ``learned`` may be learned from, the next being held out."""

    learned: int

    @property
    def months(self) -> int:
        """Months as a fit counts them: those it learns from, and those it holds out."""
        return self.learned + HELD_OUT_MONTHS


def until(history: History, months: int) -> Until:
    """The same history, to be learned from up to a month.

    Parameters
    ----------
    months
        Months learned from; records known after the last of them do not exist for a fit.
    """
    return Until(**{each.name: getattr(history, each.name) for each in fields(History)}, learned=months)
