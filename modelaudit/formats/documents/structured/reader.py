"""Read JSON, YAML and other text: the readers of last resort, asked in this order.

Each yields the document and passes its values to the interpreters that know the keys.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelaudit.formats.documents.structured import JSON_NAMES, DocumentDefect
from modelaudit.formats.documents.structured.marred_text import read_marred_table
from modelaudit.formats.documents.structured.odd_rows import interpret_odd_rows
from modelaudit.formats.documents.structured.plain_rows import scan_text
from modelaudit.formats.documents.structured.recognition import is_yaml_name
from modelaudit.formats.documents.structured.tables import interpret_table, is_table_name
from modelaudit.formats.interpreters import INTERPRETERS
from modelaudit.languages.architectures.vocabulary import VOCABULARY_READERS
from modelaudit.languages.configurations.jsonnet import parse_jsonnet
from modelaudit.languages.configurations.tags import read_tags
from modelaudit.languages.configurations.text_names import read_text_names
from modelaudit.languages.document_programs import read_command_lines
from modelaudit.languages.document_settings import collect_json_settings, parse_yaml_settings
from modelaudit.languages.programs import PROGRAM_KEYS, has_program_name, report_unread_programs
from modelaudit.languages.settings import interpret_settings, select_interpreters
from modelaudit.languages.unlisted_text import report_unlisted_text
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.structure import Defect, Document, Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.documents import (
    SearchedText,
    TextInMemory,
    TextPieces,
    check_text,
    list_encoding_defects,
)
from modelaudit.wire.json_text import JsonFacts, scan_json, scan_json_lines
from modelaudit.wire.relaxed_json import accepts_relaxed_json, convert_to_json
from modelaudit.wire.text import TextScan, get_file_name
from modelaudit.wire.yaml_text import YamlError, YamlFacts

_JSONNET_NAMES = (".jsonnet", ".libsonnet")
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
# Text up to this size is searched for names as a whole, and longer text in pieces of this size.
_SEARCHED_BYTES = 8 * MIB
# Pieces overlap by more than the longest match, so that every match is whole in one piece.
_OVERLAP_BYTES = 64 * 1024
_MOST_DUPLICATES = 50
_MOST_CONVERTED_BYTES = 4 * MIB
_INTERPRETED_KEYS = frozenset(key for each in INTERPRETERS for key in each.keys)
_WANTED_KEYS = _INTERPRETED_KEYS | PROGRAM_KEYS


@report_unread_programs
def read_json(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, the structures that interpreters find in it, and content encoded in its strings.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the file is larger than ``document_bytes``, or the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    try:
        facts = _scan_values(text, limits)
    except ValueError as error:
        yield from _read_almost_json(artifact, text, limits, error)
        return
    yield _make_json_document(text, facts, text.defects)
    yield from _search_names(text)
    yield from _interpret_document(artifact.path, text, facts, limits)
    read_vocabulary = VOCABULARY_READERS.get(get_file_name(artifact.path))
    if read_vocabulary is not None:
        yield from read_vocabulary("".join(text))
    if facts.limit is not None:
        yield Unread(UnreadReason.LIMIT, str(facts.limit))


def _read_almost_json(artifact: Artifact, text: TextPieces, limits: Limits, error: ValueError) -> Iterator[Reading]:
    """Read text that is recognised as JSON but is not valid: YAML, JSON with comments or JSON5, damaged JSON, or text.

    Args:
        artifact: the file.
        text: its text.
        limits: the bounds of the scan.
        error: the parser's error, for the defect and the absence.
    """
    name = get_file_name(artifact.path)
    if not name.endswith(JSON_NAMES) and is_yaml_name(name):
        yield from _read_yaml_text(artifact, text, limits)
        return
    # The tools that read such a file accept comments and JSON5 in it.
    is_relaxed_json = accepts_relaxed_json(name, artifact.path)
    is_converted = text.window.size <= _MOST_CONVERTED_BYTES
    converted = convert_to_json("".join(text)) if is_converted else ""
    try:
        facts: JsonFacts | None = scan_json((converted,), _WANTED_KEYS, limits)
    except ValueError:
        facts = None
    yield from _describe_almost_json(name, text, facts if is_relaxed_json else None, is_relaxed_json, error)
    if facts is None and not name.endswith((*JSON_NAMES, *_JSONNET_NAMES)):
        yield from _report_unlisted(artifact, text.window, limits)
    yield from _search_names(text)
    # Relaxed JSON is interpreted under any name, because a lenient parser may load it.
    if facts is not None:
        yield from _interpret_document(artifact.path, TextInMemory(converted), facts, limits)
        if facts.limit is not None:
            yield Unread(UnreadReason.LIMIT, str(facts.limit))
    elif is_table_name(name) and is_converted:
        yield from interpret_table(artifact.path, name, "".join(text), limits)
    elif name.endswith(_JSONNET_NAMES) and is_converted:
        yield from _interpret_jsonnet(artifact.path, "".join(text), limits)
    elif is_converted:
        yield from read_command_lines(artifact.path, "".join(text))
    if not is_converted:
        detail = f"it is not JSON, and text of more than {_MOST_CONVERTED_BYTES} bytes is not read as relaxed JSON"
        yield Unread(UnreadReason.LIMIT, detail)


def _describe_almost_json(
    name: str, text: TextPieces, facts: JsonFacts | None, is_relaxed_json: bool, error: ValueError
) -> Iterator[Reading]:
    """Yield the document of a text that is not valid JSON, and the absence that its damage or its program leaves.

    Args:
        name: of the file, in lower case.
        text: its text.
        facts: of the text after its conversion to JSON; ``None`` for a text that is not, or may not be, relaxed JSON.
        is_relaxed_json: whether tools accept relaxed JSON under this name.
        error: the parser's error, for the defect and the absence.
    """
    if facts is not None:
        yield _make_json_document(text, facts, text.defects)
    elif name.endswith(_JSONNET_NAMES):
        yield Document("text", "text", lines=text.scan.lines, defects=text.defects)
    elif name.endswith(JSON_NAMES) or is_relaxed_json:
        defect = Defect(DocumentDefect.NOT_JSON, str(error))
        yield Document("json", "text", lines=text.scan.lines, defects=(*text.defects, defect))
        yield Unread(UnreadReason.DAMAGED, f"the file is not valid JSON: {error}")
    else:
        yield Document("text", "text", lines=text.scan.lines, defects=text.defects)


def _interpret_jsonnet(path: str, text: str, limits: Limits) -> Iterator[Reading]:
    """Yield the files that Jsonnet imports, and what the interpreters find in its texts; an absence if it computes.

    Raises:
        LimitReachedError: no time is left.
    """
    program = parse_jsonnet(text)
    yield from program.build_references()
    keys = {setting.key for setting in program.settings}
    interpreters = select_interpreters(INTERPRETERS, keys, get_file_name(path), (text,))
    yield from interpret_settings(interpreters, path, program.settings, limits)
    if program.computes_texts:
        detail = f"Jsonnet computes a text of the configuration ({program.computes_texts}): it was not analysed"
        yield Unread(UnreadReason.PROGRAM, detail)


def _report_unlisted(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Unread]:
    """Yield an absence for a file of text that may be a program, unless its name or first line has given one already.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    path = artifact.path
    is_judged = has_program_name(path) or is_table_name(get_file_name(path)) or window.read(0, 2) == b"#!"
    if artifact.may_be_program and not is_judged:
        yield from report_unlisted_text(path, window, limits)


