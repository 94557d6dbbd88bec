"""Decide whether a bundle was signed by somebody who is trusted.

Nothing here loads a library of cryptography, so that a model without signatures costs no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from modelaudit.integrity.bundles import Bundle
from modelaudit.model.errors import SignatureError, UntrustedSignerError
from modelaudit.model.signature import SignatureMethod, Signer

_LACKS: Final = {
    SignatureMethod.KEY: "no key was given: --public-key FILE",
    SignatureMethod.CERTIFICATE: "no root of certificates was given: --certificate-root FILE",
    SignatureMethod.SIGSTORE: "no identity was given: --identity NAME --issuer URL --trusted-root FILE",
}


class Verifier(Protocol):
    """Accepts the bundles of one trusted signer."""

    @property
    def method(self) -> SignatureMethod:
        """The method of the bundles that it can accept."""

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the signer of a bundle. Raises ``SignatureError`` if it is not the trusted one."""


def explain_unchecked(method: SignatureMethod) -> str:
    """Explain that no signer was given for a method, with the option that names one."""
    return _LACKS[method]


def require_signer(bundle: Bundle, verifiers: Sequence[Verifier], deed: str, now: datetime | None = None) -> Signer:
    """Return the trusted signer of a bundle.

    Args:
        bundle: as it was read.
        verifiers: of those who may do the deed.
        deed: what they may do, such as *attest*, for the message.
        now: as for ``find_signer``.

    Raises:
        SignatureError: none of them signed it.
    """
    signer = find_signer(bundle, verifiers, now)
    if signer is None:
        raise SignatureError(f"it is signed by the method {bundle.method}, and no signer who may {deed} uses it")
    return signer


def find_signer(bundle: Bundle, verifiers: Sequence[Verifier], now: datetime | None = None) -> Signer | None:
    """Find the trusted signer of a bundle.

    Args:
        bundle: as it was read.
        verifiers: of the trusted signers.
        now: the time at which certificates have to be valid if nothing proves another; by default this moment.

    Returns:
        The signer; ``None`` if no trusted signer uses the method of the bundle.

    Raises:
        UntrustedSignerError: every trusted signer of that method refuses it.
    """
    fitting = [each for each in verifiers if each.method is bundle.method]
    refusals: list[str] = []
    for each in fitting:
        try:
            return each.verify(bundle, now or datetime.now(UTC))
        except SignatureError as error:
            refusals.append(str(error))
    if not fitting:
        return None
    raise UntrustedSignerError("; ".join(dict.fromkeys(refusals)))
