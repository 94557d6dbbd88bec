"""Collect the provenance of a repository: from the answer on its revision, its owner's page, and the cache."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from modelaudit.model.artifact import ModelRef
from modelaudit.model.copies import replace
from modelaudit.model.digest import ClaimSource
from modelaudit.model.errors import SourceError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import (
    Owner,
    Pin,
    PinHistory,
    Provenance,
    RepositoryFacts,
    RevisionKind,
)
from modelaudit.model.wording import TIME_FORMAT
from modelaudit.sources.cache import CachedCommit
from modelaudit.sources.records import RecordedDescription, read_description_record
from modelaudit.sources.references import locate_reference, read_reference
from modelaudit.sources.repository_record import RepositoryRecord
from modelaudit.sources.scan_records import recall_scans
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit

if TYPE_CHECKING:
    from modelaudit.sources.ownership import HubInquiry


_PULL_REQUEST: Final = defer_pattern(r"refs/pr/\d+")
_NO_SCANS = "the cache has no answers of the Hub's own scanners about this commit"
_NO_OWNER = "the Hub was not asked, and the cache has no record of the owner"


class ProvenanceInquiry(Struct):
    """The questions about the repository of one scan. A question without an answer ends no scan.

    Attributes:
        ref: the repository that the user asked for.
        recorded: what an earlier scan recorded with the same commit.
        earlier_pins: the references that led elsewhere before the commit was first scanned.
        unanswered: one line for each question without an answer so far.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    cached_commit: CachedCommit
    recorded: RepositoryRecord | None
    earlier_pins: tuple[Pin, ...] = ()
    unanswered: list[str] = field(default_factory=list)

    def conclude(self, name: str, created: str | None, modified: str | None) -> tuple[Provenance, RepositoryRecord]:
        """Ask for what neither the answer on the revision nor the record of the commit states.

        Args:
            name: the id under which the Hub answers.
            created: when the repository was created, by the same answer.
            modified: when the revision was last changed, by the same answer.

        Returns:
            The provenance, and the record that spares the next scan the questions. It lacks what had no answer, so that
            the next scan asks for that alone.
        """
        commit = self.cached_commit.commit
        account, slash, _ = name.partition("/")
        owner = self._find_owner(name, created)
        kind = self._find_kind()
        record = self._build_record(RepositoryFacts(name, created, owner, modified), kind)
        if owner is None and slash:
            owner = Owner(account)
        present = read_pins(self.ref, self.cached_commit.repository)
        earlier = select_pins(self.earlier_pins, self.ref)
        pins = tuple(self._trace(pin, kind) for pin in (*present, *earlier) if pin.history is None)
        pins += tuple(pin for pin in earlier if pin.history is not None)
        provenance = Provenance(
            self.ref.name,
            name,
            kind or RevisionKind.NAME,
            commit,
            created,
            owner,
            pins,
            tuple(dict.fromkeys(self.unanswered)),
            modified=modified,
        )
        return provenance, record

    def _build_record(self, facts: RepositoryFacts, kind: RevisionKind | None) -> RepositoryRecord:
        """Return the record of the facts, with the revision that an earlier scan named if the kind is unknown."""
        if kind is not None:
            return RepositoryRecord(facts, self.ref.revision or "", kind)
        return RepositoryRecord(facts) if self.recorded is None else replace(self.recorded, facts=facts)

    @property
    def _inquiry(self) -> HubInquiry:
        from modelaudit.sources.ownership import HubInquiry  # the Hub's client takes a while to load

        return HubInquiry(self.ref, self.settings, self.limits)

    def _find_owner(self, name: str, created: str | None) -> Owner | None:
        """Return the owner, from the record if the repository still is the recorded one, else from the Hub.

        ``None`` is a repository without an owner in its id, or a question without an answer.
        """
        account, slash, _ = name.partition("/")
        if not slash:
            return None
        recorded = self.recorded and self.recorded.facts
        if recorded and recorded.owner and (recorded.name, recorded.created) == (name, created):
            return recorded.owner
        try:
            return self._inquiry.describe_owner(account)
        except SourceError as error:
            self.unanswered.append(f"the owner {account!r} is unknown: {error}")
            return None

    def _find_kind(self) -> RevisionKind | None:
        """Return the kind of the revision that was asked for; ``None`` if the Hub does not answer.

        The Hub is asked about a name once.
        """
        known = classify_revision(self.ref.revision)
        if known is not RevisionKind.NAME:
            return known
        if self.recorded and self.recorded.revision == self.ref.revision:
            return self.recorded.kind
        try:
            is_tag, commit = self._inquiry.find_tag_or_branch(str(self.ref.revision))
        except SourceError as error:
            self.unanswered.append(f"whether {self.ref.revision!r} is a tag or a branch is unknown: {error}")
            return None
        if commit is None:
            return known
        return RevisionKind.TAG if is_tag else RevisionKind.BRANCH

    def _trace(self, pin: Pin, kind: RevisionKind | None) -> Pin:
        """Return the pin with the place of its commit in the history."""
        commit = self.cached_commit.commit
        if pin.commit == commit:
            return _settle(pin, PinHistory.SAME)
        if kind is RevisionKind.TAG:
            return _settle(pin, PinHistory.TAG_MOVED)
        try:
            is_ancestor = self._inquiry.is_in_history(pin.commit, commit)
        except SourceError as error:
            self.unanswered.append(f"the history since commit {pin.commit} is unknown: {error}")
            return pin
        if is_ancestor is None:
            self.unanswered.append(f"the history is too long to look for commit {pin.commit}")
            return pin
        return _settle(pin, PinHistory.ANCESTOR if is_ancestor else PinHistory.ABSENT)


