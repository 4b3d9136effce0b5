"""The ranker: a verified bundle that gives calibrated P(apply | seen) and P(approve | reviewed), and their parts.

A bundle is a folder: two models in LightGBM's own text, ``institution_rates.json``, ``manifest.json`` and a card.
It is refused when a file, the manifest or the schema of pair rows is not what it was fitted with. LightGBM is imported
when a bundle is loaded, never before.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.effects import Effects
from features.pair_columns import COLUMN_OF, FIRST_NAMES, OFFSETS, PAIR_NAMES, schema_hash
from features.pairs import Columns, prepare_products
from features.product_side import ProductSide
from matcher.calibration import Calibration, Floats, expit

APPLY_MODEL, APPROVE_MODEL, RATES, MANIFEST, CARD = (
    "p.txt",
    "q.txt",
    "institution_rates.json",
    "manifest.json",
    "card.md",
)
BUNDLE_FILES = (APPLY_MODEL, APPROVE_MODEL, RATES, CARD)
"""Files of a bundle whose digests the manifest holds."""


class BundleError(Exception):
    """A bundle that must not serve; the message says which part, what was expected and what to do."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Calibrated probabilities, one per row."""

    p_apply: Floats
    p_approve: Floats


@dataclass(frozen=True, kw_only=True)
class Contributions:
    """Exact tree contributions in raw log odds, shape (rows, columns); with the bias a row adds up to its raw score.

    The columns of offsets hold what is added to the *calibrated* log odds.
    """

    apply: Floats
    approve: Floats
    apply_bias: float
    approve_bias: float


