"""The platform rating A–E: a scorecard of a few factors, each with its points; a decision aid, not a credit report.

Points of every factor move one way only, an unknown factor counts nothing either way and is named, and with too few
known factors there is no rating. The model is one JSON file whose digest is checked when it is read.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.domain import Text

LETTERS = ("A", "B", "C", "D", "E")
"""Ratings, best first."""

NOTICE = Text(
    zh="平台评级仅供撮合决策参考，不是征信报告，也不构成任何授信承诺。",
    en="The platform rating is a decision aid, not a credit report, and promises no credit.",
)
"""Goes with every rating that is shown."""

FORMAT = 1


class RatingModelError(ValueError):
    """A rating model that must not be used; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Factor:
    """One factor of the scorecard.

    Parameters
    ----------
    column
        Profile column it reads.
    edges
        Inner edges of the bins, rising; a value on an edge belongs to the bin above it.
    points
        Integer points per bin, one more than edges, never turning.
    """

    column: str
    text: Text
    edges: tuple[float, ...]
    points: tuple[int, ...]

    def __post_init__(self) -> None:
        turns = np.sign(np.diff(self.points))
        if len(self.points) != len(self.edges) + 1 or (np.diff(self.edges) <= 0).any():
            raise RatingModelError(f"{self.column}: bins need rising edges and one points value more than edges")
        if (turns > 0).any() and (turns < 0).any():
            raise RatingModelError(f"{self.column}: points rise and fall; a factor must move one way")


@dataclass(frozen=True, kw_only=True)
class FactorPoints:
    """What one factor gave: its value, its points, the points it could give at best; an unknown value gives 0."""

    column: str
    value: float | None
    points: int
    best_points: int
    text: Text


@dataclass(frozen=True, kw_only=True)
class Rating:
    """One enterprise's rating.

    Parameters
    ----------
    letter
        A (best) to E, ``None`` where too few factors are known.
    default_probability
        Within a year, ``None`` with the letter.
    score
        Base and points together.
    factors
        Every factor, the known and the unknown; their points and ``base`` add up to ``score``.
    """

    letter: str | None
    default_probability: float | None
    score: int
    base: int
    factors: tuple[FactorPoints, ...]
    version: str
    notice: Text = NOTICE

    @property
    def unknown(self) -> tuple[str, ...]:
        """Columns that would sharpen the rating."""
        return tuple(factor.column for factor in self.factors if factor.value is None)


