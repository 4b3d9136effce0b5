"""The rating: points by hand, one way only, nothing for the unknown, and no model changed after its release."""

import json
from math import exp
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.domain import Text
from matcher.rating import NOTICE, Factor, RatingModel, RatingModelError

REPOSITORY = Path(__file__).parents[2]


def factor(column: str, edges: tuple[float, ...], points: tuple[int, ...]) -> Factor:
    return Factor(column=column, text=Text(zh=column, en=column), edges=edges, points=points)


MODEL = RatingModel(
    version="test",
    factors=(
        factor("sales_12m_cny", (1e6, 1e7), (-20, 0, 20)),
        factor("leverage", (0.5,), (10, -30)),
        factor("age_months", (24.0,), (-10, 10)),
    ),
    base=600,
    intercept=18.0,
    slope=-0.035,
    limits=(0.01, 0.02, 0.05, 0.10),
    least_known=2,
)


def released(directory: Path, **changes: object) -> Path:
    manifest = MODEL.manifest({"note": "made for a test"})
    model = dict(manifest["model"]) | changes  # type: ignore[call-overload]
    (directory / "manifest.json").write_text(json.dumps(manifest | {"model": model}), "utf-8")
    return directory


def test_base_and_points_add_up_to_the_score() -> None:
    rating = MODEL.rate({"sales_12m_cny": 1e7, "leverage": 0.49, "age_months": 12.0})
    assert [f.points for f in rating.factors] == [20, 10, -10]
    assert rating.score == 620 == rating.base + sum(f.points for f in rating.factors)
    assert rating.default_probability == pytest.approx(1 / (1 + exp(-(18.0 - 0.035 * 620))))
    assert rating.default_probability == pytest.approx(0.024127, abs=1e-6)
    assert rating.letter == "C"


def test_a_value_on_an_edge_belongs_to_the_bin_above() -> None:
    assert MODEL.rate({"sales_12m_cny": 1e6, "leverage": 0.5}).score == 570
    assert MODEL.rate({"sales_12m_cny": 999_999.99, "leverage": 0.4999}).score == 590


def test_the_unknown_counts_nothing_and_is_named() -> None:
    rating = MODEL.rate({"leverage": 0.2, "age_months": 30.0, "sales_12m_cny": None})
    assert rating.score == 620
    assert rating.unknown == ("sales_12m_cny",)
    assert rating.factors[0].text.en == "sales_12m_cny: unknown, counts nothing"


def test_a_value_is_shown_without_an_exponent() -> None:
    factors = MODEL.rate({"sales_12m_cny": 3581274.14, "leverage": 0.49, "age_months": 12.0}).factors
    assert [factor.text.en.split(": ")[1].rpartition(", ")[0] for factor in factors] == ["3,581,274", "0.49", "12"]


def test_too_little_known_gives_no_letter() -> None:
    rating = MODEL.rate({"leverage": 0.2})
    assert (rating.letter, rating.default_probability) == (None, None)


def test_every_rating_says_what_it_is_not() -> None:
    rating = MODEL.rate({})
    assert rating.notice is NOTICE
    assert "不是征信报告" in rating.notice.zh
    assert "not a credit report" in rating.notice.en


def test_many_rows_get_the_letters_each_would_get_alone() -> None:
    columns = {
        "sales_12m_cny": np.array([5e7, 5e6, np.nan, np.nan]),
        "leverage": np.array([0.1, 0.9, 0.9, 0.9]),
        "age_months": np.array([60.0, 3.0, 3.0, np.nan]),
    }
    letters = MODEL.rate_many(columns)
    alone = [MODEL.rate({name: float(column[row]) for name, column in columns.items()}).letter for row in range(4)]
    assert letters.tolist() == alone == ["B", "E", "E", None]


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_more_sales_never_raise_the_probability_of_default(one: float, other: float) -> None:
    low, high = sorted((one, other))
    probability = MODEL.default_probabilities({"sales_12m_cny": np.array([low, high])})
    assert probability[0] >= probability[1]


def test_a_released_model_reads_back_unchanged(tmp_path: Path) -> None:
    assert RatingModel.load(released(tmp_path)) == MODEL


@pytest.mark.parametrize("changes", [{"intercept": 17.0}, {"limits": [0.02, 0.03, 0.05, 0.1]}, {"version": "2"}])
def test_a_model_changed_after_its_release_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(RatingModelError, match="changed after its release"):
        RatingModel.load(released(tmp_path, **changes))


def test_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 9, "kind": "rating"}', "utf-8")
    with pytest.raises(RatingModelError, match="not a rating model"):
        RatingModel.load(tmp_path)


def test_a_factor_that_turns_is_refused() -> None:
    with pytest.raises(RatingModelError, match="one way"):
        factor("leverage", (0.3, 0.6), (0, 9, 3))
    with pytest.raises(RatingModelError, match="rising edges"):
        factor("leverage", (0.6, 0.3), (9, 3, 0))


@pytest.mark.parametrize("directory", sorted(REPOSITORY.glob("models/rating/*/")), ids=lambda path: path.name)
def test_the_models_that_are_shipped_load_and_rate(directory: Path) -> None:
    model = RatingModel.load(directory)
    strong = {f.column: (1e12 if f.points[-1] > f.points[0] else 0.0) for f in model.factors}
    weak = {f.column: (0.0 if f.points[-1] > f.points[0] else 1e12) for f in model.factors}
    assert (model.rate(strong).letter, model.rate(weak).letter) == ("A", "E")
    assert (directory / "card.md").is_file()
