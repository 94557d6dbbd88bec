"""Read requirements files: find the sources outside the default package index that ``pip install -r`` would use.

pip decodes the file by the coding line of PEP 263, which it looks for in the first two lines:
``pip._internal.req.req_file``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from modelaudit.formats.documents.requirements import LIST_NAMES
from modelaudit.languages.stated_values import keep_values
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import RUN_FILE, Mention, Outline, Reference, ReferenceKind, References
from modelaudit.model.stated import StatedValue
from modelaudit.model.structure import Document, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.documents import TextPieces, check_text
from modelaudit.wire.moving_addresses import find_owner, is_branch
from modelaudit.wire.requirement_lines import (
    VOCABULARY,
    collect_requirement_mentions,
    find_further_list,
    join_requirement_lines,
    strip_credentials,
)
from modelaudit.wire.text import get_file_name, looks_like_text

# Deployments install this file by themselves. A line that takes a package from git, with the revision.
_INSTALLED: Final = "requirements.txt"
_GIT_SOURCE: Final = defer_pattern(
    r"(?<![\w#])(git\+(?:https?|ssh)://[^\s@#;]+(?:@[^\s@#;/]+[/:][^\s@#;]+)?)(?:@([^\s#;]+))?"
)
_BRANCH_ARCHIVE: Final = defer_pattern(
    r"(https://(?:www\.)?(?:github|gitlab)\.com/[^\s@#;]{1,300}?)/(?:-/)?(?:archive|zipball|tarball)/(?:refs/heads/)?"
    r"([\w.-]{1,200}?)(?:\.zip|\.tar\.gz|\.tgz)?(?=[\s#;]|\Z)"
)
# Names such as ``requirements.txt``, ``dev-requirements.in`` or ``constraints-3.11.txt``.
_LIST_WORD: Final = defer_pattern(r"(?:\A|[-_.])(?:requirements|constraints)[-_.]")
_LIST_EXTENSIONS: Final = (".txt", ".in", ".pip", ".lock")
_MOST_LINES: Final = 20_000
_LONGEST_KEPT: Final = 300  # characters of a line for the description
_CODING: Final = defer_pattern(r"#.*?coding[:=]\s*([-\w.]+)")
_LONGEST_CODING_LINES: Final = 2 * MIB  # characters of the first two lines
_MOST_DECODED_BYTES: Final = 2 * MIB
# Codecs of Python whose ASCII characters are those of UTF-8, so that the text is read right without them.
_ALIKE_IN_ASCII: Final = frozenset(
    {"utf-8", "utf-8-sig", "ascii", "gbk", "gb2312", "gb18030", "big5", "euc_jp", "euc_kr", "koi8-r",
     *(f"iso8859-{number}" for number in range(1, 17)), *(f"cp{number}" for number in range(1250, 1259))}
)  # fmt: skip
# Codecs that write any character in others of ASCII. Each decodes in time in proportion to the text.
_ESCAPING_CODECS: Final = frozenset({"utf-7", "unicode_escape", "unicode-escape", "raw_unicode_escape"})


def recognises(head: Head) -> bool:
    """Whether this is text named like ``requirements.txt``, or a ``.txt`` or ``.in`` file in ``requirements/``."""
    folders = head.path.lower().replace("\\", "/").split("/")[:-1]
    name = get_file_name(head.path)
    has_list_word = _LIST_WORD.search(name) is not None and name.endswith(_LIST_EXTENSIONS)
    is_in_folder = "requirements" in folders and name.endswith((".txt", ".in"))
    return (has_list_word or name in LIST_NAMES or is_in_folder) and looks_like_text(head)


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and the mentions of the options and addresses in its lines.

    Raises:
        DamagedError: the file is not text to its end.
        LimitReachedError: the file has more lines than are parsed, or the deadline passed.
        WindowError: the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    yield Document("text", "text", lines=text.scan.lines, defects=text.defects)
    # A dictionary, because it keeps the order and each mention once.
    mentions: dict[Mention, None] = {}
    further_lists: dict[str, int] = {}
    values: list[StatedValue] = []
    count = 0
    is_installed = get_file_name(artifact.path) == _INSTALLED
    codec = _find_codec(text)
    if codec is None:
        detail = "its coding line names a codec that is not supported, so the packages that pip reads in it are unknown"
        yield Unread(UnreadReason.PROGRAM, detail, Location(line=1))
    # uv ignores the coding line, so that the text counts as it is, too.
    readings = [text, _decode_escapes(text, codec)] if codec in _ESCAPING_CODECS else [text]
    try:
        joined_lines = chain.from_iterable(map(join_requirement_lines, readings))
        lines = iterate_within_deadline(joined_lines, items_per_check=16)
        for count, (number, line) in enumerate(lines, 1):
            if count > _MOST_LINES:
                break
            values.append(StatedValue(("requirement",), line.strip()[:_LONGEST_KEPT], Location(line=number)))
            mentions.update(dict.fromkeys(collect_requirement_mentions(line, Location(line=number))))
            if is_installed:
                mentions.update(dict.fromkeys(_mention_branch(line, number)))
            further_lists.setdefault(find_further_list(line), number)
    finally:
        # After the deadline too, the mentions found so far are yielded.
        yield Outline("requirements", tuple(mentions))
        yield from keep_values("requirements", values)
        if any(further_lists):
            yield References(
                RUN_FILE,
                tuple(
                    Reference(ReferenceKind.CODE, path, "requirements", where=Location(line=number))
                    for path, number in further_lists.items()
                    if path
                ),
            )
    if count > _MOST_LINES:
        raise LimitReachedError(f"only the first {_MOST_LINES} lines were parsed")


def _mention_branch(line: str, number: int) -> Iterator[Mention]:
    """Yield a mention of the owner of a repository from which a line takes a package at a branch."""
    match = _GIT_SOURCE.search(line) or _BRANCH_ARCHIVE.search(line)
    if match is not None and is_branch(match[2] or ""):
        owner = find_owner(match[1])
        if owner:
            yield Mention(
                VOCABULARY, "moving", owner, Location(line=number), strip_credentials(match[0])[:_LONGEST_KEPT]
            )


def _find_codec(text: TextPieces) -> str | None:
    """Return the codec of the coding line, UTF-8 if there is none, and ``None`` if it is not supported.

    A byte order mark comes before the coding line.
    """
    if text.window.read(0, len(codecs.BOM_UTF8)) == codecs.BOM_UTF8 or text.scan.encoding == "utf-16":
        return "utf-8"
    for line in islice(text.read_start(_LONGEST_CODING_LINES).split("\n"), 2):
        coding = _CODING.match(line)
        if coding is not None:
            try:
                name = codecs.lookup(coding[1]).name
            except (LookupError, ValueError):
                return None
            return name if name in _ALIKE_IN_ASCII | _ESCAPING_CODECS else None
    return "utf-8"


def _decode_escapes(text: TextPieces, codec: str) -> Iterable[str]:
    """Return a text in a codec that writes characters in others, as pip decodes it.

    Raises:
        DamagedError: the codec does not decode it.
        LimitReachedError: it is longer than is decoded.
        WindowError: the window could not return the requested bytes.
    """
    if text.is_longer_than(_MOST_DECODED_BYTES):
        raise LimitReachedError(f"more than {_MOST_DECODED_BYTES} bytes in the codec {codec} were not decoded")
    try:
        return (text.window.read(0, _MOST_DECODED_BYTES).decode(codec),)
    except ValueError as error:
        raise DamagedError(f"it is not in the codec of its coding line: {error}") from error
