"""Prove the time of a signature by an RFC 3161 time stamp of an authority that the user trusts.

Import this module only where a time has to be proven: it needs the extra ``sigstore``, which takes a while to load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from rfc3161_client import TimeStampResponse, VerificationError, VerifierBuilder, decode_timestamp_response
from sigstore.errors import Error as SigstoreError
from sigstore.models import TrustedRoot

from modelaudit.integrity.bundles import Bundle
from modelaudit.integrity.trust_files import read_trust_file
from modelaudit.model.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class TimeStampAuthority:
    """A service that states when it saw a signature.

    Attributes:
        certificates: the one that signs time stamps first, the root last; at least two.
        start: no time stamp before it counts.
        end: no time stamp from then on counts; ``None`` for a service that still runs.
    """

    certificates: tuple[x509.Certificate, ...]
    start: datetime
    end: datetime | None


def load_trusted_root(path: Path, option: str) -> TrustedRoot:
    """Load the keys and certificates of a Sigstore instance (``trusted_root.json``).

    Raises:
        ConfigurationError: the file is missing, too large, or holds something else.
    """
    read_trust_file(path, option)
    try:
        return TrustedRoot.from_file(str(path))
    except (ValueError, SigstoreError) as error:
        raise ConfigurationError(
            f"{option}: {path} is not the trusted root of a Sigstore instance; name its trusted_root.json"
        ) from error


def list_authorities(root: TrustedRoot) -> tuple[TimeStampAuthority, ...]:
    """Return the authorities of a trusted root that issue time stamps.

    Raises:
        ValueError: a certificate is malformed.
        sigstore.errors.Error: an authority has no certificate.
    """
    return tuple(
        TimeStampAuthority(tuple(certificates), each.validity_period_start, each.validity_period_end)
        for each in root.get_timestamp_authorities()
        # Without a root nothing shows whose certificate the first one is.
        if len(certificates := each.certificates(allow_expired=True)) > 1
    )


def prove_time(bundle: Bundle, authorities: Sequence[TimeStampAuthority]) -> datetime | None:
    """Return the earliest time at which one of the authorities has seen the signature of a bundle.

    A time stamp of anybody else, or of another signature, proves nothing and is passed over.

    Returns:
        A time in UTC; ``None`` if no time stamp of the bundle proves one.
    """
    times = []
    for data in dict.fromkeys(bundle.time_stamps):
        try:
            stamp = decode_timestamp_response(data)
        except ValueError:
            continue
        if any(_is_of(stamp, each, bundle.envelope.signature) for each in authorities):
            times.append(stamp.tst_info.gen_time)
    return min(times, default=None)


def _is_of(stamp: TimeStampResponse, authority: TimeStampAuthority, signature: bytes) -> bool:
    """Whether a time stamp is that of a signature by an authority."""
    first, *between, root = authority.certificates
    builder = VerifierBuilder().tsa_certificate(first).add_root_certificate(root)
    for certificate in between:
        builder = builder.add_intermediate_certificate(certificate)
    try:
        builder.build().verify_message(stamp, signature)
    except (VerificationError, ValueError):
        return False
    time = stamp.tst_info.gen_time
    return authority.start <= time and (authority.end is None or time < authority.end)
