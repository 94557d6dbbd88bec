"""One line of a list of requirements: what pip installs from elsewhere than an index, and what it trusts meanwhile.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.model.outline import Mention
from modelaudit.model.structure import NOWHERE, Location

VOCABULARY: Final = "requirements"
_INDEX: Final = re.compile(r"(-i|--index-url|--extra-index-url|-f|--find-links)(?:[\s=]+|(?=http))(\S+)")
_TRUSTED: Final = re.compile(r"--trusted-host[\s=]+(\S+)")
_ADDRESS: Final = re.compile(r"(?:(git|hg|svn|bzr)\+)?((?:https?|ftp|file|ssh|git)://\S+)")
_EDITABLE: Final = re.compile(r"(?:-e|--editable)[\s=]+(\S+)")
_NO_CHECK: Final = re.compile(r"--(?:no-verify|allow-unverified|allow-external|use-feature=fast-deps)\b")
_LOCAL: Final = re.compile(r"(?:\S+\s+@\s+)?(?:file:|/|~/|[A-Za-z]:\\|\.\.[/\\])\S*")
_CREDENTIALS: Final = re.compile(r"//[^/@\s]*@")
_PINNED: Final = re.compile(r"@[0-9a-f]{40}\b|#sha256=[0-9a-f]{64}\b|--hash[=:]")
_UNPROTECTED: Final = ("http://", "ftp://", "git://")
_LOCAL_HOST: Final = re.compile(r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|\Z)")
_LONGEST: Final = 2000


def mentions_of_requirement(line: str, where: Location = NOWHERE) -> Iterator[Mention]:
    """What one line has pip do beyond asking the configured index. Credentials in an address are left out."""
    line = _without_comment(line[:_LONGEST]).strip()
    index = _INDEX.match(line)
    if index is not None:
        use = "index" if "index" in index[1] or index[1] == "-i" else "links"
        use = "plain-text" if index[2].startswith(_UNPROTECTED) and not _LOCAL_HOST.match(index[2]) else use
        yield Mention(VOCABULARY, use, without_credentials(index[2]), where)
        return
    trusted = _TRUSTED.search(line)
    if trusted is not None:
        yield Mention(VOCABULARY, "trusted-host", trusted[1], where)
    if _NO_CHECK.search(line):
        yield Mention(VOCABULARY, "unverified", line[:100], where)
    address = _ADDRESS.search(line)
    editable = _EDITABLE.match(line)
    if address is not None:
        yield _from_address(line, address, where)
    elif editable is not None and not editable[1].startswith(("..", "/", "~")):
        yield Mention(VOCABULARY, "editable", editable[1][:200], where)
    elif editable is not None or _LOCAL.match(line):
        yield Mention(VOCABULARY, "local-path", line[:200], where)


def _from_address(line: str, address: re.Match[str], where: Location) -> Mention:
    name = without_credentials(address[0])[:300]
    if address[2].startswith(_UNPROTECTED):
        return Mention(VOCABULARY, "plain-text", name, where)
    if address[2].startswith("file://"):
        return Mention(VOCABULARY, "local-path", name, where)
    use = "pinned-address" if _PINNED.search(line) else "address"
    return Mention(VOCABULARY, use, name, where)


def without_credentials(address: str) -> str:
    """``address`` without what stands before an ``@`` in its host."""
    return _CREDENTIALS.sub("//", address)


def _without_comment(line: str) -> str:
    return re.split(r"(?:^|\s)#", line, maxsplit=1)[0]
