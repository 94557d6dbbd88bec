"""The routes that serve files: ``resolve`` and its cache on the Hub, and the storage behind signed addresses."""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
from urllib.parse import quote, unquote, urlencode

from hub.access import Access, RefusedError
from hub.api import KINDS, find_commit
from hub.exchange import Body, Request, Response, apply_range
from hub.gitstore import Blob, Commit
from hub.repository import Kind, Repository

_TEXT_ENDINGS = (
    ".cfg",
    ".gitattributes",
    ".ini",
    ".jinja",
    ".json",
    ".jsonl",
    ".md",
    ".py",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
)
_SIGNING_KEY = b"signs the addresses of the loopback storage"


def choose_media_type(path: str) -> str:
    """Choose the media type of a file: every text is ``text/plain``, so that no browser runs it."""
    kind = mimetypes.guess_type(path)[0] or ""
    if path.endswith(_TEXT_ENDINGS) or kind.startswith("text/"):
        return "text/plain; charset=utf-8"
    return "application/octet-stream"


def build_disposition(path: str) -> str:
    """Build the value of ``Content-Disposition`` for a file, in UTF-8 and in ASCII (RFC 6266)."""
    name = path.rsplit("/", 1)[-1]
    plain = "".join(
        letter if letter.isascii() and letter.isprintable() and letter not in '"\\' else "_" for letter in name
    )
    return f"inline; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\";"


