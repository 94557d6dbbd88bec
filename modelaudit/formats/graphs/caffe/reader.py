"""Networks of Caffe in text and binary form: layers by their type, and the Python that some layers call.

Source: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from modelaudit.formats.pickles.pickle.search import SEARCH
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, Head, LimitReachedError, Reading
from modelaudit.wire.documents import read_whole_text
from modelaudit.wire.protobuf import BYTES, VARINT, Field, Message
from modelaudit.wire.protobuf_text import parse_text_fields, read_recognition_bytes
from modelaudit.wire.text import looks_like_text

FORMAT: Final = "caffe"
VOCABULARY: Final = "caffe-layers"
_LAYER: Final = 100
_OLD_LAYER: Final = 2
_PYTHON: Final = 130
_FIRST: Final = 24
_NAME: Final = 256
_MOST_LAYERS: Final = 200_000
_BEGINS: Final = re.compile(rb"(?:\xef\xbb\xbf)?+(?:\s|#[^\n]*+(?:\n|\Z))*+[a-z_]++\s*+[:{<]")
_TELLS: Final = re.compile(rb"(?:^|[\"'\w}>;,\]][ \t]++)[ \t]*+layers?\s*+:?\s*+[{<]", re.MULTILINE)
_TYPED: Final = re.compile(rb"\btype\s*+:\s*+(?:[\"'][\w\\]|[A-Z])|\bbottom\s*+:|\btop\s*+:")
_SOLVER: Final = re.compile(rb"^[ \t]*+(?:base_lr|lr_policy|snapshot_prefix)\s*+:", re.MULTILINE)


@dataclass(slots=True)
class _Layers:
    """The layers that were named so far, each type once with its first place."""

    count: int = 0
    found: dict[tuple[str, str, str], Mention] = field(default_factory=dict)

    def layer(self, type_: str, module: str, name: str, detail: str, where: Location) -> None:
        self.count += 1
        if self.count > _MOST_LAYERS:
            raise LimitReachedError(f"it holds more than {_MOST_LAYERS} layers", where.offset)
        if module or name:
            self._mention(Mention(PYTHON_NAMES, "python-layer", f"{module}.{name}"[:_NAME], where, detail))
        if type_ and (type_ not in ("Python", "PYTHON") or not module):
            self._mention(Mention(VOCABULARY, "layer", type_, where))

    def _mention(self, mention: Mention) -> None:
        self.found.setdefault((mention.vocabulary, mention.use, mention.name), mention)

    def outline(self) -> Outline:
        return Outline(FORMAT, tuple(self.found.values()), (("layers", str(self.count)),))


def recognises_text(head: Head) -> bool:
    """Layers with a type and names of what they are given, or the settings of a solver."""
    data = read_recognition_bytes(head)
    if not _BEGINS.match(data) or not looks_like_text(head):
        return False
    return bool((_TELLS.search(data) and _TYPED.search(data)) or len(_SOLVER.findall(data)) > 1)


def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the layers that a text names; where it breaks off, those before."""
    text, _, _ = read_whole_text(window, limits)
    layers = _Layers()
    failure: DamagedError | None = None
    try:
        _take(text, layers, limits)
    except DamagedError as error:
        failure = error
    yield layers.outline()
    if failure is not None:
        raise failure


def _take(text: str, layers: _Layers, limits: Limits) -> None:
    path: list[str] = []
    told: dict[str, str] = {}
    line = 1
    for each in parse_text_fields(text, limits):
        if each.value is None and each.name:
            path.append(each.name)
            if path[-1] in ("layer", "layers"):
                told, line = {}, each.line
        elif each.value is None:
            if path.pop() in ("layer", "layers"):
                type_, module, name, detail = (told.get(key, "") for key in _TOLD)
                layers.layer(type_, module, name, detail, Location(line=line))
                told = {}
        elif path[-1:] in (["layer"], ["layers"], ["python_param"]) and each.name in _TOLD:
            told[each.name] = _shown(each.value)


_TOLD: Final = ("type", "module", "layer", "param_str")


def recognises_binary(head: Head) -> bool:
    """The name of the network, and layers, each with a name and a type."""
    if head.content is not None or not head.data.startswith((b"\x0a", b"\x12", b"\xa2\x06")):
        return False
    found = False
    try:
        for each in islice(Message.from_window(head.window).fields(), _FIRST):
            if each.number == _LAYER and each.wire == BYTES:
                found = found or _type(each.body).isidentifier()
            elif each.number == _OLD_LAYER and each.wire == BYTES:
                found = found or _is_old(each.body)
            elif each.number not in (1, 3, 4, 5, 6, 7, 8) or (each.number == 1 and not _is_name(each)):
                return False
            if each.number in (_LAYER, _OLD_LAYER) and not found:
                return False
    except (DamagedError, WindowError):
        return found
    return found


def _is_name(each: Field) -> bool:
    return each.wire == BYTES and each.body.size < _NAME and each.body.text(_NAME).isprintable()


def _type(layer: Message) -> str:
    """The type of a LayerParameter, of which the last counts; empty where a field is none of it."""
    name = ""
    for each in layer.fields():
        if each.number in (1, 2, 3, 4) and each.wire != BYTES:
            return ""
        if each.number == 2:
            name = each.body.text(_NAME)
    return name


def _is_old(layer: Message) -> bool:
    """Whether this is a V1LayerParameter: a name, a number for its type, and names of what it is given."""
    wires = {(each.number, each.wire) for each in layer.fields()}
    return {(4, BYTES), (5, VARINT)} <= wires and not {(2, VARINT), (3, VARINT)} & wires


def read_binary(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the layers that a network names; those of the old form have numbers, none of which is Python.

    Raises:
        DamagedError: the message breaks off.
    """
    layers = _Layers()
    failure: DamagedError | WindowError | None = None
    try:
        for each in Message.from_window(window).fields():
            if each.number == _LAYER and each.wire == BYTES:
                layers.layer(*_told(each.body), Location(offset=each.offset))
            elif each.number == _OLD_LAYER and each.wire == BYTES:
                layers.layer("", "", "", "", Location(offset=each.offset))
    except (DamagedError, WindowError) as error:
        failure = error
    yield layers.outline()
    yield from SEARCH.read(artifact, window, limits)
    if failure is not None:
        raise failure


def _told(layer: Message) -> tuple[str, str, str, str]:
    """Type, module, name and parameters of a LayerParameter."""
    type_ = module = name = detail = ""
    for each in layer.fields():
        if each.wire != BYTES:
            continue
        if each.number == 2:
            type_ = each.body.text(_NAME)
        elif each.number == _PYTHON:
            for part in each.body.fields():
                if part.number == 1:
                    module = part.body.text(_NAME)
                elif part.number == 2:
                    name = part.body.text(_NAME)
                elif part.number == 3:
                    detail = _shown(part.body.raw(_NAME))
    return type_, module, name, detail


def _shown(text: bytes) -> str:
    decoded = text[:_NAME].decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else "?" for character in decoded)
