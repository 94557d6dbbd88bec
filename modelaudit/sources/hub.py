"""Fetch a repository of the Hub: resolve its revision to a commit, then fetch all of its files into the Hub cache."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import RemoteEntryNotFoundError
from huggingface_hub.hf_api import DatasetInfo, ModelInfo, RepoSibling

from modelaudit import __version__
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.errors import GatedError, UnreachedError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.cache import (
    CachedCommit,
    is_file,
    list_cached_artifacts,
    locate_cached_repository,
    record_commit,
)
from modelaudit.sources.claims import ListedFile, Listing, find_unstorable_names, merge_listings, select_claims
from modelaudit.sources.failures import CLIENT_ERRORS, FailureExplainer
from modelaudit.sources.progress import Progress, make_progress_bar_class
from modelaudit.sources.session import LIBRARY, bound_session
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.small import choose_small_files, close_other_files
from modelaudit.sources.stated import parse_hub_statements
from modelaudit.sources.target import is_commit

_TIMEOUT = 10.0  # seconds, the client's own default for downloads


@dataclass(frozen=True, slots=True)
class HubSource:
    """A model or dataset on the Hub at one revision.

    Attributes:
        is_base_model: fetch only the small files, because another model derives from this one. The recorded commit of
            a branch is left unchanged, because programs load whole models by it.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    progress: Progress | None = None
    is_base_model: bool = False

    def snapshot(self) -> Snapshot:
        """Resolve the revision to a commit, fetch the listed files, and list the artifacts.

        The client verifies sizes only, and trusts files that its cache already holds. The digests that the Hub states
        become claims, which the scan compares with the bytes.

        Raises:
            SourceError: the repository could not be fetched; the type and the message of the error give the reason.
        """
        bound_session()
        explainer = FailureExplainer(self.ref, self.settings, is_typed_by_user=not self.is_base_model)
        try:
            info = self._request_info()
            listing = _list_files(info.siblings or ())
            cached_commit = CachedCommit(locate_cached_repository(self.ref, self.settings), self._validate_commit(info))
        except CLIENT_ERRORS as error:
            raise explainer.explain(error) from error
        wanted_names = choose_small_files(listing) if self.is_base_model else None
        try:
            self._fetch_files(cached_commit, listing, wanted_names)
        except CLIENT_ERRORS as error:
            source_error = explainer.explain(error)
            if isinstance(source_error, GatedError):
                raise GatedError(
                    str(source_error), self._build_gated_snapshot(info, cached_commit, listing, str(source_error))
                ) from error
            raise source_error from error
        self._record_commit(cached_commit)
        merged_listing = merge_listings(listing, cached_commit.read_listing(self.limits) or {})
        artifacts, notes = list_cached_artifacts(cached_commit, str(self.ref), merged_listing, self.limits)
        snapshot = self._build_snapshot(info, cached_commit, artifacts, notes)
        return snapshot if wanted_names is None else close_other_files(snapshot, wanted_names)

    def _record_commit(self, cached_commit: CachedCommit) -> None:
        """Record the commit of a branch or tag in the cache; a look-up of a base model changes no earlier record."""
        revision = self.ref.revision or "main"
        is_recorded = is_file(f"{cached_commit.repository}/refs/{revision}")
        if revision != cached_commit.commit and not (self.is_base_model and is_recorded):
            record_commit(cached_commit, revision)

    def _build_snapshot(
        self,
        info: ModelInfo | DatasetInfo,
        cached_commit: CachedCommit,
        artifacts: tuple[Artifact, ...],
        notes: tuple[str, ...] = (),
    ) -> Snapshot:
        """Return the snapshot of the fetched commit, with the notes and the statements of the Hub."""
        notes = (*self._note_resolution(info, cached_commit), *notes)
        hub_statements = parse_hub_statements(info.tags, vars(info.card_data) if info.card_data is not None else None)
        root = Path(cached_commit.snapshot)
        return Snapshot(self.ref, cached_commit.commit, artifacts, self.settings.endpoint, root, notes, hub_statements)

    def _build_gated_snapshot(
        self, info: ModelInfo | DatasetInfo, cached_commit: CachedCommit, listing: Listing, why: str
    ) -> Snapshot:
        """Build the snapshot of a gated repository: all files listed, none with content."""
        absent = Unread(UnreadReason.CONTENT_ABSENT, why)
        artifacts = (Artifact(name, file.size or 0, None, file.claimed, absent) for name, file in listing.items())
        return self._build_snapshot(info, cached_commit, tuple(sorted(artifacts, key=lambda artifact: artifact.path)))

    @property
    def _repository_type(self) -> str:
        return "dataset" if self.ref.kind is RefKind.DATASET else "model"

    def _request_info(self) -> ModelInfo | DatasetInfo:
        """Request the commit, the files and the tags of the repository at its revision."""
        api = HfApi(self.settings.endpoint, self.settings.token, LIBRARY, __version__)
        request = api.dataset_info if self.ref.kind is RefKind.DATASET else api.model_info
        return request(self.ref.name, revision=self.ref.revision or "main", files_metadata=True, timeout=_TIMEOUT)

    def _validate_commit(self, info: ModelInfo | DatasetInfo) -> str:
        """Return the commit that the Hub resolved the revision to. Raises ``UnreachedError`` if it cannot be right."""
        commit = info.sha
        if not isinstance(commit, str) or not is_commit(commit):
            raise UnreachedError(f"{self.settings.endpoint} names no commit for {str(self.ref)!r}; check HF_ENDPOINT.")
        requested = self.ref.revision
        if requested and is_commit(requested) and requested != commit:
            raise UnreachedError(f"{self.settings.endpoint} answered with commit {commit} in place of {requested}.")
        return commit

    def _fetch_files(self, cached_commit: CachedCommit, listing: Listing, wanted_names: tuple[str, ...] | None) -> None:
        """Fetch the whole commit, or the wanted files; then request each missing file on its own.

        A file that the server lists and cannot deliver must not prevent the examination of the others.
        """
        unstorable = find_unstorable_names(listing)
        names = list(listing if wanted_names is None else wanted_names)
        if wanted_names is not None and not names:
            Path(cached_commit.snapshot).mkdir(parents=True, exist_ok=True)
            return
        with contextlib.suppress(RemoteEntryNotFoundError):
            snapshot_download(
                self.ref.name,
                repo_type=self._repository_type,
                revision=cached_commit.commit,
                cache_dir=self.settings.cache,
                library_name=LIBRARY,
                library_version=__version__,
                etag_timeout=_TIMEOUT,
                token=self.settings.token,
                endpoint=self.settings.endpoint,
                allow_patterns=None if wanted_names is None else [glob.escape(name) for name in names],
                ignore_patterns=[glob.escape(name) for name in unstorable] or None,
                tqdm_class=make_progress_bar_class(self.progress),
            )
        # ``snapshot_download`` may have ended at a file that is missing on the server.
        for name in names:
            if name not in unstorable and not is_file(f"{cached_commit.snapshot}/{name}"):
                self._fetch_file(cached_commit, name)
        # The client makes no folder for a commit without files.
        Path(cached_commit.snapshot).mkdir(parents=True, exist_ok=True)

    def _fetch_file(self, cached_commit: CachedCommit, name: str) -> None:
        """Fetch one file into the cache; a file that the server does not have stays missing."""
        with contextlib.suppress(RemoteEntryNotFoundError):
            hf_hub_download(
                self.ref.name,
                name,
                repo_type=self._repository_type,
                revision=cached_commit.commit,
                cache_dir=self.settings.cache,
                library_name=LIBRARY,
                library_version=__version__,
                etag_timeout=_TIMEOUT,
                token=self.settings.token,
                endpoint=self.settings.endpoint,
                tqdm_class=make_progress_bar_class(self.progress),
            )

    def _note_resolution(self, info: ModelInfo | DatasetInfo, cached_commit: CachedCommit) -> tuple[str, ...]:
        """Return a note on the commit of the revision, and another if the repository was renamed."""
        resolved = f"revision {self.ref.revision or 'main'!r} of {self.ref.name!r} is commit {cached_commit.commit}"
        if info.id == self.ref.name:
            return (resolved,)
        renamed = f"the Hub answered for {self.ref.name!r} as {str(info.id)!r}: the repository was renamed or moved"
        return resolved, renamed


def _list_files(siblings: Iterable[RepoSibling]) -> dict[str, ListedFile]:
    """Return the sizes and digests that the Hub states for the files of a commit."""
    listing: dict[str, ListedFile] = {}
    for file in siblings:
        sha256 = file.lfs.sha256 if file.lfs is not None else None
        size = file.size if isinstance(file.size, int) and file.size >= 0 else None
        listing[file.rfilename] = ListedFile(size, select_claims(file.blob_id, sha256, file.lfs is not None))
    return listing