def _scan_values(text: TextPieces, limits: Limits) -> JsonFacts:
    """Scan the text as one JSON value, or else as one value a line.

    Raises:
        ValueError: it is neither; the error is that of the attempt as one value.
    """
    try:
        return scan_json(text, _WANTED_KEYS, limits)
    except ValueError as error:
        try:
            return scan_json_lines(text, limits, _WANTED_KEYS)
        except ValueError:
            raise error from None


def _make_json_document(text: TextPieces, facts: JsonFacts, defects: tuple[Defect, ...]) -> Document:
    """Build the document with the given defects, and one more for each duplicate key."""
    duplicates = tuple(
        Defect(DocumentDefect.DUPLICATE_KEY, f"the key {key!r} occurs twice in one object", Location(key=key))
        for key in facts.duplicates[:_MOST_DUPLICATES]
    )
    return Document("json", facts.root, facts.keys, lines=text.scan.lines, defects=(*defects, *duplicates))


def _search_names(text: TextPieces) -> Iterator[Reading]:
    """Yield the names that patterns find in the text."""
    for piece, lines in text.iterate_searched():
        yield from read_text_names(piece, lines)


def _interpret_document(
    path: str, text: SearchedText, facts: JsonFacts | YamlFacts, limits: Limits
) -> Iterator[Reading]:
    """Yield the structures of the interpreters that want the document, by its keys, its name or marks in its text."""
    # Rows and long lists are data. Only their keys select interpreters there, not marks anywhere in the text.
    is_json_data = isinstance(facts, JsonFacts) and (
        facts.is_json_lines or (facts.root == "sequence" and text.is_longer_than(MIB))
    )
    searched = () if is_json_data else (piece for piece, _ in text.iterate_searched())
    if isinstance(facts, JsonFacts) and facts.is_json_lines:
        yield from interpret_odd_rows(path, text, limits)
    interpreters = select_interpreters(INTERPRETERS, facts.present_keys, get_file_name(path), searched)
    if not interpreters:
        return
    # A bound that was reached is reported after the settings before it were read.
    if isinstance(facts, YamlFacts):
        settings, limit_error = parse_yaml_settings(text, limits)
    else:
        settings, limit_error = collect_json_settings(text, limits, facts.is_json_lines, _INTERPRETED_KEYS)
    yield from interpret_settings(interpreters, path, settings, limits)
    if all(interpreter.is_descriptive for interpreter in interpreters):
        return
    # The reader of the document reports a bound that both scans reached.
    if limit_error is not None and str(limit_error) != str(getattr(facts, "limit", None)):
        yield Unread(UnreadReason.LIMIT, str(limit_error))


