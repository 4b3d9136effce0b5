"""Laws of the simulated city that hold for every seed: same bytes, valid codes, exact propensities, firm walls."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import uscc

from training.city.build import build
from training.city.codes import social_credit_codes
from training.city.enterprises import found_enterprises
from training.city.listing import EXPLORE, SWAP, draw_lists
from training.city.luck import Luck
from training.city.parameters import WORLDS, UnknownWorldError, world_named
from training.city.queues import LAPSE_DAYS, File, Queues

TINY = {"enterprises": 120, "demands": 250, "institutions": 10, "products": 40}
ROOT = Path(__file__).parents[2]


def tiny(out: Path, world: str, seed: int = 3) -> dict[str, object]:
    document: dict[str, object] = json.loads((build(out, world, seed=seed, **TINY) / "manifest.json").read_text())
    return document


def test_the_same_seed_gives_the_same_bytes_and_another_world_does_not(tmp_path: Path) -> None:
    first = tiny(tmp_path / "a", "default")
    assert tiny(tmp_path / "b", "default") == first
    assert tiny(tmp_path / "c", "rural")["digest"] != first["digest"]


def test_there_are_at_least_six_worlds_and_no_two_share_their_mechanisms() -> None:
    strengths = [tuple(v for k, v in w.as_dict().items() if k not in {"name", "about"}) for w in WORLDS.values()]
    assert len(WORLDS) >= 6
    assert len(set(strengths)) == len(WORLDS)


def test_an_unknown_world_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(UnknownWorldError, match="crowded"):
        world_named("atlantis")


@pytest.mark.parametrize("world", ["default", "rural"])
def test_every_code_of_an_enterprise_is_valid_and_its_own(world: str) -> None:
    codes = [str(c) for c in found_enterprises(WORLDS[world], 3_000, 11).uscc]
    assert len(set(codes)) == 3_000
    assert any(code.startswith("N") for code in codes)
    assert all(uscc.is_valid(code) for code in codes if code[0].isdigit())


@given(serial=st.integers(0, 31**4 - 1), place=st.sampled_from(["91370602", "N1370686", "93370682"]))
def test_both_check_digits_follow_the_standards(serial: int, place: str) -> None:
    (code,) = social_credit_codes(np.array([place]), np.array([serial]))
    values = {c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
    weights = (3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(values[c] * w for c, w in zip(code[8:16], weights, strict=True))
    assert code[16] == "0123456789X0"[11 - total % 11]
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = sum(alphabet.index(c) * 3**i for i, c in enumerate(code[:17]))
    assert (body + alphabet.index(code[17])) % 31 == 0


def test_a_code_worked_by_hand() -> None:
    # M A 3 T 0 0 0 0: 22·3 + 10·7 + 3·9 + 29·10 = 453; 453 mod 11 = 2; 11 - 2 = 9.
    (code,) = social_credit_codes(np.array(["91370602"]), np.array([0]))
    assert code[:17] == "91370602MA3T00009"


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), products=st.integers(2, 30))
def test_lists_hold_admitted_products_only_each_once(seed: int, products: int) -> None:
    rng = np.random.default_rng(seed)
    admitted = rng.random((20, products)) < 0.5
    lists = draw_lists(rng, rng.normal(size=admitted.shape), admitted)
    for row, allowed in zip(lists.product, admitted, strict=True):
        shown = row[row >= 0]
        assert len(set(shown)) == len(shown) == min(int(allowed.sum()), lists.product.shape[1])
        assert allowed[shown].all()


def test_logged_propensities_are_the_frequencies_of_what_is_drawn() -> None:
    # One list of 14 admitted products drawn 20,000 times: product 0 leads the base list.
    draws, products = 20_000, 14
    score = np.tile(-np.arange(products, dtype=float), (draws, 1))
    lists = draw_lists(np.random.default_rng(1), score, np.ones(score.shape, dtype=np.bool_))
    stays = (1 - EXPLORE) * (1 - 2 * SWAP / 10)
    goes = (1 - EXPLORE) * 2 * SWAP / (10 * 9)
    comes = EXPLORE / 4
    for product, chance in ((0, stays), (4, goes), (12, comes)):
        here = lists.product[:, 0] == product
        assert lists.propensity[here, 0] == pytest.approx(chance)
        assert here.mean() == pytest.approx(chance, abs=4 * np.sqrt(chance / draws))


def file(number: int, demand: int, *, approve: bool, day: date, key: float | None = None) -> File:
    return File(
        application=number,
        demand=demand,
        product=0,
        bank=0,
        applied_on=day,
        ready_on=day,
        key=day.toordinal() if key is None else key,
        approve=approve,
        reason="" if approve else "judgement",
        days=2,
    )


def test_a_full_queue_reviews_two_of_five_and_the_rest_wait() -> None:
    queues = Queues(capacity=np.array([2]), luck=Luck(0))
    day = date(2026, 3, 2)
    files = [file(i, demand=i, approve=False, day=day) for i in range(5)]
    for one in files:
        queues.enter(one)
    for later in range(2, 32):
        queues.work(date(2026, 3, later), workdays=1)
    assert [one.reviewed_on is not None for one in files] == [True, True, False, False, False]
    assert [one.position for one in files] == [1, 2, 3, 4, 5]


def test_a_file_passes_the_queue_where_the_institution_wants_it_first() -> None:
    queues = Queues(capacity=np.array([1]), luck=Luck(0))
    day = date(2026, 3, 2)
    patient, wanted = (file(i, i, approve=False, day=day, key=day.toordinal() - 5.0 * i) for i in range(2))
    queues.enter(patient)
    queues.enter(wanted)
    queues.work(day, workdays=1)
    assert (patient.reviewed_on, wanted.reviewed_on) == (None, day)


def test_once_an_enterprise_is_funded_its_other_files_are_withdrawn_unreviewed() -> None:
    queues = Queues(capacity=np.array([9]), luck=Luck(0))
    day = date(2026, 3, 2)
    files = [file(i, demand=7, approve=True, day=day) for i in range(6)]
    for one in files:
        queues.enter(one)
    queues.work(day, workdays=1)
    assert sum(one.disbursed_on is not None for one in files) == 1
    funded = next(i for i, one in enumerate(files) if one.disbursed_on)
    assert all(one.reviewed_on is None for one in files[funded + 1 :])


def test_a_file_that_waited_too_long_is_never_reviewed() -> None:
    queues = Queues(capacity=np.array([9]), luck=Luck(0))
    old = file(0, 0, approve=True, day=date(2026, 1, 1))
    queues.enter(old)
    queues.work(date.fromordinal(date(2026, 1, 1).toordinal() + LAPSE_DAYS + 1), workdays=1)
    assert old.reviewed_on is None


def test_nobody_but_the_city_and_evaluation_names_the_truth() -> None:
    allowed = {"evaluate", "offpolicy"}
    for room in ("api", "features", "matcher", "training"):
        for path in (ROOT / room).rglob("*.py"):
            parts = path.relative_to(ROOT).parts
            if parts[:2] == ("training", "city") or path.stem.split("_")[0] in {"evaluate", "offpolicy"}:
                continue
            if path.stem not in allowed:
                text = path.read_text()
                assert "city.truth" not in text, path
                assert "truth/" not in text, path
