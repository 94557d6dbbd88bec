"""Sign statements for an identity: with a key of a few minutes, which Fulcio certifies, and an entry in a log of Rekor.

The library ``sigstore`` does it, with the services of one Sigstore instance that the user names. The result is verified
before it is returned, with the trusted root of the same instance.
"""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import requests
import urllib3
from id import GitHubOidcPermissionCredentialError
from requests.adapters import HTTPAdapter
from sigstore._internal.fulcio import ExpiredCertificate
from sigstore._internal.fulcio.client import FulcioClientError
from sigstore.dsse import Statement
from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle as SigstoreBundle
from sigstore.models import ClientTrustConfig
from sigstore.oidc import ExpiredIdentity, IdentityError, IdentityToken, detect_credential
from sigstore.sign import Signer, SigningContext
from sigstore.verify import Verifier
from sigstore.verify.policy import UnsafeNoOp

from modelaudit.integrity.keyless import REFUSALS, describe_error, read_identity, read_issuer
from modelaudit.integrity.strict_json import shorten
from modelaudit.integrity.user_files import read_trust_file
from modelaudit.model.errors import ConfigurationError, SourceError, UnreachedError
from modelaudit.model.wording import escape_unprintable

TOKEN: Final = "SIGSTORE_ID_TOKEN"
_SECONDS: Final = 60.0
"""Without an answer of a server; a log of version 2 answers once the entry is in its tree."""
_MOST_BYTES: Final = 256 * 1024 * 1024
"""The largest answer; a log answers with no more than it received."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_NEXT: Final = f"set {TOKEN} to a new one"


class KeylessSigner:
    """Signs statements for the identity of a token. Its first signature requests the certificate.

    Args:
        trust_config: file with the services and the trusted root of a Sigstore instance (``ClientTrustConfig``).

    Attributes:
        fingerprint: empty, because each signature has another key.
        identity: in the certificate; empty before the first signature.
        issuer: who vouches for the identity.
        files: ``trust_config``.

    Raises:
        ConfigurationError: the file is missing, malformed or incomplete, it names a server that would receive the token
            without encryption, or there is no valid token.
        SourceError: the service of the CI refuses to give a token.
    """

    fingerprint = ""
    public_key = None

    def __init__(self, trust_config: Path) -> None:
        self.identity = ""
        self.issuer = ""
        self.files: Mapping[str, Path] = {"--trust-config": trust_config}
        option = f"--trust-config: {trust_config}"
        text = read_trust_file(trust_config, "--trust-config")
        try:
            config = ClientTrustConfig.from_json(text.decode("utf-8"))
            services = config.signing_config
            self._verifier = Verifier(trusted_root=config.trusted_root)
            fulcio, logs, authorities = services.get_fulcio(), services.get_tlogs(), services.get_tsas()
        except SigstoreError as error:
            raise ConfigurationError(f"{option} is incomplete: {describe_error(error)}") from error
        except REFUSALS as error:
            raise ConfigurationError(
                f"{option} is not the trust configuration of a Sigstore instance; name a file with its signingConfig "
                "and trustedRoot"
            ) from error
        log: Any = logs[0]
        urls = (fulcio.url, log.url, *(each.url for each in authorities))
        self._authority, self._log, *_ = [_require_server(url, option) for url in urls]
        for session in (fulcio.session, log._session, *(each._session for each in authorities)):
            for scheme in ("https://", "http://"):
                session.mount(scheme, _StrictAdapter())
        self._context = SigningContext(
            fulcio=fulcio, rekor=log, trusted_root=config.trusted_root, tsa_clients=authorities
        )
        self._token = _parse_token(_find_token())
        self._signer: Signer | None = None

    def sign(self, payload: bytes) -> bytes:
        """Sign a statement, and return the bundle as one line of JSON without a line break.

        Raises:
            ConfigurationError: the token has expired.
            SourceError: a server refuses, does not answer, or answers with something that does not verify.
        """
        if self._signer is None:
            with self._explain(self._authority, "the authority for certificates"):
                self._signer = Signer(self._token, self._context)
        with self._explain(self._log, "the log"):
            text = self._signer.sign_dsse(_OpaqueStatement(payload)).to_json()
        with self._explain(self._log, "the log"):
            bundle = SigstoreBundle.from_json(text)
            self._verifier.verify_dsse(bundle, UnsafeNoOp())
        self.identity = read_identity(bundle.signing_certificate)
        self.issuer = read_issuer(bundle.signing_certificate)
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")).encode("ascii")

    @contextmanager
    def _explain(self, server: str, role: str) -> Iterator[None]:
        """Turn what the library raises into one sentence on a server, without the token."""
        place = f"{role} {server}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a certificate that is malformed in a way that is read today
                yield
        except ExpiredIdentity:
            raise ConfigurationError(f"the identity token has expired; {_NEXT}") from None
        except ExpiredCertificate:
            raise SourceError(f"{place}: the certificate has expired; check the clock, and attest again") from None
        except _RefusalError as error:
            raise SourceError(f"{place} refuses with HTTP {error.status}; check the token and --trust-config") from None
        except (requests.ConnectionError, requests.Timeout):
            raise UnreachedError(f"{place} does not answer; check --trust-config and the network") from None
        except (FulcioClientError, *REFUSALS) as error:
            raise SourceError(
                f"{place} answers with something that does not hold by the trusted root of --trust-config: "
                f"{self._redact(error)}"
            ) from None

    def _redact(self, error: Exception) -> str:
        """Describe an error without the token and its parts, which a server could have put into its answer."""
        if any(part in str(error) for part in str(self._token).split(".")):
            return "the answer shows the identity token"
        return escape_unprintable(describe_error(error))


class _OpaqueStatement(Statement):
    """A statement whose subjects may have digests that the library does not know, such as that of a tree."""

    def __init__(self, contents: bytes) -> None:
        self._contents = contents


class _RefusalError(requests.RequestException):
    """A server refuses a request."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class _StrictAdapter(HTTPAdapter):
    """Requests with a bound on time and on bytes, which the library does not set, and without redirections."""

    def send(self, request: Any, stream: bool = False, timeout: Any = None, *rest: Any, **options: Any) -> Any:
        """Send a request, and read its answer.

        Raises:
            _RefusalError: the server answers with an error, or sends the request elsewhere.
            requests.ConnectionError: there is no answer, or it is too long.
        """
        response = super().send(request, True, timeout or _SECONDS, *rest, **options)
        with response:
            if response.status_code >= 300:
                raise _RefusalError(response.status_code)
            data = bytearray()
            for piece in response.iter_content(1 << 16):
                data += piece
                if len(data) > _MOST_BYTES:
                    raise requests.ConnectionError("the answer is too long")
        response._content = bytes(data)
        return response


