"""The notebooks run top to bottom, and what is committed is a whole, clean run that names no machine."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.execution import NOTEBOOKS, build_worlds, executed

LARGEST_KB = 600
MACHINE = re.compile(r"/(?:home|root|tmp|work|Users|private|opt|mnt|var)/[\w.-]|/site-packages/|ipykernel_\d|[A-Z]:\\\\")
NAMES = [path.name for path in NOTEBOOKS]


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def texts(cell: Any) -> Iterator[str]:
    """Everything a reader of the cell could read, pictures aside."""
    yield cell.source
    for output in cell.outputs:
        yield output.get("text", "")
        yield from output.get("traceback", [])
        yield from (str(shown) for kind, shown in output.get("data", {}).items() if not kind.startswith("image/"))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small cities, built once for all notebooks."""
    return build_worlds(tmp_path_factory.mktemp("worlds"))


def test_there_are_five_notebooks_each_with_a_question() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05"]


@pytest.mark.xdist_group("notebooks")
@pytest.mark.filterwarnings("default")  # the kernel's client is none of ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_it_runs_top_to_bottom_without_a_word_of_warning(path: Path, worlds: Path) -> None:
    run = [cell for cell in executed(path, worlds).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in run] == list(range(1, len(run) + 1))
    said = [output.text for cell in run for output in cell.outputs if output.get("name") == "stderr"]
    assert not said
    assert sum("image/png" in output.get("data", {}) for cell in run for output in cell.outputs) >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_what_is_committed_is_one_whole_run(path: Path) -> None:
    cells = code_cells(path)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    kinds = {output.output_type for cell in cells for output in cell.outputs}
    assert "display_data" in kinds
    assert not kinds & {"error", "stream"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_what_is_committed_names_no_machine(path: Path) -> None:
    assert not [found for cell in code_cells(path) for text in texts(cell) if (found := MACHINE.search(text))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_what_is_committed_is_small_and_its_pictures_are_whole(path: Path) -> None:
    assert path.stat().st_size < LARGEST_KB * 1000
    for cell in code_cells(path):
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_chinese_comes_first_and_simulated_is_said(path: Path) -> None:
    words = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    assert re.match(r"# \d\d [\u4e00-\u9fff]", words[0])
    assert "怎么读" in words[-1]
    assert "An honest reading" in words[-1]
    assert re.search("模拟|编造", " ".join(words))
    assert re.search("simulated|made-up", " ".join(words).lower())


def test_the_committed_lenders_are_the_made_up_ones_and_it_says_so() -> None:
    lenders = next(path for path in NOTEBOOKS if path.name.startswith("03"))
    shown = " ".join(text for cell in code_cells(lenders) for text in texts(cell))
    assert "# ⚠️ 编造的贷款，不是真实数据 · MADE-UP LOANS, NOT REAL DATA" in shown
    assert "data.sba.gov" in shown
    assert "[MADE-UP LOANS]" in shown
