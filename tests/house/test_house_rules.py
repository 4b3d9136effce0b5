"""The laws of the house that a machine can hold; each failure names the file and the line."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from features.schema import PROFILE, SOURCES

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "matcher", "training", "api")
LONGEST_MODULE = 400
LARGEST_FILE_KIB = 2048
FORBIDDEN_INPUTS = re.compile(
    r"(^|_)(sex|gender|male|female|ethnic\w*|race|religio\w*|health|disab\w*|veteran|ownership|state_owned|foreign_owned)(_|$)"
)


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def where(path: Path, node: ast.AST | int) -> str:
    line = node if isinstance(node, int) else getattr(node, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line}"


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_every_module_is_read_in_one_sitting() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text().splitlines())) > LONGEST_MODULE}
    assert not long


def test_every_module_says_what_it_owns() -> None:
    assert not [where(p, 1) for p in modules() if p.read_text().strip() and not ast.get_docstring(tree(p))]


def public_definitions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


def test_every_public_definition_has_a_docstring() -> None:
    bare = [where(p, d) + f" {d.name}" for p in modules() for d in public_definitions(p) if not ast.get_docstring(d)]
    assert not bare


@pytest.mark.parametrize("package", ["api", "matcher"])
def test_nothing_that_answers_calls_the_clock(package: str) -> None:
    clock = {("datetime", "now"), ("datetime", "utcnow"), ("date", "today"), ("datetime", "today"), ("time", "time")}
    calls = [
        where(path, node)
        for path in modules()
        if path.is_relative_to(ROOT / package) and path.name not in {"clock.py"}
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in clock
    ]
    assert not calls


def test_nothing_is_unpickled() -> None:
    unpickling = re.compile(r"\b(pickle|cloudpickle|joblib|dill|shelve)\b")
    found = [
        where(path, node)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and unpickling.search(" ".join([getattr(node, "module", None) or "", *(a.name for a in node.names)]))
    ]
    assert not found


def test_no_work_is_left_for_later() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b|# type: ignore(?!\[)|except Exception: *pass")
    found = [
        where(path, number)
        for path in modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if left.search(line)
    ]
    assert not found


def test_no_input_stands_for_what_people_are() -> None:
    names = [column.name for column in PROFILE] + [c.name for s in SOURCES.values() for c in s.columns]
    assert not [name for name in names if FORBIDDEN_INPUTS.search(name)]


def test_every_profile_column_has_a_source_and_a_meaning_of_null() -> None:
    assert not [c.name for c in PROFILE if c.source not in SOURCES or not c.null or not c.meaning]


def test_both_languages_have_a_readme() -> None:
    english, chinese = (ROOT / "README.md").read_text(), (ROOT / "README.zh-CN.md").read_text()
    assert "README.zh-CN.md" in english
    assert "README.md" in chinese
    assert len(re.findall(r"[\u4e00-\u9fff]", chinese)) > 10


def test_committed_files_are_small_and_name_no_machine() -> None:
    home = re.compile(rb"/(root|home/\w+|work)/[\w.-]")
    registry = re.compile(rb"files\.pythonhosted\.org|pypi\.org|registry\.npmjs\.org|deb\.debian\.org")
    for path in tracked_files():
        content = path.read_bytes()
        assert len(content) <= LARGEST_FILE_KIB * 1024, f"{path}: {len(content) // 1024} KiB"
        if path != Path(__file__):
            assert not home.search(content), f"{path} names a path of one machine"
            assert not registry.search(content), f"{path} names a package registry's host"
