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
from modelaudit.model.artifact import Artifact, ModelRef, RefKind, Snapshot
from modelaudit.model.errors import GatedError, UnreachedError
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Unread, UnreadReason
from modelaudit.sources.cache import CachedCommit, artifacts_of, is_file, remember, repository_folder
from modelaudit.sources.claims import ListedFile, Listing, claims, merged, unfit_names
from modelaudit.sources.failures import CLIENT_ERRORS, Explainer
from modelaudit.sources.progress import Progress, byte_counter
from modelaudit.sources.session import LIBRARY, bound_session
from modelaudit.sources.settings import HubSettings
from modelaudit.sources.small import chosen, only
from modelaudit.sources.stated import stated_by
from modelaudit.sources.target import is_commit

_TIMEOUT = 10.0  # seconds, the client's own default for downloads


@dataclass(frozen=True, slots=True)
class HubSource:
    """A model or dataset on the Hub at one revision.

    Attributes:
        is_origin: something else was made from it: only its small files are taken, and the cache's own note of the
            commit that a branch stands at is left as it is, because programs load whole models by it.
    """

    ref: ModelRef
    settings: HubSettings
    limits: Limits
    progress: Progress | None = None
    is_origin: bool = False

    def snapshot(self) -> Snapshot:
        """Resolve the revision to a commit, fetch what the commit lists, and take stock of it.

        The client verifies sizes only, and trusts what its cache already holds; the digests that the Hub states are
        handed on as claims, to be compared with the bytes.

        Raises:
            SourceError: the repository could not be had; the message and the kind of the error say why.
        """
        bound_session()
        explainer = Explainer(self.ref, self.settings, typed=not self.is_origin)
        try:
            info = self._info()
            listing = _listing(info.siblings or ())
            place = CachedCommit(repository_folder(self.ref, self.settings), self._commit(info))
        except CLIENT_ERRORS as error:
            raise explainer.explain(error) from error
        wanted = chosen(listing) if self.is_origin else None
        try:
            self._fetch(place, listing, wanted)
        except CLIENT_ERRORS as error:
            why = explainer.explain(error)
            if isinstance(why, GatedError):
                raise GatedError(str(why), self._closed(info, place, listing, str(why))) from error
            raise why from error
        self._remember(place)
        known = merged(listing, place.listed(self.limits) or {})
        artifacts, notes = artifacts_of(place, str(self.ref), known, self.limits)
        taken = self._snapshot(info, place, artifacts, notes)
        return taken if wanted is None else only(taken, wanted)

    def _remember(self, place: CachedCommit) -> None:
        revision = self.ref.revision or "main"
        if revision != place.commit and not (self.is_origin and is_file(f"{place.repository}/refs/{revision}")):
            remember(place, revision)

    def _snapshot(
        self,
        info: ModelInfo | DatasetInfo,
        place: CachedCommit,
        artifacts: tuple[Artifact, ...],
        notes: tuple[str, ...] = (),
    ) -> Snapshot:
        notes = (*self._notes(info, place), *notes)
        stated = stated_by(info.tags, vars(info.card_data) if info.card_data is not None else None)
        root = Path(place.snapshot)
        return Snapshot(self.ref, place.commit, artifacts, self.settings.endpoint, root, notes, stated)

    def _closed(self, info: ModelInfo | DatasetInfo, place: CachedCommit, listing: Listing, why: str) -> Snapshot:
        """What the Hub shows of a repository whose files it does not give."""
        absent = Unread(UnreadReason.CONTENT_ABSENT, why)
        artifacts = (Artifact(name, file.size or 0, None, file.claimed, absent) for name, file in listing.items())
        return self._snapshot(info, place, tuple(sorted(artifacts, key=lambda artifact: artifact.path)))

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
            raise UnreachedError(f"{self.settings.endpoint} names no commit for {str(self.ref)!r}; check HF_ENDPOINT.")
        asked = self.ref.revision
        if asked and is_commit(asked) and asked != commit:
            raise UnreachedError(f"{self.settings.endpoint} answered with commit {commit} in place of {asked}.")
        return commit

    def _fetch(self, place: CachedCommit, listing: Listing, wanted: tuple[str, ...] | None) -> None:
        """Fetch the commit as a whole, or of it what is wanted; where that leaves files out, ask for each of them.

        One file that the server lists and does not have must not keep the others from being examined.
        """
        unfit = unfit_names(listing)
        names = list(listing if wanted is None else wanted)
        if wanted is not None and not names:
            Path(place.snapshot).mkdir(parents=True, exist_ok=True)
            return
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
                allow_patterns=None if wanted is None else [glob.escape(name) for name in names],
                ignore_patterns=[glob.escape(name) for name in unfit] or None,
                tqdm_class=byte_counter(self.progress),
            )
        for name in names:
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
