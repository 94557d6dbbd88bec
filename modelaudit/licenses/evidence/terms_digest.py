"""Compute one digest of all that states the terms of a model, which a decision on its licences binds.

Changed weights leave it as it is, and a changed card, licence text or statement of the Hub changes it. `scan` and
`license` compute the same, although the second reads no weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable

from modelaudit.model.address import file_of, read_file_path
from modelaudit.model.license import LicenseClaim
from modelaudit.model.term_files import classify_text_file, is_package_metadata


def compute_terms_digest(
    claims: Collection[LicenseClaim], paths: Iterable[str], compute_digest: Callable[[str], str | None]
) -> str:
    """Compute the SHA-256 over the files that state terms, and over the words of the Hub and of heads of weights.

    Args:
        claims: on the licence and the base models.
        paths: of the files that may hold terms as a whole; the words of others count, such as the heads of weights.
        compute_digest: returns the SHA-256 of the file at a path; ``None`` if it cannot be read.
    """
    paths = set(paths)
    files = {path for path in paths if classify_text_file(path) is not None or is_package_metadata(path)}
    lines = []
    for claim in claims:
        path = file_of(claim.artifact)
        if path in paths:
            files.add(path)
        else:
            lines.append([read_file_path(path), claim.field, claim.quotation])
    lines += [[read_file_path(path), "sha256", compute_digest(path) or "unreadable"] for path in files]
    text = "\n".join(sorted({json.dumps(line) for line in lines}))
    return hashlib.sha256(text.encode()).hexdigest()
