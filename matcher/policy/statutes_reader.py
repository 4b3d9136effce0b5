"""Reads a folder of statute files strictly: a key twice, a number without quotes, a text that is none are refused.

Owns the syntax of the files and nothing of their meaning; dates and spans are checked where a value is made.
"""

import hashlib
import re
from collections.abc import Hashable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class StatuteError(ValueError):
    """A statute file that cannot be trusted: the message names the file, the key and what to write instead."""


class NoLawInForceError(LookupError):
    """No value covers the day asked for: the message says which entry to add, and where."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML in which a key may stand once and a number must stand in quotes."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Hashable, Any]:
    seen: dict[Hashable, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise StatuteError(f"line {key_node.start_mark.line + 1}: key {key!r} stands twice: keep one")
        seen[key] = loader.construct_object(value_node, deep=True)
    return seen


def _unquoted(loader: _StrictLoader, node: yaml.ScalarNode) -> Any:
    line = node.start_mark.line + 1
    raise StatuteError(f'line {line}: {node.value} is not quoted: write "{node.value}", so that it is read exactly')


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
for _tag in ("int", "float", "timestamp"):
    _StrictLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _unquoted)


def folder_texts(folder: Path) -> dict[str, str]:
    """The text of every statute file of a folder by name, line ends as ``\\n``.

    Raises
    ------
    StatuteError
        No such folder, no file in it, or a file that is not UTF-8.
    """
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise StatuteError(f"{folder}: no statute file (*.yaml) here: a city is a folder with an act.yaml")
    try:
        return {path.name: path.read_bytes().replace(b"\r\n", b"\n").decode("utf-8") for path in paths}
    except UnicodeDecodeError as error:
        raise StatuteError(f"{folder}: a statute file is not UTF-8 text: {error}") from error


def read_texts(texts: Mapping[str, str]) -> tuple[dict[str, dict[str, Any]], str]:
    """Statute files by name as documents, and the digest of their bytes.

    Raises
    ------
    StatuteError
        A file that is not strict YAML.
    """
    digest = hashlib.sha256()
    files: dict[str, dict[str, Any]] = {}
    for name in sorted(texts):
        content = texts[name].encode("utf-8")
        digest.update(name.encode() + b"\0" + content + b"\0")
        files[name] = _read(name, content)
    return files, digest.hexdigest()


def _read(name: str, content: bytes) -> dict[str, Any]:
    try:
        document = yaml.load(content, Loader=_StrictLoader)
    except (StatuteError, yaml.YAMLError) as error:
        raise StatuteError(f"{name}: {error}") from error
    if not isinstance(document, dict):
        raise StatuteError(f"{name}: a statute file is a mapping of keys to values")
    return document


def require(entry: Mapping[str, Any], key: str, where: str) -> Any:
    """The entry of ``key``, or an error that says where it is missing."""
    if entry.get(key) is None:
        raise StatuteError(f"{where}: {key} is missing: add it")
    return entry[key]


def text_of(entry: Mapping[str, Any], key: str, where: str) -> str:
    """A text that must be there."""
    found = require(entry, key, where)
    if not isinstance(found, str):
        raise StatuteError(f"{where}: {key} must be a text, not {found!r}")
    return found


def number_of(entry: Mapping[str, Any], key: str, where: str) -> Decimal:
    """A quoted number that must be there, exactly as written."""
    found = text_of(entry, key, where)
    if not _NUMBER.fullmatch(found):
        raise StatuteError(f"{where}: {key} must be a plain number in quotes, not {found!r}")
    return Decimal(found)


def day_of(entry: Mapping[str, Any], key: str, where: str) -> date:
    """A quoted day that must be there."""
    found = text_of(entry, key, where)
    if not _DAY.fullmatch(found):
        raise StatuteError(f'{where}: {key} must be a day as "2023-08-07", not {found!r}')
    try:
        return date.fromisoformat(found)
    except ValueError as error:
        raise StatuteError(f"{where}: {key}: {error}") from error
