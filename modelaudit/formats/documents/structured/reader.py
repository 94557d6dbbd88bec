"""Read JSON, YAML and other text: the readers of last resort, asked in this order.

Each yields the document and passes its values to the interpreters that know the keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from modelaudit.formats.documents.structured import DocumentDefect
from modelaudit.formats.documents.structured.tables import interpret_table, is_table_name
from modelaudit.formats.embedded import find_encoded_strings
from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.languages.configurations.tags import read_tags
from modelaudit.languages.configurations.text_names import read_text_names
from modelaudit.languages.programs import report_unread_programs
from modelaudit.languages.settings import Setting, parse_json_settings, parse_row_settings, parse_yaml_settings
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Defect, Document, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import list_encoding_defects, read_whole_text
from modelaudit.wire.json_text import JsonFacts, check_bounds, scan_json, scan_rows
from modelaudit.wire.relaxed_json import convert_to_json, is_tolerant
from modelaudit.wire.text import TextScan, get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks
from modelaudit.wire.yaml_text import YamlError, YamlFacts

_JSON_NAMES = (".json", ".jsonl", ".ndjson", ".ipynb", ".geojson", ".jsonc", ".json5",
               ".zarray", ".zgroup", ".zattrs", ".zmetadata")  # fmt: skip
_YAML_NAMES = (".yaml", ".yml")
_YAML_FILES = frozenset({"mlmodel", "mlproject", ".clang-format", "citation.cff", ".condarc", "user-data", "procfile"})
_PROSE_EXTENSIONS = (
    ".txt",
    ".rst",
    ".log",
    ".csv",
    ".tsv",
    ".tex",
    ".bib",
    ".html",
    ".htm",
    ".svg",
    ".py",
    ".pyx",
    ".cff",
)
_MOST_NAMED_BYTES = 8 * MIB
_LEADING_SPACE = b"\xef\xbb\xbf \t\r\n"
_PYTHON_TAG = re.compile(r"!!python|![^\s!]*!python|tag:yaml\.org,2002:python")
_MOST_DUPLICATES = 50
_INTERPRETED_KEYS = frozenset(key for each in INTERPRETERS for key in each.keys)


def recognises_json(head: Head) -> bool:
    """Whether the text has a JSON extension, or begins like a JSON object or array in a way that prose hardly does."""
    if not looks_like_text(head):
        return False
    if get_file_name(head.path).endswith(_JSON_NAMES):
        return True
    start = head.data.lstrip(_LEADING_SPACE)
    follows = start[1:].lstrip(_LEADING_SPACE)[:1]
    return (start[:1] + follows) in (b'{"', b"{}", b"[{", b"[[", b'["', b"[]")


@report_unread_programs
def read_json(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, the structures that interpreters find in it, and content encoded in its strings.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    text, scan, defects = read_whole_text(window, limits)
    try:
        check_bounds(text, limits)
        facts = _scan_values(text, limits)
        yield _make_json_document(facts, scan, defects)
        yield from read_text_names(text)
        yield from _interpret_document(artifact.path, text, facts, limits)
        yield from find_encoded_strings(artifact.path, window, limits)
    except LimitReachedError as error:
        root = {"{": "mapping", "[": "sequence"}.get(text.lstrip()[:1], "scalar")
        yield Document("json", root, lines=scan.lines, defects=defects)
        yield Unread(UnreadReason.LIMIT, str(error))
    except ValueError as error:
        yield from _read_almost_json(artifact, window, text, limits, error)


def _read_almost_json(
    artifact: Artifact, window: Window, text: str, limits: Limits, error: ValueError
) -> Iterator[Reading]:
    """Read text that begins like JSON but is not valid: YAML, or JSON with the extensions of editors and JSON5."""
    name = get_file_name(artifact.path)
    if not name.endswith(_JSON_NAMES) and _is_yaml_name(name):
        yield from _read_yaml(artifact, window, limits)
        return
    _, scan, defects = read_whole_text(window, limits)
    says_json = name.endswith(_JSON_NAMES) or is_tolerant(name, artifact.path)
    relaxed = convert_to_json(text)
    try:
        facts: JsonFacts | None = scan_json(relaxed, _INTERPRETED_KEYS)
    except (ValueError, LimitReachedError):
        facts = None
    if facts is not None and is_tolerant(name, artifact.path):
        yield _make_json_document(facts, scan, defects)
    elif says_json:
        yield Document(
            "json", "text", lines=scan.lines, defects=(*defects, Defect(DocumentDefect.NOT_JSON, str(error)))
        )
        yield Unread(UnreadReason.DAMAGED, f"the file is not valid JSON: {error}")
    else:
        yield Document("text", "text", lines=scan.lines, defects=defects)
    yield from read_text_names(text)
    yield from _read_tags_in_text(text, limits)
    if facts is not None:
        yield from _interpret_document(artifact.path, relaxed, facts, limits)
    elif is_table_name(name):
        yield from interpret_table(artifact.path, name, text, limits)


def _scan_values(text: str, limits: Limits) -> JsonFacts:
    """Scan the text as one JSON value, or else as one value a line. Raises ``ValueError`` for the first attempt."""
    try:
        return scan_json(text, _INTERPRETED_KEYS)
    except ValueError as problem:
        try:
            return scan_rows(text, limits, _INTERPRETED_KEYS)
        except ValueError:
            raise problem from None


def _make_json_document(facts: JsonFacts, scan: TextScan, defects: tuple[Defect, ...]) -> Document:
    """Build the document with a defect for each duplicate key."""
    twice = tuple(
        Defect(DocumentDefect.DUPLICATE_KEY, f"the key {key!r} occurs twice in one object", Location(key=key))
        for key in facts.duplicates[:_MOST_DUPLICATES]
    )
    return Document("json", facts.root, facts.keys, lines=scan.lines, defects=(*defects, *twice))


def _interpret_document(path: str, text: str, facts: JsonFacts | YamlFacts, limits: Limits) -> Iterator[Reading]:
    """Yield the structures of the interpreters that know keys of the document."""
    # Rows and long lists are data. Only their keys select interpreters there, not marks anywhere in the text.
    is_data = isinstance(facts, JsonFacts) and (facts.has_rows or (facts.root == "sequence" and len(text) > MIB))
    marked = "" if is_data else text
    asked = [each for each in INTERPRETERS if each.wants_document(facts.met, get_file_name(path), marked)]
    if not asked:
        return
    bound: LimitReachedError | None = None
    settings: list[Setting]
    if isinstance(facts, YamlFacts):
        settings, bound = parse_yaml_settings(text, limits)
    elif facts.has_rows:
        settings, bound = parse_row_settings(text, limits)
    else:
        settings = parse_json_settings(text, limits)
    for interpreter in asked:
        yield from interpreter.read(path, settings, limits)
    if bound is not None:
        yield Unread(UnreadReason.LIMIT, str(bound))


def recognises_yaml(head: Head) -> bool:
    """Whether this is text with the name or extension of YAML; the bytes do not differ from other text."""
    return _is_yaml_name(get_file_name(head.path)) and looks_like_text(head)


def _is_yaml_name(name: str) -> bool:
    """Whether a file of this name is YAML."""
    return name.endswith(_YAML_NAMES) or name in _YAML_FILES


def _read_yaml(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document with its tags, and the structures that interpreters find in it."""
    text, scan, defects = read_whole_text(window, limits)
    facts = YamlFacts(_INTERPRETED_KEYS)
    unread = None
    try:
        facts.scan(text, limits)
    except YamlError as error:
        defects = (*defects, Defect(DocumentDefect.NOT_YAML, str(error), Location(line=error.line)))
        unread = Unread(UnreadReason.DAMAGED, f"the file is not valid YAML: {error}", Location(line=error.line))
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error))
    twice = tuple(
        Defect(
            DocumentDefect.DUPLICATE_KEY, f"the key {key!r} occurs twice in one mapping", Location(line=line, key=key)
        )
        for key, line in facts.duplicates[:_MOST_DUPLICATES]
    )
    keys, tags = tuple(facts.keys), tuple(facts.tags.items())
    yield Document("yaml", facts.root, keys, tags, scan.lines, (*defects, *twice))
    yield from read_tags(tags)
    yield from read_text_names(text)
    yield from _interpret_document(artifact.path, text, facts, limits)
    if unread is not None:
        yield unread


