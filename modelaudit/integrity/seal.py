"""The seal of a folder: a signed statement on each of its entries but itself (``docs/deploy.md``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from modelaudit.integrity.bundles import MOST_BYTES, Bundle, parse_bundle
from modelaudit.integrity.statements import parse_statement
from modelaudit.integrity.subjects import build_entries_statement, read_entries
from modelaudit.model.errors import SignatureError
from modelaudit.model.tree import TreeEntry

SEAL: Final = "urn:modelaudit:seal:v1"
SEAL_NAME: Final = "seal.json"
MODEL_NAME: Final = "model"
SIGNATURES_NAME: Final = "signatures"
"""A folder with the signatures that do not lie in the model; absent without one."""
LOCK_NAME: Final = "modelaudit.lock"
ATTESTATION_NAME: Final = "attestation.jsonl"
VERIFIER_NAME: Final = "verify.pyz"
REPORT_NAME: Final = "report.json"
PAGE_NAME: Final = "report.html"
BILL_NAME: Final = "sbom.cdx.json"
RULES_NAME: Final = "rules.zip"
PARTS: Final = (ATTESTATION_NAME, LOCK_NAME, REPORT_NAME, PAGE_NAME, BILL_NAME, RULES_NAME, VERIFIER_NAME)
"""The files that a sealed folder holds beside the folder of the model."""


class Seal(Struct, frozen=True):
    """A seal, before its signature is verified.

    Attributes:
        entries: every entry of the folder but the seal.
        bundle: the signed statement.
    """

    entries: tuple[TreeEntry, ...]
    bundle: Bundle


def is_sealed(folder: str, *, by_name: bool) -> bool:
    """Whether a folder is to be checked as a sealed one.

    Args:
        folder: a folder, sealed or of a model.
        by_name: whether a file of the name of a seal is enough; else it has to be one, because a model may have a file
            of that name too.
    """
    path = Path(folder, SEAL_NAME)
    if by_name or not path.is_file():
        return path.is_file()
    try:
        with path.open("rb") as file:
            parse_seal(file.read(MOST_BYTES + 1))
    except (OSError, SignatureError):
        return False
    return True


def build_seal(entries: Sequence[TreeEntry]) -> bytes:
    """Build the payload of a seal. Raises ``ValueError`` if a tree digest cannot cover an entry."""
    return build_entries_statement(SEAL, entries)


def parse_seal(data: bytes) -> Seal:
    """Parse a seal. Raises ``SignatureError`` if it is malformed."""
    bundle = parse_bundle(data)
    entries, _, _ = read_entries(parse_statement(bundle.envelope.payload), SEAL, "the seal")
    return Seal(entries, bundle)
