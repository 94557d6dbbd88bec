"""JSON, YAML and any other text. These read what no other reader recognises, in that order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from modelaudit.formats.documents.structured import DocumentDefect
from modelaudit.formats.documents.structured.tables import is_table, meanings_of_table
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
_PROSE = (".txt", ".rst", ".log", ".csv", ".tsv", ".tex", ".bib", ".html", ".htm", ".svg", ".py", ".pyx", ".cff")
_NAMED_BYTES = 8 * MIB
_SPACE = b"\xef\xbb\xbf \t\r\n"
_TAGGED = re.compile(r"!!python|![^\s!]*!python|tag:yaml\.org,2002:python")
_MOST_DUPLICATES = 50
_WANTED = frozenset(key for each in INTERPRETERS for key in each.keys)


def recognises_json(head: Head) -> bool:
    """Text that is called JSON, or that begins as an object or array of JSON does and as prose hardly can."""
    if not looks_like_text(head):
        return False
    if get_file_name(head.path).endswith(_JSON_NAMES):
        return True
    start = head.data.lstrip(_SPACE)
    follows = start[1:].lstrip(_SPACE)[:1]
    return (start[:1] + follows) in (b'{"', b"{}", b"[{", b"[[", b'["', b"[]")


@report_unread_programs
def read_json(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, what its settings mean, and what its strings encode."""
    text, scan, defects = read_whole_text(window, limits)
    try:
        check_bounds(text, limits)
        facts = _facts(text, limits)
        yield _json_document(facts, scan, defects)
        yield from read_text_names(text)
        yield from _meanings(artifact.path, text, facts, limits)
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
    """What begins like JSON and is none: YAML does, and what editors and JSON5 take for JSON."""
    name = get_file_name(artifact.path)
    if not name.endswith(_JSON_NAMES) and _is_yaml(name):
        yield from _read_yaml(artifact, window, limits)
        return
    _, scan, defects = read_whole_text(window, limits)
    says_json = name.endswith(_JSON_NAMES) or is_tolerant(name, artifact.path)
    relaxed = convert_to_json(text)
    try:
        facts: JsonFacts | None = scan_json(relaxed, _WANTED)
    except (ValueError, LimitReachedError):
        facts = None
    if facts is not None and is_tolerant(name, artifact.path):
        yield _json_document(facts, scan, defects)
    elif says_json:
        yield Document(
            "json", "text", lines=scan.lines, defects=(*defects, Defect(DocumentDefect.NOT_JSON, str(error)))
        )
        yield Unread(UnreadReason.DAMAGED, f"it is not JSON: {error}")
    else:
        yield Document("text", "text", lines=scan.lines, defects=defects)
    yield from read_text_names(text)
    yield from _tags_in_text(text, limits)
    if facts is not None:
        yield from _meanings(artifact.path, relaxed, facts, limits)
    elif is_table(name):
        yield from meanings_of_table(artifact.path, name, text, limits)


def _facts(text: str, limits: Limits) -> JsonFacts:
    """The facts of one JSON value, or of one a line."""
    try:
        return scan_json(text, _WANTED)
    except ValueError as problem:
        try:
            return scan_rows(text, limits, _WANTED)
        except ValueError:
            raise problem from None


def _json_document(facts: JsonFacts, scan: TextScan, defects: tuple[Defect, ...]) -> Document:
    twice = tuple(
        Defect(DocumentDefect.DUPLICATE_KEY, f"the key {key!r} occurs twice in one object", Location(key=key))
        for key in facts.duplicates[:_MOST_DUPLICATES]
    )
    return Document("json", facts.root, facts.keys, lines=scan.lines, defects=(*defects, *twice))


def _meanings(path: str, text: str, facts: JsonFacts | YamlFacts, limits: Limits) -> Iterator[Reading]:
    """What the document means to those who know keys of it."""
    # Rows, and a long list, are data: what is written in them is none of a tool's settings unless a key says so.
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
    """Text that is called YAML; its bytes alone are like any other text's."""
    return _is_yaml(get_file_name(head.path)) and looks_like_text(head)


def _is_yaml(name: str) -> bool:
    return name.endswith(_YAML_NAMES) or name in _YAML_FILES


def _read_yaml(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    text, scan, defects = read_whole_text(window, limits)
    facts = YamlFacts(_WANTED)
    unread = None
    try:
        facts.scan(text, limits)
    except YamlError as error:
        defects = (*defects, Defect(DocumentDefect.NOT_YAML, str(error), Location(line=error.line)))
        unread = Unread(UnreadReason.DAMAGED, f"it is not YAML: {error}", Location(line=error.line))
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
    yield from _meanings(artifact.path, text, facts, limits)
    if unread is not None:
        yield unread


read_yaml = report_unread_programs(_read_yaml)


@report_unread_programs
def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the text's extent; it is followed to its end, or to ``document_bytes``, without being kept."""
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
    if total <= _NAMED_BYTES and not get_file_name(artifact.path).endswith(_PROSE):
        text = read_whole_text(window, limits)[0]
        yield from read_text_names(text)
        yield from _tags_in_text(text, limits)
        name = get_file_name(artifact.path)
        if is_table(name):
            yield from meanings_of_table(artifact.path, name, text, limits)
    if total > limits.document_bytes:
        yield Unread(UnreadReason.LIMIT, f"only its first {limits.document_bytes} bytes were read")


def _tags_in_text(text: str, limits: Limits) -> Iterator[Reading]:
    """What tags have imported if somebody takes the text for YAML, as far as it is."""
    if _TAGGED.search(text) is None:
        return
    facts = YamlFacts()
    with suppress(YamlError, LimitReachedError):
        facts.scan(text, limits)
    yield from read_tags(tuple(facts.tags.items()))
