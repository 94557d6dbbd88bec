"""Read Caffe networks in text and binary form: the types of their layers, and the classes of Python layers.

A layer of the type ``Python`` imports a module and creates a class from it.

Source: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from modelaudit.formats.graphs.caffe.recognition import LAYER, NAME_LENGTH, OLD_LAYER
from modelaudit.formats.registry import PICKLE_SEARCH
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.limits import Limits
from modelaudit.model.outline import PYTHON_NAMES, Mention, Outline
from modelaudit.model.structure import Location
from modelaudit.wire.base import DamagedError, LimitReachedError, Reading
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.documents import check_text
from modelaudit.wire.protobuf import BYTES, Message
from modelaudit.wire.protobuf_schema import claim_message, load_message_schema
from modelaudit.wire.protobuf_text import parse_text_fields

FORMAT: Final = "caffe"
VOCABULARY: Final = "caffe-layers"
# Of LayerParameter.
_PYTHON_PARAM: Final = 130
_MOST_LAYERS: Final = 200_000
_MOST_NAMES: Final = 10_000
"""Distinct types of layers, and distinct classes of Python layers, that are listed."""


class _LayerCollector(Struct):
    """The layers recorded so far: their number, and each type and Python class with its first location."""

    count: int = 0
    mentions: dict[tuple[str, str, str], Mention] = field(default_factory=dict)
    _names: Counter[str] = field(default_factory=Counter)  # by vocabulary

    def record_layer(self, type_: str, module: str, name: str, detail: str, where: Location) -> None:
        """Record one layer.

        Args:
            type_: the type of the layer.
            module: the Python module of a Python layer, otherwise empty.
            name: the class in that module, otherwise empty.
            detail: the parameters of the Python layer.
            where: the location of the layer.

        Raises:
            LimitReachedError: more than 200,000 layers.
        """
        self.count += 1
        if self.count > _MOST_LAYERS:
            raise LimitReachedError(f"it holds more than {_MOST_LAYERS} layers", where.offset)
        if module or name:
            self._record_mention(Mention(PYTHON_NAMES, "python-layer", f"{module}.{name}"[:NAME_LENGTH], where, detail))
        # A Python layer with a module is represented by its class; without one, only by its type.
        if type_ and (type_ not in ("Python", "PYTHON") or not module):
            self._record_mention(Mention(VOCABULARY, "layer", type_, where))

    def _record_mention(self, mention: Mention) -> None:
        """Record a mention unless its name is recorded already, so that the first location counts."""
        key = (mention.vocabulary, mention.use, mention.name)
        if key in self.mentions:
            return
        self._names[mention.vocabulary] += 1
        if self._names[mention.vocabulary] <= _MOST_NAMES:
            self.mentions[key] = mention

    def iterate_readings(self) -> Iterator[Reading]:
        """Yield the outline of the recorded layers, with their number as a fact, and an absence of further names."""
        yield Outline(FORMAT, tuple(self.mentions.values()), (("layers", str(self.count)),))
        if any(count > _MOST_NAMES for count in self._names.values()):
            yield report_bound(_MOST_NAMES, "types and Python classes of layers")


def read_text(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the layers of a text.

    Raises:
        DamagedError: the text cannot be parsed; the layers before are yielded first.
        LimitReachedError: there are too many layers.
        WindowError: the window could not return the requested bytes.
    """
    text = check_text(window, limits)
    layers = _LayerCollector()
    failure: DamagedError | None = None
    try:
        _read_layers(text, layers, limits)
    except DamagedError as error:
        failure = error
    yield from layers.iterate_readings()
    if failure is not None:
        raise failure


_LAYER_BLOCKS: Final = frozenset({"layer", "layers"})
_BLOCKS_WITH_LAYER_KEYS: Final = _LAYER_BLOCKS | {"python_param"}
# The type of a layer; and of its python_param, the module, the class and the parameters.
_LAYER_KEYS: Final = ("type", "module", "layer", "param_str")


def _read_layers(text: Iterable[str], layers: _LayerCollector, limits: Limits) -> None:
    """Record each layer of a text when its block ends, since its fields come in any order."""
    open_blocks: list[str] = []
    values: dict[str, str] = {}
    line = 1
    for each in parse_text_fields(text, limits):
        # The parser yields the start of a block as a name without a value, and its end as neither.
        if each.value is None and each.name:
            open_blocks.append(each.name)
            if each.name in _LAYER_BLOCKS:
                values, line = {}, each.line
        elif each.value is None:
            if open_blocks.pop() in _LAYER_BLOCKS:
                type_, module, name, detail = (values.get(key, "") for key in _LAYER_KEYS)
                layers.record_layer(type_, module, name, detail, Location(line=line))
                values = {}
        elif each.name in _LAYER_KEYS:
            innermost = open_blocks[-1] if open_blocks else ""
            if innermost in _BLOCKS_WITH_LAYER_KEYS:
                values[each.name] = _format_value(each.value)


def read_binary(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the layers of a binary network, and pickles hidden within its bytes.

    Layers of the old form (V1LayerParameter) have a number as their type, and no number selects Python.

    Raises:
        DamagedError: the message breaks off; the layers before are yielded first.
        LimitReachedError: there are too many layers.
        WindowError: the window could not return the requested bytes.
    """
    layers = _LayerCollector()
    failure: DamagedError | WindowError | None = None
    message = Message.from_window(window)
    try:
        for each in message.fields():
            if each.number == LAYER and each.wire == BYTES:
                layers.record_layer(*_read_layer(each.body), Location(offset=each.offset))
            elif each.number == OLD_LAYER and each.wire == BYTES:
                layers.record_layer("", "", "", "", Location(offset=each.offset))
        claim_message(message, load_message_schema(Path(__file__).parent), limits.document_nodes)
    except (DamagedError, WindowError) as error:
        failure = error
    yield from layers.iterate_readings()
    yield from PICKLE_SEARCH.read(artifact, window, limits)
    if failure is not None:
        raise failure


def _read_layer(layer: Message) -> tuple[str, str, str, str]:
    """Return type (2), Python module, Python class and parameters of a LayerParameter.

    The last three are the fields module (1), layer (2) and param_str (3) of its PythonParameter (130).
    """
    type_ = module = name = detail = ""
    for each in layer.fields():
        if each.wire != BYTES:
            continue
        if each.number == 2:
            type_ = each.body.text(NAME_LENGTH)
        elif each.number == _PYTHON_PARAM:
            for part in each.body.fields():
                if part.number == 1:
                    module = part.body.text(NAME_LENGTH)
                elif part.number == 2:
                    name = part.body.text(NAME_LENGTH)
                elif part.number == 3:
                    detail = _format_value(part.body.raw(NAME_LENGTH))
    return type_, module, name, detail


def _format_value(text: bytes) -> str:
    """Return the first 256 bytes as text, with ``?`` for each character that is not printable."""
    decoded = text[:NAME_LENGTH].decode("utf-8", "backslashreplace")
    return "".join(character if character.isprintable() else "?" for character in decoded)
