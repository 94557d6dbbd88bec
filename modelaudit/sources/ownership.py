"""Ask the Hub for the owner, the age and the history of a repository; no file is fetched.

Sources: ``/api/models/{id}``, ``/api/organizations/{name}/overview``, ``/api/users/{name}/overview``,
``/api/models/{id}/refs`` and ``/commits/{revision}``, https://huggingface.co/docs/hub/api.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from urllib.parse import quote

import httpx2
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import get_session, hf_raise_for_status
from msgspec import Struct

from modelaudit import __version__
from modelaudit.model.artifact import ModelRef, RefKind
from modelaudit.model.errors import UnreachedError
from modelaudit.model.limits import Limits
from modelaudit.model.provenance import Owner, OwnerKind, RepositoryFacts
from modelaudit.sources.budget import RequestBudget, activate_budget
from modelaudit.sources.dates import read_date
from modelaudit.sources.failures import CLIENT_ERRORS, FailureExplainer
from modelaudit.sources.repository_record import read_owner_id
from modelaudit.sources.session import DETOURS, LIBRARY, bound_session
from modelaudit.sources.settings import HubSettings

_OVERVIEWS = ((OwnerKind.ORGANIZATION, "organizations"), (OwnerKind.USER, "users"))
_MOST_COMMITS = 5_000
"""The commits of a history that are searched for one."""
_MOST_HEADS = 20
"""The branches and tags whose histories are searched."""


class HubInquiry(Struct, frozen=True):
    """Questions about one repository. Each raises ``SourceError`` where the Hub does not answer it."""

    ref: ModelRef
    settings: HubSettings
    limits: Limits

    def describe(self, *, with_owner: bool = True) -> RepositoryFacts:
        """Ask for the repository, and for its owner if ``with_owner``, else for the name of that alone."""
        with self._asking():
            about = self._request(f"{self._route}/{self.ref.name}")
            name = about.get("id")
            if not isinstance(name, str) or len(name) > 200:
                raise UnreachedError(f"{self.settings.endpoint} names no repository for {str(self.ref)!r}")
            account, slash, _ = name.partition("/")
            owner = None
            if slash:
                owner = self._describe_owner(account) if with_owner else Owner(account)
            return RepositoryFacts(name, read_date(about.get("createdAt")), owner)

    def describe_owner(self, name: str) -> Owner:
        """Ask for the account that owns the repositories ``name/…``."""
        with self._asking():
            return self._describe_owner(name)

    def find_tag_or_branch(self, name: str) -> tuple[bool, str | None]:
        """Ask whether ``name`` is a tag, and for its commit; ``None`` if there is neither a tag nor a branch."""
        with self._asking():
            refs = self._api.list_repo_refs(self.ref.name, repo_type=self._type)
            for is_tag, each in ((True, refs.tags), (False, refs.branches)):
                for reference in each:
                    if reference.name == name:
                        return is_tag, reference.target_commit
            return False, None

    def find_revision(self, revision: str) -> str | None:
        """Ask for the commit of a branch, tag or commit id; ``None`` if the Hub has none."""
        with self._asking():
            try:
                about = self._request(f"{self._route}/{self.ref.name}/revision/{quote(revision, safe='')}")
            except RevisionNotFoundError:
                return None
            commit = about.get("sha")
            return commit if isinstance(commit, str) else None

    def is_in_history(self, commit: str, revision: str) -> bool | None:
        """Ask whether a commit is ``revision`` or an ancestor; ``None`` if the history is too long to tell."""
        with self._asking():
            history = iter(self._api.list_repo_commits(self.ref.name, revision=revision, repo_type=self._type))
            count = 0
            for each in islice(history, _MOST_COMMITS):
                count += 1
                if each.commit_id == commit:
                    return True
            return None if count == _MOST_COMMITS else False

    def is_in_any_history(self, commit: str) -> bool | None:
        """Ask whether any branch or tag leads to a commit; ``None`` if there is too much history to tell."""
        with self._asking():
            refs = self._api.list_repo_refs(self.ref.name, repo_type=self._type)
            heads = dict.fromkeys(each.target_commit for each in (*refs.branches, *refs.tags))
        if commit in heads:
            return True
        answers = [self.is_in_history(commit, head) for head in islice(heads, _MOST_HEADS)]
        if True in answers:
            return True
        return None if None in answers or len(heads) > _MOST_HEADS else False

    @property
    def _type(self) -> str:
        return "dataset" if self.ref.kind is RefKind.DATASET else "model"

    @property
    def _route(self) -> str:
        return f"{self._type}s"

    @property
    def _api(self) -> HfApi:
        return HfApi(self.settings.request_endpoint, self.settings.token, LIBRARY, __version__)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Bound the requests within the block, and explain their failures. Raises ``SourceError``."""
        bound_session()
        budget = RequestBudget(httpx2.URL(self.settings.request_endpoint), self.limits.server)
        try:
            with DETOURS.off(), activate_budget(budget):
                yield
        except CLIENT_ERRORS as error:
            raise FailureExplainer(self.ref, self.settings).explain(error) from error

    def _request(self, path: str) -> Mapping[str, object]:
        """Request a JSON object. Raises one of ``CLIENT_ERRORS``."""
        headers = build_hf_headers(token=self.settings.token, library_name=LIBRARY, library_version=__version__)
        response = get_session().get(f"{self.settings.request_endpoint}/api/{path}", headers=headers)
        hf_raise_for_status(response)
        answer = response.json()
        if not isinstance(answer, dict):
            raise TypeError("it is not a JSON object")
        return answer

    def _describe_owner(self, name: str) -> Owner:
        """Ask whether an account is an organisation or a user, and for its id and age; unknown facts stay unknown."""
        for kind, route in _OVERVIEWS:
            try:
                about = self._request(f"{route}/{quote(name, safe='')}/overview")
            except RepositoryNotFoundError:
                continue
            except HfHubHTTPError as error:
                if error.response.status_code == 404:
                    continue
                raise
            return Owner(name, kind, read_owner_id(about.get("_id")), read_date(about.get("createdAt")))
        return Owner(name)
