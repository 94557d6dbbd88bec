"""Describe a rule on one page: its matches, the reason, an example, the remedy, and references to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modelaudit.model.catalogue import FindingRule, Matcher, RuleExample, Standard
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.page import Item, Listing, Page, Paragraph, Section

_ADVISORY = defer_pattern(r"CVE-\d{4}-\d+|GHSA(?:-[0-9a-z]{4}){3}")
"""The identifier of an advisory, such as ``CVE-2024-3568`` or ``GHSA-37q5-v5qm-c9v8``."""
_PLACEHOLDER = defer_pattern(r"\{(\w+)\}")


def describe_rule(entry: FindingRule, standards: Sequence[Standard], example: RuleExample | None) -> Page:
    """Lay out the page of a rule.

    Args:
        entry: the rule.
        standards: the entries of CWE, MITRE ATLAS and OWASP under which the rule is sorted.
        example: a finding of the rule in a fixture; absent for a rule that no fixture shows.
    """
    matches = tuple(Item(_describe_matcher(matcher)) for matcher in entry.match)
    text = _name_placeholders(entry.message)
    message = (Paragraph(f"A finding says: {text}"),) if text else ()
    general = Section("What it finds", (*message, Paragraph("It matches:"), *matches))
    reason, *rest = _describe_advice(entry, standards)
    examples = [_describe_example(example)] if example else []
    return _lay_out(entry, [general, reason, *examples, *rest])


def describe_rule_of_finding(entry: FindingRule, standards: Sequence[Standard]) -> Page:
    """Lay out what the page of a rule adds to a finding that is shown with its own message and evidence."""
    return _lay_out(entry, _describe_advice(entry, standards))


def _describe_advice(entry: FindingRule, standards: Sequence[Standard]) -> list[Section]:
    """Lay out the sections on the reason, the remedy and the references."""
    return [
        Section("Why it matters", (Paragraph(entry.rule.why),)),
        Section("What to do", (Paragraph(entry.rule.fix),)),
        *_list_references(entry.rule.references, standards),
    ]


def _lay_out(entry: FindingRule, sections: Sequence[Section]) -> Page:
    """Put the title and the facts of a rule over its sections."""
    rule = entry.rule
    facts = (
        f"severity {rule.severity}",
        f"confidence {rule.confidence}",
        f"check {rule.check}",
        f"since {rule.since}",
    )
    return Page(rule.id, rule.title, facts, tuple(sections))


def _name_placeholders(message: str) -> str:
    """Replace each placeholder of a message by an ellipsis: a reader knows none of the fields by its name.

    A sentence that consists of a placeholder alone is left out.
    """
    sentences = [each for each in message.split(". ") if not _PLACEHOLDER.fullmatch(each.rstrip("."))]
    # "{apart} So no permission" is two sentences too: a finding fills in the first.
    text = re.sub(r"^\{\w+\} (?=[A-Z])", "", ". ".join(sentences))
    text = re.sub(r" \(\{\w+\}\)", "", text)
    return re.sub(r"…(?: ?…)+", "…", _PLACEHOLDER.sub("…", text))


def _describe_matcher(matcher: Matcher) -> str:
    """Describe a matcher in words: its subject, then "whose FIELD is VALUE or VALUE"."""
    conditions = []
    for field, values in matcher.where:
        alternatives = " or ".join(f"`{value}`" for value in values)
        conditions.append(f"{field} is {alternatives}")
    return f"`{matcher.subject}`" + (" whose " + ", and ".join(conditions) if conditions else "")


def _describe_example(example: RuleExample) -> Section:
    """Lay out the section with a finding of the rule in a fixture."""
    source = Paragraph(f"A scan of `fixtures/{example.fixture}`, whose payload is inert, reports:")
    return Section("Example", (source, Listing(example.lines)))


def _list_references(urls: Sequence[str], standards: Sequence[Standard]) -> Iterator[Section]:
    """Yield the section with the standards and the addresses, or nothing if a rule has neither."""
    items = [Item(f"{each.id} {each.title}", each.framework, each.url) for each in standards]
    known = {each.url for each in standards}
    for url in urls:
        if url in known:
            continue
        advisory = _ADVISORY.search(url)
        items.append(Item(advisory[0] if advisory else url, url=url))
    if items:
        yield Section("References", tuple(items))
