"""Read GGUF files, versions 1 to 3, in either byte order.

The numbers of tensors are not read: no number makes a loader run code. Metadata are, for runtimes render chat templates
from them and other tools show or evaluate the texts.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct, field

from modelaudit.formats.metadata_text import MetadataEntry, collect_mentions, read_metadata
from modelaudit.formats.weights.gguf import TensorDefect
from modelaudit.formats.weights.gguf.cursor import GgufCursor
from modelaudit.formats.weights.gguf.metadata import TEMPLATE_KEY, Metadata
from modelaudit.formats.weights.gguf.tensors import Tensor, align_offset, check_extents, read_tensor_table
from modelaudit.formats.weights.gguf.types import BLOCK_SIZES
from modelaudit.languages.architectures.settings import read_gguf_traits
from modelaudit.languages.stated_values import keep_values, make_values
from modelaudit.languages.terms.keys import FILE_TYPE_KEY
from modelaudit.model.artifact import JINJA, Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.limits import Limits
from modelaudit.model.lineage import ModelTraits
from modelaudit.model.outline import Outline
from modelaudit.model.stated import StoredTensor, TensorTable
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.wire.base import DamagedError, Reading
from modelaudit.wire.cursor import SizeBeyondEndError
from modelaudit.wire.ledger import claim_data, claim_parsed
from modelaudit.wire.members import DefectLog, MemberPaths
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_MAGIC: Final = b"GGUF"
_HEADER_BYTES: Final = 8
_ARCHITECTURE_KEY: Final = "general.architecture"
_VERSIONS: Final = (1, 2, 3)
# More than any file has: a header that states so much is forged, and the file not merely truncated.
_IMPLAUSIBLE_COUNT: Final = 2**31
_IMPLAUSIBLE_SIZE: Final = 2**40
_MAX_FACT_LENGTH: Final = 300
_MAX_FACTS: Final = 100
_MAX_REPORTED_TEXTS: Final = 20
_FACT_PREFIXES: Final = ("general.", "split.")
_INTERPRETED_SCALARS: Final = frozenset({FILE_TYPE_KEY})


class _ParsedFile(Struct):
    """The facts about one file, filled while it is parsed, so that damage does not lose what came before.

    Attributes:
        log: the defects.
        order: the byte order, ``little`` or ``big``.
        stated_tensors: the number of tensors that the header states; ``None`` until it was read.
        data_start: offset of the data section, in bytes.
        end: where the last tensor ends, in bytes from ``data_start``; ``None`` if that is unknown.
    """

    log: DefectLog
    metadata: Metadata
    version: int = 0
    order: Literal["little", "big"] = "little"
    stated_tensors: int | None = None
    tensors: list[Tensor] = field(default_factory=list)
    data_start: int = 0
    end: int | None = None


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, then each chat template and document of the metadata.

    Raises:
        DamagedError: the file is truncated, or its version does not exist.
        WindowError: the window could not return the requested bytes.
    """
    log = DefectLog()
    state = _ParsedFile(log, Metadata(log, limits))
    damage: DamagedError | None = None
    try:
        _parse_file(window, state)
    except DamagedError as error:
        if isinstance(error, SizeBeyondEndError) and error.stated_size >= _IMPLAUSIBLE_SIZE:
            log.add(TensorDefect.SIZE_OVERFLOW, str(error), error.offset)
        damage = error
    entries = [MetadataEntry(text.key, text.data) for text in state.metadata.texts if not _is_template(text.key)]
    mentions, absences = collect_mentions(entries)
    yield Outline("gguf", mentions, tuple(_list_facts(state)), log.defects())
    yield from _open_templates(artifact, window, state, limits)
    traits = _build_traits(state.metadata)
    if traits != ModelTraits():
        yield traits
    stated = [(text.key, text.data.decode("utf-8", "replace")) for text in state.metadata.texts]
    yield from keep_values("gguf", make_values([*stated, *state.metadata.scalars.items()]))
    stored = tuple(
        StoredTensor(each.name, BLOCK_SIZES[each.kind][0] if each.kind in BLOCK_SIZES else "", each.shape)
        for each in state.tensors
    )
    yield TensorTable("gguf", stored, is_complete=damage is None and len(stored) == state.stated_tensors)
    # ``general.file_type`` states whether the weights are quantised, and the metadata are interpreted for that.
    numbers = [
        MetadataEntry(key, str(value).encode())
        for key, value in state.metadata.scalars.items()
        if key in _INTERPRETED_SCALARS
    ]
    yield from read_metadata(artifact, window, [*entries, *numbers], limits)
    yield from absences
    yield from state.metadata.absences
    # Templates are not cut: each is an artifact of its own.
    cut_texts = [text for text in state.metadata.texts if len(text.data) < text.length and not _is_template(text.key)]
    for text in cut_texts[:_MAX_REPORTED_TEXTS]:  # more of the same absence add nothing to the verdict
        detail = f"{text.key[:_MAX_FACT_LENGTH]}: only the first {len(text.data)} of {text.length} bytes were searched"
        yield Unread(UnreadReason.LIMIT, detail, Location(offset=text.start, key=text.key[:_MAX_FACT_LENGTH]))
    if damage is not None:
        raise damage
    yield from _check_file_end(window, state)


