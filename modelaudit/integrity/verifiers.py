"""Decide whether a bundle was signed by somebody who is trusted.

Nothing here loads a library of cryptography, so that a model without signatures costs no time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Protocol

from msgspec import Struct

from modelaudit.integrity.bundles import Bundle
from modelaudit.model.errors import SignatureError, UncheckedSignerError, UntrustedSignerError
from modelaudit.model.signature import SignatureMethod, Signer


class _Words(Struct, frozen=True):
    """How messages speak of a method.

    Attributes:
        noun: whom an option or a policy trusts by it.
        plural: several of them.
        option: names one on the command line.
        keys: name one in ``trusted-signers`` of a policy.
    """

    noun: str
    plural: str
    option: str
    keys: str


ATTEST: Final = "attest"
"""What the signers of an attestation may do."""
_WORDS: Final = {
    SignatureMethod.KEY: _Words("key", "keys", "--public-key FILE", "public-key"),
    SignatureMethod.CERTIFICATE: _Words(
        "root of certificates", "roots of certificates", "--certificate-root FILE", "certificate-root"
    ),
    SignatureMethod.SIGSTORE: _Words(
        "identity", "identities", "--identity NAME --issuer URL --trusted-root FILE",
        "identity, issuer and trusted-root",
    ),
}  # fmt: skip


class Verifier(Protocol):
    """Accepts the bundles of one trusted signer."""

    @property
    def origin(self) -> str:
        """The option, or the file and line of the policy, that names the signer."""

    @property
    def method(self) -> SignatureMethod:
        """The method of the bundles that it can accept."""

    def verify(self, bundle: Bundle, now: datetime) -> Signer:
        """Return the signer of a bundle. Raises ``SignatureError`` if it is not the trusted one."""


def explain_unchecked(method: SignatureMethod, verifiers: Sequence[Verifier] = ()) -> str:
    """Explain that no trusted signer uses a method, and how to name one that does.

    Args:
        method: of a signature.
        verifiers: of the trusted signers, each of another method.
    """
    words = _WORDS[method]
    if not verifiers:
        return f"no {words.noun} was given: {words.option}"
    options = dict.fromkeys(each.origin for each in verifiers if each.origin.startswith("--"))
    policies = dict.fromkeys(
        each.origin.rpartition(":")[0] or each.origin for each in verifiers if each.origin not in options
    )
    groups = [*(["the trusted-signers"] if policies else []), *(f"those of {each}" for each in options)]
    kinds = dict.fromkeys(_WORDS[each.method].plural for each in verifiers)
    # A policy that names signers counts no others.
    hint = f"add an entry with {words.keys} to {' and '.join(policies)}" if policies else f"name it with {words.option}"
    # A screen cuts the end, so the reason is the start.
    return (
        f"not among {' and '.join(groups)}: they are {' and '.join(kinds)}, and its signer uses the method {method}; "
        f"if it counts, {hint}"
    )


def require_signer(bundle: Bundle, verifiers: Sequence[Verifier], deed: str, now: datetime | None = None) -> Signer:
    """Return the trusted signer of a bundle.

    Args:
        bundle: as it was read.
        verifiers: of those who may do the deed.
        deed: what they may do, such as ``ATTEST``, for the message.
        now: as for ``find_signer``.

    Raises:
        SignatureError: none of them signed it.
    """
    signer = find_signer(bundle, verifiers, now)
    if signer is None:
        # A seal and a pack take keys alone.
        option = "--key FILE" if bundle.method is SignatureMethod.KEY else _WORDS[bundle.method].option
        hint = f"; if its signer may attest, name it to modelaudit verify with {option}" if deed == ATTEST else ""
        raise SignatureError(f"it is signed by the method {bundle.method}, and no signer who may {deed} uses it{hint}")
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
        UncheckedSignerError: a package is missing that the check by one of them needs, and no other accepts it.
        UntrustedSignerError: every trusted signer of that method refuses it.
    """
    fitting = [each for each in verifiers if each.method is bundle.method]
    refusals: list[str] = []
    unchecked: UncheckedSignerError | None = None
    for each in fitting:
        try:
            return each.verify(bundle, now or datetime.now(UTC))
        except UncheckedSignerError as error:
            unchecked = error
        except SignatureError as error:
            refusals.append(str(error))
    if unchecked is not None:
        raise unchecked
    if not fitting:
        return None
    raise UntrustedSignerError("; ".join(dict.fromkeys(refusals)))
