"""Products go in and come out unchanged, and a product nobody could judge is refused with every fault named."""

from decimal import Decimal

import pytest

from matcher.catalog import Catalog, InvalidProductError
from matcher.catalog_json import parse_institution, parse_product, product_json
from matcher.domain import Kind, Operator
from tests.matcher.marketplace import catalog_of, institution_members, product_members, random_catalog, rule_members


def faults_of(**changes: object) -> dict[str, str]:
    with pytest.raises(InvalidProductError) as caught:
        parse_product(product_members(**changes))
    return {pointer: message.en for pointer, message in caught.value.errors}


def test_a_product_reads_as_it_was_written() -> None:
    product = parse_product(product_members(rules=[rule_members("profile.age_months", "ge", "24")]))
    assert product.kind is Kind.LOAN
    assert product.rate_low == Decimal("0.04")
    assert product.rules[0].operator is Operator.GE
    assert product.rules[0].value == Decimal(24)


def test_what_settles_a_rule_defaults_to_the_source_of_its_column() -> None:
    product = parse_product(product_members(rules=[rule_members("profile.tax_paid_12m_cny", "ge", 5000)]))
    assert product.rules[0].settle_with == "tax"


@pytest.mark.parametrize("seed", range(5))
def test_a_catalogue_survives_the_round_trip_exactly(seed: int) -> None:
    catalog = random_catalog(seed)
    again = Catalog.from_json(catalog.to_json())
    assert again.products == catalog.products
    assert again.institutions == catalog.institutions
    assert again.version == catalog.version


def test_the_round_trip_keeps_every_digit_and_writes_no_exponent() -> None:
    product = parse_product(product_members(amount_max_cny="1E+7", rate_low="0.0345"))
    members = product_json(product)
    assert members["amount_max_cny"] == "10000000"
    assert members["rate_low"] == "0.0345"


def test_texts_come_in_the_language_asked_for() -> None:
    product = parse_product(product_members())
    assert product_json(product, "zh-CN")["name"] == "示例贷"
    assert product_json(product, "en")["name"] == "Example loan"


def test_one_string_serves_both_languages() -> None:
    product = parse_product(product_members(name="快贷"))
    assert (product.name.zh, product.name.en) == ("快贷", "快贷")


def test_every_fault_is_named_at_once() -> None:
    faults = faults_of(kind="gift", amount_max_cny="-1", colour="red")
    assert set(faults) == {"/kind", "/amount_max_cny", "/colour"}
    assert faults["/colour"] == "unknown field"


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-0.01", "ten", True, None, "1e99", [], "99999999999999"])
def test_an_absurd_amount_is_refused(amount: object) -> None:
    assert "/amount_max_cny" in faults_of(amount_max_cny=amount)


@pytest.mark.parametrize(
    ("low", "high"),
    [("amount_min_cny", "amount_max_cny"), ("rate_low", "rate_high"), ("term_min_months", "term_max_months")],
)
def test_a_range_upside_down_is_refused(low: str, high: str) -> None:
    values: dict[str, object] = {low: 1, high: 0}
    assert high in "".join(faults_of(**values))


@pytest.mark.parametrize(
    ("field", "operator", "value", "pointer"),
    [
        ("profile.owner_sex", "eq", "F", "/rules/0/field"),
        ("profile.age_months", "in", ["24"], "/rules/0/operator"),
        ("profile.industry_code", "ge", "C", "/rules/0/operator"),
        ("profile.is_hnte", "ge", True, "/rules/0/operator"),
        ("profile.is_hnte", "eq", 1, "/rules/0/value"),
        ("profile.age_months", "ge", True, "/rules/0/value"),
        ("profile.age_months", "ge", "NaN", "/rules/0/value"),
        ("profile.age_months", "like", "2", "/rules/0/operator"),
        ("profile.size_class", "in", ["tiny"], "/rules/0/value"),
        ("profile.size_class", "in", ["undetermined"], "/rules/0/value"),
        ("profile.platform_rating", "in", [], "/rules/0/value"),
        ("profile.platform_rating", "in", "A", "/rules/0/value"),
        ("profile.platform_rating", "in", ["A", "A"], "/rules/0/value"),
        ("demand.kinds", "eq", "loan", "/rules/0/field"),
        ("pair.luck", "ge", "1", "/rules/0/field"),
        (7, "ge", "1", "/rules/0/field"),
    ],
)
def test_a_rule_that_cannot_be_judged_is_refused(field: str, operator: str, value: object, pointer: str) -> None:
    assert pointer in faults_of(rules=[rule_members(field, operator, value)])


def test_two_rules_of_one_code_are_refused_and_so_is_a_reserved_code() -> None:
    twice = [rule_members("profile.age_months", "ge", "1"), rule_members("profile.age_months", "le", "9")]
    assert "/rules/1/code" in faults_of(rules=twice)
    assert "/rules/0/code" in faults_of(rules=[rule_members("profile.age_months", "ge", "1", code="amount_max")])


def test_faults_in_a_catalogue_point_from_its_root() -> None:
    with pytest.raises(InvalidProductError, match="/products/0/amount_max_cny"):
        Catalog.from_json(b'{"institutions": [], "products": [{"product_id": "P"}]}')


def test_a_product_of_no_known_institution_and_an_identifier_used_twice_are_refused() -> None:
    with pytest.raises(InvalidProductError, match="/products/0/institution_id"):
        catalog_of(product_members(institution_id="B-9"))
    with pytest.raises(InvalidProductError, match="product_id is used twice"):
        catalog_of(product_members(), product_members())


def test_any_change_changes_the_version_and_only_that_row() -> None:
    catalog = catalog_of(product_members(), product_members(product_id="P-2"))
    dearer = parse_product(product_members(product_id="P-2", version=2, rate_high="0.07"))
    changed = catalog.with_product(dearer)
    assert changed.version != catalog.version
    assert changed.products == (catalog.products[0], dearer)
    assert len(changed.with_product(parse_product(product_members(product_id="P-3")))) == 3


def test_columns_stand_in_the_order_of_products() -> None:
    catalog = catalog_of(
        product_members(collateral_kinds=["real_estate"], repayments=["bullet"], tags=["scheme"]),
        product_members(product_id="P-2", purposes=["export"], repayments=["any"], amount_max_cny="5000000"),
    )
    columns = catalog.columns
    assert columns["amount_max_cny"].tolist() == [3e6, 5e6]
    assert columns["accepts_real_estate"].tolist() == [1, 0]
    assert columns["serves_startup"].tolist() == [1, 0]
    assert columns["repays_instalment"].tolist() == [0, 1]
    assert columns["tag_scheme"].tolist() == [1, 0]
    assert columns["institution_kind"].tolist() == ["city_bank", "city_bank"]
    assert catalog.institution_of.tolist() == [0, 0]


def test_an_institution_with_a_member_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidProductError, match="/motto"):
        parse_institution(institution_members() | {"motto": "more"})
