"""Check one time stamp (RFC 3161) with the package ``rfc3161-client``, which the extra ``sigstore`` installs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from modelaudit.integrity.certificates import MALFORMED


def read_time_stamp(stamp: bytes, message: bytes, certificates: Sequence[bytes]) -> datetime | None:
    """Return the time of a time stamp, with a time zone; ``None`` if the authority did not make it for the message.

    Args:
        stamp: the response of the authority, in DER.
        message: what was stamped.
        certificates: of the authority in DER, its own first and its root last.
    """
    try:
        own, *rest = map(x509.load_der_x509_certificate, certificates)
        response = decode_timestamp_response(stamp)
        roots = rest[-1:] or [own]
        verifier = VerifierBuilder(tsa_certificate=own, intermediates=rest[:-1], roots=roots).build()
        verifier.verify_message(response, message)
        time = response.tst_info.gen_time
    except (*MALFORMED, VerificationError, x509.ExtensionNotFound):
        return None
    return time if own.not_valid_before_utc <= time <= own.not_valid_after_utc else None
