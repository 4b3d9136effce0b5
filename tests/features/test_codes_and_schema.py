"""Credit codes name the wrong digit; every column says what it is in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.schema import NUMERIC_PROFILE, PROFILE, PROFILE_BY_NAME, SOURCES
from features.uscc import ALPHABET, check_digit, organisation_check_digit, uscc_fault


@pytest.mark.parametrize("code", ["91370602MA3TERT037", "92370681MA3TERT03H", "N1370602MA3TERT03R"])
def test_good_codes_pass_also_with_a_leading_letter(code: str) -> None:
    assert uscc_fault(code) is None


@pytest.mark.parametrize(
    ("code", "position", "text"),
    [
        ("91370602MA3TERT03", 0, "has 17 characters"),
        ("91370602MA3TERI037", 15, "digit 15 may not be 'I'"),
        ("91370A02MA3TERT037", 6, "division code"),
        ("91370602MA3TERT047", 17, "digit 17 is 4, digits 9 to 16 call for 3"),
        ("91370602MA3TERT038", 18, "digit 18 is 8, the first 17 call for 7"),
    ],
)
def test_a_fault_names_its_digit(code: str, position: int, text: str) -> None:
    fault = uscc_fault(code)
    assert fault is not None
    assert fault.position == position
    assert text in fault.en


@given(st.text(ALPHABET, min_size=8, max_size=8), st.integers(0, 17), st.sampled_from(ALPHABET))
def test_any_one_wrong_character_is_noticed(organisation: str, place: int, other: str) -> None:
    stem = "91370602" + organisation + organisation_check_digit(organisation)
    code = stem + check_digit(stem)
    assert uscc_fault(code) is None
    changed = code[:place] + other + code[place + 1 :]
    assert (uscc_fault(changed) is None) == (changed == code)


def test_every_column_is_described_in_both_languages_and_comes_from_known_sources() -> None:
    assert len(PROFILE) == len(PROFILE_BY_NAME) == 97
    for column in (*PROFILE, *(c for source in SOURCES.values() for c in source.columns)):
        assert column.meaning
        assert any("一" <= character <= "鿿" for character in column.title_zh), column.name
        assert bool(column.null) == bool(column.null_zh), column.name
    for column in PROFILE:
        assert column.uses[0] == column.source
        assert set(column.uses) <= set(SOURCES)
        assert column.null
    assert {n for n in PROFILE_BY_NAME if n not in NUMERIC_PROFILE} == {
        "industry_code", "industry_section", "division_code", "tax_credit_grade", "loan_class_worst_12m"
    }  # fmt: skip
    for source in SOURCES.values():
        assert source.names[:2] == ("uscc", "known_on")
        assert set(source.key) <= set(source.names)
