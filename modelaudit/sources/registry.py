"""Attach signed statements to an image in an OCI registry, as referrers (OCI Distribution 1.1, Image 1.1).

Sources: OCI Distribution Specification 1.1, sections "Pushing Manifests", "Pushing Manifests with Subject" and
"Referrers Tag Schema"; Docker Registry HTTP API V2, "Token Authentication".
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlencode, urljoin, urlsplit

import httpx2
from msgspec import Struct

from modelaudit.model.errors import ConfigurationError, SourceError
from modelaudit.model.lazy_pattern import defer_pattern

MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
INDEX: Final = "application/vnd.oci.image.index.v1+json"
_ACCEPTED: Final = ", ".join(
    (
        MANIFEST,
        INDEX,
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_TITLE: Final = "org.opencontainers.image.title"
_EMPTY: Final = b"{}"
_EMPTY_TYPE: Final = "application/vnd.oci.empty.v1+json"
_MOST_BYTES: Final = 4 * 1024 * 1024
"""The largest manifest, as registries have to accept it."""
_SECONDS: Final = 60.0
_MOST_SECONDS: Final = 300.0
"""Of one answer, whose parts may each take ``_SECONDS``."""
_REFERENCE: Final = defer_pattern(
    r"(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?|\[[0-9a-fA-F:]+\](?::\d{1,5})?)/"
    r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_CHALLENGE: Final = defer_pattern(r'(\w+)="([^"]*)"')


class ImageReference(Struct, frozen=True):
    """An image in a registry: ``host/name:tag`` or ``host/name@sha256:…``.

    Attributes:
        reference: the digest, or the tag if no digest is named.
    """

    host: str
    name: str
    reference: str

    @property
    def base(self) -> str:
        """The address of the repository. Plain HTTP is used for this machine alone, as other clients do."""
        is_local = self.host.split(":")[0] in ("localhost", "127.0.0.1") or self.host.startswith("[::1]")
        return f"{'http' if is_local else 'https'}://{self.host}/v2/{self.name}"


class Descriptor(Struct, frozen=True):
    """A manifest or a blob: its media type, its digest (``sha256:…``) and its bytes."""

    media_type: str
    digest: str
    size: int

    def build(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


class _Answer(Struct, frozen=True):
    """An answer of a registry, whose body has at most ``_MOST_BYTES``."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


def parse_image(text: str) -> ImageReference:
    """Parse the name of an image. Raises ``ConfigurationError``."""
    match = _REFERENCE.fullmatch(text)
    if match is None or not (match["tag"] or match["digest"]):
        raise ConfigurationError(f"{text!r} is not an image; write it as registry.example/name@sha256:…")
    return ImageReference(match["host"], match["name"], match["digest"] or match["tag"])


