"""Read the files of trusted signers, which never lie in the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelaudit.integrity.places import lies_in
from modelaudit.integrity.verifiers import Verifier
from modelaudit.model.artifact import Snapshot
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.signature import SignatureMethod
from modelaudit.model.trust import TrustedSigner


def load_verifiers(signers: Sequence[TrustedSigner], snapshot: Snapshot) -> tuple[Verifier, ...]:
    """Read the files of trusted signers.

    Raises:
        ConfigurationError: one is missing, not what its option takes, or lies in the model that it would vouch for.
    """
    for signer in signers:
        for path in (signer.public_key, signer.certificate_root, signer.trusted_root):
            if path is not None and lies_in(path, snapshot.root):
                raise ConfigurationError(
                    f"{signer.origin}: {path} lies in the model, and a model must not name who signs it; move it out"
                )
    if not signers:
        return ()
    from modelaudit.integrity.signers import load_verifier  # the library of cryptography takes a while to load

    return tuple(map(load_verifier, signers))


def make_signer(key: Path) -> TrustedSigner:
    """Make the signer of ``--key``."""
    return TrustedSigner(SignatureMethod.KEY, "--key", public_key=key)
