"""Read event logs of TensorBoard: records of numbers, pictures, texts and hyperparameters that training writes.

A record has its length in 8 bytes, the checksum of the length, an Event and the checksum of that. Programs read
hyperparameters and texts back, so they are interpreted as those of a configuration; a graph is read as one.

Sources: ``tensorflow/core/lib/io/record_writer.cc``, ``tensorflow/core/util/event.proto``,
``tensorflow/core/framework/summary.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.protobuf_texts import collect_texts, guess_texts
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import MIB, Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.checksums import compute_crc32c
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.protobuf import BYTES, Message
from modelaudit.wire.protobuf_schema import MessageSchema, claim_message
from modelaudit.wire.windows import SubWindow, get_budget, make_opener

_FORMAT: Final = "tensorflow"
_LENGTH_BYTES: Final = 8
_CHECKSUM_BYTES: Final = 4
_HEADER_BYTES: Final = _LENGTH_BYTES + _CHECKSUM_BYTES
_MASK: Final = 0xA282EAD8
_VERSION: Final = b"brain.Event:"
# The keys of the time and of the version of the log; one of them begins the first event.
_FIRST_KEYS: Final = b"\x09\x1a"
_MOST_RECORDS: Final = 1_000_000
_MOST_GRAPHS: Final = 100
_MOST_CHECKED_BYTES: Final = MIB  # of all records, whose checksums are compared
_FIELDS_OF_EVENT: Final = 100_000
# The fields of an Event with a graph and with a graph and its meta data.
_GRAPHS: Final = {4: "graph.pb", 9: "meta_graph.pb"}
# From an Event to what a plugin stores: its summary, a value, its meta data, the plugin and the content.
_PATH_TO_PLUGIN: Final = (5, 1, 9, 1, 2)
_SCHEMA: Final = MessageSchema.parse(
    """
Event 1:n 2:n 3:text 4:data 5:Summary 6:LogMessage 7:SessionLog 8:TaggedRunMetadata 9:data 10:SourceMetadata
Summary 1:Summary.Value
Summary.Value 1:text 2:n 3:data 4:Image 5:Histogram 6:Audio 7:text 8:Tensor 9:SummaryMetadata
SummaryMetadata 1:PluginData 2:text 3:text 4:n
PluginData 1:text 2:text
Image 1:n 2:n 3:n 4:data
Audio 1:n 2:n 3:n 4:data 5:text
Histogram 1:n 2:n 3:n 4:n 5:n 6:data 7:data
Tensor 1:n 2:TensorShape 3:n 4:data 5:data 6:data 7:data 8:text 9:data 10:data 11:data 12:data 13:data 16:data 17:data
TensorShape 2:TensorShape.Dim 3:n
TensorShape.Dim 1:n 2:text
LogMessage 1:n 2:text
SessionLog 1:n 2:text 3:text
TaggedRunMetadata 1:text 2:data
SourceMetadata 1:text
""".strip()
)


def recognises_events(head: Head) -> bool:
    """Whether the first record is an Event with the version of the log, and its length has the right checksum."""
    data = head.data
    start = _HEADER_BYTES
    has_version = len(data) > start and data[start] in _FIRST_KEYS and _VERSION in data[start : start + 64]
    return head.content is None and has_version and _is_checked(data[:_LENGTH_BYTES], data[_LENGTH_BYTES:start])


def _is_checked(data: bytes, stored: bytes) -> bool:
    """Whether ``stored`` is the masked checksum of ``data``."""
    checksum = compute_crc32c(data)
    masked = ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF
    return masked == int.from_bytes(stored, "little")


def read_events(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield what the texts and hyperparameters of the events make loaders do, and the graphs in them as artifacts.

    Raises:
        DamagedError: a record breaks off or has another checksum; what is before it was yielded.
        LimitReachedError: there are too many records or graphs.
        WindowError: the window could not return the requested bytes.
    """
    tree = ValueTree()
    graphs: list[tuple[str, Message]] = []
    failure: DamagedError | WindowError | None = None
    count = 0
    try:
        for event in _iterate_events(window):
            count += 1
            claim_message(event, _SCHEMA, _FIELDS_OF_EVENT)
            collect_texts(event, _SCHEMA, "Event", tree)
            _read_event(event, tree, graphs)
    except (DamagedError, WindowError) as error:
        failure = error
    yield Outline(_FORMAT, facts=(("message", "Event"), ("records", str(count))))
    budget = get_budget(window, limits)
    for number, (name, graph) in enumerate(graphs):
        body = SubWindow(window, graph.start, graph.size, budget)
        yield Artifact(join_member(artifact.path, f"{number}-{name}"), body.size, make_opener(body))
    yield from tree.interpret(artifact.path, limits)
    if failure is not None:
        raise failure


def _iterate_events(window: Window) -> Iterator[Message]:
    """Yield the Event of each record, and claim what is around it.

    Raises:
        DamagedError: a record breaks off, or has another checksum.
        LimitReachedError: there are too many records.
        WindowError: the window could not return the requested bytes.
    """
    position = records = checked = 0
    while position < window.size:
        check_deadline()
        header = window.read(position, _HEADER_BYTES)
        length = int.from_bytes(header[:_LENGTH_BYTES], "little")
        start = position + _HEADER_BYTES
        end = start + length
        if len(header) < _HEADER_BYTES or not _is_checked(header[:_LENGTH_BYTES], header[_LENGTH_BYTES:]):
            raise DamagedError("the length of a record has another checksum", position)
        if end + _CHECKSUM_BYTES > window.size:
            raise DamagedError(f"a record of {length} bytes ends beyond the file", position)
        records += 1
        if records > _MOST_RECORDS:
            raise LimitReachedError(f"only the first {_MOST_RECORDS} records were read", position)
        checked += length
        if checked <= _MOST_CHECKED_BYTES and not _is_checked(
            window.read(start, length), window.read(end, _CHECKSUM_BYTES)
        ):
            raise DamagedError("a record has another checksum", start)
        claim_parsed(window, position, start)
        yield Message(window, start, end)
        claim_parsed(window, end, end + _CHECKSUM_BYTES)
        position = end + _CHECKSUM_BYTES


def _read_event(event: Message, tree: ValueTree, graphs: list[tuple[str, Message]]) -> None:
    """Add the graphs of an event, and the texts in what its plugins store, which only they can parse."""
    for each in event.fields():
        if each.wire == BYTES and each.number in _GRAPHS:
            if len(graphs) >= _MOST_GRAPHS:
                raise LimitReachedError(f"only the first {_MOST_GRAPHS} graphs were read", each.offset)
            graphs.append((_GRAPHS[each.number], each.body))
        elif each.wire == BYTES and each.number == _PATH_TO_PLUGIN[0]:
            for content in _iterate_fields(each.body, _PATH_TO_PLUGIN[1:]):
                guess_texts(content, tree)


def _iterate_fields(message: Message, numbers: tuple[int, ...]) -> Iterator[Message]:
    """Yield the content of the fields that the numbers lead to."""
    for each in message.fields():
        if each.wire == BYTES and each.number == numbers[0]:
            if len(numbers) > 1:
                yield from _iterate_fields(each.body, numbers[1:])
            else:
                yield each.body
