"""Titles for the kinds of clauses, for lists that show neither the id of a kind nor its text; the month one counts."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

_MONTH_BEFORE: Final = defer_pattern(r"\bthe month before (?:this version was released|the release\b)")
"""The words of clauses that count a figure of one month."""
_DATE: Final = defer_pattern(r"\d{4}-\d{2}-\d{2}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}")

TITLES = {
    "no-commercial-use": "No commercial use",
    "research-only": "Research only",
    "no-production-use": "No use in production",
    "commercial-agreement": "Commercial use needs an agreement",
    "user-cap": "A limit to the number of users",
    "revenue-cap": "A limit to the revenue",
    "company-revenue-cap": "A limit to the size of the company",
    "monthly-revenue-cap": "A limit to the revenue of a month",
    "use-agreement": "Use needs an agreement",
    "territory-limit": "Not in every country",
    "use-policy": "Forbidden uses",
    "use-condition": "Uses under conditions",
    "business-limit": "Not for every business",
    "service-revenue-cap": "Selling access needs a licence above a revenue",
    "hosting-limit": "Offering it as a service needs an agreement",
    "no-hosting": "It may not be offered as a service",
    "no-redistribution": "It may not be passed on",
    "no-derivatives": "Changed versions may not be passed on",
    "no-output-training": "Outputs may not train other models",
    "output-competition-limit": "Outputs may not train competing models",
    "purpose-limit": "Only for a stated purpose",
    "no-sale-alone": "Not to be sold by itself",
    "include-license-text": "Ship the licence",
    "include-text-or-link": "Ship the licence or a link to it",
    "keep-notices": "Ship the notices",
    "state-changes": "Mark what you changed",
    "source-disclosure": "Ship the source",
    "network-source-disclosure": "Offer the source to users of the service",
    "attribution-naming": "Show where it comes from",
    "threshold-display": "Show the name above a number of users or a revenue",
    "commercial-display": "In products, show the name",
    "output-disclosure": "Disclose that outputs are generated",
    "derivative-naming": "Name what you make from it",
    "pass-on-use-limits": "Pass the limits on",
    "share-alike": "Share under the same licence",
    "no-added-limits": "Add no limits of your own",
    "no-sublicensing": "Grant no rights of your own",
    "publish-models": "Publish what you make, change or run with it",
    "hosting-is-distribution": "For a service, meet the duties for passing it on",
    "distillation-is-derivative": "Treat a model trained on its outputs as made from it",
    "content-filter": "Filter or review the outputs",
    "guardrails": "Keep the guardrails",
    "no-endorsement": "Use names and marks only as licensed",
    "patent-termination": "Suing can end your rights",
    "termination": "The licence can end",
    "remote-restriction": "The owner can restrict it later",
    "registration": "Register with the publisher",
    "update-duty": "Use the latest version",
    "mutable-terms": "Terms that can change",
    "indemnity": "You may owe indemnity",
}
"""The titles of ``rules/clauses.yaml``, except for the group ``fact``, whose clauses require no action."""

WEIGHTY_KINDS = (
    "share-alike",
    "source-disclosure",
    "network-source-disclosure",
    "publish-models",
    "pass-on-use-limits",
)
"""Duties that affect the product and its contracts; an answer that allows a use names them in its first line."""

SOURCE_TO_USERS = "network-source-disclosure"
"""The duty that gives copies: who meets it passes the source on, with the duties that come with copies."""


def describe_counted_month(text: str, version: str) -> str:
    """Describe the month that a clause counts before a release, as a sentence; empty where it counts none.

    Args:
        text: the clause in our words.
        version: of the licence, with the date of that release where it is on record.
    """
    if _MONTH_BEFORE.search(text) is None:
        return ""
    found = _DATE.search(version)
    released = _read_date(found) if found else None
    if released is None:
        return "The date of that release is not on record here: look it up."
    month = released.replace(day=1) - timedelta(days=1)
    return f"The release was on {released.isoformat()}, so that month is {month:%B %Y}."


def _read_date(found: re.Match[str]) -> date | None:
    """Read a date as licences write it; ``None`` for none of the calendar."""
    for form in ("%Y-%m-%d", "%B %d, %Y"):
        try:
            return datetime.strptime(found[0], form).date()
        except ValueError:
            continue
    return None
