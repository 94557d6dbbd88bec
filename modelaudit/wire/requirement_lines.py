"""Parse lines of a requirements file: addresses, package indexes and hosts without certificate checks.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB
from modelaudit.model.outline import Mention
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.wire.base import LimitReachedError
from modelaudit.wire.documents import iterate_lines

VOCABULARY: Final = "requirements"
# Below, pip accepts any unambiguous prefix of a long option, and a short option directly before its value.
# Options of the pip command that begin alike, such as ``--python-version`` or ``--target``, do not match.
# --index-url URL, --extra-index-url=URL, --pypi-url URL, --find-links URL (group 1), -i URL, -fURL (group 2)
_INDEX_OPTION: Final = defer_pattern(
    r"(?<!\S)(?:(--(?:i|in|ind[a-z-]*|ex|ext[a-z-]*|py|pyp[a-z-]*|f|fi[a-z-]*))[\s=]+|(-[if])[\s=]*)(\S+)"
)
# --trusted-host pypi.example.org
_TRUSTED_HOST_OPTION: Final = defer_pattern(r"(?<!\S)--t(?:r[a-z-]*)?[\s=]+(\S+)")
# git+https://host/repository, https://host/package.whl; group 1 is the version control system, group 2 the address
_ADDRESS: Final = defer_pattern(r"(?:(git|hg|svn|bzr)\+)?((?:https?|ftp|file|ssh|git)://\S+)", re.IGNORECASE)
# -e SOURCE, --editable=SOURCE
_EDITABLE_OPTION: Final = defer_pattern(r"(?:-e[\s=]*|--ed[a-z-]*[\s=]+)(\S+)")
# ./x does not match: it lies in the snapshot. /srv/pkg, ~/pkg, C:\pkg, ../pkg and "name @ file:///pkg" do.
_LOCAL_PATH: Final = defer_pattern(r"(?:\S+\s+@\s+)?(?:file:|/|~/|[A-Za-z]:\\|\.\.[/\\])\S*")
# -r LIST, --requirement=LIST, -cLIST, --constraint LIST
_FURTHER_LIST: Final = defer_pattern(r"(?:-[rc][\s=]*|--(?:req|cons)[a-z]*[\s=]+)[\"']?([^\s\"']+)")
_CREDENTIALS: Final = defer_pattern(r"//[^/@\s]*@")
# A commit of git, or a digest that pip compares.
_PINNED: Final = defer_pattern(r"[@#][0-9a-f]{40}\b|#sha256=[0-9a-f]{64}\b|--hash[=:]")
# pip replaces ``${NAME}`` by a variable of the environment, so that the source is unknown.
_VARIABLE: Final = defer_pattern(r"\$\{[A-Z0-9_]+\}\S*")
_PLAIN_TEXT_SCHEMES: Final = ("http://", "ftp://", "git://")
_LOCAL_HOST: Final = defer_pattern(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?:[:/]|\Z)")
# The scheme and the host of an address (group 0), and the host alone (group 2).
_HOST: Final = defer_pattern(r"([a-z]+://)([^/:?#\s]+(?::\d+)?)", re.IGNORECASE)
_REPOSITORY: Final = defer_pattern(
    r"(?:ssh|git):|https?://(?:(?:www\.|codeload\.|api\.)?(?:github|gitlab|bitbucket)\.(?:com|org)/"
    r"|[^?#\s]{1,1000}\.git(?:[?#]|\Z))",
    re.IGNORECASE,
)
# A built or packed package at an address, and forges, where a publisher keeps it beside the source.
_ARCHIVE: Final = defer_pattern(
    r"https://[^?#\s]{1,1000}\.(?:whl|egg|zip|conda|tar|tgz|tbz2?|txz|tar\.(?:gz|bz2|xz|zst))(?:[?#]\S*)?",
    re.IGNORECASE,
)
_FORGE: Final = defer_pattern(
    r"https://(?:[\w-]+\.)*(?:github|gitlab|bitbucket)\.(?:com|org)/|https://[\w-]+\.github\.io/"
    r"|https://(?:huggingface\.co|hf\.co|modelscope\.cn|www\.modelscope\.cn|codeberg\.org|gitee\.com)/"
    r"|https://(?:objects|raw)\.githubusercontent\.com/",
    re.IGNORECASE,
)
_RECORDED_WITHOUT_ENCRYPTION: Final = frozenset({"registry.npmjs.org", "registry.yarnpkg.com"})
_QUOTED_CHARACTERS: Final = 300
_LONGEST_LINE: Final = MIB  # characters, continued lines included
_COMMENT: Final = defer_pattern(r"(?:^|(?<=\s))#")  # no ``\s+``, which takes quadratic time on a long run of spaces


def collect_requirement_mentions(line: str, where: Location = NOWHERE) -> Iterator[Mention]:
    """Yield a mention for each package source in the line.

    A plain name such as ``numpy`` comes from the index that the user configured, and gives no mention.
    The ``use`` of a mention is ``index``, ``links``, ``local-index``, ``unknown-index``, ``plain-text``,
    ``trusted-host``, ``editable``, ``address``, ``pinned-address``, ``archive`` or ``local-path``. Addresses lose their
    credentials. The name of an ``archive``, a packed package outside of the known forges, is its host.

    Args:
        line: one requirement or option, with continued lines already joined.
        where: the location that the mentions get.
    """
    line = _strip_comment(line).strip()
    index_options = list(_INDEX_OPTION.finditer(line)) if line.startswith("-") else []
    for option in index_options:
        option_name, address_text = option[1] or option[2], option[3]
        use = _find_index_use(option_name, address_text)
        yield Mention(VOCABULARY, use, strip_credentials(address_text)[:_QUOTED_CHARACTERS], where)
    trusted = _TRUSTED_HOST_OPTION.search(line)
    if trusted is not None:
        yield Mention(VOCABULARY, "trusted-host", trusted[1][:_QUOTED_CHARACTERS], where)
    if index_options:
        return  # its address was mentioned above
    address = _ADDRESS.search(line)
    editable = _EDITABLE_OPTION.match(line)
    variable = _VARIABLE.search(line)
    if address is not None:
        yield _make_address_mention(line, address, where)
    elif editable is not None and not editable[1].startswith(("..", "/", "~")):
        yield Mention(VOCABULARY, "editable", editable[1][:200], where)
    elif editable is not None or _LOCAL_PATH.match(line):
        yield Mention(VOCABULARY, "local-path", line[:200], where)
    elif variable is not None:
        yield Mention(VOCABULARY, "address", variable[0][:_QUOTED_CHARACTERS], where)


def _find_index_use(option: str, address: str) -> str:
    """Return the use of the value of an index option: a folder or this machine is no server of others."""
    if _VARIABLE.match(address):
        return "unknown-index"
    if _LOCAL_HOST.match(address) or "://" not in address or address.lower().startswith("file:"):
        return "local-index"
    if address.lower().startswith(_PLAIN_TEXT_SCHEMES):
        return "plain-text"
    return "links" if option.startswith(("--f", "-f")) else "index"


def find_further_list(line: str) -> str:
    """Return the path or address of the list that a line of a requirements file includes; empty if it includes none."""
    further_list = _FURTHER_LIST.match(_strip_comment(line).strip())
    return further_list[1] if further_list is not None else ""


def _make_address_mention(line: str, address: re.Match[str], where: Location) -> Mention:
    """Return the mention of ``address``, a match of ``_ADDRESS`` in ``line``; its use follows from the scheme."""
    name = strip_credentials(address[0])[:_QUOTED_CHARACTERS]
    scheme = address[2].lower()
    if scheme.startswith(_PLAIN_TEXT_SCHEMES):
        return Mention(VOCABULARY, "plain-text", name, where)
    if scheme.startswith("file://"):
        return Mention(VOCABULARY, "local-path", name, where)
    if _PINNED.search(line):
        return Mention(VOCABULARY, "pinned-address", name, where)
    host = _HOST.match(strip_credentials(address[2]))
    if host is not None and address[1] is None and _ARCHIVE.fullmatch(address[2]) and not _FORGE.match(host[0] + "/"):
        return Mention(VOCABULARY, "archive", host[0].lower()[:_QUOTED_CHARACTERS], where, name)
    return Mention(VOCABULARY, "address", name, where)


def collect_locked_mention(address_text: str, has_digest: bool, where: Location = NOWHERE) -> Iterator[Mention]:
    """Yield a mention for an address in a lock file; of an archive or an index, only the host counts.

    Args:
        address_text: the address, with a prefix such as ``git+`` or without one.
        has_digest: whether the lock file states a digest or a commit for it.
        where: the location that the mention gets.
    """
    match = _ADDRESS.search(address_text)
    if match is None:
        return
    address = strip_credentials(match[2])
    host = _HOST.match(address)
    if host is None or address.lower().startswith("file:"):
        yield from collect_requirement_mentions(address_text, where)
        return
    # npm 5 and 6 recorded http for archives of their own registry; they compare the digest.
    if has_digest and host[2].lower() in _RECORDED_WITHOUT_ENCRYPTION:
        address, host_name = f"https://{host[2]}", f"https://{host[2]}"
    else:
        host_name = host[0]
    if address.lower().startswith(_PLAIN_TEXT_SCHEMES) and not _LOCAL_HOST.match(address):
        yield Mention(VOCABULARY, "plain-text", address[:_QUOTED_CHARACTERS], where)
    elif match[1] or _REPOSITORY.match(address):
        yield Mention(VOCABULARY, "pinned-address" if has_digest else "address", address[:_QUOTED_CHARACTERS], where)
    else:
        host_name = host_name.lower()[:_QUOTED_CHARACTERS]
        yield Mention(VOCABULARY, "locked-index", host_name, where, address[:_QUOTED_CHARACTERS])


def strip_credentials(address: str) -> str:
    """Return ``address`` without user name and password."""
    return _CREDENTIALS.sub("//", address)


def _strip_comment(line: str) -> str:
    """Return the line up to its comment."""
    return _COMMENT.split(line, maxsplit=1)[0]


def join_requirement_lines(pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Join continued lines as pip does, and yield each result with the number of its first line.

    A comment ends a continued line and is never continued itself.

    Args:
        pieces: the text.

    Raises:
        LimitReachedError: a line, with the lines that continue it, is longer than ``_LONGEST_LINE``.
    """
    first_number, joined = 1, ""
    for number, line_and_break in enumerate(iterate_lines(pieces, _LONGEST_LINE + 1), 1):
        line = line_and_break.splitlines()[0]
        if not joined:
            first_number = number
        if len(joined) + len(line) >= _LONGEST_LINE:
            raise LimitReachedError(f"line {first_number}, as continued, has {_LONGEST_LINE} characters or more")
        is_comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += line.rstrip("\\") or " "  # not empty, which would mean that no line is continued
            continue
        separator = " " if is_comment else ""  # "#" begins a comment only behind a space
        yield first_number, joined + separator + line
        joined = ""
    if joined:
        yield first_number, joined
