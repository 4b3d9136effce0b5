"""Writes a ranker's bundle: native model text, rates, manifest and card, each named by its digest; nothing pickled."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from features.effects import Effects
from features.pair_columns import PAIR_NAMES, schema_hash
from matcher.calibration import Calibration
from matcher.ranker import APPLY_MODEL, APPROVE_MODEL, BUNDLE_FILES, CARD, MANIFEST, RATES, manifest_digest

LIBRARIES = ("lightgbm", "numpy", "pandas", "scipy")
"""Libraries whose versions a manifest names."""


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything a ranker serves from.

    Parameters
    ----------
    examination
        Chance that position k is looked at, first position first.
    columns
        Pair columns both models read.
    facts
        What the manifest says besides: world, days, seed, rows, parameters, data hash.
    """

    apply_text: str
    approve_text: str
    effects: Effects
    apply_calibration: Calibration
    approve_calibration: Calibration
    examination: tuple[float, ...]
    facts: Mapping[str, Any]
    card: str
    columns: tuple[str, ...] = PAIR_NAMES


def write_bundle(root: Path, bundle: Bundle) -> Path:
    """Write a bundle into a folder of ``root`` named by its last day of records and its digest.

    Returns
    -------
    Path
        The folder; written beside and moved into place, so it is whole or absent.
    """
    contents = {
        APPLY_MODEL: bundle.apply_text.encode(),
        APPROVE_MODEL: bundle.approve_text.encode(),
        RATES: bundle.effects.to_json(),
        CARD: bundle.card.encode(),
    }
    manifest: dict[str, Any] = {
        "name": "ranker",
        "columns": list(bundle.columns),
        "schema_hash": schema_hash(bundle.columns),
        "files": {name: sha256(contents[name]).hexdigest() for name in BUNDLE_FILES},
        "calibration": {"p": bundle.apply_calibration.to_json(), "q": bundle.approve_calibration.to_json()},
        "examination": list(bundle.examination),
        "libraries": {name: installed(name) for name in LIBRARIES},
        **bundle.facts,
    }
    manifest["digest"] = manifest_digest(manifest)
    manifest["version"] = f"{bundle.facts['records_until']}-{manifest['digest'][:8]}"
    contents[MANIFEST] = (json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
    return _place(root / manifest["version"], contents)


def set_champion(root: Path, version: str, *, previous: str | None = None) -> None:
    """Make ``version`` the bundle in service, in one atomic step; ``previous`` is the one to go back to."""
    pointer = root / "champion.json"
    beside = root / "champion.json.new"
    named = {"version": version} | ({} if previous is None else {"previous": previous})
    beside.write_text(json.dumps(named) + "\n", encoding="utf-8")
    beside.replace(pointer)


def _place(folder: Path, contents: Mapping[str, bytes]) -> Path:
    beside = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    for name, content in contents.items():
        (beside / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    beside.rename(folder)
    return folder
