"""The page on vocabularies: how many names each lists, and the consequence of a name that it does not list."""

from __future__ import annotations

from collections.abc import Iterator

from rule_pages import NOTICE

from modelaudit.model.catalogue import Catalogue, Standing, Unlisted, UnlistedPolicy, VocabularyDeclaration
from modelaudit.reports.page import escape_markdown


def render_vocabulary_page(catalogue: Catalogue) -> str:
    """Render the table of all vocabularies, and the table of the quiet ones with their reasons."""
    declarations = sorted(catalogue.declarations.items())
    quiet = [row for name, declaration in declarations for row in _list_quiet(name, declaration)]
    parts = [
        NOTICE,
        "# Vocabularies\n",
        "A vocabulary is the reviewed list of names for one purpose, below `rules/vocabularies/`. The names of "
        "`python-names` are listed as [callables](callables.md). An unlisted name of an *absent* vocabulary leaves an "
        "absence of the reason `unverified-type`, so that the verdict cannot be a pass. An unlisted name of a *quiet* "
        "vocabulary leaves none, because the loader runs no code by that name.\n",
        "| vocabulary | kind | unlisted | trusted | dangerous |\n|---|---|---|---:|---:|",
        *(_describe_vocabulary(name, declaration, catalogue) for name, declaration in declarations),
        "\n## Quiet vocabularies and uses\n\nEach reason names the behaviour of the loader.\n",
        "| vocabulary | uses | kind | reason |\n|---|---|---|---|",
        *quiet,
        "",
    ]
    return "\n".join(parts)


def _describe_vocabulary(name: str, declaration: VocabularyDeclaration, catalogue: Catalogue) -> str:
    """Describe a vocabulary as a row of the first table."""
    standings = [entry.standing for entry in catalogue.vocabularies.get(name, {}).values()]
    trusted, dangerous = standings.count(Standing.TRUSTED), standings.count(Standing.DANGEROUS)
    policy = declaration.policy
    return f"| `{name}` | {policy.kind} | {policy.unlisted} | {trusted or ''} | {dangerous or ''} |"


def _list_quiet(name: str, declaration: VocabularyDeclaration) -> Iterator[str]:
    """Yield a row for the vocabulary if it is quiet, and one for each group of its uses with the same quiet policy."""
    if declaration.policy.unlisted is Unlisted.QUIET:
        yield _describe_quiet(name, ["all others" if declaration.uses else "all"], declaration.policy)
    uses: dict[UnlistedPolicy, list[str]] = {}
    for use, policy in declaration.uses.items():
        if policy.unlisted is Unlisted.QUIET:
            uses.setdefault(policy, []).append(use)
    yield from (_describe_quiet(name, names, policy) for policy, names in uses.items())


def _describe_quiet(name: str, uses: list[str], policy: UnlistedPolicy) -> str:
    """Describe quiet uses of a vocabulary as a row of the second table."""
    return f"| `{name}` | {escape_markdown(', '.join(uses))} | {policy.kind} | {escape_markdown(policy.reason)} |"
