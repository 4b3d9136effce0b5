"""No legal number outside the statutes: every literal under matcher/policy and matcher/pricing is accounted for."""

import ast
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import matcher.policy
import matcher.pricing
from matcher.policy import assess, default_rulebook

POLICY = Path(matcher.policy.__file__).parent
PRICING = Path(matcher.pricing.__file__).parent
FILES = [*sorted(POLICY.glob("*.py")), *sorted(PRICING.glob("*.py"))]

COUNTING = {"0", "1", "2", "0.0", "1.0", "0.00"}  # indexes, signs, halves, nothing at all
ALLOWED = {
    "answer.py": {"0.01": "one fen", "256": "answers kept"},
    "facts.py": {
        "1e15": "most money a fact may state",
        "36600": "most days a fact may state",
        "0.1": "a fee rate above a tenth is per cent by mistake",
        "40": "characters of a refused text shown",
        "1900": "first year of a fact",
        "2199": "last year of a fact",
        "12": "December",
        "31": "its last day",
    },
    "fee_caps.py": {"1e-12": "float rounding"},
    "lists.py": {"16": "digits of a digest"},
    "measures.py": {"60": "decimal digits"},
    "measures_pledge.py": {"12": "December", "360": "act/360", "365": "act/365"},
    "rulebook.py": {"512": "days kept", "16": "digits of a digest", "8": "cities kept"},
    "targets.py": {"5": "least enterprises a group shown may have"},
    "size.py": {"16": "standards kept", "3": "digits of a group"},
    "columns.py": {
        "12": "months of a year",
        "365": "days of a year",
        "4": "rounds of the secant",
        "0.005": "stated tolerance",
        "1e-09": "float rounding",
        "1e-18": "float rounding",
        "0.0001": "first step of the secant",
    },
    "cost.py": {
        "4096": "schedules kept",
        "365": "days of a year",
        "0.001": "bracket of the root finder",
        "8": "bracket of the root finder",
        "4": "bracket of the root finder",
        "1e-09": "precision of the root finder",
        "0.000001": "decimals of a rate",
        "6": "decimals of a rate",
    },
    "schedules.py": {"12": "months", "100": "fen", "360": "act/360", "365": "act/365", "4096": "schedules kept"},
}
NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?%?")


def _literals(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
            continue
        if isinstance(node.value, int | float):
            yield str(node.value)
        elif isinstance(node.value, str) and NUMBER.fullmatch(node.value.strip()):
            yield node.value.strip()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_number_of_the_law_stands_in_code(path: Path) -> None:
    allowed = COUNTING | set(ALLOWED.get(path.name, {}))
    strangers = set(_literals(ast.parse(path.read_text(encoding="utf-8")))) - allowed
    assert not strangers, f"{path.name}: {sorted(strangers)} belong in a statute file, or need a reason in ALLOWED"


def test_the_walk_would_find_a_cap_written_into_code() -> None:
    tree = ast.parse("cap = Decimal('500000')\nrate = 0.015")
    assert set(_literals(tree)) == {"500000", "0.015"}


def test_every_value_of_the_rulebook_is_cited() -> None:
    for law in default_rulebook().measures:
        for spans in law.values.values():
            for value in spans:
                assert value.citation.article
                assert value.citation.act == "烟营办便函〔2023〕8号"
                assert value.citation.checked_on >= date(2023, 8, 7)


def test_every_answer_with_a_number_carries_its_article_in_both_languages() -> None:
    facts = {"principal_cny": "5000000", "bridge_days": 7, "balance_increase_cny": "100", "scheme_balance_cny": 0}
    for answer in assess(facts, date(2024, 6, 1)):
        assert answer.article
        assert answer.act
        assert f"第{answer.article}条" in answer.text.zh
        assert f"article {answer.article}" in answer.text.en
