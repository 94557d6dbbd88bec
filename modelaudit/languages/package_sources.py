"""Find foreign package sources in lock files and manifests, and in the metadata and first line of scripts.

One reader judges each source of a lock file or manifest, whatever tool wrote it; ``manifests`` lists them. Addresses
that only describe a package, such as its homepage, count for nothing.

Sources: PEP 723 and PEP 751; the documentation of the lock file of each tool.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from typing import Final

from modelaudit.languages.configurations.indexes import read_indexes
from modelaudit.languages.manifests import (
    find_source_key,
    is_expected_forge,
    lists_sources,
    runs_sources,
    write_addresses,
)
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.shell.installers import collect_requirements
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import Head, LimitReachedError, Reader, Reading
from modelaudit.wire.bounds import keep_first
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.json_text import convert_recursion_error
from modelaudit.wire.moving_addresses import find_owner, is_branch
from modelaudit.wire.requirement_lines import collect_locked_mention, collect_requirement_mentions, strip_credentials
from modelaudit.wire.text import decode_loosely, get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

# Comments, and values that describe a package, from which no tool fetches it. Lists and objects have no further level.
_DESCRIPTION: Final = defer_pattern(
    r"^[ \t]*#[^\n]*+"
    r"|(?:^|(?<=[\s{,]))\"?(?:funding|deprecated|description|summary|homepage|bugs|repository|licenses?|authors?"
    r"|documentation|docs|readme|support|wiki|issues|keywords|\$schema|xmlns(?::\w+)?|xsi:schemaLocation)\"?"
    r"[ \t]*[:=][ \t]*(?:\{[^{}]{0,2000}+\}|\[(?:[^\[\]\"]|\"[^\"\n]{0,500}+\"){0,2000}+\]"
    r"|\"(?:[^\"\\\n]|\\.)*+\"|[^\n\"{\[][^\n]*+)",
    re.MULTILINE,
)
_COMMENT: Final = defer_pattern(r"^[ \t]*(?:#|//)[^\n]*+", re.MULTILINE)
_REVISION: Final = defer_pattern(r"\bref=([^&]{1,200})")
_LONGEST_SOURCE: Final = 200  # characters of an address in a report
_LONGEST_KEY: Final = 500  # characters of a line before an address
_ADDRESS: Final = defer_pattern(
    r"(?:(?:git|hg|svn|bzr|registry|sparse)\+)?(?:https?|ftp|ssh|git|file)://[^\s\"'<>,;)}\]]+", re.IGNORECASE
)
# Of JSON and TOML: ``\/``, and the escape of an ASCII character; of properties of Java: ``\:``.
_ESCAPE: Final = defer_pattern(r"\\(?:([/:])|u00([2-7][0-9A-Fa-f])|x([2-7][0-9A-Fa-f]))")
# A digest or a commit near the address, to which the tool compares what it fetched.
_DIGEST: Final = defer_pattern(
    r"sha(?:1|256|384|512)[-:=#\"' ]|integrity|\bmd5\b|\bhash|(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])|[0-9a-f]{64}"
)
_DIGEST_DISTANCE: Final = 400
_OVERLAP: Final = 4096  # of two chunks, longer than an address with the digest behind it

# Tables of ``package.json`` whose values state where npm takes a package from.
_NODE_TABLES: Final = frozenset(
    {"dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "overrides", "resolutions"}
)
_NODE_REPOSITORY: Final = defer_pattern(r"(?:github|gitlab|bitbucket|gist):[\w./#-]+|[\w-][\w.-]*/[\w.-]+(?:#.*)?")
_NODE_FOLDER: Final = defer_pattern(r"(?:file|link|portal):(?:/|~|\.\.)")
_MANIFEST: Final = "package.json"

_METADATA_START: Final = b"# /// "
# PEP 723, "Specification": the lines before and behind a block of metadata.
_BLOCK_START: Final = "# /// script"
_BLOCK_END: Final = "# ///"
_MOST_BLOCKS: Final = 10  # of one script; PEP 723 allows one
_RUNNER_LINE: Final = defer_pattern(rb"#![^\n]{0,200}?\b(?:uv|uvx|pipx)[ \t][^\n]{0,2000}")
_LONGEST_SCRIPT: Final = 2 * MIB
_MAX_MENTIONS: Final = 2_000


def _recognises(head: Head) -> bool:
    """Whether this is the text of a lock file or of another file from whose addresses a tool fetches packages."""
    return looks_like_text(head) and lists_sources(head)


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield a mention for each host, or repository, from which the file makes a tool fetch packages.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    distinct: dict[tuple[str, str], Mention] = {}
    key = find_source_key(artifact.path)
    is_run = runs_sources(artifact.path)
    before, line = "", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        # In UTF-8, a chunk may end within a character; an address has none of these.
        text = before + chunk.replace(b"\0", b"").decode("utf-8", "replace")
        for mention in _mention_locked(write_addresses(artifact.path, text), line, key, is_run):
            distinct.setdefault((mention.use, mention.name), mention)
        line += text.count("\n", 0, max(0, len(text) - _OVERLAP))
        before = text[-_OVERLAP:]
    mentions, absences = keep_first(distinct.values(), _MAX_MENTIONS, "sources of packages")
    if mentions:
        yield Outline("requirements", mentions)
    yield from absences


def _mention_locked(text: str, line: int, key: re.Pattern[str] | None, is_run: bool = False) -> Iterator[Mention]:
    """Yield a mention for each source in a part of a file, which begins at ``line``.

    Args:
        text: the part.
        line: of its start, from 1.
        key: matches what precedes a source in its line; without it, each address but those of descriptions counts.
        is_run: whether a tool runs what it fetches.
    """
    text = _ESCAPE.sub(lambda match: match[1] or chr(int(match[2] or match[3], 16)), text)
    blanked = _COMMENT if key is not None else _DESCRIPTION
    text = blanked.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    number, counted = line, 0
    for address in iterate_within_deadline(_ADDRESS.finditer(text), items_per_check=64):
        number += text.count("\n", counted, address.start())
        counted = address.start()
        if key is not None:
            line_start = text.rfind("\n", max(0, counted - _LONGEST_KEY), counted) + 1
            if key.search(text[max(line_start, counted - _LONGEST_KEY) : counted]) is None:
                continue
            if is_run and not _DIGEST.search(address[0]):
                yield from _mention_owner(address[0], Location(line=number))
            if is_expected_forge(address[0]):
                continue
        near = text[address.end() : address.end() + _DIGEST_DISTANCE]
        has_digest = _DIGEST.search(address[0]) is not None or _DIGEST.search(near) is not None
        yield from collect_locked_mention(address[0], has_digest, Location(line=number))


def _mention_owner(address: str, where: Location) -> Iterator[Mention]:
    """Yield a mention of the owner of an address that names no release."""
    source, _, query = address.partition("?")
    revision = _REVISION.search(query)
    owner = find_owner(f"{source}/") if is_branch(revision[1] if revision is not None else "") else ""
    if owner:
        yield Mention("requirements", "moving", owner, where, strip_credentials(address)[:_LONGEST_SOURCE])


LOCK_FILES: Final = Reader("text", _recognises, _read)
"""Searches lock files, in addition to the reader of their format; therefore it is not one of ``READERS``."""


def read_manifest(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the dependencies of ``package.json`` that come from an address or a repository."""
    if get_file_name(path) != _MANIFEST:
        return
    found = (mention for setting in settings for mention in _mention_dependency(setting))
    mentions, absences = keep_first(dict.fromkeys(found), _MAX_MENTIONS, "sources of packages")
    if mentions:
        yield Outline("requirements", mentions)
    yield from absences


