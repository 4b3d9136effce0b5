"""What is watched while a model serves, and from where on it is an alarm: drift, calibration, exposure, refusals.

A reader (``monitor_world``, ``monitor_store``) brings two windows of the same kind, what the model was trained on and
what came since; everything here is pure. With too little to tell, a finding says so and alarms nobody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.pair_columns import PAIR_COLUMNS
from matcher.domain import Text

Floats = NDArray[np.float64]

PSI_WATCH, PSI_ALARM = 0.1, 0.25
"""Population stability index above which a column is watched, and alarmed."""
PSI_BINS = 10
LEAST_DEMANDS = 300
"""Demands in either window below which no distribution is compared."""
CALIBRATION_GAP = {"p_apply": 0.02, "p_approve": 0.05}
"""Distance of the mean said from what happened; an alarm only where it is more than ``SURE`` standard errors, too."""
LEAST_OUTCOMES = 100
"""Matured outcomes below which calibration is not judged."""
OVER_CAPACITY = 1.5
"""Applications over the reviews an institution can do in the same days, beyond what chance would bring."""
SEGMENT_LOSS = 0.2
"""Share of its value per demand, beside all demands', that a segment may lose against the reference."""
REFUSAL_MOVE = 0.05
"""How far the share of products a rule excludes may move."""
MATURE_DAYS = 14
"""Days after which nearly every application an exposure leads to has been made."""
LEAST_LOOKS = 10
"""Looks its share of all reviews would bring an institution; with fewer, none at all tells nothing."""
Z, SURE = 1.96, 3.0
"""Standard errors of the intervals shown, and of an alarm: some thirty figures are judged at a time."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """What was served in some days.

    Parameters
    ----------
    first, last
        ISO days.
    demands
        One row per demand: every profile column as a number, ``first_time``, ``micro`` (bool), ``district``.
    lines
        One row per line shown: ``demand`` (row of ``demands``), ``institution``, ``position``, ``p``, ``q``, ``seen``
        (v_k), ``known`` (whether an application would be known by now), ``applied``; other columns are features.
    reviews
        One row per decided application: ``demand``, ``q``, ``approved``.
    capacity
        Reviews each institution can do in these days; empty where unknown.
    refusals
        Share of all products each rule excludes, and of how many demands that was counted.
    """

    first: str
    last: str
    demands: pd.DataFrame = field(repr=False)
    lines: pd.DataFrame = field(repr=False)
    reviews: pd.DataFrame = field(repr=False)
    capacity: Mapping[str, float] = field(repr=False)
    refusals: Mapping[str, float] = field(repr=False)
    refusals_of: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at.

    Parameters
    ----------
    state
        ``fine``, ``watch``, ``alarm`` or ``too_few``.
    value
        What was measured; ``None`` where there was too little.
    reference
        The same before, where it is a comparison.
    """

    group: str
    name: str
    state: str
    value: float | None
    bound: float
    reference: float | None = None
    text: Text


STATUS = {"fine": 0, "alarm": 1, "too_few": 2}
"""Exit status: any alarm is 1; nothing but too few is 2."""
MODEL_INPUTS = frozenset(column.name for column in PAIR_COLUMNS)
"""Columns the models read: drift of any other is watched and alarms nobody."""
LINE_KEYS = ("demand", "institution", "position", "p", "q", "seen", "known", "applied")
DEMAND_KEYS = ("first_time", "micro", "district")


def findings(reference: Window, since: Window) -> tuple[Finding, ...]:
    """Everything that is watched, in the order in which it is shown."""
    return (
        *_drift(reference, since),
        *_calibration(since),
        *_exposure(since),
        *_segments(reference, since),
        *_refusals(reference, since),
    )


def status(found: Sequence[Finding]) -> str:
    """``alarm`` where anything alarms, ``too_few`` where nothing could be told, else ``fine``."""
    states = {each.state for each in found}
    if "alarm" in states:
        return "alarm"
    return "fine" if states & {"fine", "watch"} else "too_few"


def stability(reference: Floats, since: Floats) -> float:
    """Population stability index over tenths of the reference; unknown values are a class of their own.

    >>> stability(np.arange(100.0), np.arange(100.0))
    0.0
    >>> round(stability(np.array([0.0, 1.0] * 50), np.array([0.0] * 25 + [1.0] * 75)), 3)  # .25·ln .5 … : 0.275
    0.275
    """
    shares = classes(reference, since)
    before, after = (np.maximum(each, 1e-4) for each in shares)
    return float(np.sum((after - before) * np.log(after / before)))