class FileRoutes:
    """Serves small files from the Hub's own server, and large ones from the second server, ``cdn``.

    Attributes:
        access: the repositories and accounts.
        cdn: the address of the second server, without a slash at the end.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.cdn = ""
        # The files that were given an address on the second server, by the path of that address.
        self._stored: dict[str, tuple[Blob, str]] = {}

    def redirect_or_serve(self, request: Request) -> Response:
        """Answer ``[/datasets]/{id}/resolve/{revision}/{path}``: redirect to the storage or the cache, or serve a file.

        Raises:
            RefusedError: The file cannot be served.
        """
        segments = [unquote(segment) for segment in request.path.split("/")[1:]]
        kind: Kind = "model"
        if segments[0] in KINDS:
            kind = KINDS[segments.pop(0)]
        id_end = segments.index("resolve", 1)
        id, revision_and_path = "/".join(segments[:id_end]), segments[id_end + 1 :]
        repository = self.access.find_repository(request, kind, id)
        # The revisions refs/pr/1 and refs/convert/parquet may be written with plain slashes.
        revision_length = 3 if revision_and_path[:1] == ["refs"] else 1
        commit = find_commit(repository, "/".join(revision_and_path[:revision_length]))
        path = "/".join(revision_and_path[revision_length:])
        self.access.check_download_access(request, repository)
        blob = self._find_blob(commit, path)
        if blob.sha256:
            return self._redirect_to_storage(repository, commit, path, blob)
        if repository.private or repository.gated:
            return self._serve(request, commit, path, blob)
        return self._redirect_to_cache(request, repository, commit, path, blob)

    def serve_cached(self, request: Request) -> Response:
        """Answer ``/api/resolve-cache/{kind}s/{id}/{commit}/{path}``, to which ``resolve`` redirects for small files."""
        kinds, *segments = [unquote(segment) for segment in request.path.split("/")[3:]]
        kind = KINDS[kinds]
        # An id has one segment or two; a commit id of 40 digits follows it.
        id_length = 1 if (kind, segments[0]) in self.access.repositories and len(segments[1]) == 40 else 2
        repository = self.access.find_repository(request, kind, "/".join(segments[:id_length]))
        self.access.check_download_access(request, repository)
        commit = find_commit(repository, segments[id_length])
        path = "/".join(segments[id_length + 1 :])
        return self._serve(request, commit, path, self._find_blob(commit, path))

    def serve_stored(self, request: Request) -> Response:
        """Answer a request to the storage behind signed addresses.

        Raises:
            RefusedError: The signature is missing or wrong, or a token comes beside it, which an object store refuses.
        """
        if "Authorization" in request.headers:
            raise RefusedError(400, "Only one auth mechanism allowed; the signature in the query is one")
        signature = request.query.get("Signature", [""])[-1]
        stored = self._stored.get(request.path)
        if stored is None or not hmac.compare_digest(signature, self._sign(request.path)):
            raise RefusedError(403, "AccessDenied")
        blob, path = stored
        headers = {"Content-Type": "application/octet-stream", "Content-Disposition": build_disposition(path)}
        headers |= {"ETag": f'"{blob.sha256}"', "Accept-Ranges": "bytes"}
        whole = Response(200, headers, Body.of_content(blob.content), path)
        return apply_range(whole, request.headers.get("Range"))

    @staticmethod
    def _find_blob(commit: Commit, path: str) -> Blob:
        """Return the file at a path. Raises ``RefusedError`` if the commit has none."""
        if path not in commit.files:
            raise RefusedError(404, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.oid})
        return commit.files[path]

    @staticmethod
    def _build_headers(commit: Commit, path: str, blob: Blob) -> dict[str, str]:
        """Build the headers of a redirect to a file: its commit, digest, size and name."""
        headers = {
            "X-Repo-Commit": commit.oid,
            "Accept-Ranges": "bytes",
            "Content-Disposition": build_disposition(path),
        }
        return headers | {"X-Linked-ETag": f'"{blob.etag}"', "X-Linked-Size": str(blob.size)}

    def _redirect_to_storage(self, repository: Repository, commit: Commit, path: str, blob: Blob) -> Response:
        """Redirect to the signed address of a large file on the second server."""
        storage_path = f"/repos/{repository.key[:2]}/{repository.key}/{blob.sha256}/{quote(path)}"
        self._stored[storage_path] = (blob, path)
        query = {"response-content-disposition": build_disposition(path), "Expires": "4102444800"}  # 2100
        location = f"{self.cdn}{storage_path}?{urlencode(query | {'Signature': self._sign(storage_path)})}"
        headers = self._build_headers(commit, path, blob) | {"Location": location, "Cache-Control": "no-store"}
        headers["Content-Type"] = "text/plain; charset=utf-8"
        return Response(302, headers, Body.of_content(f"Found. Redirecting to {location}".encode()), path)

    def _redirect_to_cache(
        self, request: Request, repository: Repository, commit: Commit, path: str, blob: Blob
    ) -> Response:
        """Redirect to the address of a small file that names its commit, so that the answer can be cached."""
        # The Hub repeats the requested path and the digest in the query.
        query = urlencode({request.path: "", "etag": f'"{blob.etag}"'})
        location = f"/api/resolve-cache/{repository.kind}s/{repository.id}/{commit.oid}/{quote(path)}?{query}"
        headers = self._build_headers(commit, path, blob) | {
            "Location": location,
            "Content-Type": "text/plain; charset=utf-8",
        }
        del headers["X-Linked-Size"]
        return Response(307, headers, Body.of_content(f"Temporary Redirect. Redirecting to {location}".encode()), path)

    def _serve(self, request: Request, commit: Commit, path: str, blob: Blob) -> Response:
        """Answer with a file or the requested range of it, or with 304 if the client has this version."""
        headers = {"Content-Type": choose_media_type(path), "X-Repo-Commit": commit.oid, "ETag": f'"{blob.etag}"'}
        headers |= {"Accept-Ranges": "bytes", "Content-Disposition": build_disposition(path)}
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return Response(304, headers, entry=path)
        return apply_range(Response(200, headers, Body.of_content(blob.content), path), request.headers.get("Range"))

    @staticmethod
    def _sign(path: str) -> str:
        """Return the signature of a path on the second server."""
        return hmac.new(_SIGNING_KEY, path.encode(), hashlib.sha256).hexdigest()
