"""The Hub cache as a source: a snapshot given as a path, one file of it, and a repository while no Hub is asked."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.errors import NotCachedError
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import Provenance
from modelaudit.sources.cache import (
    CachedCommit,
    find_cached_commit,
    list_recorded_artifacts,
    read_recorded_statements,
)
from modelaudit.sources.provenance import recall_provenance
from modelaudit.sources.settings import HubSettings


class CacheSource(Struct, frozen=True):
    """A snapshot in a Hub cache, or a folder of one, given as a path. It makes no request."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot: the files on disk, and without content those that only the cache's listing names.

        Raises:
            SourceError: the folder cannot be listed.
        """
        listed = list_recorded_artifacts(self.cached_commit, self.name, self.limits)
        statements, notes_on_statements = read_recorded_statements(self.cached_commit, self.limits)
        root = f"{self.cached_commit.snapshot}/{self.cached_commit.below}".rstrip("/")
        origin_note = f"the folder is the Hub cache of {self.cached_commit.title} at commit {self.cached_commit.commit}"
        notes = (origin_note, *listed.notes, *notes_on_statements)
        return Snapshot(
            ModelRef(RefKind.CACHE, self.cached_commit.name),
            self.cached_commit.commit,
            listed.artifacts,
            root,
            Path(root),
            notes,
            statements,
            expects_claims=True,
            facts=listed.facts,
            provenance=self._recall_provenance(),
        )

    def _recall_provenance(self) -> Provenance | None:
        """Return the provenance that the cache records; ``None`` for anything but a model or dataset."""
        kind, _, name = Path(self.cached_commit.repository).name.partition("--")
        ref_kind = {"models": RefKind.MODEL, "datasets": RefKind.DATASET}.get(kind)
        if ref_kind is None:
            return None
        ref = ModelRef(ref_kind, name.replace("--", "/"), self.cached_commit.commit)
        return recall_provenance(ref, self.cached_commit, self.limits)


class CachedFileSource(Struct, frozen=True):
    """One file of a snapshot in a Hub cache, given as a path. ``cached_commit`` is that of its folder."""

    name: str
    cached_commit: CachedCommit
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot of the one file, with the digests that the blob's name and the cache's listing claim.

        Raises:
            SourceError: its folder cannot be listed.
        """
        folder_snapshot = CacheSource(self.name, self.cached_commit, self.limits).snapshot()
        name = Path(self.name).name
        # The record of a listing that cannot be read concerns this file too; its path leads out of the snapshot.
        artifacts = tuple(each for each in folder_snapshot.artifacts if each.path == name or each.path[:3] == "../")
        root = Path(folder_snapshot.origin, name)
        # The notes on the files of the folder are left out, because they concern the other files.
        statements, notes = read_recorded_statements(self.cached_commit, self.limits)
        return replace(
            folder_snapshot,
            ref=ModelRef(RefKind.FILE, self.name),
            artifacts=artifacts,
            root=root,
            notes=notes,
            hub_statements=statements,
            facts=tuple(fact for fact in folder_snapshot.facts if fact.path == name),
            provenance=None,
        )


class OfflineSource(Struct, frozen=True):
    """A repository of the Hub in the local cache. It makes no request."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits

    def snapshot(self) -> Snapshot:
        """Return the snapshot that the cache holds for the revision.

        Raises:
            SourceError: the cache does not hold it.
        """
        cached_commit = find_cached_commit(self.ref, self.settings)
        if cached_commit is None:
            raise NotCachedError(
                f"{str(self.ref)!r} is not in the Hub cache {str(self.settings.cache)!r} and the scan is offline; "
                "scan it once without --offline and HF_HUB_OFFLINE to download it, or set HF_HOME to another cache."
            )
        listed = list_recorded_artifacts(cached_commit, str(self.ref), self.limits)
        commit = cached_commit.commit
        origin_note = f"offline: commit {commit} as the cache has it; the Hub was not asked whether it still is current"
        root = cached_commit.snapshot
        statements, notes_on_statements = read_recorded_statements(cached_commit, self.limits)
        notes = (origin_note, *listed.notes, *notes_on_statements)
        return Snapshot(
            self.ref,
            commit,
            listed.artifacts,
            root,
            Path(root),
            notes,
            statements,
            expects_claims=True,
            facts=listed.facts,
            provenance=recall_provenance(self.ref, cached_commit, self.limits),
        )
