"""The law as dated, cited data, and one pure function per measure."""

from matcher.policy.facts import CaseFacts, FactError, InvalidFactsError, check_facts
from matcher.policy.measures import assess
from matcher.policy.rulebook import NoLawInForceError, Rulebook, StatuteError, default_rulebook

__all__ = [
    "CaseFacts",
    "FactError",
    "InvalidFactsError",
    "NoLawInForceError",
    "Rulebook",
    "StatuteError",
    "assess",
    "check_facts",
    "default_rulebook",
]
