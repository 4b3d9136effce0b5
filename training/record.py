"""The record of every training run in MLflow: parameters, data, measures, pictures, the bundle and its card.

The record is a local file unless ``MLFLOW_TRACKING_URI`` names a server. The registry holds bundles as the folders of
text they are; MLflow never loads one. MLflow is imported with the first run recorded: it takes seconds.
"""

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matcher.ranker import BUNDLE_FILES, MANIFEST, read_manifest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENT = REGISTERED = "credit-matcher-ranker"
CHAMPION, CHALLENGER = "champion", "challenger"
VERSION_TAG = "bundle"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What there is to keep of one run.

    Parameters
    ----------
    folder
        The bundle as it was written.
    report
        As ``training.evaluate.evaluate``; every number in it becomes a metric named by its path.
    pictures
        By file name.
    """

    folder: Path
    report: Mapping[str, Any]
    pictures: Mapping[str, "Figure"] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Report:
    """What there is to keep of a run that makes no bundle: a closed loop, a look at drift.

    Parameters
    ----------
    series
        Numbers by name, one per step.
    documents, pictures
        By file name.
    """

    experiment: str
    name: str
    parameters: Mapping[str, Any]
    series: Mapping[str, Sequence[float]]
    documents: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, "Figure"] = field(default_factory=dict, repr=False)


class Record:
    """A place where runs are kept.

    Parameters
    ----------
    home
        Where the local record lies when no server is named.
    uri
        The server or database; ``MLFLOW_TRACKING_URI`` if absent.
    """

    def __init__(self, home: Path | None = None, uri: str | None = None) -> None:
        home = (home or Path(os.environ.get("MATCHER_HOME", ".local"))).resolve()
        named = uri or os.environ.get("MLFLOW_TRACKING_URI")
        self.uri = named or f"sqlite:///{home / 'mlflow.db'}"
        if named is None:
            home.mkdir(parents=True, exist_ok=True)
        self._artifacts = None if named else (home / "mlflow").as_uri()
        self._client = _client(self.uri)

    def keep(self, run: Run) -> str:
        """Keep a run and register its bundle as the challenger; gives the run's id.

        Raises
        ------
        BundleError
            If the bundle is not what its manifest says: such a one is not kept.
        """
        manifest = read_manifest(run.folder)
        client = self._client
        started = client.create_run(self._experiment(), run_name=str(manifest["version"])).info
        self._numbers(started.run_id, manifest, run.report)
        for name in (*BUNDLE_FILES, MANIFEST):
            client.log_artifact(started.run_id, str(run.folder / name), "bundle")
        client.log_dict(started.run_id, dict(run.report), "report.json")
        for name, figure in run.pictures.items():
            client.log_figure(started.run_id, figure, f"pictures/{name}")
        client.set_terminated(started.run_id)
        self._register(str(manifest["version"]), started)
        return str(started.run_id)

    def keep_report(self, report: Report) -> str:
        """Keep a run that makes no bundle; gives its id."""
        from mlflow.entities import Metric, Param

        client, now = self._client, _now()
        started = client.create_run(self._experiment(report.experiment), run_name=report.name).info
        metrics = [
            Metric(_metric_name(name), float(value), now, step)
            for name, values in report.series.items()
            for step, value in enumerate(values)
        ]
        params = [Param(name, str(value)) for name, value in _flat("", report.parameters)]
        client.log_batch(started.run_id, metrics, params)
        for name, document in report.documents.items():
            client.log_dict(started.run_id, dict(document), name)
        for name, figure in report.pictures.items():
            client.log_figure(started.run_id, figure, f"pictures/{name}")
        client.set_terminated(started.run_id)
        return str(started.run_id)

    def name_champion(self, version: str) -> bool:
        """Move the alias ``champion`` to a bundle's version; false where the record does not know it."""
        known = {each.tags.get(VERSION_TAG): each.version for each in self._versions()}
        if version not in known:
            return False
        self._client.set_registered_model_alias(REGISTERED, CHAMPION, known[version])
        return True

    def aliases(self) -> dict[str, str]:
        """Bundle versions by alias."""
        return {alias: each.tags[VERSION_TAG] for each in self._versions() for alias in self._aliases_of(each)}

    def _numbers(self, run_id: str, manifest: Mapping[str, Any], report: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric, Param

        now = _now()
        params = [Param(name, str(value)) for name, value in _flat("", _parameters(manifest))]
        metrics = [
            Metric(_metric_name(name), float(value), now, 0)
            for name, value in _flat("", report)
            if isinstance(value, int | float)
        ]
        self._client.log_batch(run_id, metrics, params)

    def _experiment(self, name: str = EXPERIMENT) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(name, artifact_location=self._artifacts))

    def _register(self, version: str, started: Any) -> None:
        client = self._client
        if not client.search_registered_models(f"name = '{REGISTERED}'"):
            client.create_registered_model(REGISTERED)
        made = client.create_model_version(
            REGISTERED, f"{started.artifact_uri}/bundle", run_id=started.run_id, tags={VERSION_TAG: version}
        )
        client.set_registered_model_alias(REGISTERED, CHALLENGER, made.version)

    def _versions(self) -> list[Any]:
        found = self._client.search_model_versions(f"name = '{REGISTERED}'", order_by=["version_number ASC"])
        return list(found)

    def _aliases_of(self, version: Any) -> list[str]:
        return list(self._client.get_model_version(REGISTERED, version.version).aliases)


def _now() -> int:
    return int(datetime.now(UTC).timestamp() * 1e3)


def _client(uri: str) -> Any:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow import MlflowClient

    for noisy in ("alembic", "mlflow"):  # mlflow sets its own level when it is imported
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _parameters(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What made the bundle: settings, data, libraries, schema."""
    left_out = {"files", "calibration", "examination"}
    return {name: value for name, value in manifest.items() if name not in left_out}


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value, 1):
            yield from _flat(f"{path}.{place}", inner)
    else:
        yield path, value


def _metric_name(path: str) -> str:
    """MLflow allows letters, digits and ``_-. :/`` in names."""
    return "".join(sign if sign.isalnum() or sign in "_-./ :" else "_" for sign in path)
