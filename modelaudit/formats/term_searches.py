"""List the searches of every text that may find terms; those in ``text_searches`` find programs and secrets too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from modelaudit.formats.encoded_strings import ENCODED_STRINGS
from modelaudit.languages.terms.package_metadata import PACKAGE_METADATA
from modelaudit.languages.terms.prose import TERMS
from modelaudit.wire.base import Reader

TERM_SEARCHES: Final = (TERMS, PACKAGE_METADATA, ENCODED_STRINGS)


def list_searches(*, are_for_terms: bool) -> Sequence[Reader]:
    """List the searches of every text, or those alone that may find terms."""
    if are_for_terms:
        return TERM_SEARCHES
    from modelaudit.formats import text_searches  # it loads the analysis of every language

    return text_searches.TEXT_SEARCHES
