"""Find the calls of trusted callables with arguments that these cannot take.

Such a call raises in every process where nothing has replaced the name. A file that holds one is written for a process
where the name means something else, such as one in which an earlier step has replaced ``collections.OrderedDict`` by
``exec`` (ShadowPickle, arXiv 2607.17503), or for a scanner that judges names and ignores arguments.
"""

from __future__ import annotations

import ast
import re
from typing import Final

from msgspec import Struct

from modelaudit.checks.values import format_value
from modelaudit.model.call_signature import ArgumentKind, Parameter, Signature
from modelaudit.model.catalogue import Callables
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import (
    UNKNOWN_ARGUMENTS,
    Act,
    ContainerValue,
    Name,
    PickleEvent,
    PlainValue,
    Unknown,
    Value,
)

_Kind = ArgumentKind
_NUMERAL: Final = defer_pattern(
    r"\s*\(?\s*[+-]?(?:inf(?:inity)?|s?nan\d*|(?=\.?\d)[\d_.]*(?:e[+-]?[\d_]+)?)(?:/\d+|[+-][\d_.]+(?:e[+-]?[\d_]+)?)?j?"
    r"\s*\)?\s*",
    re.IGNORECASE,
)
_WORD: Final = defer_pattern(r"\w*")
_HEXADECIMAL: Final = defer_pattern(r"(?:urn:|uuid:)*\{?[0-9a-fA-F-]*\}?")
# https://numpy.org/doc/stable/reference/arrays.dtypes.html#specifying-and-constructing-data-types
_TYPE_CODE: Final = defer_pattern(
    r"(?:\s*(?:\(\d+(?:,\s*\d*)*\)|\d*)\s*[<>|=]?(?:\w+|\?)(?:\[[\w/]*\])?\s*(?:,(?=.)|,?$))+", re.DOTALL
)
_DEVICE: Final = defer_pattern(r"[A-Za-z_0-9]+(?::\d+)?")
_TEXT_FORMS: Final = {
    _Kind.NUMERAL: _NUMERAL,
    _Kind.WORD: _WORD,
    _Kind.HEXADECIMAL: _HEXADECIMAL,
    _Kind.TYPE_CODE: _TYPE_CODE,
    _Kind.DEVICE: _DEVICE,
}
_PACKED: Final = {_Kind.PACKED_DATE: 4, _Kind.PACKED_TIME: 6, _Kind.PACKED_DATE_AND_TIME: 10}
_KINDS_BY_CONTAINER: Final = {
    "tuple": {_Kind.SEQUENCE, _Kind.ITERABLE},
    "list": {_Kind.SEQUENCE, _Kind.ITERABLE},
    "set": {_Kind.SET, _Kind.ITERABLE},
    "frozenset": {_Kind.SET, _Kind.ITERABLE},
    "dict": {_Kind.MAPPING, _Kind.ITERABLE, _Kind.PAIRS},
}
_WORDS: Final = {
    _Kind.NONE: "None",
    _Kind.FLAG: "a flag",
    _Kind.INT: "a whole number",
    _Kind.FLOAT: "a number",
    _Kind.NUMERAL: "a numeral",
    _Kind.TEXT: "a text",
    _Kind.WORD: "a word",
    _Kind.HEXADECIMAL: "hexadecimal digits",
    _Kind.TYPE_CODE: "a type code",
    _Kind.DEVICE: "a device",
    _Kind.BYTES: "bytes",
    _Kind.PACKED_DATE: "4 bytes",
    _Kind.PACKED_TIME: "6 bytes",
    _Kind.PACKED_DATE_AND_TIME: "10 bytes",
    _Kind.SEQUENCE: "a sequence",
    _Kind.SIZES: "a sequence of whole numbers",
    _Kind.MAPPING: "a mapping",
    _Kind.SET: "a set",
    _Kind.ITERABLE: "items",
    _Kind.PAIRS: "pairs",
    _Kind.OBJECT: "an object",
}
_LONGEST_EVIDENCE: Final = 80


class _Plain(Struct, frozen=True):
    """A constant as an event keeps it: its type, and its text if that is a text or bytes.

    Attributes:
        type: ``text``, ``bytes``, ``int``, ``float``, ``bool`` or ``none``.
        content: the text, or the characters of the bytes; only the beginning unless ``is_whole``.
    """

    type: str
    content: str = ""
    is_whole: bool = True


def find_misfit(event: PickleEvent, callables: Callables) -> str | None:
    """Return why the callable of a call cannot take its arguments, in words; ``None`` if it can, or may.

    Only calls are judged. A construction calls ``__new__``, which most classes inherit and which then takes anything.
    """
    if event.act is not Act.CALL or not isinstance(event.operand, Name) or event.arguments == (UNKNOWN_ARGUMENTS,):
        return None
    signatures = callables.signatures.get(str(event.operand), ())
    misfits: list[str] = []
    for signature in signatures:
        misfit = _find_misfit_with(signature, event.arguments)
        if misfit is None:
            return None
        misfits.append(misfit)
    # A signature that the arguments fit in number says more than one that they do not.
    return min(misfits, key=lambda misfit: not misfit.startswith("argument"), default=None)


