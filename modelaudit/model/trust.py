"""The signers that a user or a policy trusts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.signature import SignatureMethod

REQUIRED: Final = {
    SignatureMethod.KEY: ("public_key",),
    SignatureMethod.CERTIFICATE: ("certificate_root",),
    SignatureMethod.SIGSTORE: ("identity", "issuer", "trusted_root"),
}
"""The fields without which no signature of a method may be accepted; a policy writes hyphens in their names."""
NAME_HINT: Final = "is not a name as RFC 4514 writes it; write it such as CN=models,O=Acme: no blank around the parts"
_PART: Final = (
    r"(?:CN|L|ST|O|OU|C|STREET|DC|UID|[0-2](?:\.\d+)+)="
    r"(?! )(?:[^\\,+;<>\"\0]|\\(?:[0-9A-Fa-f]{2}|.))*(?<!(?<!\\) )"
)
_NAME: Final = defer_pattern(f"{_PART}(?:[,+]{_PART})*", re.DOTALL)


class TrustedSigner(Struct, frozen=True):
    """One way in which a signature can be accepted; which fields are set depends on the method.

    Attributes:
        method: of the signatures that it can accept.
        origin: the option or the line of the policy that names it, for messages.
        public_key: file with an EC key in PEM.
        certificate_root: file with one or more certificates in PEM; the chain of a signer has to lead to one.
        subject: of the certificate of the signer, as RFC 4514 writes it; empty for any.
        identity: of a signer without a long-lived key: an e-mail address or a URI.
        issuer: the address of the service that vouches for the identity.
        trusted_root: file with the keys and certificates of a Sigstore instance (``trusted_root.json``). With a key or
            a certificate, its time stamping authorities and logs show when a signature was made.
    """

    method: SignatureMethod
    origin: str
    public_key: Path | None = None
    certificate_root: Path | None = None
    subject: str = ""
    identity: str = ""
    issuer: str = ""
    trusted_root: Path | None = None

    @property
    def root_origin(self) -> str:
        """The option or the line of the policy that names ``trusted_root``, for messages."""
        return "--trusted-root" if self.origin.startswith("--") else self.origin


def is_distinguished_name(text: str) -> bool:
    """Whether a text has the form in which certificates are compared (RFC 4514, sections 2 to 4).

    Short names of attributes are those of section 3 in capitals; every other attribute has its number.
    """
    return _NAME.fullmatch(text) is not None
