"""A repository on the Hub: its commit is resolved, then all of its files are fetched into the Hub cache."""

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
from modelaudit.model.artifact import ModelRef, RefKind, Snapshot
from modelaudit.model.errors import SourceError
from modelaudit.model.limits import Limits
from modelaudit.sources.cache import CachedCommit, artifacts_of, is_file, remember, repository_folder
from modelaudit.sources.claims import ListedFile, Listing, claims, merged, unfit_names
from modelaudit.sources.failures import CLIENT_ERRORS, Explainer
from modelaudit.sources.progress import Progress, byte_counter
from modelaudit.sources.session import LIBRARY, bound_session
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.target import is_commit

_TIMEOUT = 10.0  # seconds, the client's own default for downloads


@dataclass(frozen=True, slots=True)
class HubSource:
    """A model or dataset on the Hub at one revision."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    progress: Progress | None = None

    def snapshot(self) -> Snapshot:
        """Resolve the revision to a commit, fetch what the commit lists, and take stock of it.

        The client verifies sizes only, and trusts what its cache already holds; the digests that the Hub states are
        handed on as claims, to be compared with the bytes.

        Raises:
            SourceError: the repository could not be had; the message says why.
        """
        bound_session()
        explainer = Explainer(self.ref, self.settings)
        try:
            info = self._info()
            listing = _listing(info.siblings or ())
            place = CachedCommit(repository_folder(self.ref, self.settings), self._commit(info))
            self._fetch(place, listing)
        except CLIENT_ERRORS as error:
            raise explainer.explain(error) from error
        if self.ref.revision != place.commit:
            remember(place, self.ref.revision or "main")
        known = merged(listing, place.listed(self.limits) or {})
        artifacts, notes = artifacts_of(place, str(self.ref), known, self.limits)
        notes = (*self._notes(info, place), *notes)
        return Snapshot(self.ref, place.commit, artifacts, self.settings.endpoint, Path(place.snapshot), notes)

    @property
    def _kind(self) -> str:
        return "dataset" if self.ref.kind is RefKind.DATASET else "model"

    def _info(self) -> ModelInfo | DatasetInfo:
        api = HfApi(self.settings.endpoint, self.settings.token, LIBRARY, __version__)
        ask = api.dataset_info if self.ref.kind is RefKind.DATASET else api.model_info
        return ask(self.ref.name, revision=self.ref.revision or "main", files_metadata=True, timeout=_TIMEOUT)

    def _commit(self, info: ModelInfo | DatasetInfo) -> str:
        commit = info.sha
        if not isinstance(commit, str) or not is_commit(commit):
            raise SourceError(f"{self.settings.endpoint} names no commit for {str(self.ref)!r}; check HF_ENDPOINT.")
        asked = self.ref.revision
        if asked and is_commit(asked) and asked != commit:
            raise SourceError(f"{self.settings.endpoint} answered with commit {commit} in place of {asked}.")
        return commit

    def _fetch(self, place: CachedCommit, listing: Listing) -> None:
        """Fetch the commit as a whole; where that leaves files out, ask for each of them.

        One file that the server lists and does not have must not keep the others from being examined.
        """
        unfit = unfit_names(listing)
        with contextlib.suppress(RemoteEntryNotFoundError):
            snapshot_download(
                self.ref.name,
                repo_type=self._kind,
                revision=place.commit,
                cache_dir=self.settings.cache,
                library_name=LIBRARY,
                library_version=__version__,
                etag_timeout=_TIMEOUT,
                token=self.settings.token,
                endpoint=self.settings.endpoint,
                ignore_patterns=[glob.escape(name) for name in unfit] or None,
                tqdm_class=byte_counter(self.progress),
            )
        for name in listing:
            if name not in unfit and not is_file(f"{place.snapshot}/{name}"):
                self._fetch_file(place, name)
        Path(place.snapshot).mkdir(parents=True, exist_ok=True)  # the client makes none for a commit without files

    def _fetch_file(self, place: CachedCommit, name: str) -> None:
        with contextlib.suppress(RemoteEntryNotFoundError):
            hf_hub_download(
                self.ref.name,
                name,
                repo_type=self._kind,
                revision=place.commit,
                cache_dir=self.settings.cache,
                library_name=LIBRARY,
                library_version=__version__,
                etag_timeout=_TIMEOUT,
                token=self.settings.token,
                endpoint=self.settings.endpoint,
                tqdm_class=byte_counter(self.progress),
            )

    def _notes(self, info: ModelInfo | DatasetInfo, place: CachedCommit) -> tuple[str, ...]:
        resolved = f"revision {self.ref.revision or 'main'!r} of {self.ref.name!r} is commit {place.commit}"
        if info.id == self.ref.name:
            return (resolved,)
        renamed = f"the Hub answered for {self.ref.name!r} as {str(info.id)!r}: the repository was renamed or moved"
        return resolved, renamed


def _listing(siblings: Iterable[RepoSibling]) -> dict[str, ListedFile]:
    listing: dict[str, ListedFile] = {}
    for file in siblings:
        sha256 = file.lfs.sha256 if file.lfs is not None else None
        size = file.size if isinstance(file.size, int) and file.size >= 0 else None
        listing[file.rfilename] = ListedFile(size, claims(file.blob_id, sha256, file.lfs is not None))
    return listing
