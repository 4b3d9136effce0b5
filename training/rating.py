"""Makes and measures the platform rating: from a city's own loan records, and on the public invoices of real firms.

Both use one way of fitting (``training.scorecard``). A city's card learns who defaults
within the year to come (``training.next_year``); the invoices give 82 firms with an outcome, so every figure on them
comes with its spread over repeated folds.
"""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from matcher.rating import LETTERS, RatingModel
from training.datasets.invoices import InvoiceFirms, read_firms
from training.next_year import next_year
from training.rating_card import card, measured
from training.scorecard import Sample, fit_scorecard, profile_columns

FOLDS, REPEATS = 5, 20
INVOICES_VERSION = "invoices"


@dataclass(frozen=True, kw_only=True)
class RatingReport:
    """How the scorecard does on firms it did not see.

    Parameters
    ----------
    auc
        Shape (repeats,): area under the ROC curve of all out-of-fold predictions of one repeat.
    brier
        Shape (repeats,): mean squared error of the probability, likewise.
    sales_alone_auc
        Of twelve-month sales alone, which needs no fitting.
    model
        The card of all labelled firms.
    letters
        How many firms, and how many defaults among the labelled, each letter has.
    """

    firms: int
    labelled: int
    defaults: int
    as_of: date
    auc: NDArray[np.float64]
    brier: NDArray[np.float64]
    sales_alone_auc: float
    model: RatingModel
    letters: dict[str, tuple[int, int, int]]

    def to_json(self) -> dict[str, object]:
        """The figures, for a report or a model card."""
        return {
            "firms": self.firms,
            "labelled": self.labelled,
            "defaults": self.defaults,
            "as_of": self.as_of.isoformat(),
            "folds": FOLDS,
            "repeats": len(self.auc),
            "auc_mean": round(float(self.auc.mean()), 4),
            "auc_sd_over_repeats": round(float(self.auc.std(ddof=1)), 4),
            "auc_least": round(float(self.auc.min()), 4),
            "auc_most": round(float(self.auc.max()), 4),
            "brier_mean": round(float(self.brier.mean()), 4),
            "auc_of_sales_alone": round(self.sales_alone_auc, 4),
            "letters": {
                letter: dict(zip(("firms", "labelled", "defaults"), counts, strict=True))
                for letter, counts in self.letters.items()
            },
        }


def report(data: Path, *, repeats: int = REPEATS, console: Console | None = None) -> RatingReport:
    """Cross-validated report of the rating on the public invoices, printed as a table.

    Raises
    ------
    training.datasets.invoices.InvoicesMissingError
        If the files are not there; says where they come from.
    """
    firms = read_firms(data)
    profiles = firms.profiles()
    sample = labelled(firms, profiles)
    auc, brier = cross_validated(sample, profiles, repeats)
    model = fit_scorecard(sample, profiles, version=INVOICES_VERSION)
    result = RatingReport(
        firms=len(profiles),
        labelled=len(sample.defaulted),
        defaults=int(sample.defaulted.sum()),
        as_of=firms.as_of,
        auc=auc,
        brier=brier,
        sales_alone_auc=float(roc_auc_score(sample.defaulted, -sample.profiles["sales_12m_cny"].fillna(0.0))),
        model=model,
        letters=_letters(model, profiles, firms.enterprises["defaulted"]),
    )
    _print(result, console or Console())
    return result