def select_pins(pins: Iterable[Pin], ref: ModelRef) -> tuple[Pin, ...]:
    """Return the pins of the branch or tag that ``ref`` names."""
    return tuple(pin for pin in pins if pin.record == locate_reference(ref.revision or "main"))


def _settle(pin: Pin, history: PinHistory) -> Pin:
    return Pin(pin.commit, pin.date, pin.source, pin.record, history)


def classify_revision(revision: str | None) -> RevisionKind:
    """Return the kind of a revision as far as its form shows it.

    The beginning of an id is a name: a branch may have the same one, and another commit may begin like it later.
    """
    if revision is None:
        return RevisionKind.DEFAULT
    if is_commit(revision):
        return RevisionKind.COMMIT
    if _PULL_REQUEST.fullmatch(revision):
        return RevisionKind.PULL_REQUEST
    return RevisionKind.BRANCH if revision == "main" else RevisionKind.NAME


def read_pins(ref: ModelRef, repository: str) -> tuple[Pin, ...]:
    """Return the commit that the cache holds for the revision, with the date of its record; none without a record.

    Args:
        ref: the repository and the revision.
        repository: its folder in the cache.
    """
    revision = ref.revision or "main"
    commit = read_reference(repository, revision)
    # No record belongs to a commit itself.
    if commit is None or is_commit(revision):
        return ()
    try:
        seconds = os.lstat(f"{repository}/refs/{revision}").st_mtime
        date = datetime.fromtimestamp(seconds, UTC).strftime(TIME_FORMAT)
    except (OSError, ValueError, OverflowError):
        return ()
    return (Pin(commit, date, ClaimSource.CACHE, locate_reference(revision)),)


def recall_provenance(ref: ModelRef, cached_commit: CachedCommit, limits: Limits) -> Provenance:
    """Return the provenance that the cache records of a commit. It makes no request.

    Args:
        ref: the repository, with the revision that the user asked for.
        cached_commit: the commit that is scanned.
        limits: the bounds.
    """
    commit = cached_commit.commit
    description = read_description_record(cached_commit.repository, commit, limits)
    record = description.repository if isinstance(description, RecordedDescription) else None
    kind = classify_revision(ref.revision)
    if kind is RevisionKind.NAME and record is not None and record.revision == ref.revision:
        kind = record.kind
    scans = recall_scans(cached_commit, limits)
    unanswered = (_NO_SCANS,) if scans is None else ()
    pins = select_pins(description.pins, ref) if isinstance(description, RecordedDescription) else ()
    if record is None:
        line = "the Hub was not asked, and the cache has no record of the repository's id, age and owner"
        return Provenance(ref.name, None, kind, commit, pins=pins, unanswered=(line, *unanswered), scans=scans)
    facts = record.facts
    if facts.owner is None and "/" in facts.name:
        unanswered = (_NO_OWNER, *unanswered)
    return Provenance(
        ref.name, facts.name, kind, commit, facts.created, facts.owner, pins, unanswered, scans, facts.modified
    )
