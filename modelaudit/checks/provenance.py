"""Lay out the provenance of a repository as subjects: moved, unpinned, re-created, rewritten, imitating."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.checks.imitation import find_imitated_model, find_imitated_publisher
from modelaudit.checks.values import escape_unprintable
from modelaudit.model.catalogue import Subject
from modelaudit.model.provenance import KnownNames, PinHistory, Provenance, RevisionKind
from modelaudit.model.wording import CLAIM_SOURCES

_REVISIONS: Final = {
    RevisionKind.TAG: "a tag",
    RevisionKind.BRANCH: "a branch",
    RevisionKind.DEFAULT: "no revision",
    RevisionKind.NAME: "a name that is not a full commit id",
    RevisionKind.PULL_REQUEST: "a pull request",
}
_SECONDS: Final = len("2022-03-02T23:29:04")


def build_provenance_subjects(provenance: Provenance | None, known: KnownNames) -> Iterator[Subject]:
    """Yield one subject for each fact that may need attention; none without a repository of the Hub.

    Args:
        provenance: the facts.
        known: the names that others imitate.
    """
    if provenance is None:
        return
    answered = provenance.answered or provenance.asked
    if answered != provenance.asked:
        detail = f"{provenance.asked!r} was asked for, and the Hub answers as {answered!r}"
        yield _make_subject(provenance, "moved", "repository", detail)
    if provenance.revision in _REVISIONS:
        detail = f"{_REVISIONS[provenance.revision]} was named, and it is commit {provenance.commit} now"
        yield _make_subject(provenance, "unpinned", "revision", detail)
    yield from _compare_dates(provenance)
    yield from _describe_histories(provenance)
    yield from _find_imitations(provenance, answered, known)


def _compare_dates(provenance: Provenance) -> Iterator[Subject]:
    """Yield a subject for the repository and the owner if they were created after a pin was recorded."""
    owner = provenance.owner
    dates = {"repository": provenance.created, "owner": owner.created if owner else None}
    for part, created in dates.items():
        for pin in provenance.pins:
            if created is not None and created[:_SECONDS] > pin.date[:_SECONDS]:
                detail = f"the {part} was created at {created}, and {pin.record} recorded the model at {pin.date}"
                yield _make_subject(provenance, "younger", part, detail, CLAIM_SOURCES[pin.source])
                break


def _describe_histories(provenance: Provenance) -> Iterator[Subject]:
    """Yield a subject for each pin whose commit the revision no longer leads to."""
    for pin in provenance.pins:
        detail = ""
        if pin.history is PinHistory.ABSENT:
            detail = (
                f"the history of commit {provenance.commit} has no commit {pin.commit}, which {pin.record} recorded"
            )
        elif pin.history is PinHistory.TAG_MOVED:
            detail = f"the tag is commit {provenance.commit} now, and {pin.record} recorded {pin.commit}"
        if detail:
            yield _make_subject(provenance, "rewritten", "revision", detail, CLAIM_SOURCES[pin.source])


def _find_imitations(provenance: Provenance, answered: str, known: KnownNames) -> Iterator[Subject]:
    """Yield a subject for each name that looks like a well-known one.

    The id that the user asked for counts too, because a moved repository may have been published under it. Its case
    does not: the Hub passes over it.
    """
    names = {answered.casefold(): answered}
    names.setdefault(provenance.asked.casefold(), provenance.asked)
    for name in names.values():
        account, _, model = name.rpartition("/")
        if account and (found := find_imitated_publisher(account, known)):
            detail = f"{escape_unprintable(account)!r} looks like the publisher {found[0]!r}, and differs {found[1]}"
            yield _make_subject(provenance, "lookalike", "owner", detail)
        elif found := find_imitated_model(model, known):
            detail = f"{escape_unprintable(model)!r} has a word like {found[0]!r}, and differs {found[1]}"
            yield _make_subject(provenance, "lookalike", "repository", detail)


def _make_subject(provenance: Provenance, kind: str, part: str, detail: str, by: str = "") -> Subject:
    """Return the subject of one fact; it concerns the model as a whole."""
    fields = {
        "kind": kind,
        "of": part,
        "asked": provenance.asked,
        "answered": provenance.answered or provenance.asked,
        "revision": provenance.revision.value,
        "by": by,
        "detail": detail,
    }
    # The commit is left out of the key, so that a decision on an unpinned revision holds for the next commit.
    key = f"{kind} {part}" if kind == "unpinned" else f"{kind} {part} {detail}"
    return Subject("provenance", "", fields, key, evidence=(detail,))
