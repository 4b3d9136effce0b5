"""What the closed loop asks of a challenger: the gates of ``training.gate``, calibration held to bound or champion.

A small city misses the absolute bounds on calibration (decision 8), the champion as well, and two fits of one month
differ by some thousandths. Refusing the less wrong would keep the more wrong: so a calibration gate lets pass up to the
larger of its bound and the champion's own error on the same months and a tolerance, and says which it was. How long an
answer takes is not asked: it is the machine's affair, and the same loop must end the same way twice.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from matcher.ranker import Ranker, champion_directory
from training import gate
from training.city.snapshot import RATINGS
from training.dataset import History
from training.evaluate import against_truth, held_out_pairs, segments
from training.gate import CALIBRATION_BOUNDS, Gate
from training.promote import Ruling
from training.trial import measure

CALIBRATION_TOLERANCE = 0.005
"""Error a challenger may have beyond the champion's: as much as ranking may lie below it."""
NOT_ASKED = {"latency", "latency_ratio"}
NEEDS_NO_LATER_MONTH = {"bundle", "schema", "eligibility", "replay"}
"""Gates that judge a bundle whatever months it learned from."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A ruling of the loop.

    Parameters
    ----------
    judged
        Version the months held out were asked about; ``ruling`` names the one to serve.
    """

    judged: str
    ruling: Ruling

    @property
    def passed(self) -> bool:
        """Whether every gate lets pass."""
        return self.ruling.passed

    @property
    def failing(self) -> tuple[Gate, ...]:
        """The gates that refuse."""
        return gate.failing(self.ruling.gates)


def judge(history: History, world: Path, models: Path, version: str, answers: int) -> Verdict:
    """Hold a version against the champion on the held-out month."""
    champion = champion_directory(models)
    trial = measure(history, world, models / version, champion, champion_directory(RATINGS), answers=answers)
    errors = _errors(history, world, Ranker.load(champion))
    found = [to_champion(each, errors) for each in gate.gates(trial) if each.name not in NOT_ASKED]
    return Verdict(
        judged=version, ruling=Ruling(challenger=version, champion=champion.name, gates=(gate.bundle(None), *found))
    )


def caught_up(verdict: Verdict, later: Verdict) -> Verdict:
    """The ruling on the same recipe with the judged month learned too: its own gates where they need no later month."""
    own = {each.name: each for each in later.ruling.gates if each.name in NEEDS_NO_LATER_MONTH}
    gates = tuple(own.get(each.name, each) for each in verdict.ruling.gates)
    return Verdict(judged=verdict.judged, ruling=replace(later.ruling, gates=gates))


def to_champion(found: Gate, champion: dict[tuple[str, str], float]) -> Gate:
    """A calibration gate that refuses, held to the champion's error where that is larger; any other as it is."""
    kind, _, rest = found.name.partition(":")
    if kind != "calibration" or found.passed:
        return found
    which, _, name = rest.partition(":")
    bound = max(CALIBRATION_BOUNDS[name], champion[which, name] + CALIBRATION_TOLERANCE)
    return gate.calibration(which, name, found.value, bound)


def _errors(history: History, world: Path, ranker: Ranker) -> dict[tuple[str, str], float]:
    asked = held_out_pairs(history, world, ranker)
    return {
        (which, name): against_truth(asked, rows, key).get("ece", 0.0)
        for name, rows in segments(history, asked).items()
        for which, key in (("p_apply", "p"), ("p_approve", "q"))
    }
