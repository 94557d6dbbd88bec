"""The text of a lock file, and its strict reader, which names the line of each mistake; see ``docs/integrity.md``.

The file is ASCII, with one line for each file, so that a merge of two branches works on lines. Names are JSON strings:
no editor can change their Unicode form, and no character in them can hide.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from modelaudit.integrity.names import explain_bad_name, find_clashing_names
from modelaudit.integrity.tree import compute_tree_digest
from modelaudit.model.artifact import RefKind
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.lock import Lock, LockedModel, Origin
from modelaudit.model.provenance import Owner, OwnerKind
from modelaudit.model.tree import EntryKind, TreeEntry

MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest lock file, in bytes; 500,000 files take about as much."""

_HEADING: Final = "modelaudit lock, version 1"
_REMARK: Final = "# Compare models with it: modelaudit verify --lock FILE"
_VERSION: Final = defer_pattern(r"modelaudit lock, version (\d+)")
_KINDS: Final = {"model": RefKind.MODEL, "dataset": RefKind.DATASET, "folder": RefKind.FOLDER}
_KIND_WORDS: Final = {kind: word for word, kind in _KINDS.items()}
_ORIGIN_KEYS: Final = ("revision", "commit", "created", "owner", "owner-kind", "owner-id", "owner-created")
_KEYS: Final = ("license", "absent", "locked", "tree")
_UNKNOWN: Final = "unknown"
_CONFLICT: Final = defer_pattern(r"<{7}|={7}|>{7}|\|{7}")
_FILE: Final = defer_pattern(r'file ([x?-]) (0|[1-9]\d{0,18}) ([0-9a-f]{64}) (".*")')
_LINK: Final = defer_pattern(r'link ("(?:[^"\\]|\\.)*") -> (".*")')
_FOLDER: Final = defer_pattern(r'folder (".*")')
_BITS: Final = {"x": True, "-": False, "?": None}
_BIT_CHARACTERS: Final = {bit: character for character, bit in _BITS.items()}
_PATTERNS: Final = {
    "commit": defer_pattern(r"[0-9a-f]{40}"),
    "tree": defer_pattern(r"v1:[0-9a-f]{64}"),
    "absent": defer_pattern(r"[1-9]\d{0,8}"),
    "locked": defer_pattern(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    "created": defer_pattern(r"[0-9TZ:.+-]{10,40}|unknown"),
    "owner-created": defer_pattern(r"[0-9TZ:.+-]{10,40}|unknown"),
    "owner-kind": defer_pattern(r"user|organization|unknown"),
}
"""The form of each value that is not a JSON string."""
_KEEP_ONE: Final = "keep the lines of one"
_RESTORE: Final = "restore the file from version control, or write another one with modelaudit lock -o FILE"
"""The next step for a damaged lock. Whoever writes it anew takes the files that are there now for the right ones."""


def format_lock(lock: Lock) -> str:
    """Return the text of a lock file."""
    lines = [_HEADING, _REMARK]
    for model in sorted(lock.models, key=lambda model: model.key):
        lines += ["", *_format_model(model)]
    return "\n".join(lines) + "\n"


def _format_model(model: LockedModel) -> Iterator[str]:
    """Yield the lines of one model."""
    yield f"{_KIND_WORDS[model.kind]}: {json.dumps(model.name)}"
    if model.origin is not None:
        origin, owner = model.origin, model.origin.owner
        yield f"revision: {json.dumps(origin.revision)}"
        yield f"commit: {origin.commit}"
        yield f"created: {origin.created or _UNKNOWN}"
        yield f"owner: {_format_text(owner.name if owner else None)}"
        yield f"owner-kind: {owner.kind if owner and owner.kind else _UNKNOWN}"
        yield f"owner-id: {_format_text(owner.id if owner else None)}"
        yield f"owner-created: {owner.created if owner and owner.created else _UNKNOWN}"
    yield f"license: {_format_text(model.license)}"
    if model.absent:
        yield f"absent: {model.absent}"
    yield f"locked: {model.locked}"
    yield f"tree: v1:{model.tree_digest}"
    for entry in sorted(model.entries, key=lambda entry: entry.order):
        yield format_entry(entry)


def _format_text(text: str | None) -> str:
    """Return a text as JSON, or the word for an unknown one."""
    return _UNKNOWN if text is None else json.dumps(text)


def format_entry(entry: TreeEntry) -> str:
    """Return the line of one entry."""
    path = json.dumps(entry.path)
    if entry.kind is EntryKind.FILE:
        return f"file {_BIT_CHARACTERS[entry.executable]} {entry.size} {entry.sha256} {path}"
    return f"link {path} -> {json.dumps(entry.link_text)}" if entry.kind is EntryKind.LINK else f"folder {path}"


def read_lock(path: str | Path) -> Lock:
    """Read a lock file.

    Raises:
        ConfigurationError: it is missing, too large, or has a line that ``modelaudit lock`` does not write, which it
            names.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise ConfigurationError(f"{path}: is not a file; name the file that modelaudit lock wrote")
        with Path(path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{path}: the lock cannot be read: {cause}; check the path") from error
    if len(data) > MOST_BYTES:
        raise ConfigurationError(f"{path}: is larger than {MOST_BYTES} bytes, so it is not a lock of modelaudit")
    return parse_lock(data, str(path))


def parse_lock(data: bytes, name: str) -> Lock:
    """Parse the bytes of the lock file ``name``. Raises ``ConfigurationError``, which names the line."""
    return _LockParser(data, name).parse()


class _LockParser:
    """Reads the lines of a lock in order."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        self._lines = data.decode("latin-1").split("\n")
        self._number = 0

    def parse(self) -> Lock:
        """Return the lock. Raises ``ConfigurationError``."""
        self._check_heading()
        models: dict[tuple[str, str], LockedModel] = {}
        while (line := self._next()) is not None:
            number = self._number
            word, separator, value = line.partition(": ")
            if not separator or word not in _KINDS:
                raise self._explain("a model, dataset or folder begins here in a lock")
            model = self._parse_model(_KINDS[word], self._parse_text(value), number)
            if model.key in models:
                raise self._explain(
                    f"{model.title!r} is locked at line {models[model.key].line} already; {_KEEP_ONE}", number
                )
            models[model.key] = model
        return Lock(tuple(models[key] for key in sorted(models)))

    def _check_heading(self) -> None:
        """Raise ``ConfigurationError`` unless the file begins with the heading of this version."""
        heading = self._next() or ""
        version = _VERSION.fullmatch(heading)
        if version and heading != _HEADING:
            raise self._explain(f"the lock has version {version[1]}, and this modelaudit reads 1; upgrade modelaudit")
        if heading != _HEADING:
            raise self._explain(f"a lock begins with {_HEADING!r}; name the file that modelaudit lock wrote")

    def _next(self) -> str | None:
        """Return the next line that is neither empty nor a remark, and pass over it; ``None`` at the end."""
        while self._number < len(self._lines):
            line = self._lines[self._number].removesuffix("\r")
            self._number += 1
            if _CONFLICT.match(line):
                raise self._explain("a merge left a conflict here; keep the lines of one side for each model")
            if line and not line.startswith("#"):
                if not line.isascii():
                    raise self._explain(f"a lock holds ASCII alone; {_RESTORE}")
                return line
        return None

    def _parse_model(self, kind: RefKind, name: str, number: int) -> LockedModel:
        """Parse the lines of one model."""
        is_folder = kind is RefKind.FOLDER
        keys = _KEYS if is_folder else (*_ORIGIN_KEYS, *_KEYS)
        values = {key: self._parse_value(key) for key in keys if key != "absent" or self._begins_with(key)}
        tree_line = self._number
        origin = None if is_folder else _build_origin(values)
        entries = self._parse_entries()
        tree_digest = (values["tree"] or "").removeprefix("v1:")
        if compute_tree_digest(entries) != tree_digest:
            message = f"the tree digest does not fit the entries below it, so the lock was changed; {_RESTORE}"
            raise self._explain(message, tree_line)
        locked, license_, absent = values["locked"] or "", values["license"], int(values.get("absent") or 0)
        return LockedModel(kind, name, locked, tree_digest, entries, origin, license_, number, absent)

    def _begins_with(self, key: str) -> bool:
        """Whether the next line states the optional ``key``."""
        number = self._number
        line = self._next() or ""
        self._number = number
        return line.startswith(f"{key}: ")

    def _parse_value(self, key: str) -> str | None:
        """Parse the line of one key; ``None`` for an unknown value."""
        line = self._next()
        word, separator, value = (line or "").partition(": ")
        if word != key or not separator:
            raise self._explain(f"a line '{key}: …' is expected here; {_RESTORE}")
        pattern = _PATTERNS.get(key)
        if value == _UNKNOWN and key not in ("revision", "commit", "absent", "locked", "tree"):
            return None
        if pattern is None:
            return self._parse_text(value)
        if not pattern.fullmatch(value):
            raise self._explain(f"{value[:100]!r} is not a value for {key}; {_RESTORE}")
        return value

    def _parse_entries(self) -> tuple[TreeEntry, ...]:
        """Parse the entries up to the next model."""
        lines: dict[str, int] = {}
        entries: list[TreeEntry] = []
        while (line := self._next()) is not None:
            if line.partition(": ")[0] in _KINDS:
                self._number -= 1
                break
            entry = self._parse_entry(line)
            problem = explain_bad_name(entry.path)
            if problem:
                raise self._explain(f"the name {entry.path[:200]!r} {problem}; {_RESTORE}")
            if entry.path in lines:
                raise self._explain(f"{entry.path!r} is listed at line {lines[entry.path]} already; {_RESTORE}")
            lines[entry.path] = self._number
            entries.append(entry)
        for first, second, problem in find_clashing_names([entry.path for entry in entries]):
            raise self._explain(f"{second!r} and {first!r} (line {lines[first]}) {problem}", lines[second])
        return tuple(sorted(entries, key=lambda entry: entry.order))

    def _parse_entry(self, line: str) -> TreeEntry:
        """Parse the line of one entry."""
        if match := _FILE.fullmatch(line):
            bit, size, sha256, path = match.groups()
            return TreeEntry(self._parse_text(path), EntryKind.FILE, _BITS[bit], int(size), sha256)
        if match := _LINK.fullmatch(line):
            text = self._parse_text(match[2])
            if not text or "\0" in text:
                raise self._explain("the text of a link is empty or holds a zero byte")
            return TreeEntry(self._parse_text(match[1]), EntryKind.LINK, link_text=text)
        if match := _FOLDER.fullmatch(line):
            return TreeEntry(self._parse_text(match[1]), EntryKind.FOLDER)
        raise self._explain(f"{line[:100]!r} is not an entry of a lock; {_RESTORE}")

    def _parse_text(self, quoted: str) -> str:
        """Parse a JSON string in the one spelling that ``modelaudit lock`` writes."""
        try:
            text = json.loads(quoted)
        except (ValueError, RecursionError):
            text = None
        if not isinstance(text, str) or json.dumps(text) != quoted:
            raise self._explain(f"{quoted[:100]!r} is not a JSON string as modelaudit lock writes it")
        try:
            text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise self._explain(f"{quoted[:100]} holds half of a character") from None
        return text

    def _explain(self, problem: str, number: int | None = None) -> ConfigurationError:
        """Return the error for a line, by default the last one that was read."""
        return ConfigurationError(f"{self._name}:{number or self._number}: {problem}")


def _build_origin(values: dict[str, str | None]) -> Origin:
    """Return the origin of a repository from its keys."""
    name, kind = values["owner"], values["owner-kind"]
    owner = None
    if name is not None:
        owner = Owner(name, OwnerKind(kind) if kind else None, values["owner-id"], values["owner-created"])
    return Origin(values["revision"] or "", values["commit"] or "", values["created"], owner)
