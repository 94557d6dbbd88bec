"""The Hub's JSON routes below ``/api/``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlencode

from hub.access import ANONYMOUS, Access, RefusedError, build_unauthorized_error
from hub.exchange import Request, Response, build_json_response
from hub.gitstore import Commit
from hub.listing import (
    DATASET_FIELDS,
    MODEL_FIELDS,
    describe_commit,
    describe_entry,
    describe_repository,
    list_paths,
    summarise_scans,
)
from hub.repository import Kind, Repository

KINDS: dict[str, Kind] = {"models": "model", "datasets": "dataset"}
RESOURCES = ("revision", "tree", "paths-info", "refs", "commits", "scan", "auth-check", "xet-read-token")
"""The segments that can follow the id of a repository in a path."""
PAGE_ENTRIES, EXPANDED_PAGE_ENTRIES, PAGE_COMMITS = 1000, 50, 50
"""The number of entries on a page of a tree, on one with ``expand``, and of commits on a page of the history."""


def find_commit(repository: Repository, revision: str) -> Commit:
    """Return the commit of a branch, a tag or a commit id.

    Raises:
        RefusedError: There is none: 404, RevisionNotFound.
    """
    try:
        return repository.find_commit(revision)
    except KeyError:
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound") from None


def split_id(segments: list[str]) -> tuple[str, list[str]]:
    """Split the segments of a path into the id of a repository, of one segment or two, and the segments after it."""
    id_length = 2 if len(segments) > 1 and segments[1] not in RESOURCES else 1
    return "/".join(segments[:id_length]), segments[id_length:]


class Api:
    """Answers the API requests of one Hub.

    Each method for a route gets the request, the repository, and the segments of the path after the name of the route.

    Attributes:
        access: the repositories and accounts.
        page_size: the number of entries on a page of a listing; None for those of the real Hub.
        endpoint: the address of the Hub, for links to further pages.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.page_size: int | None = None
        self.endpoint = ""

    def answer(self, request: Request) -> Response:
        """Route a request whose path starts with ``/api/``.

        Raises:
            RefusedError: The request cannot be served.
        """
        segments = [unquote(segment) for segment in request.path.split("/")[2:]]
        if segments == ["whoami-v2"]:
            return self._describe_caller(request)
        if len(segments) == 3 and segments[0] in ("users", "organizations") and segments[2] == "overview":
            return self._describe_owner(segments[1], is_user=segments[0] == "users")
        if len(segments) < 2 or segments[0] not in KINDS:
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        id, route_segments = split_id(segments[1:])
        repository = self.access.find_repository(request, KINDS[segments[0]], id)
        routes: dict[str, Callable[[Request, Repository, list[str]], Response]] = {
            "": self._describe_repository,
            "revision": self._describe_repository,
            "tree": self._list_folder,
            "paths-info": self._describe_paths,
            "refs": self._list_refs,
            "commits": self._list_commits,
            "scan": self._summarise_scans,
            "auth-check": self._check_access,
        }
        route = routes.get(route_segments[0] if route_segments else "")
        method = "POST" if route_segments[:1] == ["paths-info"] else "GET"
        if route is None or request.method not in (method, "HEAD"):
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        return route(request, repository, route_segments[1:])

    def _describe_caller(self, request: Request) -> Response:
        """Answer ``whoami-v2``: the account of the token."""
        user = self.access.find_user(request)
        if user is None:
            raise build_unauthorized_error(ANONYMOUS)
        token = {"displayName": "test", "role": "read", "createdAt": "2024-01-01T00:00:00.000Z"}
        auth = {"type": "access_token", "accessToken": token}
        return build_json_response({"type": "user", "id": user.name, "name": user.name, "orgs": [], "auth": auth})

    def _describe_owner(self, name: str, is_user: bool) -> Response:
        """Answer ``users/{name}/overview`` and ``organizations/{name}/overview``."""
        overview = self.access.find_overview(name)
        if overview.is_user is not is_user:
            raise RefusedError(404, "This account does not exist")
        about = {"name": name, "fullname": name, "avatarUrl": "", "type": "user" if is_user else "org"}
        known = {"_id": overview.id, "createdAt": overview.created}
        return build_json_response(about | {key: value for key, value in known.items() if value is not None})

    def _describe_repository(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}`` and ``{id}/revision/{revision}``: the facts of a repository at a revision, by default ``main``."""
        commit = find_commit(repository, rest[0] if rest else "main")
        about = describe_repository(repository, commit, blobs=request.flag("blobs"))
        expand = request.query.get("expand", []) + request.query.get("expand[]", [])
        known = MODEL_FIELDS if repository.kind == "model" else DATASET_FIELDS
        if unknown := [name for name in expand if name not in known]:
            options = "|".join(f'"{name}"' for name in known)
            raise RefusedError(
                400, f'✖ Invalid option: expected one of {options}\n  → at expand[0], got "{unknown[0]}"'
            )
        if expand:
            return build_json_response({name: about[name] for name in about if name in ("_id", "id", *expand)})
        # The Hub only sends these two if they are asked for.
        for name in ("downloadsAllTime", "trendingScore"):
            del about[name]
        if request.flag("securityStatus"):
            about["securityRepoStatus"] = summarise_scans(repository, commit)
        return build_json_response(about)

    def _list_folder(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/tree/{revision}/{folder}``: one page of the entries of a folder, by default the root of ``main``."""
        revision, folder = (rest[0] if rest else "main"), "/".join(rest[1:]).strip("/")
        commit = find_commit(repository, revision)
        names = list_paths(commit, folder, request.flag("recursive"))
        if names is None:
            raise RefusedError(404, f'{folder} does not exist on "{revision}"', "EntryNotFound")
        expand = request.flag("expand")
        largest_page = self.page_size or (EXPANDED_PAGE_ENTRIES if expand else PAGE_ENTRIES)
        size = min(largest_page, int(request.query.get("limit", [largest_page])[-1]))
        start = 0
        if "cursor" in request.query:
            start = names.index(self._decode_cursor(request.query["cursor"][-1])) + 1
        page = names[start : start + size]
        headers = {}
        if start + size < len(names):
            next_page = {"limit": str(size), "cursor": self._encode_cursor(page[-1], size)}
            headers = self._build_next_link(request, next_page)
        entries = [describe_entry(repository, commit, name, expand) for name in page]
        return build_json_response(entries, headers=headers)

    @staticmethod
    def _encode_cursor(last_path: str, size: int) -> str:
        """Encode the last path of a page, and the size of the page, as the Hub does: base64 within base64."""
        inner = base64.b64encode(json.dumps({"file_name": last_path}).encode())
        return base64.b64encode(inner + f":{size}".encode()).decode()

    @staticmethod
    def _decode_cursor(cursor: str) -> str:
        """Return the last path of the page before. Raises ``RefusedError`` for an invalid cursor."""
        try:
            inner, _, _ = base64.b64decode(cursor, validate=True).rpartition(b":")
            return str(json.loads(base64.b64decode(inner, validate=True))["file_name"])
        except (binascii.Error, ValueError, KeyError):
            raise RefusedError(400, "Invalid cursor") from None

    def _build_next_link(self, request: Request, changes: dict[str, str]) -> dict[str, str]:
        """Build the header with the address of the next page: the same request with a changed query."""
        query = {name: values[-1] for name, values in request.query.items()} | changes
        return {"Link": f'<{self.endpoint}{request.path}?{urlencode(query)}>; rel="next"'}

    def _describe_paths(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/paths-info/{revision}``: the entries of the paths in the body; missing paths are omitted."""
        # The client sends a form; other callers may send JSON.
        if "json" in request.headers.get("Content-Type", ""):
            body = json.loads(request.body)
            paths, expand = [str(path) for path in body["paths"]], bool(body.get("expand"))
        else:
            form = parse_qs(request.body.decode(), keep_blank_values=True)
            paths, expand = form.get("paths", []), form.get("expand", [""])[-1].lower() == "true"
        commit = find_commit(repository, rest[0] if rest else "main")
        entries = [describe_entry(repository, commit, path.strip("/"), expand) for path in paths]
        return build_json_response([entry for entry in entries if entry is not None])

    def _list_refs(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/refs``: the branches and tags, and on request the pull requests."""

        def describe_refs(refs: dict[str, str], prefix: str) -> list[dict[str, str]]:
            # The keys of pull requests contain the prefix already.
            names = {name.removeprefix(prefix): commit_id for name, commit_id in refs.items()}
            return [
                {"name": name, "ref": f"{prefix}{name}", "targetCommit": commit_id} for name, commit_id in names.items()
            ]

        about = {
            "tags": describe_refs(repository.tags, "refs/tags/"),
            "branches": describe_refs(repository.branches, "refs/heads/"),
            "converts": [],
        }
        if request.flag("include_prs"):
            about["pullRequests"] = describe_refs(repository.pull_requests, "refs/pr/")
        return build_json_response(about)

    def _list_commits(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/commits/{revision}``: one page of the history, newest first."""
        self.access.check_download_access(request, repository)
        history = list(repository.iter_history(find_commit(repository, rest[0] if rest else "main")))
        largest_page = self.page_size or PAGE_COMMITS
        size = min(largest_page, int(request.query.get("limit", [largest_page])[-1]))
        page = int(request.query.get("p", ["0"])[-1])
        start, stop = page * size, (page + 1) * size
        headers = {"X-Total-Count": str(len(history))}
        if stop < len(history):
            headers |= self._build_next_link(request, {"p": str(page + 1), "limit": str(size)})
        return build_json_response([describe_commit(commit) for commit in history[start:stop]], headers=headers)

    def _summarise_scans(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/scan``: the state of the scans of ``main``."""
        return build_json_response(summarise_scans(repository, find_commit(repository, "main")))

    def _check_access(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        """Answer ``{id}/auth-check``: an empty object if the caller may download the repository."""
        self.access.check_download_access(request, repository)
        return build_json_response({})
