"""Reasons are the account of the score: they add up, name what was observed, and say why one stands above the next."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.pair_columns import GROUPS, PAIR_NAMES
from matcher.domain import Reason, Text
from matcher.explain import QUEUE_PRICE, REASON_CODES, Account, accounts, versus_next
from matcher.ranker import Ranker
from matcher.wording import fact
from tests.training.made_up import made_up_pairs, write_tiny_bundle

ROWS = made_up_pairs(300, seed=21)


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Ranker:
    folder = tmp_path_factory.mktemp("explained")
    write_tiny_bundle(folder)
    return Ranker.load(folder)


def explained(ranker: Ranker, rows: slice, price: float = 0.0, needed: float = 1.0) -> tuple[Account, ...]:
    X = ROWS[rows]
    return accounts(ranker, X, queue_price=np.full(len(X), price), still_needed=np.full(len(X), needed))


def total(account: Account) -> float:
    return account.base + sum(reason.contribution for reason in account.reasons)


@given(row=st.integers(0, 299), price=st.floats(0, 1), needed=st.floats(0, 1))
def test_base_and_reasons_add_up_to_the_score(ranker: Ranker, row: int, price: float, needed: float) -> None:
    (account,) = explained(ranker, slice(row, row + 1), price, needed)
    scores = ranker.predict(ROWS[row : row + 1])
    score = scores.p_apply[0] * (scores.p_approve[0] * needed - price)
    assert account.score == pytest.approx(score, abs=1e-9)
    assert total(account) == pytest.approx(score, abs=1e-9)


def test_versus_next_adds_up_to_the_difference_of_scores(ranker: Ranker) -> None:
    X = ROWS[:8]
    given_ = accounts(ranker, X, queue_price=np.linspace(0, 0.4, 8), still_needed=np.linspace(1, 0.3, 8))
    for above, below, reasons in zip(given_, given_[1:], versus_next(given_), strict=False):
        assert sum(r.contribution for r in reasons) == pytest.approx(above.score - below.score, abs=1e-9)
    assert versus_next(given_)[-1] == ()
    assert len(versus_next(given_)) == 8
    assert versus_next(()) == ()


def test_accounts_with_reasons_of_their_own_are_compared_too() -> None:
    def declared(rate: float) -> Account:
        cost = Reason(code="all_in_rate", group="price", contribution=-rate, text=Text(zh="成本", en="cost"))
        return Account(score=-rate, base=0.0, reasons=(cost,))

    first, last = versus_next((declared(0.03), declared(0.05)))
    assert [(each.code, each.contribution) for each in first] == [("all_in_rate", pytest.approx(0.02))]
    assert last == ()


def test_a_price_of_the_queue_is_a_reason_of_its_own_and_counts_against(ranker: Ranker) -> None:
    (free,), (full,) = explained(ranker, slice(0, 1)), explained(ranker, slice(0, 1), price=0.2)
    assert QUEUE_PRICE not in {reason.code for reason in free.reasons}
    (price,) = (reason for reason in full.reasons if reason.code == QUEUE_PRICE)
    assert price.contribution < 0
    assert "0.200" in price.text.zh
    assert "0.200" in price.text.en


def test_there_are_twelve_to_twenty_groups_and_no_other_code(ranker: Ranker) -> None:
    assert 12 <= len(REASON_CODES) <= 20
    codes = {reason.code for account in explained(ranker, slice(0, 30), 0.1, 0.5) for reason in account.reasons}
    assert codes <= set(REASON_CODES)


def test_reasons_come_strongest_first_in_both_languages(ranker: Ranker) -> None:
    for account in explained(ranker, slice(0, 10), 0.1, 0.5):
        sizes = [abs(reason.contribution) for reason in account.reasons]
        assert sizes == sorted(sizes, reverse=True)
        assert all(reason.text.zh and reason.text.en for reason in account.reasons)


def test_a_reason_says_which_way_it_pulls_and_names_an_observed_fact(ranker: Ranker) -> None:
    (account,) = explained(ranker, slice(3, 4))
    group = next(reason for reason in account.reasons if reason.code in GROUPS)
    assert ("有利" if group.contribution > 0 else "不利") in group.text.zh
    assert ("in favour" if group.contribution > 0 else "against") in group.text.en


def test_the_same_rows_give_the_same_account(ranker: Ranker) -> None:
    assert explained(ranker, slice(0, 5), 0.1, 0.9) == explained(ranker, slice(0, 5), 0.1, 0.9)


def test_nothing_shown_needs_no_account(ranker: Ranker) -> None:
    assert explained(ranker, slice(0, 0)) == ()


@pytest.mark.parametrize(
    ("name", "value", "zh", "en"),
    [
        ("taxed_sales_12m_cny", np.log1p(3.2e6), "近12个月纳税销售额 320 万元", "CNY 3.20 million"),
        ("amount_cny", np.log1p(250_000), "申请金额 25 万元", "CNY 250,000"),
        ("sales_growth_6m", -np.log1p(0.25), "近6个月开票增长 -25.0%", "-25.0%"),
        ("rate_low", 0.0385, "最低年利率 3.85%", "3.85%"),
        ("tax_credit_grade", 4.0, "纳税信用等级 A", "tax credit grade A"),
        ("loan_class_worst_12m", 1.0, "关注", "special mention"),
        ("has_prior_loan", 0.0, "有贷款历史：否", "has borrowed before: no"),
        ("security_unsecured", 1.0, "信用方式", "unsecured"),
        ("days_to_disburse", 3.0, "3 天", "3 days"),
        ("headcount", np.nan, "参保人数未知", "not known"),
        ("institution_approve_effect", np.log(1.5), "1.50 倍", "1.50 times"),
    ],
)
def test_facts_read_as_people_say_them(name: str, value: float, zh: str, en: str) -> None:
    text = fact(PAIR_NAMES.index(name), float(value))
    assert text is not None
    assert zh in text.zh
    assert en in text.en


@pytest.mark.parametrize(("name", "value"), [("security_mortgage", 0.0), ("product_apply_effect", 0.0)])
def test_what_says_nothing_is_not_named(name: str, value: float) -> None:
    assert fact(PAIR_NAMES.index(name), value) is None