class Ranker:
    """Both models of a verified bundle. One thread per call; safe to share between threads."""

    def __init__(self, apply_model: Any, approve_model: Any, effects: Effects, manifest: Mapping[str, Any]) -> None:
        self._apply, self._approve = apply_model, approve_model
        self.effects = effects
        self.manifest = manifest
        self.version = str(manifest["version"])
        self._columns = np.array([COLUMN_OF[name] for name in columns_read(manifest)], dtype=np.intp)
        self.apply_calibration = Calibration.from_json(manifest["calibration"]["p"])
        self.approve_calibration = Calibration.from_json(manifest["calibration"]["q"])

    @classmethod
    def load(cls, directory: Path) -> "Ranker":
        """Load and verify a bundle.

        Parameters
        ----------
        directory
            The bundle's folder, or the folder above with a ``champion.json`` naming the version.

        Raises
        ------
        BundleError
            If a file is missing or not the one the manifest names, or the rows it was fitted to have another schema.
        """
        directory = champion_directory(directory)
        manifest = read_manifest(directory)
        import lightgbm

        p, q = (
            lightgbm.Booster(model_str=(directory / name).read_text(encoding="utf-8"))
            for name in (APPLY_MODEL, APPROVE_MODEL)
        )
        return cls(p, q, Effects.from_json((directory / RATES).read_bytes()), manifest)

    def prepare(self, products: Columns) -> ProductSide:
        """The product side of pair rows for a catalogue, with what this bundle knows of its institutions.

        Parameters
        ----------
        products
            As ``features.pairs.prepare_products``, with ``product_id`` and ``institution_id``.
        """
        effects = self.effects.columns(list(products["product_id"]), list(products["institution_id"]))
        return prepare_products({**products, **effects})

    def predict(self, X: NDArray[np.float32]) -> Scores:
        """Calibrated probabilities of pair rows."""
        if not len(X):
            return Scores(p_apply=np.zeros(0), p_approve=np.zeros(0))
        p, q = self.raw(X)
        offsets = np.nan_to_num(X[:, _OFFSET_COLUMNS].astype(np.float64))
        return Scores(
            p_apply=expit(self.apply_calibration.log_odds(p) + offsets[:, 0]),
            p_approve=expit(self.approve_calibration.log_odds(q) + offsets[:, 1]),
        )

    def raw(self, X: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Log odds of both models before calibration and offsets."""
        read = self._read(X)
        return _raw(self._apply, read), _raw(self._approve, read)

    def contributions(self, X: NDArray[np.float32]) -> Contributions:
        """Exact contributions of every column to both raw scores, for the few rows that are shown."""
        read = self._read(X)
        p, q = (self._contributions(model, read) for model in (self._apply, self._approve))
        offsets = np.nan_to_num(X[:, _OFFSET_COLUMNS].astype(np.float64))
        p[:, _OFFSET_COLUMNS[0]] = offsets[:, 0]
        q[:, _OFFSET_COLUMNS[1]] = offsets[:, 1]
        return Contributions(
            apply=p[:, :-1], approve=q[:, :-1], apply_bias=float(p[0, -1]), approve_bias=float(q[0, -1])
        )

    def _read(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """The columns this bundle was fitted to, of all there are."""
        return X if len(self._columns) == X.shape[1] else X[:, self._columns]

    def _contributions(self, model: Any, read: NDArray[np.float32]) -> Floats:
        """Of every column there is, the bias last; what the bundle does not read contributes nothing."""
        parts: Floats = model.predict(read, pred_contrib=True, num_threads=1, validate_features=False)
        if len(self._columns) == len(PAIR_NAMES):
            return parts
        placed = np.zeros((len(parts), len(PAIR_NAMES) + 1))
        placed[:, self._columns], placed[:, -1] = parts[:, :-1], parts[:, -1]
        return placed


def champion_directory(directory: Path) -> Path:
    """The folder of the bundle in service: ``directory`` itself, or the version its ``champion.json`` names.

    Raises
    ------
    BundleError
        If ``champion.json`` names no folder beside it.
    """
    pointer = directory / "champion.json"
    if not pointer.is_file():
        return directory
    version = str(json.loads(pointer.read_text(encoding="utf-8")).get("version", ""))
    chosen = directory / version
    if Path(version).name != version or not chosen.is_dir():
        raise BundleError(
            f"{pointer} names the version {version!r}, which is no folder beside it: train or promote one"
        )
    return chosen


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a bundle, after every digest in it was compared with the files.

    Raises
    ------
    BundleError
        As ``Ranker.load``.
    """
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        expected = {name: manifest["files"][name] for name in BUNDLE_FILES}
        stated, schema = manifest["digest"], manifest["schema_hash"]
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"{directory / MANIFEST} cannot be read as the manifest of a bundle: {error!r}") from error
    if stated != manifest_digest(manifest):
        raise BundleError(f"{directory / MANIFEST} was changed after it was written: its digest is not {stated}")
    for name, digest in expected.items():
        _compare(directory / name, digest)
    made = _schema_made(manifest)
    if schema != made:
        raise BundleError(
            f"{directory.name} was fitted to pair rows of schema {schema[:12]}, this code makes {made[:12]}: "
            "train a new bundle with matcher-train fit"
        )
    return manifest


def columns_read(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the pair columns a bundle was fitted to, in order."""
    return tuple(manifest.get("columns", FIRST_NAMES))


def _schema_made(manifest: Mapping[str, Any]) -> str:
    """Digest of the bundle's columns as this code makes them."""
    unknown = [name for name in columns_read(manifest) if name not in COLUMN_OF]
    if unknown:
        raise BundleError(f"the bundle reads the columns {', '.join(unknown)}, which this code does not make")
    return schema_hash(columns_read(manifest))


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Digest of a manifest's content, ``digest`` and ``version`` left out."""
    content = {key: value for key, value in manifest.items() if key not in {"digest", "version"}}
    return sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


_OFFSET_COLUMNS = [PAIR_NAMES.index(name) for name in OFFSETS]


def _compare(path: Path, digest: str) -> None:
    try:
        found = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error}") from error
    if found != digest:
        raise BundleError(f"{path} has the hash {found[:12]}, the manifest names {digest[:12]}: restore the bundle")


def _raw(model: Any, X: NDArray[np.float32]) -> Floats:
    raw: Floats = model.predict(X, raw_score=True, num_threads=1, validate_features=False)
    return raw
