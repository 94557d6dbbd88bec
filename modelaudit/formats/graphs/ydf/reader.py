"""Read the files of a model of YDF that are one message: the header, the columns, and the header of the forest.

Source: ``model/model_library.cc`` and the ``.proto`` files of https://github.com/google/yggdrasil-decision-forests
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.formats.graphs.ydf.messages import MessageCheck
from modelaudit.formats.graphs.ydf.recognition import COLUMNS, HEADER, MODEL_NAMES, MOST_BYTES, find_type
from modelaudit.formats.value_trees import ValueTree
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.record_cursor import RecordCursor

FORMAT: Final = "ydf"
_NODE_FORMATS: Final = ("BLOB_SEQUENCE", "BLOB_SEQUENCE_GZIP", "TFE_RECORDIO")
# The numbers of the fields that name the format of the nodes.
_NODE_FORMAT: Final = {"RandomForestHeader": 7, "GradientBoostedTreesHeader": 7, "IsolationForestHeader": 3}
_NAME: Final = 1
_TREES: Final = 2
# The name of a file of nodes has five digits for its number.
_MOST_FILES: Final = 99_999
_MOST_TREES: Final = (1 << 31) - 1
# The fields by which the columns are counted.
_TYPE, _IS_UNSTACKED = ("Column", 1), ("Column", 11)
_VALUES, _INDEX = ("CategoricalSpec", 2), ("CategoricalSpec.VocabValue", 1)
_BEGIN, _SIZE = ("Unstacked", 2), ("Unstacked", 3)
_CUSTOM: Final = "Metadata.CustomField"


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the outline, and what the texts of the message say.

    Raises:
        DamagedError: the message is truncated, contradicts itself, or has a field or a name that the library has not.
        LimitReachedError: the message is longer than 64 MiB, or the time is over.
        WindowError: the window could not return the requested bytes.
    """
    type_ = find_type(artifact.path)
    if window.size > MOST_BYTES:
        raise LimitReachedError(f"the message is longer than {MOST_BYTES} bytes", 0)
    cursor = RecordCursor(window)
    facts: dict[str, str] = {}
    tree = ValueTree()
    damage: DamagedError | None = None
    try:
        read_message(cursor, type_, cursor.left, facts, tree)
        if type_ in _NODE_FORMAT and "node format" not in facts:
            raise DamagedError("the header names no format of the nodes", window.size)
    except DamagedError as error:
        damage = error
    cursor.claim_consumed()
    yield Outline(FORMAT, facts=tuple(facts.items()))
    yield from tree.interpret(artifact.path, limits)
    if damage is not None:
        raise damage


def read_message(cursor: RecordCursor, type_: str, length: int, facts: dict[str, str], tree: ValueTree) -> None:
    """Read one message of ``length`` bytes, and mark its texts.

    Args:
        cursor: at the start of the message; it is moved only if the whole message is valid.
        type_: the type of the message.
        length: in bytes.
        facts: gets the facts.
        tree: gets the texts.

    Raises:
        DamagedError: the message contradicts the schema or itself.
        LimitReachedError: it is too long, has too many texts, or the time is over.
        WindowError: the window could not return the requested bytes.
    """
    cursor.require_bytes(length, "a message")
    if length > MOST_BYTES:
        raise LimitReachedError(f"a message is longer than {MOST_BYTES} bytes", cursor.offset)
    start = cursor.offset
    data = cursor.peek(length)
    check = MessageCheck(data, start)
    check.check(type_, 0, length)
    _check_texts(check, data, start, facts)
    _check_counts(check, start, facts)
    if type_ == COLUMNS:
        _check_columns(check.numbers, start, facts)
    last_key = ""
    for name, number, first, end, is_text in check.contents:
        content = data[first:end]
        cursor.skip(start + first - cursor.offset, "numbers")
        cursor.skip(end - first, "a text")
        cursor.mark_name(content)
        text = content.decode("utf-8", "backslashreplace")
        if name == _CUSTOM and number == _NAME:
            last_key = text
        tree.add((name if is_text else last_key,), text)
    cursor.skip(start + length - cursor.offset, "numbers")


def _check_texts(check: MessageCheck, data: bytes, start: int, facts: dict[str, str]) -> None:
    """Check the names by which the library chooses code. Raises ``DamagedError``."""
    for name, number, first, end, is_text in check.contents:
        text = data[first:end].decode("utf-8", "backslashreplace")
        if is_text and text.encode() != data[first:end]:
            raise DamagedError(f"a text of {name} is not UTF-8", start + first)
        if (name, number) == (HEADER, _NAME):
            facts["model"] = text
            if text not in MODEL_NAMES:
                raise DamagedError(f"the library has no model {text[:64]!r}", start + first)
        if number == _NODE_FORMAT.get(name):
            facts["node format"] = text
            if text not in _NODE_FORMATS:
                raise DamagedError(f"the library has no format {text[:64]!r} of nodes", start + first)


def _check_counts(check: MessageCheck, start: int, facts: dict[str, str]) -> None:
    """Record the numbers of trees, files and models, and check that each is possible. Raises ``DamagedError``."""
    for name, number, value in check.numbers:
        if not name.endswith("Header"):
            continue
        what = "models" if name == "MultitaskerHeader" else "trees" if number == _TREES else "files"
        facts[what] = str(value)
        least, most = (0, _MOST_TREES) if what == "trees" else (1, _MOST_FILES)
        if not least <= value <= most:
            raise DamagedError(f"the header states {value} {what}", start)


def _check_columns(numbers: list[tuple[str, int, int]], start: int, facts: dict[str, str]) -> None:
    """Count the columns, and check the values and columns that they refer to. Raises ``DamagedError``."""
    columns = unstacked = stated = values = 0
    begin = 0
    for name, number, value in numbers:
        place = (name, number)
        if place == _TYPE:
            columns += 1
        elif place == _IS_UNSTACKED:
            unstacked += value
        elif place == _VALUES:
            values = value
        elif place == _INDEX and not 0 <= value < values:
            raise DamagedError(f"a category has number {value} of {values}", start)
        elif place == _BEGIN:
            begin = value
        elif place == _SIZE:
            stated += value
            if not 0 <= begin <= begin + value <= columns:
                raise DamagedError(f"the columns from {begin}, {value} of them, are not among {columns}", start)
    if stated != unstacked:
        raise DamagedError(f"{unstacked} columns are parts of others, which count {stated}", start)
    facts["columns"] = str(columns)
