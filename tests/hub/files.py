"""The routes that carry bytes: ``resolve`` and its cache on the Hub, and the storage behind signed addresses."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
from urllib.parse import quote, unquote, urlencode

from hub.access import Access, RefusedError
from hub.api import KINDS, at_revision
from hub.exchange import Body, Request, Response, in_range
from hub.gitstore import Blob, Commit
from hub.repository import Kind, Repository

_TEXT = (".cfg", ".gitattributes", ".ini", ".jinja", ".json", ".jsonl", ".md", ".py", ".toml", ".txt", ".yaml", ".yml")
_KEY = b"signs the addresses of the loopback storage"


def media_type(path: str) -> str:
    """The type under which the Hub serves a plain file: every text is ``text/plain``, so that no browser runs it."""
    kind = mimetypes.guess_type(path)[0] or ""
    if path.endswith(_TEXT) or kind.startswith("text/"):
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def disposition(path: str) -> str:
    """``Content-Disposition`` for a file."""
    name = path.rsplit("/", 1)[-1]
    plain = "".join(c if 32 <= ord(c) < 127 and c not in '"\\' else "_" for c in name)
    return f"inline; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"


class Files:
    """Serves files, small ones from the Hub's origin and large ones from a second origin, ``cdn``."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self.cdn = ""
        self._stored: dict[str, tuple[Blob, str]] = {}

    def resolve(self, request: Request) -> Response:
        """Answer ``[/datasets]/{id}/resolve/{revision}/{path}``.

        Raises:
            RefusedError: The file cannot be served.
        """
        segments = [unquote(segment) for segment in request.path.split("/")[1:]]
        kind: Kind = "model"
        if segments[0] in KINDS:
            kind = KINDS[segments.pop(0)]
        cut = segments.index("resolve", 1)
        id, rest = "/".join(segments[:cut]), segments[cut + 1 :]
        repository = self.access.repository(request, kind, id)
        # refs/pr/1 and refs/convert/parquet may be written with plain slashes
        many = 3 if rest[:1] == ["refs"] else 1
        commit = at_revision(repository, "/".join(rest[:many]))
        path = "/".join(rest[many:])
        self.access.downloadable(request, repository)
        blob = self._blob(commit, path)
        if blob.sha256:
            return self._stored_elsewhere(repository, commit, path, blob)
        if repository.private or repository.gated:
            return self._serve(request, commit, path, blob)
        return self._cached(request, repository, commit, path, blob)

    def resolve_cache(self, request: Request) -> Response:
        """Answer ``/api/resolve-cache/{kind}s/{id}/{commit}/{path}``, to which ``resolve`` sends for small files."""
        segments = [unquote(segment) for segment in request.path.split("/")[3:]]
        kind, pieces = KINDS[segments[0]], segments[1:]
        cut = 1 if (kind, pieces[0]) in self.access.repositories and len(pieces[1]) == 40 else 2
        repository = self.access.repository(request, kind, "/".join(pieces[:cut]))
        self.access.downloadable(request, repository)
        commit = at_revision(repository, pieces[cut])
        path = "/".join(pieces[cut + 1 :])
        return self._serve(request, commit, path, self._blob(commit, path))

    def stored(self, request: Request) -> Response:
        """Answer a request to the storage behind signed addresses.

        Like an object store it refuses a second way to authenticate beside the signature.
        """
        if "Authorization" in request.headers:
            raise RefusedError(400, "Only one auth mechanism allowed; the signature in the query is one")
        signature = request.query.get("Signature", [""])[-1]
        found = self._stored.get(request.path)
        if found is None or not hmac.compare_digest(signature, self._sign(request.path)):
            raise RefusedError(403, "AccessDenied")
        blob, path = found
        headers = {"Content-Type": "application/octet-stream", "Content-Disposition": disposition(path)}
        headers |= {"ETag": f'"{blob.sha256}"', "Accept-Ranges": "bytes"}
        whole = Response(200, headers, Body.whole(blob.content), path)
        return in_range(whole, request.headers.get("Range"))

    @staticmethod
    def _blob(commit: Commit, path: str) -> Blob:
        if path not in commit.files:
            raise RefusedError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.oid})
        return commit.files[path]

    @staticmethod
    def _about(commit: Commit, path: str, blob: Blob) -> dict[str, str]:
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes", "Content-Disposition": disposition(path)}
        return headers | {"X-Linked-ETag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size)}

    def _stored_elsewhere(self, repository: Repository, commit: Commit, path: str, blob: Blob) -> Response:
        place = f"/repos/{repository.key[:2]}/{repository.key}/{blob.sha256}/{quote(path)}"
        self._stored[place] = (blob, path)
        query = {"response-content-disposition": disposition(path), "Expires": "4102444800"}
        location = f"{self.cdn}{place}?{urlencode(query | {'Signature': self._sign(place)})}"
        headers = self._about(commit, path, blob) | {"Location": location, "Cache-Control": "no-store"}
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return Response(302, headers, Body.whole(f"Found. Redirecting to {location}".encode()), path)

    def _cached(self, request: Request, repository: Repository, commit: Commit, path: str, blob: Blob) -> Response:
        mark = urlencode({request.path: "", "etag": f'"{blob.etag}"'})
        location = f"/api/resolve-cache/{repository.kind}s/{repository.id}/{commit.oid}/{quote(path)}?{mark}"
        headers = self._about(commit, path, blob) | {"Location": location, "Content-Type": "text/plain; charset=utf-8"}
        del headers["X-Linked-Size"]
        return Response(307, headers, Body.whole(f"Temporary Redirect. Redirecting to {location}".encode()), path)

    def _serve(self, request: Request, commit: Commit, path: str, blob: Blob) -> Response:
        headers = {"Content-Type": media_type(path), "X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"'}
        headers |= {"Accept-Ranges": "bytes", "Content-Disposition": disposition(path)}
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Response(304, headers, entry=path)
        return in_range(Response(200, headers, Body.whole(blob.content), path), request.headers.get("Range"))

    @staticmethod
    def _sign(place: str) -> str:
        return hmac.new(_KEY, place.encode(), hashlib.sha256).hexdigest()
