"""The champion moves only past every gate, in one step, and one command brings the one before back."""

import json
from pathlib import Path

import pytest

from matcher.domain import Text
from matcher.ranker import champion_directory
from tests.training.made_up import write_tiny_bundle
from training import gate
from training.bundle import set_champion
from training.gate import Gate
from training.promote import ChampionMovedError, NoWayBackError, Ruling, promote, rollback, standing

PASSED = gate.bundle(None)
REFUSED = Gate(name="replay", value=1.0, bound=0.0, passed=False, text=Text(zh="不同", en="differs"))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two copies of a tiny bundle, ``old`` in service and ``new`` beside it."""
    folder = write_tiny_bundle(tmp_path)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        for file in folder.iterdir():
            (tmp_path / name / file.name).write_bytes(file.read_bytes())
    set_champion(tmp_path, "old")
    return tmp_path


def ruling(*gates: Gate, challenger: str = "new", champion: str = "old") -> Ruling:
    return Ruling(challenger=challenger, champion=champion, gates=gates)


def test_a_challenger_past_every_gate_serves_and_the_one_before_is_kept(models: Path) -> None:
    assert promote(models, ruling(PASSED))
    assert champion_directory(models).name == "new"
    assert json.loads((models / "champion.json").read_text()) == {"version": "new", "previous": "old"}
    assert not (models / "champion.json.new").exists()


def test_one_refusing_gate_leaves_the_champion_byte_for_byte(models: Path) -> None:
    before = (models / "champion.json").read_bytes()
    assert not promote(models, ruling(PASSED, REFUSED))
    assert (models / "champion.json").read_bytes() == before


def test_a_ruling_without_gates_promotes_nobody(models: Path) -> None:
    assert not promote(models, ruling())


def test_a_ruling_against_another_champion_is_out_of_date(models: Path) -> None:
    set_champion(models, "new")
    with pytest.raises(ChampionMovedError, match="judge again"):
        promote(models, ruling(PASSED))


def test_promoting_the_champion_again_keeps_the_way_back(models: Path) -> None:
    promote(models, ruling(PASSED))
    promote(models, ruling(PASSED, challenger="new", champion="new"))
    assert standing(models) == ("new", "old")


def test_the_first_champion_has_no_way_back(models: Path) -> None:
    (models / "champion.json").unlink()
    assert promote(models, ruling(PASSED, champion=""))
    assert standing(models) == ("new", None)
    with pytest.raises(NoWayBackError, match="promote one first"):
        rollback(models)


def test_a_rollback_brings_the_one_before_and_a_second_one_undoes_it(models: Path) -> None:
    promote(models, ruling(PASSED))
    assert rollback(models) == "old"
    assert standing(models) == ("old", "new")
    assert rollback(models) == "new"


def test_a_broken_bundle_is_nothing_to_go_back_to(models: Path) -> None:
    promote(models, ruling(PASSED))
    (models / "old" / "p.txt").write_text("changed")
    with pytest.raises(NoWayBackError, match=r"p\.txt"):
        rollback(models)
    assert standing(models) == ("new", "old")
