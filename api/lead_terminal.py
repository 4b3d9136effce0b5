"""An institution's leads in the terminal or as a file, for people without code."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from api import lead_files, lead_pages
from api.errors import ProblemError
from api.instance import open_instance
from api.lead_pages import LeadPage
from api.settings import Settings
from matcher.lead_texts import why_this_firm

ACTOR = "terminal:leads"


def show_leads(
    settings: Settings,
    query: lead_pages.Query,
    file: Path | None,
    language: str,
    say: Callable[[str], None],
) -> int:
    """Print an institution's list, or write it to a ``.csv`` or ``.xlsx`` file; 1 where there is none."""
    instance = open_instance(settings, say)
    try:
        if query.institution_id not in instance.matcher.catalog.institutions:
            say(f"refused: there is no institution {query.institution_id}")
            return 1
        form = "json" if file is None else file.suffix.removeprefix(".")
        page = lead_pages.lead_page(instance, query)
        lead_pages.disclose(instance, ACTOR, query, page, form)
    except ProblemError as problem:
        say(f"refused: {problem.detail.in_language(language)}")
        return 1
    finally:
        instance.close()
    if file is None:
        _print(page, language)
    else:
        file.write_bytes(lead_files.write(page, query, form, language))
        say(f"leads: {len(page.items)} written to {file}")
    return 0


def _print(page: LeadPage, language: str) -> None:
    article = f" · article {page.named.article}" if page.named.article else ""
    table = Table(title=f"{page.named.title.in_language(language)}{article} · {page.as_of} · plan {page.plan or '–'}")
    for heading in ("#", "enterprise", "product", "CNY", "value", "p approve", "status", "first reason"):
        table.add_column(heading)
    for item in page.items:
        lead, scored = item.told.lead, item.told.entry.personalised
        why = why_this_firm(lead.reasons, 1) if scored else ()
        table.add_row(
            str(item.rank),
            item.told.name.in_language(language),
            lead.product.name.in_language(language),
            f"{lead.case.demand.amount_cny:,.0f}",
            f"{lead.value:.3f}" if scored else "–",
            f"{lead.p_approve:.2f}" if scored else "–",
            item.told.entry.status,
            "; ".join(each.text.in_language(language) for each in why) or "–",
        )
    console = Console()
    console.print(table)
    console.print(page.named.todo.in_language(language), highlight=False)
    if page.plan is None:
        console.print(lead_pages.NO_PLAN.in_language(language), highlight=False)