def _parse_file(window: Window, state: _ParsedFile) -> None:
    """Parse header, metadata and table of tensors, and fill ``state``.

    Raises:
        DamagedError: a part is truncated or invalid; the parts before it are in ``state``.
    """
    header = window.read(0, _HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        raise DamagedError("the header is truncated", len(header))
    # The magic number is the same in both byte orders. Only one of them gives a version that exists.
    little_version, big_version = int.from_bytes(header[4:], "little"), int.from_bytes(header[4:], "big")
    if little_version in _VERSIONS:
        state.version, state.order = little_version, "little"
    elif big_version in _VERSIONS:
        state.version, state.order = big_version, "big"
    else:
        raise DamagedError(f"version {little_version} does not exist", 4)
    cursor = GgufCursor(window, _HEADER_BYTES, "<" if state.order == "little" else ">", is_wide=state.version > 1)
    tensor_count = cursor.read_length("the number of tensors")
    pair_count = cursor.read_length("the number of pairs")
    state.stated_tensors = tensor_count
    for count, what in ((tensor_count, "tensors"), (pair_count, "pairs of metadata")):
        if count >= _IMPLAUSIBLE_COUNT:
            state.log.add(
                TensorDefect.SIZE_OVERFLOW,
                f"the header states {count} {what}, more than any file can hold",
                _HEADER_BYTES,
            )
    try:
        state.metadata.read(cursor, pair_count)
        read_tensor_table(cursor, tensor_count, state.log, state.tensors)
    finally:
        claim_parsed(window, 0, _HEADER_BYTES)
        cursor.claim_consumed()
    alignment = state.metadata.alignment
    state.data_start = align_offset(cursor.offset, alignment)
    for tensor in state.tensors:
        claim_data(window, state.data_start + tensor.start, state.data_start + tensor.start + (tensor.size or 0))
    state.end = check_extents(state.tensors, alignment, state.log)


def _is_template(key: str) -> bool:
    """Whether a runtime may use the text as a template.

    Runtimes know different keys, and all of them contain ``chat_template``.
    """
    return "chat_template" in key.lower()


def _build_traits(metadata: Metadata) -> ModelTraits:
    """Build the traits of the model that the metadata state."""
    texts = {text.key: text.data.decode("utf-8", "replace") for text in metadata.texts if not text.is_of_list}
    architecture = texts.get(_ARCHITECTURE_KEY, "")
    traits = read_gguf_traits(architecture, metadata.scalars, texts.get(TEMPLATE_KEY, ""))
    return replace(traits, vocabulary=metadata.vocabulary)


def _list_facts(state: _ParsedFile) -> Iterator[tuple[str, str]]:
    """Yield (name, value) pairs for the outline: version, number of tensors, and the first general metadata."""
    yield "version", f"{state.version}, {state.order}-endian"
    if state.stated_tensors is not None:
        yield "tensors", str(state.stated_tensors)
    shown = 0
    for text in state.metadata.texts:
        if text.key.startswith(_FACT_PREFIXES) and shown < _MAX_FACTS:
            shown += 1
            one_line = " ".join(text.data.decode("utf-8", "backslashreplace").split())
            yield text.key[:_MAX_FACT_LENGTH], one_line[:_MAX_FACT_LENGTH]
    for key, value in state.metadata.scalars.items():
        if key.startswith(_FACT_PREFIXES) and shown < _MAX_FACTS:
            shown += 1
            yield key[:_MAX_FACT_LENGTH], str(value)


def _open_templates(artifact: Artifact, window: Window, state: _ParsedFile, limits: Limits) -> Iterator[Reading]:
    """Yield every chat template as an artifact.

    Some lists under such a key hold names of templates, so an item of a list counts only if it has a brace.
    """
    paths = MemberPaths(artifact.path)
    for text in state.metadata.texts:
        if not _is_template(text.key) or (text.is_of_list and b"{" not in text.data):
            continue
        template = SubWindow(window, text.start, text.length, get_budget(window, limits))
        path = paths.name_member(text.key[:_MAX_FACT_LENGTH])
        yield Artifact(path, template.size, make_opener(template), content=JINJA)


def _check_file_end(window: Window, state: _ParsedFile) -> Iterator[Reading]:
    """Yield the defect of bytes after the last tensor, or an absence where the tensors are truncated."""
    if state.end is None:
        return
    alignment = state.metadata.alignment
    end = state.data_start + state.end
    # A file without tensors may end before the padding of its metadata.
    if state.tensors and end > window.size:
        detail = f"the file is truncated: it has {window.size} of {end} bytes"
        yield Unread(UnreadReason.DAMAGED, detail, Location(offset=window.size))
        return
    # Most writers pad the last tensor to the alignment as well, so bytes after the padding are trailing data.
    start = align_offset(end, alignment)
    if start >= window.size:
        return
    log = DefectLog()
    log.add(TensorDefect.TRAILING_DATA, f"{window.size - start} bytes follow the last tensor", start)
    yield Outline("gguf", defects=log.defects())
