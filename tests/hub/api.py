"""The Hub's JSON routes below ``/api/``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from urllib.parse import parse_qs, unquote, urlencode

from hub.access import ANONYMOUS, Access, RefusedError, unauthorized
from hub.exchange import Request, Response, as_json
from hub.gitstore import Commit
from hub.listing import DATASET_FIELDS, MODEL_FIELDS, commit_entry, description, entry, paths, scan_summary
from hub.repository import Kind, Repository

KINDS: dict[str, Kind] = {"models": "model", "datasets": "dataset"}
RESOURCES = ("revision", "tree", "paths-info", "refs", "commits", "scan", "auth-check", "xet-read-token")
PAGE, EXPANDED_PAGE, COMMITS_PAGE = 1000, 50, 50


def at_revision(repository: Repository, revision: str) -> Commit:
    """The commit that a revision names.

    Raises:
        RefusedError: 404, RevisionNotFound.
    """
    try:
        return repository.at(revision)
    except KeyError:
        raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound") from None


def split_id(segments: list[str]) -> tuple[str, list[str]]:
    """Part the segments of a path into the repository's id (one segment or two) and what follows it."""
    many = 2 if len(segments) > 1 and segments[1] not in RESOURCES else 1
    return "/".join(segments[:many]), segments[many:]


class Api:
    """Answers the API requests of one Hub; ``page`` overrides the number of entries of a page of a tree."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.page: int | None = None
        self.endpoint = ""

    def answer(self, request: Request) -> Response:
        """Route a request whose path starts with ``/api/``.

        Raises:
            RefusedError: The request cannot be served.
        """
        segments = [unquote(segment) for segment in request.path.split("/")[2:]]
        if segments == ["whoami-v2"]:
            return self._whoami(request)
        if len(segments) < 2 or segments[0] not in KINDS:
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        id, rest = split_id(segments[1:])
        repository = self.access.repository(request, KINDS[segments[0]], id)
        routes: dict[str, Callable[[Request, Repository, list[str]], Response]] = {
            "": self._info,
            "revision": self._info,
            "tree": self._tree,
            "paths-info": self._paths_info,
            "refs": self._refs,
            "commits": self._commits,
            "scan": self._scan,
            "auth-check": self._auth_check,
        }
        route = routes.get(rest[0] if rest else "")
        wanted = "POST" if rest[:1] == ["paths-info"] else "GET"
        if route is None or request.method not in (wanted, "HEAD"):
            raise RefusedError(404, "Sorry, we can't find the page you are looking for.")
        return route(request, repository, rest[1:])

    def _whoami(self, request: Request) -> Response:
        user = self.access.user(request)
        if user is None:
            raise unauthorized(ANONYMOUS)
        token = {"displayName": "test", "role": "read", "createdAt": "2024-01-01T00:00:00.000Z"}
        auth = {"type": "access_token", "accessToken": token}
        return as_json({"type": "user", "id": user.name, "name": user.name, "orgs": [], "auth": auth})

    def _info(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        commit = at_revision(repository, rest[0] if rest else "main")
        about = description(repository, commit, blobs=request.flag("blobs"))
        expand = request.query.get("expand", []) + request.query.get("expand[]", [])
        known = MODEL_FIELDS if repository.kind == "model" else DATASET_FIELDS
        if unknown := [name for name in expand if name not in known]:
            options = "|".join(f'"{name}"' for name in known)
            raise RefusedError(
                400, f'✖ Invalid option: expected one of {options}\n  → at expand[0], got "{unknown[0]}"'
            )
        if expand:
            return as_json({k: v for k, v in about.items() if k in ("_id", "id", *expand)})
        for name in ("downloadsAllTime", "trendingScore"):
            del about[name]
        if request.flag("securityStatus"):
            about["securityRepoStatus"] = scan_summary(repository, commit)
        return as_json(about)

    def _tree(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        revision, folder = (rest[0] if rest else "main"), "/".join(rest[1:]).strip("/")
        commit = at_revision(repository, revision)
        names = paths(commit, folder, request.flag("recursive"))
        if names is None:
            raise RefusedError(404, f'{folder} does not exist on "{revision}"', "EntryNotFound")
        expand = request.flag("expand")
        size = min(int(request.query.get("limit", ["1000000"])[-1]), self.page or (EXPANDED_PAGE if expand else PAGE))
        start = 0
        if "cursor" in request.query:
            start = names.index(self._from_cursor(request.query["cursor"][-1])) + 1
        shown = names[start : start + size]
        headers = {}
        if start + size < len(names):
            query = {k: v[-1] for k, v in request.query.items()}
            headers = self._next(request, query | {"limit": str(size), "cursor": self._cursor(shown[-1], size)})
        return as_json([entry(repository, commit, name, expand) for name in shown], headers=headers)

    @staticmethod
    def _cursor(last: str, size: int) -> str:
        inner = base64.b64encode(json.dumps({"file_name": last}).encode())
        return base64.b64encode(inner + f":{size}".encode()).decode()

    @staticmethod
    def _from_cursor(cursor: str) -> str:
        try:
            inner, _, _ = base64.b64decode(cursor, validate=True).rpartition(b":")
            return str(json.loads(base64.b64decode(inner, validate=True))["file_name"])
        except (binascii.Error, ValueError, KeyError):
            raise RefusedError(400, "Invalid cursor") from None

    def _next(self, request: Request, query: dict[str, str]) -> dict[str, str]:
        return {"Link": f'<{self.endpoint}{request.path}?{urlencode(query)}>; rel="next"'}

    def _paths_info(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        if "json" in request.headers.get("Content-Type", ""):
            form = json.loads(request.body)
            wanted, expand = [str(path) for path in form["paths"]], bool(form.get("expand"))
        else:
            fields = parse_qs(request.body.decode(), keep_blank_values=True)
            wanted, expand = fields.get("paths", []), fields.get("expand", [""])[-1].lower() == "true"
        commit = at_revision(repository, rest[0] if rest else "main")
        found = [entry(repository, commit, path.strip("/"), expand) for path in wanted]
        return as_json([about for about in found if about is not None])

    def _refs(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        def shown(refs: dict[str, str], prefix: str) -> list[dict[str, str]]:
            full = {prefix + name.removeprefix(prefix): oid for name, oid in refs.items()}
            return [{"name": r.removeprefix(prefix), "ref": r, "targetCommit": oid} for r, oid in full.items()]

        about = {
            "tags": shown(repository.tags, "refs/tags/"),
            "branches": shown(repository.branches, "refs/heads/"),
            "converts": [],
        }
        if request.flag("include_prs"):
            about["pullRequests"] = shown(repository.pull_requests, "refs/pr/")
        return as_json(about)

    def _commits(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        self.access.downloadable(request, repository)
        history = list(repository.history(at_revision(repository, rest[0] if rest else "main")))
        limit = min(int(request.query.get("limit", [str(COMMITS_PAGE)])[-1]), self.page or COMMITS_PAGE)
        page = int(request.query.get("p", ["0"])[-1])
        headers = {"X-Total-Count": str(len(history))}
        if (page + 1) * limit < len(history):
            query = {k: v[-1] for k, v in request.query.items()}
            headers |= self._next(request, query | {"p": str(page + 1), "limit": str(limit)})
        shown = history[page * limit : (page + 1) * limit]
        return as_json([commit_entry(commit) for commit in shown], headers=headers)

    def _scan(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        return as_json(scan_summary(repository, at_revision(repository, "main")))

    def _auth_check(self, request: Request, repository: Repository, rest: list[str]) -> Response:
        self.access.downloadable(request, repository)
        return as_json({})
