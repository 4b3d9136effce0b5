"""The card of a rating: its factors and points, and how it does on enterprises it was not fitted on."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from matcher.rating import LETTERS, RatingModel
from training.scorecard import Sample, profile_columns

LABEL = (
    "Simulated. Default within the year: the first credit record in substandard, doubtful or loss, or at least 90 days "
    "overdue, that becomes known in the 364 days after the day of the profile, among enterprises with a balance and "
    "not in default as known that day.",
    "模拟数据。一年内违约：画像日之后364天内首次获知的信用记录为次级、可疑、损失，或逾期不少于90天；"
    "样本为画像日已知有贷款余额且未违约的企业。",
)
HELD_OUT = (
    "Half of the borrowers, chosen by their code alone, taught the card; the figures below are of the other half. "
    "Expected is the sum of the probabilities said.",
    "借款企业按代码随机分为两半：一半用于拟合，下表为另一半的结果；“预期”为所述违约概率之和。",
)


def measured(model: RatingModel, sample: Sample) -> dict[str, Any]:
    """AUC, and by letter how many defaults were expected and how many came; ``none`` is too little known for a letter.

    Parameters
    ----------
    sample
        Rows with weight one each.
    """
    columns = profile_columns(model, sample.profiles)
    probability, letters = model.default_probabilities(columns), model.rate_many(columns)
    groups = {letter: letters == letter for letter in LETTERS}
    groups["none"] = ~np.isin(letters.astype(str), LETTERS)
    return {
        "borrowers": len(sample.defaulted),
        "defaults": int(sample.defaulted.sum()),
        "expected": round(float(probability.sum()), 1),
        "auc": round(float(roc_auc_score(sample.defaulted, probability)), 4),
        "letters": {
            letter: {
                "borrowers": int(group.sum()),
                "expected": round(float(probability[group].sum()), 1),
                "observed": int(sample.defaulted[group].sum()),
            }
            for letter, group in groups.items()
        },
    }


def card(model: RatingModel, about: Mapping[str, Any]) -> str:
    """The card in Markdown, English and Chinese.

    Parameters
    ----------
    about
        Of the manifest, with ``measured`` of the held-out half under ``held_out``.
    """
    limits = ", ".join(f"{letter} {limit:g}" for letter, limit in zip(LETTERS[:4], model.limits, strict=True))
    lines = [
        f"# Rating {model.version} · 平台评级 {model.version}",
        "",
        "A–E from a scorecard of default risk within a year. A decision aid, not a credit report.",
        "",
        "按一年内违约风险评分得出的 A–E 等级。平台评级仅供撮合决策参考，不是征信报告。",
        "",
        *(text for pair in (LABEL, HELD_OUT) for line in pair for text in (line, "")),
        *_letters(about["held_out"]),
        "",
        f"Probability of default · 违约概率 = logistic({model.intercept:g} {model.slope:+g} × score)",
        "",
        f"Score · 得分 = {model.base} + points · 各因素分值",
        "",
        f"Highest probability of a letter · 各等级概率上限: {limits}; E above · 以上为 E",
        "",
        f"At least {model.least_known} known factors are needed; an unknown one counts nothing. "
        f"至少需要 {model.least_known} 个已知因素；未知因素不加不减。",
        "",
        "| factor · 因素 | bins from · 区间下限 | points · 分值 |",
        "|---|---|---|",
    ]
    for factor in model.factors:
        bins = ", ".join(["least", *(f"{edge:,g}" for edge in factor.edges)])
        lines.append(f"| {factor.text.en} · {factor.text.zh} | {bins} | {', '.join(map(str, factor.points))} |")
    lines += ["", "## Measured · 度量", "", "```json", json.dumps(about, ensure_ascii=False, indent=1), "```", ""]
    return "\n".join(lines)


def _letters(held_out: Mapping[str, Any]) -> list[str]:
    rows = [
        "| letter · 等级 | borrowers · 企业 | defaults expected · 预期违约 | observed · 实际违约 |",
        "|---|---:|---:|---:|",
    ]
    for letter, of in held_out["letters"].items():
        rows.append(f"| {letter} | {of['borrowers']:,} | {of['expected']:.1f} | {of['observed']} |")
    total = [f"{held_out['borrowers']:,}", f"{held_out['expected']:.1f}", str(held_out["defaults"])]
    rows.append(f"| all · 合计 | {' | '.join(total)} |")
    return [*rows, "", f"AUC (held out, simulated · 留出样本，模拟): {held_out['auc']:.3f}"]
