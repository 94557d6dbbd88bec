"""Fetch a repository of the Hub: resolve its revision to a commit, then fetch all of its files into the Hub cache."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx2
from huggingface_hub import HfApi
from huggingface_hub._tree_cache import TreeCacheEntry, read_tree_cache, write_tree_cache
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._xet import is_valid_xet_hash
from msgspec import Struct

from modelaudit import __version__
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.copies import replace
from modelaudit.model.digest import ClaimSource, sort_claims
from modelaudit.model.errors import GatedError, UnconnectedError, UnreachedError
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import Provenance
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.budget import DownloadBudget, RequestBudget, activate_budget
from modelaudit.sources.cache import (
    CachedCommit,
    is_file,
    list_cached_artifacts,
    locate_cached_repository,
    record_commit,
)
from modelaudit.sources.claims import (
    ListedFile,
    Listing,
    StatedListing,
    bound_name_size,
    find_unstorable_names,
    merge_listings,
    parse_tree_entries,
    shorten_listed_name,
)
from modelaudit.sources.description import Description, request_description
from modelaudit.sources.download import Download
from modelaudit.sources.failures import CLIENT_ERRORS, FailureExplainer, is_unconnected
from modelaudit.sources.folder import limit_listing
from modelaudit.sources.partial import measure_partial
from modelaudit.sources.progress import DownloadCounter, Progress
from modelaudit.sources.provenance import ProvenanceInquiry
from modelaudit.sources.records import (
    RecordedDescription,
    locate_tree_record,
    read_description_record,
    read_tree_record,
    write_description_record,
)
from modelaudit.sources.rejected import RejectedFiles, remove_abandoned_folders
from modelaudit.sources.scan_inquiry import ScansInquiry
from modelaudit.sources.session import DETOURS, LIBRARY, bound_session, check_digest
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.small import choose_small_files, close_other_files
from modelaudit.sources.target import could_be_path, is_commit


class HubSource(Struct, frozen=True):
    """A model or dataset on the Hub at one revision.

    Attributes:
        is_for_terms: fetch only the small files, for the terms of this model or of one that derives from it, and ask
            for no provenance. The recorded commit of a branch is left unchanged, because programs load whole models
            by it.
        reads_modules: for the terms, fetch small modules of Python too.
        folder: for the terms, fetch what concerns this folder alone; empty for the whole repository.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    progress: Progress | None = None
    is_for_terms: bool = False
    reads_modules: bool = False
    folder: str = ""

    def snapshot(self) -> Snapshot:
        """Resolve the revision to a commit, fetch the listed files, and list the artifacts.

        The client verifies sizes only, and trusts files that its cache already holds. The digests that the Hub states
        become claims, which the scan compares with the bytes.

        Raises:
            SourceError: the repository could not be listed, or no file can be fetched; the type and the message of the
                error give the reason.
        """
        bound_session()
        explainer = FailureExplainer(
            self.ref, self.settings, may_be_path=not self.is_for_terms and could_be_path(self.ref.name)
        )
        budget = RequestBudget(httpx2.URL(self.settings.request_endpoint), self.limits.server)
        try:
            with DETOURS.off(), activate_budget(budget):
                description = request_description(self.ref, self.settings, self.limits)
                commit = budget.commit = self._validate_commit(description)
                repository = locate_cached_repository(self.ref, self.settings)
                cached_commit = CachedCommit(repository, commit)
                tree = self._fetch_tree(cached_commit, budget)
        except CLIENT_ERRORS as error:
            source_error = explainer.explain(error)
            # After the first request, a server has answered, and may have led the client to a dead end.
            if is_unconnected(error) and not budget.has_answer:
                source_error = UnconnectedError(str(source_error))
            raise source_error from error
        listings = (StatedListing(ClaimSource.HUB, self.settings.endpoint, description.listing), tree)
        merged_listing = merge_listings(*(each.files for each in listings))
        provenance = self._record_description(description, cached_commit, tree.files)
        wanted_names = (
            choose_small_files(limit_listing(merged_listing, self.folder), includes_modules=self.reads_modules)
            if self.is_for_terms
            else None
        )
        try:
            download = self._fetch_files(cached_commit, merged_listing, wanted_names, explainer)
        except CLIENT_ERRORS as error:
            source_error = explainer.explain(error)
            if isinstance(source_error, GatedError):
                gated = self._build_gated_snapshot(description, cached_commit, listings, str(source_error))
                raise GatedError(str(source_error), gated) from error
            raise source_error from error
        self._record_commit(cached_commit)
        listed = list_cached_artifacts(
            cached_commit,
            str(self.ref),
            listings,
            self.limits,
            download.failures,
            download.rejected.artifacts.values(),
        )
        notes = (*download.rejected.notes, *listed.notes)
        artifacts = download.add_digests(listed.artifacts)
        snapshot = self._build_snapshot(description, cached_commit, artifacts, notes)
        snapshot = replace(snapshot, facts=listed.facts, provenance=provenance)
        return (
            snapshot
            if wanted_names is None
            else close_other_files(snapshot, wanted_names, includes_texts=self.reads_modules)
        )

    def _record_description(
        self, description: Description, cached_commit: CachedCommit, tree: Listing
    ) -> Provenance | None:
        """Record the description of the commit in the cache, and return the provenance; ``None`` for terms alone."""
        repository, commit = cached_commit.repository, cached_commit.commit
        earlier = read_description_record(repository, commit, self.limits)
        record = earlier.repository if isinstance(earlier, RecordedDescription) else None
        pins = earlier.pins if isinstance(earlier, RecordedDescription) else ()
        provenance = None
        if not self.is_for_terms:
            inquiry = ProvenanceInquiry(self.ref, self.settings, self.limits, cached_commit, record, pins)
            provenance, record = inquiry.conclude(description.name, description.created, description.modified)
            # The reference leads to this commit from now on, and a second scan must not forget that it did not.
            fresh = {(pin.commit, pin.record): pin for pin in provenance.pins if pin.commit != commit}
            pins = tuple({**{(pin.commit, pin.record): pin for pin in pins}, **fresh}.values())
            question = ScansInquiry(self.ref, self.settings, self.limits, cached_commit, description.scans)
            provenance = question.complete(provenance, {*description.listing, *tree})
        write_description_record(repository, commit, description.listing, tree, description.statements, record, pins)
        return provenance

    def _record_commit(self, cached_commit: CachedCommit) -> None:
        """Record the commit of a branch or tag in the cache.

        A look-up of terms changes no earlier record. It makes no folder either, because ``refs/main/x``, which
        another model may name, would take the place of ``refs/main``.
        """
        revision = self.ref.revision or "main"
        is_recorded = is_file(f"{cached_commit.repository}/refs/{revision}")
        is_left_out = self.is_for_terms and (is_recorded or "/" in revision)
        if revision != cached_commit.commit and not is_left_out:
            record_commit(cached_commit, revision)

    def _build_snapshot(
        self,
        description: Description,
        cached_commit: CachedCommit,
        artifacts: tuple[Artifact, ...],
        notes: tuple[str, ...] = (),
    ) -> Snapshot:
        """Return the snapshot of the fetched commit, with the notes and the statements of the Hub."""
        notes = (*self._note_resolution(description, cached_commit), *notes)
        root = Path(cached_commit.snapshot)
        endpoint, statements = self.settings.endpoint, description.statements
        return Snapshot(
            self.ref, cached_commit.commit, artifacts, endpoint, root, notes, statements, expects_claims=True
        )

    def _build_gated_snapshot(
        self, description: Description, cached_commit: CachedCommit, listings: Sequence[StatedListing], why: str
    ) -> Snapshot:
        """Build the snapshot of a gated repository: all files listed, none with content."""
        absent = Unread(UnreadReason.CONTENT_ABSENT, why)
        listing = merge_listings(*(each.files for each in listings))
        artifacts = (
            Artifact(
                name,
                file.size or 0,
                None,
                sort_claims(claim for each in listings for claim in each.list_claims(name)),
                absent,
            )
            for name, file in listing.items()
        )
        in_order = tuple(sorted(artifacts, key=lambda artifact: artifact.path))
        return self._build_snapshot(description, cached_commit, in_order)

    @property
    def _repository_type(self) -> str:
        return "dataset" if self.ref.kind is RefKind.DATASET else "model"

    @property
    def _api(self) -> HfApi:
        return HfApi(self.settings.request_endpoint, self.settings.token, LIBRARY, __version__)

    def _fetch_tree(self, cached_commit: CachedCommit, budget: RequestBudget) -> StatedListing:
        """Return the listing of the tree from the cache, or fetch it into the cache, where the client keeps it.

        What was fetched is returned itself, because the client does not store every listing, and stores some that are
        beyond the bounds of a record.
        """
        recorded = read_tree_record(cached_commit.repository, cached_commit.commit, self.limits)
        # The client's own reader has no bounds, so it only gets a record that was read within them.
        if (
            isinstance(recorded, Mapping)
            and read_tree_cache(cached_commit.repository, cached_commit.commit) is not None
        ):
            return StatedListing(ClaimSource.CACHE, locate_tree_record(cached_commit.commit), recorded)
        entries = self._api.list_repo_tree(
            self.ref.name, recursive=True, revision=cached_commit.commit, repo_type=self._repository_type
        )
        files: dict[str, TreeCacheEntry] = {}
        for entry in entries:
            name = shorten_listed_name(entry.path)
            budget.count_entry(bound_name_size(name))
            if isinstance(entry, RepoFile):
                files[name] = _make_cache_entry(entry)
        write_tree_cache(cached_commit.repository, cached_commit.commit, files)
        listing = parse_tree_entries({path: entry.to_json() for path, entry in files.items()})
        assert listing is not None  # every entry is an object
        return StatedListing(ClaimSource.HUB, self.settings.endpoint, listing)

    def _validate_commit(self, description: Description) -> str:
        """Return the commit that the Hub resolved the revision to. Raises ``UnreachedError`` if it cannot be right."""
        commit = description.commit
        if not isinstance(commit, str) or not is_commit(commit):
            raise UnreachedError(f"{self.settings.endpoint} names no commit for {str(self.ref)!r}; check HF_ENDPOINT.")
        requested = self.ref.revision
        if requested and is_commit(requested) and requested != commit:
            raise UnreachedError(
                f"{self.settings.endpoint} answered with commit {commit} in place of {requested}; check HF_ENDPOINT."
            )
        return commit

    def _fetch_files(
        self,
        cached_commit: CachedCommit,
        listing: Listing,
        wanted_names: tuple[str, ...] | None,
        explainer: FailureExplainer,
    ) -> Download:
        """Fetch every file of the listing, or the wanted ones, that the cache lacks.

        Raises:
            one of ``CLIENT_ERRORS`` that concerns every file: no room, a rate limit, or no access or connection for
                any file.
        """
        unstorable = find_unstorable_names(listing)
        names = [name for name in (listing if wanted_names is None else wanted_names) if name not in unstorable]
        missing = {
            name: listing.get(name, ListedFile(None, ()))
            for name in names
            if not is_file(f"{cached_commit.snapshot}/{name}")
        }
        Path(cached_commit.snapshot).mkdir(parents=True, exist_ok=True)
        remove_abandoned_folders(cached_commit.repository)
        total = sum(file.least_size or 0 for file in missing.values())
        if self._count_new_bytes(cached_commit, missing) > shutil.disk_usage(cached_commit.snapshot).free:
            raise OSError(errno.ENOSPC, "the listed files are larger than the free space")
        download = Download(
            self.ref,
            self.settings,
            self.limits,
            cached_commit,
            explainer,
            DownloadCounter(self.progress, total, len(missing)),
            DownloadBudget(self.limits.server, len(missing)),
            RejectedFiles(cached_commit, self.limits),
        )
        download.fetch_files(missing, names)
        return download

    def _count_new_bytes(self, cached_commit: CachedCommit, listing: Listing) -> int:
        """Return the bytes that the listed files add to the cache, which holds equal files once."""
        # Files with the same digests are one blob; a file without digests counts under its name.
        sizes = {file.claimed or name: file.least_size or 0 for name, file in listing.items()}
        blobs = f"{cached_commit.repository}/blobs"
        new_bytes = 0
        for key, size in sizes.items():
            names = () if isinstance(key, str) else tuple(digest.value for digest in key)
            if not any(is_file(f"{blobs}/{name}") for name in names):
                new_bytes += size - sum(measure_partial(blobs, name) for name in names)
        return new_bytes

    def _note_resolution(self, description: Description, cached_commit: CachedCommit) -> tuple[str, ...]:
        """Return a note on the commit of the revision, and another if the repository was renamed."""
        resolved = f"revision {self.ref.revision or 'main'!r} of {self.ref.name!r} is commit {cached_commit.commit}"
        # The provenance of a scan states the other name.
        if description.name == self.ref.name or not self.is_for_terms:
            return (resolved,)
        renamed = f"the Hub answered for {self.ref.name!r} as {description.name!r}: the repository was renamed or moved"
        return resolved, renamed


def _make_cache_entry(file: RepoFile) -> TreeCacheEntry:
    """Return what the client stores of a listed file. Raises ``RefusedAnswerError`` for digests that no Hub states."""
    lfs_sha256 = file.lfs.sha256 if file.lfs is not None else None
    for digest in (file.blob_id, lfs_sha256):
        check_digest(digest)
    lfs_size = file.lfs.size if file.lfs is not None else None
    # One invalid hash would make the client store no listing at all, and an offline scan would miss nothing then.
    is_valid = isinstance(file.xet_hash, str) and is_valid_xet_hash(file.xet_hash)
    return TreeCacheEntry(file.size, file.blob_id, lfs_sha256, lfs_size, file.xet_hash if is_valid else None)
