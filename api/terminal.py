"""A recommendation in the terminal: as a table for people without code, as the answer itself, or as a sample of it."""

import json
import sys
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

from api import asking
from api.errors import ProblemError
from api.instance import open_instance
from api.serving import promising_demand
from api.settings import Settings
from matcher.matching import Question

FORMS = ("table", "json", "sample")
"""``json`` is the whole answer; ``sample`` cuts every list of it to its first entry and every number to four places."""


def show_recommendation(
    settings: Settings, demand_id: str | None, top: int, language: str, form: str, say: Callable[[str], None]
) -> int:
    """Print the list of a demand in one of the ``FORMS``; 1 where there is no such demand."""
    instance = open_instance(settings, say)
    try:
        as_of = instance.clock.today()
        chosen = demand_id or promising_demand(instance, as_of)
        with instance.store.reading() as connection:
            demand = asking.demand_of(connection, chosen)
            profile = asking.profile_of(instance, connection, demand.uscc, as_of)
            dealings = instance.dealings.lines(connection, demand.uscc, as_of)
        question = Question(demand=demand, as_of=as_of, profile=profile, dealings=dealings, top_n=top)
        made = asking.answer(instance.matcher, question, "R-terminal", language)
    except ProblemError as problem:
        say(f"refused: {problem.detail.in_language(language)}")
        return 1
    finally:
        instance.close()
    answer = json.loads(made.body)
    if form == "table":
        _print(answer, chosen)
    else:
        shown = answer if form == "json" else sample(answer)
        sys.stdout.write(json.dumps(shown, ensure_ascii=False, indent=1) + "\n")
    return 0


def sample(answer: Any) -> Any:
    """A document with every list cut to its first entry and every number to four places.

    >>> sample({"items": [{"score": 0.123456}, {"score": 0.1}], "rank": 1})
    {'items': [{'score': 0.1235}, '…'], 'rank': 1}
    """
    if isinstance(answer, dict):
        return {name: sample(value) for name, value in answer.items()}
    if isinstance(answer, list):
        return [sample(value) for value in answer[:1]] + ["…"] * (len(answer) > 1)
    return round(answer, 4) if isinstance(answer, float) else answer


def _print(answer: dict[str, Any], demand_id: str) -> None:
    counts = answer["counts"]
    table = Table(
        title=f"{demand_id} · {answer['as_of']} · {counts['eligible']} eligible, {counts['unknown']} unknown, "
        f"{counts['failed']} failed of {counts['catalog']}"
    )
    for heading in ("#", "product", "institution", "score", "p apply", "p approve", "all-in", "first reason"):
        table.add_column(heading)
    for item in answer["items"]:
        reasons = item["reasons"]
        table.add_row(
            str(item["rank"]),
            item["product_name"],
            item["institution_name"],
            f"{item['score']:.4f}",
            f"{item['p_apply']:.2f}",
            f"{item['p_approve']:.2f}",
            f"{float(item['cost']['all_in_annual_rate']):.2%}",
            reasons[0]["text"] if reasons else "",
        )
    console = Console()
    console.print(table)
    for miss in answer["near_misses"]:
        steps = "; ".join(step["text"] for step in miss["repair"]) or "–"
        console.print(f"{miss['product_name']}: {steps}", highlight=False)
