"""Answer whether a model, or a sealed folder, is the one of an attested verdict; ``verify`` and the zipapp ask this."""

from __future__ import annotations

from pathlib import Path

from modelaudit.integrity.answers import Answer
from modelaudit.integrity.conditions import Conditions
from modelaudit.model.errors import SignatureError
from modelaudit.model.trust import TrustedSigner


def answer_verdict(
    path: str, attestation: Path | None, signers: tuple[TrustedSigner, ...], conditions: Conditions
) -> Answer:
    """Answer on a model by its attestation, or on a sealed folder.

    Args:
        path: the folder.
        attestation: of the model in it; ``None`` for a sealed folder.
        signers: who may attest, or seal.
        conditions: what the verdict has to state.

    Raises:
        ConfigurationError: an option is wrong (exit 2).
        SourceError: something cannot be read (exit 4).
    """
    try:
        if attestation is None:
            from modelaudit.sealed import verify_seal  # each needs modules that the other does not

            return Answer(path, verify_seal(path, signers, conditions))
        from modelaudit.attested import verify_attestation

        return Answer(path, verify_attestation(path, attestation, signers, conditions))
    except SignatureError as error:
        return Answer(path, error)
