"""Describe a licence on one page: its identifiers, its source, and its clauses by the duty that follows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelaudit.model.page import Item, Page, Paragraph, Section
from modelaudit.model.terms import Clause, ClauseKind, Group, LicenseEntry
from modelaudit.reports.license_words import GROUPS


def describe_license(entry: LicenseEntry, kinds: Mapping[str, ClauseKind]) -> Page:
    """Lay out the page of a licence; ``kinds`` are the kinds of clauses of ``rules/clauses.yaml``."""
    sections = [Section("Source", tuple(_list_sources(entry)))]
    for group in Group:
        clauses = [clause for clause in entry.clauses if kinds[clause.kind].group is group]
        if clauses:
            items = (_describe_clause(clause, kinds[clause.kind].title) for clause in clauses)
            sections.append(Section(GROUPS[group], tuple(items)))
    facts = (f"category {entry.category}", "open licence" if entry.open else "not an open licence")
    return Page(entry.id, entry.name, facts, tuple(sections))


def _list_sources(entry: LicenseEntry) -> Iterator[Item | Paragraph]:
    """Yield the version, the addresses and the names of a licence, and the day when its terms were read."""
    if entry.version:
        yield Item(entry.version, "version")
    yield Item(entry.url, "text", entry.url)
    if entry.policy_url:
        yield Item(entry.policy_url, "use policy", entry.policy_url)
    if names := [f"`{name}`" for name in (*entry.hub_ids, *entry.aliases) if "://" not in name]:
        yield Item(", ".join(names), "known as")
    if entry.read:
        yield Item(entry.read, "terms read on")
        yield Paragraph("The clauses below are a summary in our words. Only the licence text itself is binding.")
    else:
        yield Item("not yet; every use is for review", "terms read on")


def _describe_clause(clause: Clause, title: str) -> Item:
    """Describe a clause: its text with the conditions that it sets, under its title and section."""
    conditions = [
        f"Exact words: {'; '.join(f'“{words}”' for words in clause.words)}." if clause.words else "",
        f"Number: {clause.number:,.0f}." if clause.number is not None else "",
        f"Territories: {', '.join(clause.territories)}." if clause.territories else "",
        f"Only {clause.scope} models." if clause.scope else "",
        f"Fields of use: {', '.join(each.replace('-', ' ') for each in clause.fields)}." if clause.fields else "",
        f"Source: {clause.url}" if clause.url else "",
    ]
    section = f" ({clause.section})" if clause.section else ""
    return Item(" ".join([clause.text, *filter(None, conditions)]), f"{title}{section}")