@dataclass(frozen=True, kw_only=True)
class RatingModel:
    """A scorecard with its calibration.

    Parameters
    ----------
    intercept, slope
        Probability of default is the logistic function of ``intercept + slope × score``; the slope is below zero.
    limits
        Highest default probabilities of A, B, C and D.
    least_known
        Known factors needed for a letter.
    """

    version: str
    factors: tuple[Factor, ...]
    base: int
    intercept: float
    slope: float
    limits: tuple[float, float, float, float]
    least_known: int

    @classmethod
    def load(cls, directory: Path) -> "RatingModel":
        """The model of a directory with ``manifest.json``.

        Raises
        ------
        RatingModelError
            If the file is of another format, or is not what its digest says was released.
        """
        manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
        if manifest.get("format") != FORMAT or manifest.get("kind") != "rating":
            raise RatingModelError(f"{directory}: not a rating model of format {FORMAT}")
        if manifest.get("digest") != model_digest(manifest["model"]):
            raise RatingModelError(f"{directory}: the digest does not match: the model was changed after its release")
        return _from_json(manifest["model"])

    def manifest(self, about: Mapping[str, object]) -> dict[str, object]:
        """What ``load`` reads, with notes on how the model came to be."""
        model = _to_json(self)
        return {"format": FORMAT, "kind": "rating", "digest": model_digest(model), "about": dict(about), "model": model}

    def scores(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
        """Score of every row; columns that are absent are unknown."""
        count = len(next(iter(columns.values())))
        total = np.full(count, self.base, dtype=np.int64)
        for factor in self.factors:
            if factor.column in columns:
                total += _points(factor, np.asarray(columns[factor.column], dtype=np.float64))
        return total

    def default_probabilities(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Probability of default within a year, of every row."""
        return self._probability(self.scores(columns))

    def rate_many(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.object_]:
        """Letter of every row, ``None`` where too few factors are known."""
        probability = self.default_probabilities(columns)
        known = np.zeros(len(probability), dtype=np.int64)
        for factor in self.factors:
            if factor.column in columns:
                known += ~np.isnan(np.asarray(columns[factor.column], dtype=np.float64))
        letters = np.array(LETTERS, dtype=object)[np.searchsorted(self.limits, probability, side="left")]
        letters[known < self.least_known] = None
        return letters

    def rate(self, profile: Mapping[str, object]) -> Rating:
        """One enterprise's rating with the points of every factor.

        Parameters
        ----------
        profile
            Profile columns by name; absent, ``None`` and NaN are unknown.
        """
        values = {factor.column: _value(profile.get(factor.column)) for factor in self.factors}
        row = {name: np.array([np.nan if value is None else value]) for name, value in values.items()}
        letter = self.rate_many(row)[0]
        score = int(self.scores(row)[0])
        probability = float(self._probability(np.array([score]))[0])
        return Rating(
            letter=letter,
            default_probability=None if letter is None else probability,
            score=score,
            base=self.base,
            factors=tuple(_shown(factor, values[factor.column]) for factor in self.factors),
            version=self.version,
        )

    def _probability(self, scores: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(1.0 / (1.0 + np.exp(-(self.intercept + self.slope * scores))), dtype=np.float64)


def model_digest(model: Mapping[str, object]) -> str:
    """SHA-256 of the model as canonical JSON."""
    canonical = json.dumps(model, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _points(factor: Factor, values: NDArray[np.float64]) -> NDArray[np.int64]:
    place = np.searchsorted(np.array(factor.edges), values, side="right")
    points = np.array(factor.points, dtype=np.int64)[place]
    return np.where(np.isnan(values), 0, points)


def _shown(factor: Factor, value: float | None) -> FactorPoints:
    points = 0 if value is None else int(_points(factor, np.array([value]))[0])
    known = Text(zh="未知，不加不减", en="unknown, counts nothing") if value is None else Text(
        zh=f"{value:,.4g}，{points:+d} 分", en=f"{value:,.4g}, {points:+d} points"
    )  # fmt: skip
    return FactorPoints(
        column=factor.column,
        value=value,
        points=points,
        best_points=max(factor.points),
        text=Text(zh=f"{factor.text.zh}：{known.zh}", en=f"{factor.text.en}: {known.en}"),
    )


def _value(value: object) -> float | None:
    number = float(value) if isinstance(value, (int, float, np.number, np.bool_)) else np.nan
    return None if np.isnan(number) else number


def _to_json(model: RatingModel) -> dict[str, object]:
    return {
        "version": model.version,
        "base": model.base,
        "intercept": model.intercept,
        "slope": model.slope,
        "limits": list(model.limits),
        "least_known": model.least_known,
        "factors": [
            {
                "column": factor.column,
                "text": {"zh": factor.text.zh, "en": factor.text.en},
                "edges": list(factor.edges),
                "points": list(factor.points),
            }
            for factor in model.factors
        ],
    }


def _from_json(model: Mapping[str, Any]) -> RatingModel:
    factors = tuple(
        Factor(
            column=item["column"],
            text=Text(**item["text"]),
            edges=tuple(item["edges"]),
            points=tuple(item["points"]),
        )
        for item in model["factors"]
    )
    a, b, c, d = model["limits"]
    if model["slope"] >= 0 or not a < b < c < d:
        raise RatingModelError("the slope must be below zero and the limits must rise")
    return RatingModel(
        version=model["version"],
        factors=factors,
        base=model["base"],
        intercept=model["intercept"],
        slope=model["slope"],
        limits=(a, b, c, d),
        least_known=model["least_known"],
    )
