"""Find the changes of locked repositories on the Hub: moved, re-created, rewritten, or under another licence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from modelaudit.integrity.lock_file import read_lock
from modelaudit.model.artifact import ModelRef
from modelaudit.model.drift import Drift, DriftKind, DriftResult
from modelaudit.model.errors import ConfigurationError, MissingError, SourceError
from modelaudit.model.limits import Limits
from modelaudit.model.lock import LockedModel, Origin
from modelaudit.model.provenance import Owner
from modelaudit.options import Options
from modelaudit.pipeline import answer_license
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit

if TYPE_CHECKING:
    from modelaudit.sources.ownership import HubInquiry


def find_drift(path: str | Path, *, offline: bool = False, limits: Limits = Limits()) -> tuple[DriftResult, ...]:  # noqa: B008 - frozen
    """Ask the Hub for the changes of each repository of a lock.

    Raises:
        ConfigurationError: the lock is invalid, or no request may be made.
    """
    models = read_lock(path).models
    settings = HubSettings.read(offline=offline)
    if settings.offline:
        raise ConfigurationError("--check asks the Hub; leave out --offline and HF_HUB_OFFLINE")
    return tuple(
        _DriftCheck(model, settings, limits).conclude() if model.origin else _pass_over(model) for model in models
    )


def _pass_over(model: LockedModel) -> DriftResult:
    """Return the result for a folder, which is not on the Hub."""
    return DriftResult(model.title, notes=("it is a folder, so there is no repository to ask for",), is_asked=False)


class _DriftCheck(Struct):
    """The questions about one locked repository, and the answers so far."""

    model: LockedModel
    settings: HubSettings
    limits: Limits
    unanswered: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def conclude(self) -> DriftResult:
        """Ask every question; one that fails does not keep the others from being asked."""
        from modelaudit.sources.ownership import HubInquiry  # the Hub's client takes a while to load

        origin = self.model.origin
        assert origin is not None
        inquiry = HubInquiry(ModelRef(self.model.kind, self.model.name), self.settings, self.limits)
        name = f"{self.model.title}@{origin.commit[:12]}"
        drifts: list[Drift] = []
        try:
            facts = inquiry.describe(with_owner=False)
        except MissingError as error:
            return DriftResult(name, (Drift(DriftKind.MISSING, str(error)),))
        except SourceError as error:
            return DriftResult(name, (), (str(error),))
        if facts.name != self.model.name:
            drifts.append(Drift(DriftKind.MOVED, f"the Hub answers as {facts.name!r}"))
        for question in (
            self._compare_owners(inquiry, origin.owner, facts.owner),
            self._compare_creation(origin, facts.created),
            self._compare_commits(inquiry, origin),
            self._compare_license(origin),
        ):
            try:
                drifts += question
            except SourceError as error:
                self.unanswered.append(str(error))
        return DriftResult(name, tuple(drifts), tuple(dict.fromkeys(self.unanswered)), tuple(self.notes))

    def _compare_owners(self, inquiry: HubInquiry, locked: Owner | None, found: Owner | None) -> Iterator[Drift]:
        """Yield the differences of the owners; a fact that either side lacks is a question without an answer."""
        if locked is None and found is None and "/" not in self.model.name:
            return
        if locked is None:
            self.unanswered.append("the lock has no owner; run modelaudit lock again with access to the Hub")
            return
        if found is None:
            yield Drift(DriftKind.OWNER, f"the repository has no owner now, and {locked.name!r} is locked")
            return
        present = inquiry.describe_owner(found.name)
        facts = {
            "name": (locked.name, present.name),
            "kind": (locked.kind, present.kind),
            "id": (locked.id, present.id),
            "date of creation": (locked.created, present.created),
        }
        for noun, (before, now) in facts.items():
            if before is None and now is None:
                self.notes.append(f"neither the lock nor the Hub states the {noun} of the owner")
            elif before is None:
                self.unanswered.append(f"the lock lacks the {noun} of the owner, which is {str(now)!r} now; lock again")
            elif now is None:
                self.unanswered.append(f"the Hub does not state the {noun} of the owner, which was {str(before)!r}")
            elif now != before:
                yield Drift(DriftKind.OWNER, f"the {noun} of the owner is {str(now)!r}, and {str(before)!r} is locked")

    def _compare_creation(self, origin: Origin, created: str | None) -> Iterator[Drift]:
        """Yield a drift if the repository was created after the lock, or at another time than the locked one."""
        if created is None:
            self.unanswered.append("the Hub does not state when the repository was created")
        elif created[:19] > self.model.locked[:19]:
            yield Drift(DriftKind.YOUNGER, f"it was created at {created}, and locked at {self.model.locked}")
        elif origin.created is None:
            self.unanswered.append(f"the lock lacks the date of creation, which is {created} now; lock again")
        elif origin.created != created:
            yield Drift(DriftKind.YOUNGER, f"it was created at {created}, and {origin.created} is locked")

    def _compare_commits(self, inquiry: HubInquiry, origin: Origin) -> Iterator[Drift]:
        """Yield a drift if the locked commit is gone, or the requested revision left it."""
        if inquiry.find_revision(origin.commit) == origin.commit:
            yield from self._compare_revision(inquiry, origin)
        else:
            yield Drift(DriftKind.COMMIT_GONE, f"the Hub has no commit {origin.commit} any more")

    def _compare_revision(self, inquiry: HubInquiry, origin: Origin) -> Iterator[Drift]:
        """Yield a drift if the requested revision leads elsewhere without the locked commit in its history."""
        revision = origin.revision
        if is_commit(revision):
            is_ancestor = inquiry.is_in_any_history(origin.commit)
            if is_ancestor is None:
                self.unanswered.append("the histories are too long to look for the locked commit")
            elif not is_ancestor:
                yield Drift(DriftKind.HISTORY, f"no branch and no tag has commit {origin.commit} in its history")
            return
        is_tag, _ = inquiry.find_tag_or_branch(revision)
        # A tag and a branch may have one name; this is the commit that programs get.
        commit = inquiry.find_revision(revision)
        if commit is None:
            yield Drift(DriftKind.REVISION_GONE, f"the Hub has no revision {revision!r} any more")
        elif commit == origin.commit:
            return
        elif is_tag:
            yield Drift(DriftKind.TAG, f"the tag {revision!r} is commit {commit} now")
        else:
            is_ancestor = inquiry.is_in_history(origin.commit, revision)
            if is_ancestor is None:
                self.unanswered.append(f"the history of {revision!r} is too long to look for the locked commit")
            elif is_ancestor:
                self.notes.append(f"{revision!r} went on to commit {commit}")
            else:
                yield Drift(DriftKind.HISTORY, f"the history of {revision!r} has no commit {origin.commit} any more")

    def _compare_license(self, origin: Origin) -> Iterator[Drift]:
        """Yield a drift if the licence of the present revision has changed."""
        revision = "main" if is_commit(origin.revision) else origin.revision
        target = f"hf://{self.model.title}"
        report = answer_license(target, Options(revision=revision, limits=self.limits))
        found = report.license.expression or None
        if found != self.model.license:
            locked = f"{self.model.license} is locked" if self.model.license else "the lock has none"
            yield Drift(DriftKind.LICENSE, f"that of {revision!r} is {found or 'unknown'}, and {locked}")
