"""The gates a challenger must pass to come into service: each a pure function of measured numbers, with its reason.

The bounds are here and nowhere else. A gate never reads a file, a clock or a model; ``training.trial`` measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from matcher.domain import Text

Floats = NDArray[np.float64]

RANKING_TOLERANCE = 0.005
"""NDCG@10 the lower end of the paired 95 % interval may lie below the champion's."""
SEGMENT_MARGIN = 0.02
"""Share of its ranking quality a segment may lose."""
SEGMENT_LEAST = 30
"""Demands below which a segment is too small to be judged alone."""
CALIBRATION_BOUNDS = {"overall": 0.02, "first_time_borrowers": 0.03, "micro": 0.03, "selected": 0.03}
"""Largest expected calibration error by segment, for both probabilities."""
LATENCY_RATIO, LATENCY_MS = 1.5, 100.0
"""Median answer: times the champion's, and milliseconds."""
RESAMPLES = 1_000


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate's finding: what was measured, what it was held against, and whether it lets pass."""

    name: str
    value: float
    bound: float
    passed: bool
    text: Text


@dataclass(frozen=True, kw_only=True)
class SegmentQuality:
    """What one segment gets from each ranker: a number per demand, same order, higher is better."""

    challenger: Floats = field(repr=False)
    champion: Floats = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Everything measured about a challenger beside the champion on the held-out months.

    Parameters
    ----------
    ranking
        NDCG@10 of every held-out demand with gain.
    segments
        The same within segments of demands, and the gain that reaches small institutions.
    calibration
        Expected calibration error by probability (``p_apply``, ``p_approve``), then by segment.
    violations
        Listed products whose published rules fail.
    answers, differing
        Answers given twice by two loads of the bundle, and those whose bytes differ.
    challenger_ms, champion_ms
        Median time of a whole answer.
    learned_until, held_out_from
        ISO days: last record the challenger learned from, first day of what it is measured on.
    """

    ranking: SegmentQuality
    segments: Mapping[str, SegmentQuality]
    calibration: Mapping[str, Mapping[str, float]]
    violations: int
    answers: int
    differing: int
    challenger_ms: float
    champion_ms: float
    learned_until: str
    held_out_from: str
    challenger_schema: str
    required_schema: str


def gates(trial: Trial) -> tuple[Gate, ...]:
    """Every gate of a trial, in the order in which they are shown."""
    return (
        schema(trial.challenger_schema, trial.required_schema),
        unseen(trial.learned_until, trial.held_out_from),
        ranking(trial.ranking),
        *(segment(name, quality) for name, quality in sorted(trial.segments.items())),
        *(
            calibration(which, name, trial.calibration[which].get(name), bound)
            for which in sorted(trial.calibration)
            for name, bound in CALIBRATION_BOUNDS.items()
        ),
        eligibility(trial.violations, trial.answers),
        replay(trial.differing, trial.answers),
        latency_ratio(trial.challenger_ms, trial.champion_ms),
        latency(trial.challenger_ms),
    )


def failing(found: tuple[Gate, ...]) -> tuple[Gate, ...]:
    """The gates that refuse."""
    return tuple(gate for gate in found if not gate.passed)


def bundle(reason: str | None) -> Gate:
    """The bundle loads and is what its manifest says; ``reason`` is why it does not."""
    told = reason or "whole"
    return Gate(
        name="bundle",
        value=float(reason is not None),
        bound=0.0,
        passed=reason is None,
        text=Text(zh=f"模型包：{reason or '完整'}", en=f"Bundle: {told}"),
    )


def schema(challenger: str, required: str) -> Gate:
    """The bundle was fitted to the very pair rows that are made now."""
    same = challenger == required
    return Gate(
        name="schema",
        value=float(not same),
        bound=0.0,
        passed=same,
        text=Text(
            zh=f"特征版本 {challenger[:12]}，应为 {required[:12]}",
            en=f"Schema of pair rows {challenger[:12]}, required {required[:12]}",
        ),
    )


def unseen(learned_until: str, held_out_from: str) -> Gate:
    """The challenger has learned nothing of the months it is measured on; ISO days."""
    fair = learned_until < held_out_from
    return Gate(
        name="unseen_months",
        value=float(not fair),
        bound=0.0,
        passed=fair,
        text=Text(
            zh=f"学习截至 {learned_until}，度量自 {held_out_from} 起",
            en=f"Learned until {learned_until}, measured from {held_out_from}",
        ),
    )


def ranking(quality: SegmentQuality, *, tolerance: float = RANKING_TOLERANCE) -> Gate:
    """Not worse than the champion: lower end of the paired bootstrap interval over demands ≥ −tolerance."""
    low, high = paired_interval(quality.challenger - quality.champion)
    mean = float(np.mean(quality.challenger - quality.champion)) if len(quality.challenger) else float("nan")
    shown = f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]"
    return Gate(
        name="ranking",
        value=low,
        bound=-tolerance,
        passed=low >= -tolerance,
        text=Text(
            zh=f"NDCG@10 与现役之差 {shown}，下端不得低于 {-tolerance:+.4f}",
            en=f"NDCG@10 minus champion {shown}; its lower end must be ≥ {-tolerance:+.4f}",
        ),
    )


def segment(name: str, quality: SegmentQuality, *, margin: float = SEGMENT_MARGIN) -> Gate:
    """The segment loses at most ``margin`` of what the champion gives it; one too small is shown, not judged."""
    count, before = len(quality.champion), float(np.sum(quality.champion))
    lost = 1.0 - float(np.sum(quality.challenger)) / before if before > 0 else 0.0
    judged = count >= SEGMENT_LEAST
    zh, en = ("", "") if judged else ("，样本太少不单独判定", ", too few to be judged alone")
    return Gate(
        name=f"segment:{name}",
        value=lost,
        bound=margin,
        passed=not judged or lost <= margin,
        text=Text(
            zh=f"{name}：损失 {lost:.2%}，上限 {margin:.0%}（{count} 笔需求{zh}）",
            en=f"{name}: loses {lost:.2%}, at most {margin:.0%} ({count} demands{en})",
        ),
    )


def calibration(which: str, name: str, error: float | None, bound: float) -> Gate:
    """Expected calibration error of a probability in a segment; one that could not be measured does not pass."""
    value = float("nan") if error is None else error
    return Gate(
        name=f"calibration:{which}:{name}",
        value=value,
        bound=bound,
        passed=value <= bound,
        text=Text(
            zh=f"{which} 在 {name} 的校准误差 {value:.4f}，上限 {bound:.4f}",
            en=f"{which} in {name}: calibration error {value:.4f}, at most {bound:.4f}",
        ),
    )


def eligibility(violations: int, answers: int) -> Gate:
    """No listed product fails a published rule, over at least one answer."""
    return Gate(
        name="eligibility",
        value=float(violations),
        bound=0.0,
        passed=violations == 0 and answers > 0,
        text=Text(
            zh=f"{answers} 份推荐中有 {violations} 个不合准入条件的产品",
            en=f"{violations} ineligible products in {answers} lists",
        ),
    )


def replay(differing: int, answers: int) -> Gate:
    """The same inputs give the same bytes twice."""
    return Gate(
        name="replay",
        value=float(differing),
        bound=0.0,
        passed=differing == 0 and answers > 0,
        text=Text(
            zh=f"{answers} 份推荐重算，{differing} 份不同",
            en=f"{differing} of {answers} answers differ when given again",
        ),
    )


def latency_ratio(challenger_ms: float, champion_ms: float, *, bound: float = LATENCY_RATIO) -> Gate:
    """The median answer takes at most ``bound`` times the champion's."""
    ratio = challenger_ms / champion_ms
    return Gate(
        name="latency_ratio",
        value=ratio,
        bound=bound,
        passed=ratio <= bound,
        text=Text(zh=f"耗时为现役的 {ratio:.2f} 倍，上限 {bound} 倍", en=f"{ratio:.2f} × champion, at most {bound} ×"),
    )


def latency(challenger_ms: float, *, bound: float = LATENCY_MS) -> Gate:
    """The median answer takes at most ``bound`` milliseconds."""
    return Gate(
        name="latency",
        value=challenger_ms,
        bound=bound,
        passed=challenger_ms <= bound,
        text=Text(
            zh=f"耗时中位数 {challenger_ms:.1f} 毫秒，上限 {bound:.0f} 毫秒",
            en=f"Median answer {challenger_ms:.1f} ms, at most {bound:.0f} ms",
        ),
    )


def paired_interval(difference: Floats, *, resamples: int = RESAMPLES, seed: int = 1) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of paired differences, demands drawn whole; NaN where there are none.

    >>> paired_interval(np.zeros(50))
    (0.0, 0.0)
    """
    if not len(difference):
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    means = [difference[rng.integers(0, len(difference), len(difference))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