def _find_misfit_with(signature: Signature, arguments: tuple[Value, ...]) -> str | None:
    """Return why the arguments do not fit one signature; ``None`` if they do, or may."""
    is_cut = any(isinstance(argument, Unknown) and argument.why.startswith("more ") for argument in arguments)
    count = len(arguments)
    if count < signature.required and not is_cut:
        return f"it needs {signature.required} {_pluralise(signature.required)} and gets {count}"
    if count > len(signature.parameters) and not signature.is_open and not is_cut:
        most = len(signature.parameters)
        return f"it takes at most {most} {_pluralise(most)} and gets {count}"
    for index, argument in enumerate(arguments[: len(signature.parameters)]):
        parameter = signature.parameters[index]
        if not _takes(parameter, argument):
            text = format_value(argument)
            shown = text if len(text) <= _LONGEST_EVIDENCE else text[: _LONGEST_EVIDENCE - 1] + "…"
            return f"argument {index + 1} is {shown} where it takes {_describe(parameter)}"
    return None


def _pluralise(count: int) -> str:
    """Return the noun for a number of arguments."""
    return "argument" if count == 1 else "arguments"


def _describe(parameter: Parameter) -> str:
    """Return the kinds of a parameter in words, in the order of the enumeration."""
    return " or ".join(_WORDS[kind] for kind in ArgumentKind if kind in parameter.kinds)


def _takes(parameter: Parameter, value: Value) -> bool:
    """Whether a parameter takes a value, or may take it because the value is known only in loading."""
    kinds = parameter.kinds
    if _Kind.ANY in kinds:
        return True
    if isinstance(value, ContainerValue):
        return any(_takes_container(kind, value) for kind in kinds)
    if not isinstance(value, PlainValue):
        return True  # names, results and bytes that are judged by themselves
    plain = _read_plain(value.text)
    return plain is None or any(_takes_plain(kind, plain) for kind in kinds)


def _takes_plain(kind: ArgumentKind, plain: _Plain) -> bool:
    """Whether a parameter of one kind takes a constant."""
    if plain.type in ("text", "bytes") and kind in _PACKED:
        return plain.is_whole and len(plain.content) == _PACKED[kind]
    match plain.type:
        case "text":
            if kind in _TEXT_FORMS:
                # The beginning of a long text has the form, or the text has not.
                return _TEXT_FORMS[kind].fullmatch(plain.content) is not None
            return kind in (_Kind.TEXT, _Kind.ITERABLE) or (kind is _Kind.PAIRS and not plain.content)
        case "bytes":
            return kind in (_Kind.BYTES, _Kind.ITERABLE) or (kind is _Kind.PAIRS and not plain.content)
        case "none":
            return kind in (_Kind.NONE, _Kind.FLAG)
        case "float":
            return kind in (_Kind.FLOAT, _Kind.FLAG)
        case _:
            return kind in (_Kind.INT, _Kind.FLOAT, _Kind.FLAG)


def _takes_container(kind: ArgumentKind, value: ContainerValue) -> bool:
    """Whether a parameter of one kind takes a container; only the entries that the event keeps are judged."""
    kinds = _KINDS_BY_CONTAINER.get(value.type, set())
    if kind is _Kind.SIZES:
        return _Kind.SEQUENCE in kinds and all(_is_size(item) for _, item in value.entries)
    if kind is _Kind.PAIRS and _Kind.PAIRS not in kinds:
        return all(_is_pair(item) for _, item in value.entries)
    return kind in kinds


def _is_size(value: Value) -> bool:
    """Whether an item of a sequence of sizes is a whole number, or may be one."""
    plain = _read_plain(value.text) if isinstance(value, PlainValue) else None
    return not isinstance(value, ContainerValue) and (plain is None or plain.type in ("int", "bool"))


def _is_pair(value: Value) -> bool:
    """Whether a value has two items, or may have."""
    if isinstance(value, ContainerValue):
        return True  # an event keeps some of its items, so their number is unknown
    plain = _read_plain(value.text) if isinstance(value, PlainValue) else None
    if plain is None:
        return True
    return plain.type in ("text", "bytes") and plain.is_whole and len(plain.content) == 2


def _read_plain(text: str) -> _Plain | None:
    """Return the constant behind a ``repr`` that an event keeps; ``None`` for an outline of a container."""
    if text in ("None", "True", "False"):
        return _Plain("none" if text == "None" else "bool")
    if text == "bytearray(…":
        return _Plain("bytes", is_whole=False)
    quotation = text.removeprefix("bytearray(").removeprefix("b")
    if quotation[:1] in ("'", '"'):
        is_text = text[:1] in ("'", '"')
        try:
            literal = ast.literal_eval(text)
        except (SyntaxError, ValueError, MemoryError):
            # Cut: an ellipsis took the place of what follows, perhaps in the middle of an escape.
            return _Plain("text" if is_text else "bytes", quotation[1:].removesuffix("…"), is_whole=False)
        content = literal if isinstance(literal, str) else literal.decode("latin-1")
        return _Plain("text" if is_text else "bytes", content)
    if text.startswith("<int"):
        return _Plain("int")
    if text.removeprefix("-").isdecimal():
        return _Plain("int")
    return None if text.startswith(("<", "…")) else _Plain("float")