def classes(reference: Floats, since: Floats) -> tuple[Floats, Floats]:
    """Shares of both in the tenths of the reference, the unknown last; few distinct values are their own classes."""
    known = reference[np.isfinite(reference)]
    values = np.unique(known)
    if len(values) <= PSI_BINS:
        edges = (values[1:] + values[:-1]) / 2.0
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    counted = [
        np.bincount(
            np.where(np.isfinite(x), np.searchsorted(edges, x, side="right"), len(edges) + 1), None, len(edges) + 2
        )
        for x in (reference, since)
    ]
    first, second = (each / max(each.sum(), 1) for each in counted)
    return first, second


def _drift(reference: Window, since: Window) -> list[Finding]:
    enough = min(len(reference.demands), len(since.demands)) >= LEAST_DEMANDS
    if not enough:
        few = min(len(reference.demands), len(since.demands))
        return [_too_few("drift", "features", PSI_ALARM, few, LEAST_DEMANDS, "笔需求", "demands")]
    found = []
    for before, after, keys in (
        (reference.demands, since.demands, DEMAND_KEYS),
        (reference.lines, since.lines, LINE_KEYS),
    ):
        names = [name for name in before.columns if name not in keys and name in after.columns]
        found += [_shift(str(name), before[name].to_numpy(float), after[name].to_numpy(float)) for name in names]
    score = [(each.lines["p"] * each.lines["q"]).to_numpy(float) for each in (reference, since)]
    return [_shift("score", *score), *found]


def _shift(name: str, before: Floats, after: Floats) -> Finding:
    value = stability(before, after)
    read = name == "score" or name in MODEL_INPUTS
    state = "alarm" if value > PSI_ALARM and read else "watch" if value > PSI_WATCH else "fine"
    unread = ("", "") if read else ("，模型不读取", ", read by no model")
    return Finding(
        group="drift",
        name=name,
        state=state,
        value=value,
        bound=PSI_ALARM,
        text=Text(
            zh=f"{name}：稳定性指数 {value:.3f}，告警线 {PSI_ALARM}{unread[0]}",
            en=f"{name}: stability index {value:.3f}, alarm above {PSI_ALARM}{unread[1]}",
        ),
    )


def expected_applications(lines: pd.DataFrame) -> tuple[Floats, Floats]:
    """Chance v_k·p of each line an application would be known of, and whether there was one."""
    mature = lines[lines["known"].astype(bool)]
    return (mature["seen"] * mature["p"]).to_numpy(float), mature["applied"].to_numpy(float)


def _calibration(since: Window) -> list[Finding]:
    """Said against what happened: applications against v_k·p, approvals of reviewed files against q."""
    found = []
    for part, rows in _parts(since.demands).items():
        lines = since.lines[rows[since.lines["demand"].to_numpy(dtype=int)]]
        reviews = since.reviews[rows[since.reviews["demand"].to_numpy(dtype=int)]]
        said, made = expected_applications(lines)
        # A look at the first line is sure; gaps are stated for one look, so that they compare with p.
        looked = float(lines.loc[lines["known"].astype(bool), "seen"].mean()) if len(said) else 1.0
        found.append(_gap("p_apply", part, said / looked, made / looked))
        found.append(_gap("p_approve", part, reviews["q"].to_numpy(float), reviews["approved"].to_numpy(float)))
    return found


def _gap(which: str, part: str, said: Floats, happened: Floats) -> Finding:
    bound, name = CALIBRATION_GAP[which], f"{which}:{part}"
    if len(said) < LEAST_OUTCOMES:
        return _too_few("calibration", name, bound, len(said), LEAST_OUTCOMES, "个成熟结果", "matured outcomes")
    gap = happened - said
    value, error = float(gap.mean()), float(gap.std()) / len(gap) ** 0.5
    half, beyond = Z * error, abs(value) > max(bound, SURE * error)
    return Finding(
        group="calibration",
        name=name,
        state="alarm" if beyond else "fine",
        value=value,
        bound=bound,
        reference=float(said.mean()),
        text=Text(
            zh=f"{name}：实际减预测 {value:+.4f} ± {half:.4f}，上限 {bound}（{len(said)} 个结果）",
            en=f"{name}: happened minus said {value:+.4f} ± {half:.4f}, at most {bound} ({len(said)} outcomes)",
        ),
    )


