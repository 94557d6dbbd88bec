"""Keep the address that a checkout of git was cloned from, which its ``.git/config`` states.

The settings themselves are judged elsewhere. Source: https://git-scm.com/docs/git-config, "Syntax".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.stated_values import keep_values
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.stated import LONGEST_VALUE, StatedValue
from modelaudit.model.structure import Location
from modelaudit.wire.base import Head, Reader, Reading

SOURCE: Final = "git-config"
"""The source of the values, by which ``rules/description/`` names them."""
_FILE: Final = ".git/config"
_MOST_BYTES: Final = 1 << 16
_REMOTE: Final = defer_pattern(r'\s*\[remote "([^"\\\n]{1,200})"\]\s*', re.IGNORECASE)
_SECTION: Final = defer_pattern(r"\s*\[")
# An address with a user name may hold a token.
_URL: Final = defer_pattern(r"\s*url\s*=\s*(https://[^\s@\"\\]{1,500})\s*", re.IGNORECASE)


def recognises(head: Head) -> bool:
    """Whether this is the configuration of the checkout itself."""
    return head.path == _FILE


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the https address of each remote, with its line."""
    text = window.read(0, min(window.size, _MOST_BYTES)).decode("utf-8", "replace")
    yield from keep_values(SOURCE, _list_addresses(text))


def _list_addresses(text: str) -> Iterator[StatedValue]:
    """Yield the first address of each remote."""
    remote = ""
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LONGEST_VALUE:
            continue
        if section := _REMOTE.fullmatch(line):
            remote = section[1]
        elif _SECTION.match(line):
            remote = ""
        elif remote and (address := _URL.fullmatch(line)):
            path = ("remote", remote, "url")
            yield StatedValue(path, address[1].removesuffix(".git"), Location(line=number, key=".".join(path)))
            remote = ""


GIT_REMOTES: Final = Reader("git remotes", recognises, read)
"""A search: it claims no bytes, so that every other reader still reads them."""
