"""Check a signature that was made for an identity, with a certificate of a few minutes and an entry of a public log.

The library ``sigstore`` does it, with the keys of a Sigstore instance that the user supplies, so that nothing is
requested from a network. Import this module only where such a signature has to be checked: the library takes a while to
load.
"""

from __future__ import annotations

from datetime import UTC, datetime

from modelaudit.integrity.bundles import Bundle
from modelaudit.model.errors import ConfigurationError, SignatureError
from modelaudit.model.signature import SignatureMethod, SignedTime, Signer
from modelaudit.model.trust import TrustedSigner

try:
    from rfc3161_client import decode_timestamp_response
    from sigstore.errors import Error as SigstoreError
    from sigstore.models import Bundle as SigstoreBundle
    from sigstore.models import TrustedRoot
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity
except ImportError as error:
    raise ConfigurationError(
        "a signature of an identity is checked with the package sigstore; install modelaudit-gate[sigstore]"
    ) from error


class KeylessVerifier:
    """Accepts the signatures of one identity for which one issuer vouches.

    Raises:
        ConfigurationError: the trusted root cannot be read, or holds no log.
    """

    method = SignatureMethod.SIGSTORE

    def __init__(self, trusted: TrustedSigner) -> None:
        self._trusted = trusted
        try:
            root = TrustedRoot.from_file(str(trusted.trusted_root))
            self._verifier = Verifier(trusted_root=root)
        except (OSError, ValueError, KeyError, SigstoreError) as error:
            raise ConfigurationError(
                f"{trusted.origin}: {trusted.trusted_root} is not the trusted root of a Sigstore instance: {error}"
            ) from error

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the identity as the signer. Raises ``SignatureError``."""
        trusted = self._trusted
        policy = Identity(identity=trusted.identity, issuer=trusted.issuer)
        try:
            parsed = SigstoreBundle.from_json(bundle.text)
            _, payload = self._verifier.verify_dsse(parsed, policy)
        except (SigstoreError, ValueError, KeyError, TypeError) as error:
            raise SignatureError(f"it is not of {trusted.identity} for {trusted.issuer}: {error}") from error
        if payload != bundle.envelope.payload:
            raise SignatureError("two readings of the bundle give two statements")
        return Signer(SignatureMethod.SIGSTORE, trusted.identity, trusted.issuer, trusted.origin, _find_time(bundle))


def _find_time(bundle: Bundle) -> SignedTime | None:
    """Return the time of a bundle that was verified: that of a time stamp, else that of the log."""
    if bundle.time_stamps:
        time = decode_timestamp_response(bundle.time_stamps[0]).tst_info.gen_time
        return SignedTime(_format(time), "time stamp")
    if bundle.logged_time is None:
        return None
    return SignedTime(_format(datetime.fromtimestamp(bundle.logged_time, UTC)), "log entry")


def _format(time: datetime) -> str:
    """Return a time in UTC as the report writes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