def predict_invoices(data: Path, predict: Path, out: Path) -> pd.DataFrame:
    """Learns from the labelled firms of one folder and predicts every firm of another.

    Returns
    -------
    pandas.DataFrame
        As written to ``out`` in csv: ``enterprise_code``, ``p_default``, ``rating`` (empty: too little is known).
    """
    known = read_firms(data)
    profiles = known.profiles()
    model = fit_scorecard(labelled(known, profiles), profiles, version=INVOICES_VERSION)
    asked = read_firms(predict).profiles()
    columns = profile_columns(model, asked)
    result = pd.DataFrame(
        {
            "enterprise_code": asked.index.to_numpy(),
            "p_default": model.default_probabilities(columns),
            "rating": model.rate_many(columns),
        }
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    result.to_csv(out, index=False)
    return result


def labelled(firms: InvoiceFirms, profiles: pd.DataFrame) -> Sample:
    """The firms whose outcome is known, each with weight one."""
    outcome = firms.enterprises["defaulted"]
    known = outcome.notna().to_numpy()
    return Sample(
        profiles=profiles[known],
        defaulted=outcome[known].to_numpy(dtype=np.float64),
        weight=np.ones(int(known.sum())),
    )


def cross_validated(
    sample: Sample, population: pd.DataFrame, repeats: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """AUC and Brier score of every repeat of stratified folds; a firm held out is not in the population either."""
    figures = []
    for repeat in range(repeats):
        predicted = np.empty(len(sample.defaulted))
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repeat)
        for seen, held in folds.split(predicted, sample.defaulted):
            held_out = sample.profiles.iloc[held]
            model = fit_scorecard(sample.rows(seen), population.drop(held_out.index), version=INVOICES_VERSION)
            predicted[held] = model.default_probabilities(profile_columns(model, held_out))
        figures.append((roc_auc_score(sample.defaulted, predicted), brier_score_loss(sample.defaulted, predicted)))
    auc, brier = np.array(figures, dtype=np.float64).T
    return auc, brier


def train(world: Path, out: Path, version: str, invoices: RatingReport | None = None) -> RatingModel:
    """Fits the platform's rating on half of a city's borrowers, measures it on the others, writes it to ``out``.

    ``manifest.json`` is the card as it is read in service, ``card.md`` says how it came to be and how it does. The card
    that is written is the very one that was measured: the held-out half is not learnt from afterwards.
    """
    year = next_year(world)
    model = fit_scorecard(year.fit_half, year.population, version=version)
    manifest = json.loads((world / "manifest.json").read_text("utf-8"))
    about = {
        "trained_on": f"simulated city {manifest['world']}",
        "world_digest": manifest.get("digest"),
        "as_of": year.as_of.isoformat(),
        "outcomes_until": year.until.isoformat(),
        "fitted_on": measured(model, year.fit_half),
        "held_out": measured(model, year.held_out),
        "mix": _mix(model, year.population),
        "invoices_note": "the same way of fitting, cross-validated on real invoices: another card, not this one",
        "invoices": invoices.to_json() if invoices else None,
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(model.manifest(about), ensure_ascii=False, indent=1)
    (out / "manifest.json").write_text(text + "\n", "utf-8")
    (out / "card.md").write_text(card(model, about), "utf-8")
    return model


def _letters(model: RatingModel, profiles: pd.DataFrame, defaulted: pd.Series) -> dict[str, tuple[int, int, int]]:
    letters = model.rate_many(profile_columns(model, profiles))
    known, bad = defaulted.notna().to_numpy(), (defaulted == 1.0).to_numpy()
    return {
        letter: (int(of.sum()), int((of & known).sum()), int((of & bad).sum()))
        for letter in LETTERS
        for of in [letters == letter]
    }


def _mix(model: RatingModel, population: pd.DataFrame) -> dict[str, float]:
    letters = model.rate_many(profile_columns(model, population))
    shares = {letter: round(float(np.mean(letters == letter)), 4) for letter in LETTERS}
    return shares | {"none": round(1.0 - sum(shares.values()), 4)}


def _print(result: RatingReport, console: Console) -> None:
    figures = Table(title=f"Rating on real invoices, as of {result.as_of}: {len(result.auc)} × {FOLDS} folds")
    figures.add_column("figure")
    figures.add_column("value", justify="right")
    figures.add_row("firms / labelled / defaults", f"{result.firms} / {result.labelled} / {result.defaults}")
    figures.add_row("default AUC, mean ± sd over repeats", f"{result.auc.mean():.3f} ± {result.auc.std(ddof=1):.3f}")
    figures.add_row("default AUC, least to most", f"{result.auc.min():.3f} – {result.auc.max():.3f}")
    figures.add_row("default AUC of 12-month sales alone", f"{result.sales_alone_auc:.3f}")
    figures.add_row("Brier score, mean", f"{result.brier.mean():.3f}")
    for letter, (firms, known, bad) in result.letters.items():
        figures.add_row(f"{letter}: firms / labelled / defaults", f"{firms} / {known} / {bad}")
    console.print(figures)
    console.print(points_table(result.model))


def points_table(model: RatingModel) -> Table:
    """The card itself: every factor with its bins and points."""
    table = Table(title=f"Scorecard {model.version}: {model.base} + points")
    for heading in ("factor", "bins from", "points"):
        table.add_column(heading)
    for factor in model.factors:
        bins = " | ".join(["least", *(f"{edge:,g}" for edge in factor.edges)])
        table.add_row(factor.text.en, bins, " | ".join(f"{points:+d}" for points in factor.points))
    return table
