"""Moves the champion: only past every gate, in one atomic step, the one before kept for the way back.

``champion.json`` names the version in service and, as ``previous``, the one it replaced.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from matcher.ranker import BundleError, champion_directory, read_manifest
from training import gate
from training.bundle import set_champion
from training.dataset import History
from training.gate import Gate
from training.trial import measure

POINTER = "champion.json"


class NoWayBackError(Exception):
    """There is no earlier champion to go back to; the message says why and what to do."""


class ChampionMovedError(Exception):
    """The champion is not the one the challenger was held against any more."""


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What the gates said of a challenger.

    Parameters
    ----------
    champion
        Version it was held against; empty where none was in service.
    """

    challenger: str
    champion: str
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate lets pass, of at least one."""
        return bool(self.gates) and not gate.failing(self.gates)


def judge(history: History, world: Path, models: Path, version: str, rating: Path | None) -> Ruling:
    """The ruling on a version under ``models``; a bundle that must not serve is refused by name, not measured.

    Raises
    ------
    BundleError
        If the champion itself must not serve: roll back or restore it first.
    """
    challenger = models / version
    reason = _fault(challenger) if Path(version).name == version else f"{version!r} is no name of a version"
    champion = champion_directory(models) if (models / POINTER).is_file() else None
    named = "" if champion is None else champion.name
    if reason is not None:
        return Ruling(challenger=version, champion=named, gates=(gate.bundle(reason),))
    trial = measure(history, world, challenger, champion or challenger, rating)
    return Ruling(challenger=version, champion=named, gates=(gate.bundle(None), *gate.gates(trial)))


def promote(models: Path, ruling: Ruling) -> bool:
    """Put the challenger into service if every gate lets it pass; whether it did.

    Raises
    ------
    ChampionMovedError
        If another champion came into service since the ruling.
    """
    if not ruling.passed:
        return False
    current, previous = standing(models)
    if (current or "") != ruling.champion:
        raise ChampionMovedError(f"judged against {ruling.champion or 'none'}, now {current} serves: judge again")
    set_champion(models, ruling.challenger, previous=previous if current == ruling.challenger else current)
    return True


def rollback(models: Path) -> str:
    """Go back to the version before the champion, after checking that it may serve; gives that version.

    The two change places: a second rollback undoes the first.

    Raises
    ------
    NoWayBackError
        If no earlier version is named, or it must not serve.
    """
    current, previous = standing(models)
    if previous is None:
        raise NoWayBackError(f"{models / POINTER} names no earlier version: promote one first")
    reason = _fault(models / previous)
    if reason is not None:
        raise NoWayBackError(f"{previous} must not serve, {current} stays: {reason}")
    set_champion(models, previous, previous=current)
    return previous


def standing(models: Path) -> tuple[str | None, str | None]:
    """Versions in service and before, ``None`` where there is none."""
    pointer = models / POINTER
    if not pointer.is_file():
        return None, None
    named = json.loads(pointer.read_text(encoding="utf-8"))
    return named.get("version"), named.get("previous")


def _fault(folder: Path) -> str | None:
    try:
        read_manifest(folder)
    except BundleError as error:
        return str(error)
    return None