def _require_server(url: str, option: str) -> str:
    """Return the host of a server. Raises ``ConfigurationError`` unless the way to it is encrypted or local."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host and (parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)):
        return shorten(parts.netloc.rpartition("@")[2])
    raise ConfigurationError(f"{option} names the server {shorten(url)}; it has to begin with https://")


def _find_token() -> str:
    """Return the identity token of the environment, or that of the CI.

    Raises:
        ConfigurationError: there is none.
        SourceError: the CI could give one, and does not.
    """
    given = os.environ.get(TOKEN, "").strip()
    if given:
        return given
    try:
        found = detect_credential()
    except IdentityError as error:
        if isinstance(error.__cause__, GitHubOidcPermissionCredentialError):
            raise ConfigurationError(
                f"the CI gives no identity token: allow the job id-token: write, or set {TOKEN}"
            ) from None
        raise SourceError(f"the CI gives no identity token: {_describe_refusal(str(error))}; or {_NEXT}") from None
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        raise SourceError(f"the CI gives no identity token: it answers with something else; or {_NEXT}") from None
    if found is None:
        raise ConfigurationError(
            f"--trust-config: there is no identity token: {TOKEN} is not set, and no CI was found that gives one"
        )
    return found


def _describe_refusal(text: str) -> str:
    """Return the message of a CI without what its server wrote, which could show a secret."""
    status = re.search(r"\(code=([0-9]{3})", text)
    return f"it refuses with HTTP {status[1]}" if status else text.partition(" (")[0]


def _parse_token(token: str) -> IdentityToken:
    """Parse an identity token. Raises ``ConfigurationError``, whose message never quotes it."""
    try:
        return IdentityToken(token)
    except IdentityError as error:
        if isinstance(error.__cause__, jwt.ExpiredSignatureError) or "validity period" in str(error):
            raise ConfigurationError(f"the identity token has expired or is not valid yet; {_NEXT}") from None
    raise ConfigurationError(
        f"{TOKEN}: it is not an identity token for Sigstore, a JWT for the audience 'sigstore' with issuer, subject "
        f"and times; {_NEXT}"
    )
