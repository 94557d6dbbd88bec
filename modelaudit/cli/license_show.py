"""``modelaudit license show``: what the rule set knows of one licence, for people."""

from __future__ import annotations

import difflib
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from modelaudit.catalogue import load_catalogue
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import folded
from modelaudit.model.terms import Clause, Group, LicenseEntry

_WIDEST, _NARROWEST = 96, 40
_HEADINGS = {
    Group.LIMIT: "Limits",
    Group.SHIP: "To ship",
    Group.SHOW: "To show",
    Group.NAME: "To name",
    Group.PASS_ON: "To pass on",
    Group.WATCH: "To watch",
    Group.FACT: "Good to know",
}


def show(names: Sequence[str], rules: Sequence[Path]) -> int:
    """Print each licence that is named by its id, an identifier of the Hub or an alias; 0.

    Raises:
        ConfigurationError: nobody is named, or a name is none of a licence.
    """
    if not names:
        raise ConfigurationError("name a licence, as in: modelaudit license show LicenseRef-Llama-3.1")
    catalogue = load_catalogue(extra=rules)
    for number, entry in enumerate([_entry(name, catalogue) for name in names]):
        click.echo(("\n" if number else "") + "\n".join(_lines(entry, catalogue)))
    return 0


def _entry(name: str, catalogue: Catalogue) -> LicenseEntry:
    from modelaudit.licenses.evidence.names import names_of

    known = names_of(catalogue.licenses)
    found = known.get(folded(name))
    if found is not None:
        return catalogue.licenses[found]
    vague = next((why for word, why in catalogue.vague_licenses.items() if folded(word) == folded(name)), None)
    if vague is not None:
        raise ConfigurationError(f"{name!r} names no single licence: {vague}")
    near = difflib.get_close_matches(name.casefold(), {each.casefold(): each for each in catalogue.licenses}, 3, 0.4)
    ids = {each.casefold(): each for each in catalogue.licenses}
    hint = f" Did you mean {', '.join(ids[each] for each in near)}?" if near else ""
    raise ConfigurationError(f"{name!r} is no licence of the rule set.{hint}")


def _lines(entry: LicenseEntry, catalogue: Catalogue) -> Iterator[str]:
    yield f"{entry.name} ({entry.id})"
    yield f"  category   {entry.category}; {'an' if entry.open else 'no'} open licence"
    if entry.version:
        yield f"  version    {entry.version}"
    yield f"  text       {entry.url}"
    if entry.policy_url:
        yield f"  policy     {entry.policy_url}"
    yield f"  read       {entry.read or 'by nobody for this rule set: every use is for review'}"
    names = [*entry.hub_ids, *(each for each in entry.aliases if "://" not in each)]
    if names:
        yield from _wrapped(", ".join(names), "  known as   ")
    for group, heading in _HEADINGS.items():
        clauses = [each for each in entry.clauses if catalogue.clauses.kinds[each.kind].group is group]
        if clauses:
            yield ""
            yield heading
            for clause in clauses:
                yield from _clause(clause, catalogue)


def _clause(clause: Clause, catalogue: Catalogue) -> Iterator[str]:
    section = f" ({clause.section})" if clause.section else ""
    yield from _wrapped(f"{catalogue.clauses.kinds[clause.kind].title}{section}", "  ")
    yield from _wrapped(clause.text, "    ")
    facts = [
        f"number: {clause.number:,.0f}" if clause.number is not None else "",
        f"territories: {', '.join(clause.territories)}" if clause.territories else "",
        f"only {clause.scope} models" if clause.scope else "",
        f"fields: {', '.join(clause.fields)}" if clause.fields else "",
        f"at {clause.url}" if clause.url else "",
    ]
    for fact in filter(None, facts):
        yield from _wrapped(fact, "    ")
    for words in clause.words:
        yield from _wrapped(f"“{words}”", "    ")


def _wrapped(text: str, indent: str) -> list[str]:
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns))
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=" " * len(indent))