def _exposure(since: Window) -> list[Finding]:
    """Applications of each institution over what it can review; one with officers and no exposure is an alarm too."""
    if not since.capacity or since.lines["demand"].nunique() < LEAST_DEMANDS:
        few = int(since.lines["demand"].nunique())
        return [_too_few("exposure", "institutions", OVER_CAPACITY, few, LEAST_DEMANDS, "份列表", "lists")]
    views, files = institution_loads(since)
    all_views, all_room = sum(views.values()), max(sum(since.capacity.values()), 1e-9)
    found = []
    for name, room in sorted(since.capacity.items()):
        made = files.get(name, 0.0)
        load, due = made / max(room, 1e-9), all_views * room / all_room
        crowded = made - Z * made**0.5 > OVER_CAPACITY * room
        unseen = due >= LEAST_LOOKS and views.get(name, 0.0) == 0.0
        found.append(
            Finding(
                group="exposure",
                name=name,
                state="alarm" if crowded or unseen else "fine",
                value=load,
                bound=OVER_CAPACITY,
                text=Text(
                    zh=f"{name}：申请为可审件数的 {load:.2f} 倍，浏览 {views.get(name, 0.0):.0f} 次"
                    + ("，有信贷员却从未展示" if unseen else ""),
                    en=f"{name}: {load:.2f} applications for each review it can do, {views.get(name, 0.0):.0f} looks"
                    + (", never shown though it has officers" if unseen else ""),
                ),
            )
        )
    return found


def institution_loads(window: Window) -> tuple[dict[str, float], dict[str, float]]:
    """Expected looks and applications by institution."""
    by = window.lines.groupby("institution")
    views, files = ({str(name): float(value) for name, value in by[of].sum().items()} for of in ("seen", "applied"))
    return views, files


def _segments(reference: Window, since: Window) -> list[Finding]:
    """What a segment's demands are shown, worth v_k·p·q, beside all demands, now and before."""
    found = []
    before, after = (_worth(each) for each in (reference, since))
    for part in sorted(set(_parts(reference.demands)) | set(_parts(since.demands))):
        if part == "overall":
            continue
        rows = [_parts(each.demands).get(part, np.zeros(len(each.demands), bool)) for each in (reference, since)]
        few = min(int(rows[0].sum()), int(rows[1].sum()))
        if few < LEAST_OUTCOMES:
            found.append(_too_few("segment", part, SEGMENT_LOSS, few, LEAST_OUTCOMES, "笔需求", "demands"))
            continue
        was, now = before[rows[0]].mean() / before.mean(), after[rows[1]].mean() / after.mean()
        lost = 1.0 - float(now / was)
        found.append(
            Finding(
                group="segment",
                name=part,
                state="alarm" if lost > SEGMENT_LOSS else "fine",
                value=float(now),
                reference=float(was),
                bound=SEGMENT_LOSS,
                text=Text(
                    zh=f"{part}：列表价值为全体的 {now:.2f}，此前 {was:.2f}，损失上限 {SEGMENT_LOSS:.0%}",
                    en=f"{part}: lists worth {now:.2f} of all demands', before {was:.2f}; may lose {SEGMENT_LOSS:.0%}",
                ),
            )
        )
    return found


def _worth(window: Window) -> Floats:
    lines = window.lines
    worth = (lines["seen"] * lines["p"] * lines["q"]).to_numpy(float)
    return np.asarray(np.bincount(lines["demand"].to_numpy(dtype=int), worth, len(window.demands)))


def _refusals(reference: Window, since: Window) -> list[Finding]:
    few = min(reference.refusals_of, since.refusals_of)
    if few < LEAST_OUTCOMES:
        return [_too_few("refusals", "rules", REFUSAL_MOVE, few, LEAST_OUTCOMES, "笔需求", "demands")]
    codes = set(reference.refusals) | set(since.refusals)
    found = []
    for code in sorted(codes, key=lambda name: -since.refusals.get(name, 0.0)):
        now, was = since.refusals.get(code, 0.0), reference.refusals.get(code, 0.0)
        found.append(
            Finding(
                group="refusals",
                name=code,
                state="alarm" if abs(now - was) > REFUSAL_MOVE else "fine",
                value=now,
                reference=was,
                bound=REFUSAL_MOVE,
                text=Text(
                    zh=f"{code}：排除 {now:.1%} 的产品，此前 {was:.1%}，变动上限 {REFUSAL_MOVE:.0%}",
                    en=f"{code}: excludes {now:.1%} of products, before {was:.1%}; may move {REFUSAL_MOVE:.0%}",
                ),
            )
        )
    return found


def _parts(demands: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    parts = {
        "overall": np.ones(len(demands), dtype=np.bool_),
        "first_time_borrowers": demands["first_time"].to_numpy(dtype=bool),
        "micro": demands["micro"].to_numpy(dtype=bool),
    }
    districts = demands["district"].to_numpy(dtype=object)
    for code in sorted({str(each) for each in districts if isinstance(each, str)}):
        parts[f"district:{code}"] = districts == code
    return parts


def _too_few(group: str, name: str, bound: float, count: int, least: int, zh: str, en: str) -> Finding:
    return Finding(
        group=group,
        name=name,
        state="too_few",
        value=None,
        bound=bound,
        text=Text(
            zh=f"{name}：只有 {count} {zh}，至少需要 {least}，无法判断",
            en=f"{name}: {count} {en} are too few to tell, {least} are needed",
        ),
    )
