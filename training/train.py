"""From a world to a bundle: fit, measure on the held-out months, write the card."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from matcher.ranker import Ranker
from training.bundle import Bundle, write_bundle
from training.dataset import History, read_history
from training.evaluate import HeldOut, evaluate, held_out_pairs
from training.fit import Fitted, Settings, fit


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A bundle, where it lies, and how it was measured."""

    folder: Path
    report: dict[str, Any]
    history: History = field(repr=False)
    held_out: HeldOut = field(repr=False)


def train(
    world: Path,
    models: Path,
    settings: Settings | None = None,
    *,
    history: History | None = None,
    progress: bool = False,
) -> Trained:
    """Fit a ranker to a world, measure it, and write its bundle under ``models``; the champion stays who it is."""
    settings = settings or Settings()
    history = history or read_history(world, progress=progress)
    fitted = fit(history, settings, progress=progress)
    with TemporaryDirectory() as scratch:
        draft = Ranker.load(write_bundle(Path(scratch), bundle_of(history, fitted, settings, world.name, "")))
    held_out = held_out_pairs(history, world, draft)
    report = evaluate(history, world, draft, pairs=held_out)
    folder = write_bundle(models, bundle_of(history, fitted, settings, world.name, card(world.name, report)))
    return Trained(folder=folder, report=report, history=history, held_out=held_out)


def bundle_of(history: History, fitted: Fitted, settings: Settings, world: str, text: str) -> Bundle:
    """A bundle of what was fitted, with where it comes from."""
    return Bundle(
        apply_text=fitted.apply_model.model_to_string(),
        approve_text=fitted.approve_model.model_to_string(),
        effects=fitted.effects,
        apply_calibration=fitted.apply_calibration,
        approve_calibration=fitted.approve_calibration,
        examination=tuple(float(v) for v in np.round(fitted.examination, 6)),
        facts={
            "world": world,
            "data_hash": history.digest,
            "records_until": history.known_until.isoformat(),
            "rows": dict(fitted.rows),
            "settings": asdict(settings),
            "seed": settings.seed,
        },
        card=text,
        columns=settings.columns,
    )


def card(world: str, report: dict[str, Any]) -> str:
    """The model card in both languages, with what was measured."""
    p, q = report["p_apply"]["overall"], report["p_approve"]["overall"]
    table = "\n".join(
        f"| {name} | {value:.4f} |" for name, value in sorted(report["ndcg_at_10"].items(), key=lambda item: -item[1])
    )
    return f"""# 排序模型 · Ranker

模拟数据（世界 `{world}`）上训练和度量，不代表任何真实城市的表现。
Trained and measured on simulated data (world `{world}`); it says nothing about any real city.

用途：给出企业看到某产品后申请的概率 p，和申请被审核后获批的概率 q。不决定准入，不改变产品条款，不是征信报告。
Use: P(apply | seen) and P(approve | reviewed) of a demand and a product. It decides no admission, changes no terms and
is no credit report. It reads nothing that stands for sex, ethnicity, religion, health or ownership.

学习截至 {report["held_out"]["from"]} 之前；度量于其后的月份（{report["held_out"]["demands"]} 笔需求）。
Learned from before {report["held_out"]["from"]}; measured on later months ({report["held_out"]["demands"]} demands).

| | AUC | oracle AUC | ECE |
|---|---|---|---|
| p | {p["auc"]:.4f} | {p["oracle_auc"]:.4f} | {p["ece"]:.4f} |
| q | {q["auc"]:.4f} | {q["oracle_auc"]:.4f} | {q["ece"]:.4f} |

| NDCG@10 | |
|---|---|
{table}

局限：从未被审核的申请视为删失；潜在质量与隐藏关系不可见；机构偏好会漂移，需按月重训。
Limits: applications never reviewed are censored; latent quality and hidden relationships are not seen; appetites drift,
so it is to be retrained monthly.
"""
