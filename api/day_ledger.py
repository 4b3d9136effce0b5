"""What the scripted day's callers were told, kept by themselves: the side of the books the store does not write."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """One move of a demand or a lead that was answered 200 or 201, and the state the answer showed."""

    day: str
    actor: str
    demand_id: str
    institution_id: str | None
    move: str
    state: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One event that was accepted."""

    event_id: str
    type: str
    demand_id: str
    product_id: str
    position: int | None
    propensity: float | None


@dataclass
class Ledger:
    """Everything acknowledged; safe to write from several threads.

    Parameters
    ----------
    recommendations
        Digest of the bytes answered, by recommendation.
    refused
        Answers 409 of the state machine, by move.
    met
        Attendance accepted of the matchmaking event, by type of event.
    granted
        (enterprise, source, purpose, recipient) → whether the consent stands.
    """

    moves: list[Acknowledged] = field(default_factory=list)
    events: list[Sent] = field(default_factory=list)
    recommendations: dict[str, str] = field(default_factory=dict)
    usccs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    granted: dict[tuple[str, str, str, str], bool] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def moved(self, move: Acknowledged) -> None:
        """A move was acknowledged."""
        with self.lock:
            self.moves.append(move)

    def sent(self, events: list[Sent]) -> None:
        """Events were accepted."""
        with self.lock:
            self.events.extend(events)

    def refuse(self, move: str) -> None:
        """A move was refused because lead or demand stood elsewhere by then."""
        with self.lock:
            self.refused[move] = self.refused.get(move, 0) + 1

    def count(self, move: str) -> int:
        """Acknowledged moves of one kind."""
        return sum(one.move == move for one in self.moves)
