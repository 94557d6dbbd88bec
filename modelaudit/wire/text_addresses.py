"""Find web addresses among the words of a command."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from modelaudit.wire.requirement_lines import strip_credentials

_ADDRESS: Final = re.compile(r"(?:https?|ftp|ftps)://[^\s\"'<>|;)]{1,500}")
_HOST: Final = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}(?::\d+)?(?:/\S{0,400})?")
_TAKES_FILE: Final = frozenset({"-o", "-O", "--output", "--output-document", "-H", "--header", "-A", "--user-agent"})


def find_address(words: Iterable[str]) -> str | None:
    """Return the first address among the words, without credentials; a bare host name if no word has a scheme."""
    bare = None
    skip = True
    for word in words:
        match = _ADDRESS.search(word)
        if match is not None:
            return strip_credentials(match[0])
        if not skip and bare is None and _HOST.fullmatch(word):
            bare = word
        skip = word in _TAKES_FILE
    return bare