read_yaml = report_unread_programs(_read_yaml)


@report_unread_programs
def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, scanned in pieces up to ``document_bytes``, and the names found in shorter text.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the window could not return the requested bytes.
    """
    scan = TextScan()
    damage: DamagedError | WindowError | None = None
    total = 0
    try:
        for chunk in iterate_chunks(window):
            total += len(chunk)
            if total > limits.document_bytes:
                break
            scan.feed(chunk)
        else:
            scan.finish()
    except (DamagedError, WindowError) as error:
        damage = error
    yield Document("text", "text", lines=scan.lines, defects=list_encoding_defects(scan))
    if damage is not None:
        raise damage
    if total <= _MOST_NAMED_BYTES and not get_file_name(artifact.path).endswith(_PROSE_EXTENSIONS):
        text = read_whole_text(window, limits)[0]
        yield from read_text_names(text)
        yield from _read_tags_in_text(text, limits)
        name = get_file_name(artifact.path)
        if is_table_name(name):
            yield from interpret_table(artifact.path, name, text, limits)
    if total > limits.document_bytes:
        yield Unread(UnreadReason.LIMIT, f"only the first {limits.document_bytes} bytes were read")


def _read_tags_in_text(text: str, limits: Limits) -> Iterator[Reading]:
    """Yield the imports of Python tags, for a user who loads the text as YAML, up to the first syntax error."""
    if _PYTHON_TAG.search(text) is None:
        return
    facts = YamlFacts()
    with suppress(YamlError, LimitReachedError):
        facts.scan(text, limits)
    yield from read_tags(tuple(facts.tags.items()))
