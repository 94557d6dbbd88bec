"""Render the vocabularies as a page of the documentation: those whose unlisted names leave no absence, with reasons."""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.model.catalogue import DETECTIONS, Catalogue, Unlisted, UnlistedPolicy, VocabularyDeclaration


def render_quiet_vocabularies(catalogue: Catalogue) -> str:
    """Return a Markdown table with a row for each quiet vocabulary or use, in order of the vocabularies."""
    rows = [
        f"| `{name}` | {uses} | {policy.kind} | {policy.reason} |"
        for name, declaration in sorted(catalogue.declarations.items())
        for uses, policy in _list_quiet_policies(declaration)
    ]
    return "\n".join(
        (
            "An unlisted name leaves the absence `unverified-type`, whichever rules match. These vocabularies and uses",
            f"are the exceptions. A mention of the kind *{DETECTIONS}* without a rule leaves `unjudged-defect`.",
            "",
            "| vocabulary | uses | kind | reason |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def _list_quiet_policies(declaration: VocabularyDeclaration) -> Iterator[tuple[str, UnlistedPolicy]]:
    if declaration.policy.unlisted is Unlisted.QUIET:
        yield "all", declaration.policy
    by_policy: dict[UnlistedPolicy, list[str]] = {}
    for use, policy in declaration.uses.items():
        if policy.unlisted is Unlisted.QUIET:
            by_policy.setdefault(policy, []).append(use)
    for policy, uses in by_policy.items():
        yield ", ".join(f"`{use}`" for use in uses), policy
