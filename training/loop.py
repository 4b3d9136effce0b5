"""The closed loop: serve, log, retrain, gate, promote, month by month in a drifting city, beside a frozen first model.

Two twin cities share every demand and every draw of chance and differ in their lists alone: one is served by the
champion, retrained before every cycle on the log its own lists left, the other by the first model for ever. Learning
reads what the log knew the evening before; only the measures beside it read the truth.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.market import plan
from matcher.ranker import Ranker
from training import loop_gate, loop_measures
from training.bundle import set_champion, write_bundle
from training.city.build import DEFAULT_SEED
from training.city.log import Arrivals
from training.city.parameters import LIST_LENGTH, world_named
from training.city.served import DEMAND_MONTHS, ServedCity
from training.dataset import History, pair_matrix_of, read_history
from training.fit import Settings, fit
from training.loop_gate import Verdict
from training.loop_measures import Month
from training.progress import steps
from training.promote import promote, rollback, standing
from training.train import bundle_of
from training.until import until

Floats = NDArray[np.float64]

CARD = "排序模型，在闭环模拟中重训 · A ranker retrained in the closed loop (simulated)\n"
FIRST_TIME = "has_prior_loan"
"""Profile column whose 0 marks the segment in which the planted model's labels are turned round."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """What a loop is run with.

    Parameters
    ----------
    cycles
        Months retrained before they are served; before them the first model serves one month in both cities.
    warm_up
        Months served by the old lists, whose log the first model learns from.
    demands
        Demands in the twelve months of the calendar.
    threads
        Threads of a fit; on a busy machine one is faster than two.
    """

    world: str = "drifting"
    cycles: int = 5
    warm_up: int = 6
    enterprises: int = 3_000
    demands: int = 12_000
    institutions: int = 30
    products: int = 150
    seed: int = DEFAULT_SEED
    threads: int = 1
    answers: int = 40

    def __post_init__(self) -> None:
        if self.cycles < 1 or self.warm_up < 3 or self.warm_up + 1 + self.cycles > DEMAND_MONTHS:
            raise ValueError(
                f"{self.warm_up} months of warm-up (3 at least), one of launch and {self.cycles} cycles (1 at least) "
                f"must fit into the calendar's {DEMAND_MONTHS} months"
            )

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the city."""
        return {name: getattr(self, name) for name in ("enterprises", "demands", "institutions", "products")}


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What a loop found.

    Parameters
    ----------
    months
        The launch, then one per cycle.
    verdicts
        What the gate said before each cycle.
    planted
        What it said of the model whose labels of first-time borrowers were turned round.
    """

    settings: LoopSettings
    months: tuple[Month, ...] = field(repr=False)
    verdicts: tuple[Verdict, ...] = field(repr=False)
    planted: Verdict
    way_back: "WayBack"


@dataclass(frozen=True, kw_only=True)
class WayBack:
    """A rollback shown: ``restored`` says whether the earlier champion's probabilities came back to the last bit."""

    before: str
    after: str
    restored: bool