def _mention_dependency(setting: Setting) -> Iterator[Mention]:
    """Yield a mention if the setting is a dependency of ``package.json`` with a source of its own."""
    value = setting.value
    if not isinstance(value, str) or _NODE_TABLES.isdisjoint(setting.path[:-1]):
        return
    # An alias has the form ``npm:name@version``, or ``name@address`` in a resolution of Yarn.
    source = value.strip()
    if _NODE_FOLDER.match(source):
        path = source.partition(":")[2]
        yield from collect_requirement_mentions(f"file:{path}", setting.where)
    elif "://" in source and not source.startswith(("npm:", "workspace:", "file:./")):
        yield from collect_requirement_mentions(source, setting.where)
    elif source.startswith("git@"):
        yield from collect_requirement_mentions(f"git+ssh://{source}", setting.where)
    elif _NODE_REPOSITORY.fullmatch(source):
        name = source if ":" in source else f"github:{source}"
        yield from collect_requirement_mentions(f"git+https://{name.replace(':', '.com/', 1)}", setting.where)


MANIFEST: Final = Interpreter(frozenset(), read_manifest, frozenset({_MANIFEST}))
"""Reads ``package.json``."""


def _recognises_script(head: Head) -> bool:
    """Whether this is text, which uv and pipx run under any name."""
    return looks_like_text(head)


