"""The arguments that a trusted callable can take, by kind."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class ArgumentKind(StrEnum):
    """A kind of values that a parameter takes. A value that only loading makes fits every kind."""

    ANY = "any"
    NONE = "none"
    FLAG = "flag"
    """True, False, None or a number."""
    INT = "int"
    FLOAT = "float"
    """A number, whole or not."""
    NUMERAL = "numeral"
    """A text that states a number, such as "1.5" or "1/3"."""
    TEXT = "text"
    WORD = "word"
    """A text of letters, digits and underscores."""
    HEXADECIMAL = "hexadecimal"
    TYPE_CODE = "type-code"
    """A text that describes an element of a NumPy array, such as "<f8" or "(2,3)i4"."""
    DEVICE = "device"
    """A text that names a device of torch, such as "cuda:0"."""
    BYTES = "bytes"
    PACKED_DATE = "packed-4"
    """Bytes, or a text of Python 2, of 4 characters, as ``datetime`` packs a date; likewise those below."""
    PACKED_TIME = "packed-6"
    PACKED_DATE_AND_TIME = "packed-10"
    SEQUENCE = "sequence"
    SIZES = "sizes"
    """A sequence of whole numbers."""
    MAPPING = "mapping"
    SET = "set"
    ITERABLE = "iterable"
    PAIRS = "pairs"
    """A mapping, or items of two values each."""
    OBJECT = "object"
    """No plain data: something that a name or a call has made."""


class Parameter(Struct, frozen=True):
    """One positional parameter: the kinds that it takes, and whether it may be left out."""

    kinds: frozenset[ArgumentKind]
    is_optional: bool


class Signature(Struct, frozen=True):
    """The positional parameters of a callable.

    Attributes:
        parameters: in order.
        is_open: whether any number of further arguments may follow, each of the last kinds.
    """

    parameters: tuple[Parameter, ...]
    is_open: bool = False

    @property
    def required(self) -> int:
        """How many arguments a call needs."""
        return sum(not parameter.is_optional for parameter in self.parameters)
