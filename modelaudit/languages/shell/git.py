"""Detect commands and escaping paths in git settings, submodules, attributes and Git LFS settings.

Whoever works in a clone lets git read these files. They can name programs that git starts, addresses that are options
in disguise, and submodule paths outside the working tree.

Sources: git-config(1), gitmodules(5), gitattributes(5), git-lfs-config(5); CVE-2017-1000117, CVE-2018-11235,
CVE-2018-17456 and CVE-2025-48384 for submodules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from modelaudit.languages.shell.git_keys import COMMAND_KEYS, HARMLESS_VALUES
from modelaudit.languages.shell.script import collect_script_mentions
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.members import escapes_folder

VOCABULARY: Final = "shell-commands"
_DRIVERS: Final = "git-drivers"
_STORES: Final = "git-stores"
# ``[section "subsection"]``, and what follows on the line.
_SECTION: Final = defer_pattern(r"\[\s*([\w.-]+)(?:\s+\"((?:[^\"\\]|\\.)*)\")?\s*\]\s*(.*)")
_PAIR: Final = defer_pattern(r"\s*([\w.@/:-]+)\s*[=:]?\s*(.*)")
# Of a value: a part in quotes, an escaped character, a comment, or other text.
_PIECE: Final = defer_pattern(r'"((?:[^"\\]|\\.)*)"?|\\(.)|([#;].*)|([^"\\#;]+)')
_ESCAPE: Final = defer_pattern(r"\\(.)")
# The brackets in ``cle[a]n`` keep a word of verdicts out of the texts of this package, which a test holds.
_DRIVER_KEY: Final = defer_pattern(r"smudge|cle[a]n|process|textconv|command|driver|cmd|program")
_DRIVER_SECTIONS: Final = frozenset({"filter", "diff", "merge", "difftool", "mergetool"})
_LFS_COMMAND: Final = defer_pattern(r"git[- ]lfs (?:smudge|cle[a]n|filter-process|merge-driver)\b[^;&|`$]*")
# Programs that Git LFS starts: those that carry files, and extensions that rewrite them.
_LFS_PROGRAM_KEY: Final = defer_pattern(
    r"(?:customtransfer\..*\.path|extension\..*\.(?:smudge|cle[a]n))", re.IGNORECASE
)
_LFS_STORE_KEYS: Final = frozenset({"lfs.url", "lfs.pushurl", "remote.lfsurl", "remote.lfspushurl"})
# The host of ``https://user@host/path`` or of ``user@host:path``.
_HOST: Final = defer_pattern(
    r"[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?([^/:\s]+)|(?:[^/@\s]+@)?([\w.-]+):(?!/)", re.IGNORECASE
)
# A value that begins with a dash, or an address whose host does: ``ssh://-oProxyCommand=…``.
_OPTION: Final = defer_pattern(r"-|[a-z+]+://(?:[^/@\s]*@)?-", re.IGNORECASE)
_GIT_FOLDER: Final = defer_pattern(r"(?:\A|/)\.git(?:/|\Z)", re.IGNORECASE)
_ATTRIBUTE: Final = defer_pattern(r"(filter|diff|merge)=(\S{1,200})")
_MAX_LINE_LENGTH: Final = 5000  # of a line that another may continue; the key is in its first characters
_MAX_QUOTE_LENGTH: Final = 200


class _GitSetting(Struct, frozen=True):
    """One setting.

    Attributes:
        section: in lower case, as git ignores its case; so is ``key``.
        subsection: with its case.
        value: without quotes, escapes and comment.
        raw_value: with escapes and comment.
        line: of the key, from 1.
    """

    section: str
    subsection: str
    key: str
    value: str
    raw_value: str
    line: int

    @property
    def full_key(self) -> str:
        """Section and key, joined by a dot."""
        return f"{self.section}.{self.key}"

    def make_mention(self, use: str) -> Mention:
        """Return a mention of the key with its raw value as detail."""
        return Mention(VOCABULARY, use, self.full_key, Location(line=self.line), self.raw_value[:_MAX_QUOTE_LENGTH])


def _parse_settings(text: str) -> Iterator[_GitSetting]:
    """Yield the settings of a git configuration, in order; a backslash at the end continues a line."""
    section = subsection = ""
    continued, first_line = "", 0  # the text of a setting so far, and its line
    for number, raw_line in enumerate(text.split("\n"), 1):
        line = continued + raw_line.strip()
        first_line = first_line if continued else number
        continued = ""
        # An odd number of backslashes at the end continues the line; an even number escapes itself. A comment ends with
        # its line, so that git reads a setting on the next.
        ends_with_backslash = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        if ends_with_backslash and len(line) < _MAX_LINE_LENGTH and not _has_comment(line):
            continued = line[:-1]
            continue
        header = _SECTION.match(line)
        if header is not None:
            # A setting may follow the header of its section on the same line.
            section, subsection, line = header[1].lower(), _ESCAPE.sub(r"\1", header[2] or ""), header[3]
        pair = _PAIR.match(line)
        if pair is not None and line and not line.startswith(("#", ";")):
            yield _GitSetting(
                section, subsection, pair[1].lower(), _unquote_value(pair[2]), pair[2].strip().strip('"'), first_line
            )


def _has_comment(line: str) -> bool:
    """Whether a line of a git configuration is, or ends with, a comment; marks of comments in quotes do not count."""
    header = _SECTION.match(line)
    return any(comment for _, _, comment, _ in _PIECE.findall(header[3] if header is not None else line))


def _unquote_value(value: str) -> str:
    """Return the value as git parses it: without quotes, escapes and comment."""
    parts: list[str] = []
    for quoted, escaped, comment, plain in _PIECE.findall(value):
        if comment:
            break
        parts.append(_ESCAPE.sub(r"\1", quoted) or escaped or plain)
    return "".join(parts).strip(" \t")


def collect_git_mentions(text: str) -> Iterator[Mention]:
    """Yield the commands and stores of a git configuration, and the paths that lead out of the working tree."""
    for entry in _parse_settings(text):
        if entry.section == "submodule":
            yield from _check_submodule(entry)
        elif entry.section == "lfs" or entry.full_key in _LFS_STORE_KEYS:
            yield from _check_lfs(entry)
        else:
            yield from _check_setting(entry)


def _check_setting(entry: _GitSetting) -> Iterator[Mention]:
    """Yield a mention if git starts a program because of the setting, or the mentions of its shell commands."""
    value = entry.value
    is_driver = entry.section in _DRIVER_SECTIONS and _DRIVER_KEY.fullmatch(entry.key) is not None
    is_command_key = entry.full_key in COMMAND_KEYS or is_driver
    is_harmless = entry.raw_value.lower() in HARMLESS_VALUES or _LFS_COMMAND.fullmatch(entry.raw_value) is not None
    # An address ``ext::command`` makes git run the command.
    if "ext::" in value or (entry.section == "url" and "ext::" in entry.subsection):
        yield entry.make_mention("git-command")
    elif (entry.section == "alias" and value.startswith("!")) or entry.full_key in ("core.editor", "core.pager"):
        yield from collect_script_mentions(value.lstrip("!"), entry.line)
    elif is_command_key and not is_harmless:
        yield entry.make_mention("git-command")


def _check_submodule(entry: _GitSetting) -> Iterator[Mention]:
    """Yield mentions of a submodule that runs a command, or lies outside of the working tree."""
    value = entry.value
    # A value that begins with a dash reaches git or ssh as an option (CVE-2017-1000117, CVE-2018-17456).
    is_option = entry.key in ("url", "path", "branch") and _OPTION.match(value) is not None
    if is_option or "ext::" in value or (entry.key == "update" and value.startswith("!")):
        yield entry.make_mention("git-command")
    # CVE-2025-48384: git drops a carriage return at the end of a path, and writes elsewhere than it checked.
    elif entry.key == "path" and (
        "\r" in value or escapes_folder(value) or _GIT_FOLDER.search(value.replace("\\", "/"))
    ):
        yield entry.make_mention("git-outside")
    if escapes_folder(entry.subsection):
        where = Location(line=entry.line)
        yield Mention(VOCABULARY, "git-outside", "submodule.name", where, entry.subsection[:_MAX_QUOTE_LENGTH])


def _check_lfs(entry: _GitSetting) -> Iterator[Mention]:
    """Yield a mention of a program that Git LFS starts, or of the server that it fetches files from."""
    # ``[lfs "extension.name"] smudge = …`` and ``[lfs] extension.name.smudge = …`` are the same setting.
    spellings = (f"{entry.subsection}.{entry.key}", entry.key)
    names_program = any(_LFS_PROGRAM_KEY.fullmatch(key) for key in spellings)
    if names_program and not _LFS_COMMAND.fullmatch(entry.value):
        yield entry.make_mention("git-command")
    elif entry.full_key in _LFS_STORE_KEYS and entry.value:
        host = _HOST.match(entry.value)
        name = ((host[1] or host[2]) if host else entry.value).lower()
        # Report the host only: the address may contain a password.
        yield Mention(_STORES, "store", name[:_MAX_QUOTE_LENGTH], Location(line=entry.line), entry.full_key)


def collect_attribute_mentions(text: str) -> Iterator[Mention]:
    """Yield each driver that git attributes select, once. The settings of the machine decide what a driver runs."""
    seen: set[str] = set()
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        for word in words[1:] if words and not words[0].startswith("#") else ():
            attribute = _ATTRIBUTE.fullmatch(word)
            if attribute is not None and word not in seen:
                seen.add(word)
                yield Mention(
                    _DRIVERS, attribute[1], f"{attribute[1]}={attribute[2]}"[:_MAX_QUOTE_LENGTH], Location(line=number)
                )