def _read_script(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the sources of packages in the metadata of a script, and in the command of its first line.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    start = window.read(0, 4096)
    command = _RUNNER_LINE.match(start)
    if command is not None:
        words = decode_loosely(command[0][2:]).replace("env -S", "env").split()
        runner = next((index for index, word in enumerate(words) if word in ("uv", "uvx", "pipx")), 0)
        found = (
            Mention(each.vocabulary, each.use, each.name, Location(line=1)) for each in _read_runner(words[runner:])
        )
        mentions, absences = keep_first(dict.fromkeys(found), _MAX_MENTIONS, "sources of packages")
        if mentions:
            yield Outline("requirements", mentions)
        yield from absences
    has_metadata = has_late_metadata = False
    before, position = b"", 0  # of the first byte of a piece
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        piece = before + chunk
        has_metadata = has_metadata or (position < _LONGEST_SCRIPT and _METADATA_START in piece)
        last_block = position + piece.rfind(_BLOCK_START.encode())
        has_late_metadata = has_late_metadata or last_block >= max(position, _LONGEST_SCRIPT)
        before = piece[-len(_BLOCK_START) :]
        position += len(piece) - len(before)
    if has_metadata:
        yield from _read_metadata(window, limits)
    if has_late_metadata:
        yield Unread(UnreadReason.LIMIT, f"only metadata in the first {_LONGEST_SCRIPT} bytes of a script was read")


def _read_runner(words: list[str]) -> Iterator[Mention]:
    """Yield the sources among the words of a command that runs a script, such as ``uv run --with ADDRESS``."""
    yield from collect_requirements(words)
    for word in words if words[0] == "pipx" else ():
        if "://" in word:
            yield from collect_requirement_mentions(word.rpartition("=")[2] if word.startswith("-") else word)
    for option, value in pairwise(words):
        if option in ("--index", "--default-index", "--index-url", "--extra-index-url") and "://" in value:
            yield from collect_requirement_mentions(f"--index-url {value}")


def _read_metadata(window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the sources of packages in each block of metadata of a script.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    text = decode_loosely(window.read(0, min(window.size, _LONGEST_SCRIPT)))
    for line, content in islice(_find_blocks(text.splitlines()), _MOST_BLOCKS):
        try:
            with convert_recursion_error():
                table = tomllib.loads(content)
        except LimitReachedError as error:
            yield Unread(UnreadReason.LIMIT, str(error), Location(line=line))
            continue
        except ValueError:
            continue  # uv and pipx refuse it too
        settings = [Setting(path, value, line) for path, value in _flatten(table)]
        yield from read_indexes("pyproject.toml", settings, limits)


def _find_blocks(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the number of the first line, from 1, and the TOML of each block of metadata among the lines of a script.

    A block takes the comments up to the last of them that ends one.
    """
    content: list[str] | None = None
    end = first = 0
    for number, line in enumerate((*lines, ""), 1):
        line = line.rstrip()
        if content is None:
            content, end, first = ([], 0, number) if line == _BLOCK_START else (None, 0, number)
        elif line.startswith("#"):
            end = len(content) if line == _BLOCK_END else end
            content.append(line.removeprefix("#").removeprefix(" "))
        else:
            if end:
                yield first, "\n".join(content[:end])
            content = None


def _flatten(table: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and the text of each string in a table of TOML, which nests as deep as its parser allows."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield from _flatten(value, (*path, str(key)))
    elif isinstance(table, list):
        for index, value in enumerate(table):
            yield from _flatten(value, (*path, str(index)))
    elif isinstance(table, str):
        yield path, table


SCRIPT_SOURCES: Final = Reader("text", _recognises_script, _read_script)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