def run(out: Path, settings: LoopSettings, *, progress: bool = False) -> Loop:
    """Run the loop; both cities and the bundles lie under ``out`` afterwards, which must be empty or absent.

    Raises
    ------
    FileExistsError
        If there is something in ``out``.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty: name another directory for the loop, or remove it")
    with steps(progress, "closed loop", settings.warm_up + 2 * (settings.cycles + 1) + 2) as step:
        city = ServedCity.open(out / "retrained", world_named(settings.world), settings.seed, settings.sizes)
        for _ in range(settings.warm_up):
            city.serve(city.begin(), None)
            step()
        arms = _Arms(settings, city, city.twin(out / "frozen"), out / "models")
        for cycle in range(settings.cycles + 1):
            arms.month(last=cycle == settings.cycles)
            step()
            step()
        planted, way_back = arms.end()
        step()
    return Loop(
        settings=settings,
        months=tuple(loop_measures.settled(each, city, arms.frozen) for each in arms.months),
        verdicts=tuple(arms.verdicts),
        planted=planted,
        way_back=way_back,
    )


class _Arms:
    """Both cities, the models, and what was measured so far."""

    def __init__(self, settings: LoopSettings, city: ServedCity, frozen: ServedCity, models: Path) -> None:
        self.settings, self.city, self.frozen, self.models = settings, city, frozen, models
        self.months: list[Month] = []
        self.verdicts: list[Verdict] = []
        self._first = ""
        self._known: dict[str, History] = {}
        self._planted: Verdict | None = None
        self._probe: tuple[History, Arrivals] | None = None

    def month(self, *, last: bool) -> None:
        """Retrain and judge, then serve one month in both cities."""
        month = self.city.month
        arrivals, history = _evening(self.city, self._known.get("retrained"))
        if not self._first:
            self._first = self._fit(history, month)
            set_champion(self.models, self._first)
        else:
            self._retrain(history, month)
        if last:
            self._planted = self._judge(history, self._fit(_turned(history), month - 1))
            self._probe = history, arrivals
        champion, first = Ranker.load(self.models), Ranker.load(self.models / self._first)
        said = {name: probabilities(each, history, arrivals) for name, each in (("r", champion), ("f", first))}
        before = loop_measures.measured(month, self.city, history, arrivals, said["r"], said["f"], champion.version)
        retrained = _lists(self.city, champion, *said["r"])
        twins, known = _evening(self.frozen, self._known.get("frozen", history))
        self._known = {"retrained": history, "frozen": known}
        frozen = _lists(self.frozen, first, *probabilities(first, known, twins))
        self.months.append(
            replace(
                before,
                value_retrained=loop_measures.value(arrivals, retrained, self.city),
                value_frozen=loop_measures.value(twins, frozen, self.frozen),
            )
        )
        self.city.serve(arrivals, retrained)
        self.frozen.serve(twins, frozen)

    def end(self) -> tuple[Verdict, WayBack]:
        """What the gate said of the planted model, and the way back walked once."""
        assert self._planted is not None
        assert self._probe is not None
        now, before = standing(self.models)
        if before is None:
            return self._planted, WayBack(before=str(now), after=str(now), restored=False)
        history, arrivals = self._probe
        expected = probabilities(Ranker.load(self.models / before), history, arrivals)
        serving = rollback(self.models)
        again = probabilities(Ranker.load(self.models), history, arrivals)
        same = all(np.array_equal(a, b) for a, b in zip(expected, again, strict=True))
        return self._planted, WayBack(before=str(now), after=serving, restored=same)

    def _retrain(self, history: History, month: int) -> None:
        """A challenger judged on the month just over; the same recipe with that month learned too serves if it passes.

        What serves must know the latest month, or a lender's change of mind is learned a month late.
        """
        verdict = self._judge(history, self._fit(history, month - 1))
        if verdict.passed:
            verdict = loop_gate.caught_up(verdict, self._judge(history, self._fit(history, month)))
        promote(self.models, verdict.ruling)
        self.verdicts.append(verdict)

    def _judge(self, history: History, version: str) -> Verdict:
        seen = until(history, int(history.month.max()) - 1)
        return loop_gate.judge(seen, self.city.directory, self.models, version, self.settings.answers)

    def _fit(self, history: History, months: int) -> str:
        settings = Settings(threads=self.settings.threads)
        learned = until(history, months)
        bundle = bundle_of(learned, fit(learned, settings), settings, self.settings.world, CARD)
        return write_bundle(self.models, bundle).name


def probabilities(ranker: Ranker, history: History, arrivals: Arrivals) -> tuple[Floats, Floats]:
    """p and q (demands, products) of a month's demands, 0 where the published rules do not admit."""
    line, product = np.nonzero(arrivals.verdict > 0)
    scores = ranker.predict(pair_matrix_of(history, ranker.effects, arrivals.rows[line], product))
    p, q = np.zeros(arrivals.verdict.shape), np.zeros(arrivals.verdict.shape)
    p[line, product], q[line, product] = scores.p_apply, scores.p_approve
    return p, q


def _evening(city: ServedCity, earlier: History | None) -> tuple[Arrivals, History]:
    """The demands of the month to come, and everything known before it is served."""
    arrivals = city.begin()
    city.write((city.month - 1,))
    return arrivals, read_history(city.directory, earlier=earlier)


def _lists(city: ServedCity, ranker: Ranker, p: Floats, q: Floats) -> Floats:
    """Scores in the order of the market's lists: whole lists, as the service answers."""
    made = plan(
        p,
        q,
        city.owner,
        city.capacity,
        examination=ranker.manifest["examination"],
        top_n=LIST_LENGTH,
        shortest=LIST_LENGTH,
    )
    score = p * q - 1.0
    line, place = np.nonzero(made.lists >= 0)
    score[line, made.lists[line, place]] = LIST_LENGTH - place
    return score


def _turned(history: History) -> History:
    """The history with every decision on a first-time borrower turned round: what a broken feed would teach."""
    made = history.applications.copy()
    first = history.profiles[FIRST_TIME][made["demand"].to_numpy()] == 0
    decided = first & made["approved"].notna().to_numpy()
    made.loc[decided, "approved"] = ~made.loc[decided, "approved"].astype(bool)
    return replace(history, applications=made)
