"""The words by which a text reads like terms, whatever the name of its file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field


class TermWords(Struct, frozen=True):
    """The content of ``rules/term_words.yaml``.

    Attributes:
        window: characters within which the signs must lie.
        enough: different signs within one window that make it a text of terms.
        titled: different signs that are enough behind a title.
        needed: signs; at least one must be among them.
        titles: patterns of a title, a line of its own.
        signs: patterns by the id of the sign.
        quiet: patterns of notices that refer to a standard licence, which count as no signs.
    """

    window: int = 1
    enough: int = 1
    titled: int = 1
    needed: frozenset[str] = frozenset()
    titles: tuple[re.Pattern[str], ...] = ()
    signs: Mapping[str, tuple[re.Pattern[str], ...]] = field(default_factory=dict)
    quiet: tuple[re.Pattern[str], ...] = ()
