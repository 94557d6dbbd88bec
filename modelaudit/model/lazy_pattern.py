"""A regular expression that is compiled at its first use: rules hold more of them than most runs need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, eq=False)
class LazyPattern:
    """The text of a regular expression.

    Compiling an invalid one raises ``re.error`` at its first use, so that whoever reads one from a file of a user
    calls ``compiled`` at once.
    """

    text: str

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The compiled expression."""
        return re.compile(self.text)

    @property
    def groups(self) -> Mapping[str, int]:
        """The numbers of the named groups."""
        return self.compiled.groupindex

    def match(self, text: str) -> re.Match[str] | None:
        """Match the beginning of ``text``."""
        return self.compiled.match(text)

    def search(self, text: str) -> re.Match[str] | None:
        """Find the first place in ``text`` that matches."""
        return self.compiled.search(text)
