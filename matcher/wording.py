"""Observed facts in words: a column of a pair row and its value, in both languages."""

from functools import cache, lru_cache
from math import expm1, isnan

from features.pair_codes import LOAN_CLASSES, TAX_GRADES
from features.pair_columns import PAIR_COLUMNS, PairColumn
from matcher.domain import Text

_GRADES = {value: grade for grade, value in TAX_GRADES.items()}
_CLASSES = {value: name for name, value in LOAN_CLASSES.items()}
_CLASSES_ZH = {"pass": "正常", "special_mention": "关注", "substandard": "次级", "doubtful": "可疑", "loss": "损失"}
_NO_EFFECT = 0.005
_ONE_HOT = ("purpose_", "kind_", "security_", "tag_", "institution_kind_")


def both(zh: str, en: str) -> Text:
    """One text in both languages."""
    return Text(zh=zh, en=en)


def fact(column: int, value: float) -> Text | None:
    """What the value of a column says, or ``None`` where it says nothing (a kind the product is not of).

    Parameters
    ----------
    column
        Index in ``PAIR_COLUMNS``.
    value
        As it stands in the pair row, scaled; NaN is said to be unknown.
    """
    return _unknown(column) if isnan(value) else _known(column, value + 0.0)  # minus nought is nought


@cache
def _unknown(column: int) -> Text:
    spec = PAIR_COLUMNS[column]
    return both(f"{spec.zh}未知", f"{spec.en} not known")


@lru_cache(maxsize=65536)
def _known(column: int, value: float) -> Text | None:
    spec = PAIR_COLUMNS[column]
    if spec.unit == "effect" and abs(value) < _NO_EFFECT:
        return None
    if spec.unit == "flag":
        return _flag(spec, value)
    zh, en = _quantity(spec.unit, _unscaled(spec, value))
    return both(f"{spec.zh} {zh}", f"{spec.en} {en}")


def _flag(spec: PairColumn, value: float) -> Text | None:
    if spec.side in {"demand", "product"} and spec.name.startswith(_ONE_HOT):
        return both(spec.zh, spec.en) if value > 0 else None
    answer = ("是", "yes") if value > 0 else ("否", "no")
    return both(f"{spec.zh}：{answer[0]}", f"{spec.en}: {answer[1]}")


def _unscaled(spec: PairColumn, value: float) -> float:
    if spec.scale == "plain":
        return value
    return expm1(value) if value >= 0 else -expm1(-value)


def _quantity(unit: str, value: float) -> tuple[str, str]:
    if unit in _WORDS:
        return _WORDS[unit](value)
    return f"{value:.4g}", f"{value:.4g}"


def _money(value: float) -> tuple[str, str]:
    zh = f"{value / 1e8:,.3g} 亿元" if abs(value) >= 1e8 else f"{_significant(value / 1e4)} 万元"
    en = f"CNY {value / 1e6:,.2f} million" if abs(value) >= 1e6 else f"CNY {value:,.0f}"
    return zh, en


def _significant(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0")


def _share(value: float) -> tuple[str, str]:
    return f"{value:.1%}", f"{value:.1%}"


def _change(value: float) -> tuple[str, str]:
    return f"{value:+.1%}", f"{value:+.1%}"


def _rate(value: float) -> tuple[str, str]:
    return f"{value:.2%}", f"{value:.2%}"


def _ratio(value: float) -> tuple[str, str]:
    return f"{value:.2f}", f"{value:.2f}"


def _days(value: float) -> tuple[str, str]:
    return f"{value:.0f} 天", f"{value:.0f} days"


def _months(value: float) -> tuple[str, str]:
    return f"{value:.0f} 个月", f"{value:.0f} months"


def _count(value: float) -> tuple[str, str]:
    return f"{value:.0f}", f"{value:.0f}"


def _energy(value: float) -> tuple[str, str]:
    return f"{value:,.0f} 千瓦时", f"{value:,.0f} kWh"


def _effect(value: float) -> tuple[str, str]:
    times = expm1(value) + 1.0
    return f"为平均水平的 {times:.2f} 倍", f"at {times:.2f} times the average odds"


def _grade(value: float) -> tuple[str, str]:
    return _GRADES[value], _GRADES[value]


def _loan_class(value: float) -> tuple[str, str]:
    return _CLASSES_ZH[_CLASSES[value]], _CLASSES[value].replace("_", " ")


_WORDS = {
    "cny": _money,
    "share": _share,
    "change": _change,
    "rate": _rate,
    "ratio": _ratio,
    "days": _days,
    "months": _months,
    "count": _count,
    "kwh": _energy,
    "effect": _effect,
    "tax_grade": _grade,
    "loan_class": _loan_class,
}