def _read_yaml(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document with its tags, and the structures that interpreters find in it."""
    yield from _read_yaml_text(artifact, check_text(window, limits), limits)


def _read_yaml_text(artifact: Artifact, text: TextPieces, limits: Limits) -> Iterator[Reading]:
    """Yield the document with its tags, and the structures that interpreters find in it."""
    facts = YamlFacts(_WANTED_KEYS)
    defects = text.defects
    unread = None
    try:
        facts.scan(text, limits)
    except YamlError as error:
        defects = (*defects, Defect(DocumentDefect.NOT_YAML, str(error), Location(line=error.line)))
        unread = Unread(UnreadReason.DAMAGED, f"the file is not valid YAML: {error}", Location(line=error.line))
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, str(error))
    duplicates = tuple(
        Defect(
            DocumentDefect.DUPLICATE_KEY, f"the key {key!r} occurs twice in one mapping", Location(line=line, key=key)
        )
        for key, line in facts.duplicates[:_MOST_DUPLICATES]
    )
    keys, tags = tuple(facts.keys), tuple(facts.tags.items())
    yield Document("yaml", facts.root, keys, tags, text.scan.lines, (*defects, *duplicates))
    yield from read_tags(tags, facts.arguments)
    yield from _search_names(text)
    yield from _interpret_document(artifact.path, text, facts, limits)
    if unread is not None:
        yield unread


read_yaml = report_unread_programs(_read_yaml)


@report_unread_programs
def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the document, and the names found in the text.

    At most ``document_bytes`` are read, and of a table ``table_bytes``. Prose is not searched for names. Other text is
    searched as a whole up to 8 MiB, and piece by piece above. If a loader parses such a file as a whole, the search by
    pieces leaves an absence.

    Raises:
        DamagedError: the file is not text to its end.
        WindowError: the window could not return the requested bytes.
    """
    scan = TextScan()
    damage: DamagedError | WindowError | None = None
    end, is_complete = 0, False
    try:
        end, is_complete = scan_text(scan, window, limits)
    except (DamagedError, WindowError) as error:
        damage = error
    yield Document("text", "text", lines=scan.lines, defects=list_encoding_defects(scan))
    if isinstance(damage, DamagedError) and (words := read_marred_table(artifact, window, limits)):
        yield words
        return
    if damage is not None:
        raise damage
    yield from _report_unlisted(artifact, window, limits)
    if is_complete and end <= min(_SEARCHED_BYTES, limits.document_bytes):
        yield from _search_text(artifact.path, check_text(window, limits), limits)
    elif not get_file_name(artifact.path).endswith(_PROSE_EXTENSIONS):
        yield from _search_pieces(window, max(end, min(window.size, limits.document_bytes)))
        if is_table_name(get_file_name(artifact.path)):
            # A program may read any length of settings.
            yield Unread(
                UnreadReason.LIMIT, f"the settings take more than {_SEARCHED_BYTES} bytes, and were not parsed"
            )
    if not is_complete:
        yield Unread(UnreadReason.LIMIT, f"only the first {limits.document_bytes} bytes were read")


def _search_text(path: str, text: TextPieces, limits: Limits) -> Iterator[Reading]:
    """Yield the names in text that is not prose, and its settings if it is TOML or INI, or else its commands."""
    name = get_file_name(path)
    if not name.endswith(_PROSE_EXTENSIONS):
        yield from _search_names(text)
    if is_table_name(name):
        yield from interpret_table(path, name, "".join(text), limits)
    else:
        yield from read_command_lines(path, "".join(text))


def _search_pieces(window: Window, end: int) -> Iterator[Reading]:
    """Yield the names in the bytes up to ``end``, which are searched in pieces that overlap."""
    lines = 0
    for start in range(0, end, _SEARCHED_BYTES):
        piece = window.read(start, min(end - start, _SEARCHED_BYTES + _OVERLAP_BYTES))
        # Only text in UTF-16 has zero bytes. Without them its ASCII characters, as names are, remain.
        yield from read_text_names(piece.replace(b"\0", b"").decode("utf-8", "replace"), lines)
        lines += piece.count(b"\n", 0, _SEARCHED_BYTES)