class Registry:
    """The repository of one image. Leaving the ``with`` statement closes the connection.

    Args:
        image: the image.
        credentials: name and password; by default those of ``~/.docker/config.json``.
    """

    def __init__(self, image: ImageReference, credentials: tuple[str, str] | None = None) -> None:
        self._image = image
        self._credentials = credentials or _find_credentials(image.host)
        self._headers: dict[str, str] = {}
        self._client = httpx2.Client(timeout=_SECONDS, follow_redirects=False, max_redirects=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def find_image(self) -> Descriptor:
        """Find the manifest of the image.

        Raises:
            SourceError: the registry does not have it, or delivers another one than the named digest.
        """
        response = self._request("GET", f"/manifests/{self._image.reference}", headers={"Accept": _ACCEPTED})
        data = self._expect(response, (200,), "has no such image").content
        digest = _digest(data)
        if self._image.reference.startswith("sha256:") and digest != self._image.reference:
            raise SourceError(f"{self._image.base}: the registry delivers {digest} for {self._image.reference}")
        media_type = response.headers.get("Content-Type", MANIFEST).partition(";")[0].strip()
        return Descriptor(media_type, digest, len(data))

    def attach(self, subject: Descriptor, artifact_type: str, content: bytes, title: str) -> Descriptor:
        """Attach a blob to a manifest as a referrer.

        Where the registry does not know the API of referrers, the index under the tag ``sha256-…`` lists it.

        Args:
            subject: the manifest of the image.
            artifact_type: media type of the blob and of the referrer.
            content: the blob.
            title: the name under which clients store the blob.

        Raises:
            SourceError: the registry refuses it.
        """
        layer, config = Descriptor(artifact_type, _digest(content), len(content)), self._push_empty()
        self._push_blob(content)
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "artifactType": artifact_type,
                "config": config.build(),
                "layers": [{**layer.build(), "annotations": {_TITLE: title}}],
                "subject": subject.build(),
            },
            sort_keys=True,
        ).encode("ascii")
        referrer = Descriptor(MANIFEST, _digest(manifest), len(manifest))
        response = self._put_manifest(referrer.digest, MANIFEST, manifest)
        if response.headers.get("OCI-Subject") != subject.digest and not self._knows_referrers(subject):
            self._list_under_tag(subject, {**referrer.build(), "artifactType": artifact_type})
        return referrer

    def _push_empty(self) -> Descriptor:
        """Push the empty configuration of a referrer."""
        self._push_blob(_EMPTY)
        return Descriptor(_EMPTY_TYPE, _digest(_EMPTY), len(_EMPTY))

    def _push_blob(self, content: bytes) -> None:
        """Push a blob unless the registry has it (Distribution 1.1, "POST then PUT")."""
        digest = _digest(content)
        if self._request("HEAD", f"/blobs/{digest}").status_code == 200:
            return
        started = self._expect(self._request("POST", "/blobs/uploads/"), (202,), "accepts no upload")
        target = self._locate_upload(started.headers.get("Location", ""), digest)
        headers = {"Content-Type": "application/octet-stream"}
        self._expect(self._request("PUT", target, headers=headers, content=content), (201,), "refuses a blob")

    def _locate_upload(self, location: str, digest: str) -> str:
        """Return the address to upload a blob to. Raises ``SourceError`` for one on another server or port.

        The password or token of the registry goes there.
        """
        base = self._image.base
        try:
            own, there = urlsplit(base), urlsplit(urljoin(f"{base}/", location))
        except ValueError as error:
            raise SourceError(f"{base}: the registry sends an upload to no address: {location[:80]!r}") from error
        if (there.scheme, there.netloc) != (own.scheme, own.netloc):
            raise SourceError(f"{base}: the registry sends an upload to another server: {location[:80]!r}")
        query = "&".join(part for part in (there.query, urlencode({"digest": digest})) if part)
        return there._replace(query=query, fragment="").geturl()

    def _put_manifest(self, reference: str, media_type: str, content: bytes) -> _Answer:
        """Push a manifest or an index."""
        response = self._request(
            "PUT", f"/manifests/{reference}", headers={"Content-Type": media_type}, content=content
        )
        return self._expect(response, (201,), "refuses a manifest")

    def _knows_referrers(self, subject: Descriptor) -> bool:
        """Whether the registry has the API of referrers, which lists what names a subject by itself."""
        return self._request("GET", f"/referrers/{subject.digest}").status_code == 200

    def _list_under_tag(self, subject: Descriptor, referrer: Mapping[str, object]) -> None:
        """Add a referrer to the index under the tag of its subject (Distribution 1.1, "Referrers Tag Schema")."""
        tag = subject.digest.replace(":", "-")
        response = self._request("GET", f"/manifests/{tag}", headers={"Accept": INDEX})
        listed: list[object] = []
        if response.status_code == 200:
            try:
                listed = [each for each in json.loads(response.content)["manifests"] if isinstance(each, dict)]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise SourceError(
                    f"{self._image.base}:{tag} is not an index of referrers; nothing was changed"
                ) from error
        elif response.status_code != 404:
            self._expect(response, (200, 404), "does not answer for the tag of referrers")
        kept = [each for each in listed if isinstance(each, dict) and each.get("digest") != referrer["digest"]]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*kept, dict(referrer)]}
        self._put_manifest(tag, INDEX, json.dumps(index, sort_keys=True).encode("ascii"))

    def _request(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> _Answer:
        """Make a request, and repeat it with a token if the registry asks for one. Raises ``SourceError``."""
        address = f"{self._image.base}{path}" if path.startswith("/") else path
        try:
            response = self._send(method, address, headers, content)
            if response.status_code == 401 and self._authorize(response):
                response = self._send(method, address, headers, content)
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise SourceError(f"{self._image.base}: no answer: {error}; check the name and the network") from error
        return response

    def _send(self, method: str, address: str, headers: Mapping[str, str] | None, content: bytes | None) -> _Answer:
        """Send a request with the present authorization. Raises ``SourceError`` for an answer without end."""
        return self._read(method, address, {**self._headers, **(headers or {})}, content)

    def _read(self, method: str, address: str, headers: Mapping[str, str], content: bytes | None = None) -> _Answer:
        """Send a request, and return the answer with its body, which may be as large as a manifest."""
        sent = {"Accept-Encoding": "identity", **headers}
        end = time.monotonic() + _MOST_SECONDS
        body = bytearray()
        with self._client.stream(method, address, headers=sent, content=content) as response:
            for piece in response.iter_raw():  # not decompressed, because a few bytes may become many
                body += piece
                if len(body) > _MOST_BYTES:
                    raise SourceError(f"{self._image.base}: the answer has more than {_MOST_BYTES:,} bytes")
                if time.monotonic() > end:
                    raise SourceError(f"{self._image.base}: the answer takes longer than {_MOST_SECONDS:.0f} seconds")
        return _Answer(response.status_code, response.headers, bytes(body))

    def _authorize(self, response: _Answer) -> bool:
        """Set the authorization that a registry asks for; return whether there is a new one."""
        scheme, _, rest = response.headers.get("WWW-Authenticate", "").partition(" ")
        if self._headers:
            return False
        if scheme.lower() == "basic" and self._credentials:
            self._headers = {"Authorization": _encode_basic(self._credentials)}
            return True
        fields = dict(_CHALLENGE.findall(rest))
        if scheme.lower() != "bearer" or not fields.get("realm", "").startswith(("https://", self._image.base[:7])):
            return False
        query = {"service": fields.get("service", ""), "scope": f"repository:{self._image.name}:pull,push"}
        basic = {"Authorization": _encode_basic(self._credentials)} if self._credentials else {}
        answer = self._read("GET", f"{fields['realm']}?{urlencode(query)}", basic)
        try:
            document = json.loads(answer.content)
            token = document.get("token") or document.get("access_token")
        except (ValueError, AttributeError, RecursionError):
            return False
        self._headers = {"Authorization": f"Bearer {token}"} if isinstance(token, str) else {}
        return bool(self._headers)

    def _expect(self, response: _Answer, codes: Sequence[int], problem: str) -> _Answer:
        """Return a response with one of the status codes. Raises ``SourceError`` for another."""
        if response.status_code in codes:
            return response
        hint = "; log in, for instance with docker login" if response.status_code in (401, 403) else ""
        raise SourceError(f"{self._image.base}: the registry {problem}: status {response.status_code}{hint}")


def _digest(data: bytes) -> str:
    """Return the digest of bytes as OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _encode_basic(credentials: tuple[str, str]) -> str:
    """Return the header of basic authentication (RFC 7617)."""
    return "Basic " + base64.b64encode(":".join(credentials).encode()).decode("ascii")


def _find_credentials(host: str) -> tuple[str, str] | None:
    """Find the name and password for a registry in the settings of Docker; ``None`` without any."""
    folder = os.environ.get("DOCKER_CONFIG") or str(Path("~/.docker").expanduser())
    try:
        settings = json.loads(Path(folder, "config.json").read_bytes())
        entry = settings["auths"][host]
        name, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name, password
