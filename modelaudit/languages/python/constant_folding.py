"""Fold operators and decoders on constants: ``"sys" + "tem"``, slices, arithmetic, base64.

Python itself evaluates nothing of the source. Each operation that is modelled is carried out here on plain values, and
only where its result is bounded: ``"a" * 10**9`` or ``9**9**9`` would cost what they ask for.
"""

from __future__ import annotations

import ast
import base64
import binascii
import codecs
import html
import operator
import quopri
import sys
import urllib.parse
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from modelaudit.languages.python.values import Constant, PlainValue, Provenance
from modelaudit.wire.codecs import BZIP2, GZIP, LZMA, XZ, ZLIB, Codec, DecodingError

MAX_CONSTANT_SIZE: Final = 1 << 18
"""The most characters, bytes or items of one constant."""

_MAX_BITS: Final = 4096
_MAX_EXPONENT: Final = 64
_MAX_TEMPLATE: Final = 4096
# The codecs of Python by their names and aliases.
_TEXT_CODECS: Final = {
    "rot13": "rot13", "rot_13": "rot13", "rot-13": "rot13",
    "hex": "hex", "hex_codec": "hex", "base64": "base64", "base64_codec": "base64", "zlib": "zlib", "zip": "zlib",
    "zlib_codec": "zlib", "unicode_escape": "unicode_escape", "unicode-escape": "unicode_escape",
    "raw_unicode_escape": "raw_unicode_escape", "utf-7": "utf-7", "utf7": "utf-7", "utf_7": "utf-7",
    "utf8": "utf-8", "utf-8": "utf-8", "utf_8": "utf-8", "ascii": "ascii", "latin1": "latin-1", "latin-1": "latin-1",
    "latin_1": "latin-1", "iso-8859-1": "latin-1", "cp1252": "cp1252", "utf-16": "utf-16", "utf16": "utf-16",
    "utf-16le": "utf-16-le", "utf-16-le": "utf-16-le", "utf-32": "utf-32", "bz2": "bz2", "quopri": "quopri",
    "cp037": "cp037", "cp500": "cp500",
}  # fmt: skip
# Codecs that spell ordinary letters in another way, so that a search does not find the text.
_HIDING_CODECS: Final = frozenset(
    {"rot13", "hex", "base64", "zlib", "bz2", "quopri", "unicode_escape", "raw_unicode_escape"}
    | {"utf-7", "cp037", "cp500"}
)

Sized = str | bytes | tuple[PlainValue, ...]


def combine_provenance(parts: Sequence[Constant], least: Provenance = Provenance.COMPUTED) -> Provenance:
    """Return the provenance of a value that is computed from ``parts``, at least ``least``."""
    return max([least, *(part.provenance for part in parts)])


def fold_binary(kind: type[ast.operator], left: Constant, right: Constant) -> Constant | None:
    """Apply a binary operator; ``None`` if it is not modelled for these types, or the result would be too large."""
    left_value, right_value = left.value, right.value
    provenance = combine_provenance((left, right))
    if kind is ast.Add:
        return _add_constants(left_value, right_value, provenance)
    if kind is ast.Mult:
        return _multiply_constants(left_value, right_value, provenance)
    if kind is ast.Mod and isinstance(left_value, str):
        return _format_percent(left_value, right, provenance)
    if isinstance(left_value, int) and isinstance(right_value, int) and kind in _INTEGER_OPERATORS:
        return _compute_integer(kind, left_value, right_value, provenance)
    return None


def _add_constants(left: object, right: object, provenance: Provenance) -> Constant | None:
    """Add two integers, or two texts, bytes or sequences of one type; ``None`` for anything else."""
    if isinstance(left, int) and isinstance(right, int):
        return _compute_integer(ast.Add, left, right, provenance)
    if not isinstance(left, str | bytes | tuple) or not isinstance(right, str | bytes | tuple):
        return None
    if type(left) is not type(right) or len(left) + len(right) > MAX_CONSTANT_SIZE:
        return None
    return Constant(operator.add(left, right), provenance)


def join_texts(parts: Sequence[Constant]) -> Constant | None:
    """Join texts all at once, so that none is copied again and again; ``None`` if the result would be too large."""
    texts = [part.value for part in parts if isinstance(part.value, str)]
    if sum(map(len, texts)) > MAX_CONSTANT_SIZE:
        return None
    return Constant("".join(texts), combine_provenance(parts), any(part.is_open for part in parts))


def _multiply_constants(left: object, right: object, provenance: Provenance) -> Constant | None:
    """Multiply two integers, or repeat a text, bytes or a sequence; ``None`` for anything else."""
    if isinstance(right, str | bytes | tuple):  # ``3 * "a"`` is ``"a" * 3``
        left, right = right, left
    if isinstance(left, str | bytes | tuple) and isinstance(right, int):
        return Constant(left * right, provenance) if len(left) * max(0, right) <= MAX_CONSTANT_SIZE else None
    if isinstance(left, int) and isinstance(right, int):
        return _compute_integer(ast.Mult, left, right, provenance)
    return None


def _format_percent(template: str, arguments: Constant, provenance: Provenance) -> Constant | None:
    """Return ``template % arguments``; ``None`` unless all fields are plain, such as ``%s``, and have an argument."""
    given = arguments.value
    values = given if isinstance(given, tuple) else (given,)
    if len(template) > _MAX_TEMPLATE or any(isinstance(each, str) and len(each) > MAX_CONSTANT_SIZE for each in values):
        return None
    remaining = list(values)
    pieces: list[str] = []
    position = 0
    while (found := template.find("%", position)) >= 0:
        pieces.append(template[position:found])
        # Only plain fields: the width in %1000000000d would allocate a gigabyte.
        kind, position = template[found + 1 : found + 2], found + 2
        written = "%" if kind == "%" else _write_field(kind, remaining.pop(0)) if remaining else None
        if written is None:
            return None
        pieces.append(written)
    if remaining:
        return None
    text = "".join((*pieces, template[position:]))[:MAX_CONSTANT_SIZE]
    # Of a list, Python writes all in one field. Not every constant shows that it is a tuple.
    return Constant(text, provenance, is_open=isinstance(given, tuple) and not arguments.is_tuple)


_WRITERS: Final[dict[str, Callable[[object], str]]] = {"s": str, "r": repr, "a": ascii}


def _write_field(kind: str, value: PlainValue) -> str | None:
    """Return a value as a field of the ``%`` operator writes it; ``None`` for any other field or value."""
    # Bytes may be those of a ``bytearray``.
    is_written = not isinstance(value, bytes) and (not isinstance(value, int) or value.bit_length() < _MAX_BITS)
    if kind == "c" and isinstance(value, int):
        return chr(value) if 0 <= value <= sys.maxunicode else None
    if kind == "c" and isinstance(value, str):
        return value if len(value) == 1 else None
    if kind == "d" and isinstance(value, int) and is_written:
        return str(int(value))
    write = _WRITERS.get(kind)
    return write(value) if write is not None and is_written else None


_INTEGER_OPERATORS: Final[dict[type[ast.operator], Callable[[int, int], int]]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.BitXor: operator.xor,
    ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.LShift: operator.lshift, ast.RShift: operator.rshift, ast.Pow: operator.pow,
}  # fmt: skip


def _compute_integer(kind: type[ast.operator], left: int, right: int, provenance: Provenance) -> Constant | None:
    """Apply an operator to integers; ``None`` if an operand is too large, or the operator fails on it."""
    # Bounded operands and exponents keep each result below 300,000 bits, whatever the chain of operators.
    if max(left.bit_length(), right.bit_length()) > _MAX_BITS:
        return None
    if kind in (ast.LShift, ast.RShift, ast.Pow) and not 0 <= right <= _MAX_EXPONENT:
        return None
    if kind in (ast.FloorDiv, ast.Mod) and right == 0:
        return None
    return Constant(_INTEGER_OPERATORS[kind](left, right), provenance)


def fold_unary(kind: type[ast.unaryop], operand: Constant) -> Constant | None:
    """Apply a unary operator; ``None`` if it is not modelled."""
    value = operand.value
    if kind is ast.Not:
        return Constant(not value, operand.provenance)
    if isinstance(value, int) and kind in (ast.USub, ast.UAdd, ast.Invert):
        return Constant({ast.USub: -value, ast.UAdd: value, ast.Invert: ~value}[kind], operand.provenance)
    return Constant(-value, operand.provenance) if isinstance(value, float) and kind is ast.USub else None


def fold_comparison(kind: type[ast.cmpop], left: Constant, right: Constant) -> Constant | None:
    """Compare two constants; ``None`` if the comparison is not modelled."""
    left_value, right_value = left.value, right.value
    if kind in (ast.Is, ast.IsNot):
        # Whether two equal texts or numbers are one object depends on the interpreter.
        is_known = any(isinstance(each, bool | None) for each in (left_value, right_value))
        return Constant((left_value is right_value) is (kind is ast.Is), Provenance.COMPUTED) if is_known else None
    if kind in (ast.Eq, ast.NotEq):
        # A list equals no tuple, and not every constant shows that it is one.
        is_known = not (isinstance(left_value, tuple) and isinstance(right_value, tuple)) or left == right
        equal = left_value == right_value
        return Constant(equal is (kind is ast.Eq), Provenance.COMPUTED) if is_known or not equal else None
    if kind in (ast.In, ast.NotIn) and (
        isinstance(right_value, tuple) or (isinstance(left_value, str) and isinstance(right_value, str))
    ):
        return Constant((left_value in right_value) is (kind is ast.In), Provenance.COMPUTED)
    if isinstance(left_value, int | float) and isinstance(right_value, int | float) and kind in _ORDER_OPERATORS:
        return Constant(_ORDER_OPERATORS[kind](left_value, right_value), Provenance.COMPUTED)
    return None


_ORDER_OPERATORS: Final[dict[type[ast.cmpop], Callable[[float, float], bool]]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def fold_item(sequence: Constant, index: Constant) -> Constant | None:
    """Return one item of a text, bytes or sequence; ``None`` if there is none at the index."""
    if not isinstance(sequence.value, str | bytes | tuple) or not isinstance(index.value, int):
        return None
    try:
        # One character of a text may spell something; an item of a list is as the source writes it.
        is_character = isinstance(sequence.value, str)
        provenance = combine_provenance((sequence,)) if is_character else sequence.provenance
        return Constant(sequence.value[index.value], provenance)
    except IndexError:
        return None


def fold_slice(sequence: Constant, bounds: Sequence[Constant | None]) -> Constant | None:
    """Return a slice, which counts as computed; ``None`` if it is not modelled.

    Args:
        sequence: a text, bytes or a sequence.
        bounds: start, stop and step; ``None`` for each that is left out.
    """
    bound_values = [bound.value if bound is not None else None for bound in bounds]
    numbers = [each for each in bound_values if each is None or isinstance(each, int)]
    if not isinstance(sequence.value, str | bytes | tuple) or len(numbers) != 3 or numbers[2] == 0:
        return None
    items = sequence.value[numbers[0] : numbers[1] : numbers[2]]
    return Constant(items, combine_provenance((sequence,)), is_tuple=sequence.is_tuple)


def measure_constant(constant: Constant) -> int:
    """Return the length of a text, bytes or a sequence; 0 for anything else."""
    return len(constant.value) if isinstance(constant.value, str | bytes | tuple) else 0


def iterate_constant(constant: Constant) -> tuple[PlainValue, ...] | None:
    """Return the items of a constant; ``None`` if it cannot be iterated."""
    if isinstance(constant.value, str | bytes | tuple):
        return tuple(constant.value)
    return None


def fold_sequence(parts: Sequence[Constant], is_tuple: bool = False) -> Constant:
    """Build a sequence of constants; one with a sequence inside is open, because constants are flat."""
    values = tuple(None if isinstance(part.value, tuple) else part.value for part in parts)
    is_open = any(part.is_open or isinstance(part.value, tuple) for part in parts)
    return Constant(values, combine_provenance(parts, Provenance.LITERAL), is_open, is_tuple)


def decode_text(data: str | bytes, name: object, provenance: Provenance) -> Constant | None:
    """Decode as ``codecs.decode`` and ``bytes.decode`` do; ``None`` for an unknown codec or damaged data.

    Codecs that hide a text, such as base64 and rot13, make the result ``Provenance.DECODED``.
    """
    codec = _TEXT_CODECS.get(str(name).lower())
    if codec is None:
        return None
    provenance = Provenance.DECODED if codec in _HIDING_CODECS else provenance
    if codec in ("unicode_escape", "raw_unicode_escape") and isinstance(data, str):
        data = data.encode("utf-8", "replace")
    if codec == "rot13" and isinstance(data, str):
        return Constant(codecs.decode(data, "rot13"), provenance)
    # These codecs turn bytes into bytes; all others turn bytes into a text.
    decoder = {
        "zlib": decompress_constant,
        "bz2": decompress_constant,
        "base64": _decode_base64,
        "hex": _decode_hex,
        "quopri": _decode_quoted_printable,
    }.get(codec)
    raw = data.encode("latin-1", "replace") if isinstance(data, str) else data
    if decoder is not None:
        decoded = decoder(raw)
        return None if decoded is None else Constant(decoded, provenance)
    try:
        return Constant(raw.decode(codec), provenance)
    except (ValueError, LookupError):  # ``LookupError``: a codec between texts, such as rot13
        return None


def encode_text(text: str, name: object, provenance: Provenance) -> Constant | None:
    """Encode a text as ``str.encode`` and ``codecs.encode`` do; ``None`` for an unknown codec or one that takes bytes.

    ``rot13`` is its own inverse, and returns a text.
    """
    codec = _TEXT_CODECS.get(str(name).lower())
    if codec == "rot13":
        return decode_text(text, codec, provenance)
    if codec is None or codec in ("hex", "base64", "zlib", "bz2", "quopri"):
        return None
    try:
        return Constant(text.encode(codec), provenance)
    except (ValueError, LookupError):  # ``LookupError``: a codec between texts, such as rot13
        return None


def decompress_constant(data: bytes) -> bytes | None:
    """Decompress gzip, zlib, bzip2, xz or LZMA, up to ``MAX_CONSTANT_SIZE`` bytes; ``None`` if nothing comes out."""
    decompressed = b""
    while data and len(decompressed) < MAX_CONSTANT_SIZE:
        codec = next((each for each in (GZIP, ZLIB, BZIP2, XZ, LZMA) if each.begins_stream(data)), None)
        if codec is None:
            break
        piece, data = _decompress_stream(codec, data, MAX_CONSTANT_SIZE - len(decompressed))
        decompressed += piece
        if codec is ZLIB:  # the others read each stream behind the first
            break
    return decompressed or None


def _decompress_stream(codec: Codec, data: bytes, most: int) -> tuple[bytes, bytes]:
    """Decompress one stream, up to ``most`` bytes; return them and what follows the stream."""
    decompressed = b""
    try:
        decoder = codec.make_decoder(b"", 0)
        decompressed += decoder.decompress(data, most)
        while len(decompressed) < most and not decoder.eof:
            piece = decoder.decompress(b"", most - len(decompressed))
            if not piece:
                break
            decompressed += piece
        return decompressed, decoder.unused_data if decoder.eof else b""
    except DecodingError:  # what came before the damage counts
        return decompressed, b""


def inflate_zlib(data: bytes, window_bits: int) -> bytes | None:
    """Decompress a zlib stream, or a raw deflate stream if ``window_bits`` is negative; ``None`` if it is damaged."""
    try:
        return zlib.decompressobj(window_bits).decompress(data, MAX_CONSTANT_SIZE)
    except (zlib.error, ValueError):
        return None


def _decode_hex(data: bytes) -> bytes | None:
    """Decode hexadecimal digits; ``None`` if they are invalid."""
    try:
        return bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return None


def _decode_base64(data: bytes) -> bytes | None:
    """Decode base64, also without its padding; ``None`` if it is invalid."""
    try:
        return base64.b64decode(data + b"=" * (-len(data) % 4), altchars=None)
    except (binascii.Error, ValueError):
        return None


def _decode_urlsafe_base64(data: bytes) -> bytes | None:
    """Decode base64 of the alphabet with ``-`` and ``_``; ``None`` if it is invalid."""
    return _decode_base64(data.translate(bytes.maketrans(b"-_", b"+/")))


def _decode_quoted_printable(data: bytes) -> bytes | None:
    """Decode quoted-printable text, which has no invalid form."""
    return quopri.decodestring(data)


def _return_none_on_error(decode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes | None]:
    """Wrap a decoder of the standard library, so that it returns ``None`` for data that it cannot decode."""

    def decode_or_none(data: bytes) -> bytes | None:
        """Return the decoded bytes, or ``None`` if the decoder raises an error."""
        try:
            return decode(data)
        except (ValueError, binascii.Error):
            return None

    return decode_or_none


DECODERS: Final[dict[str, Callable[[bytes], bytes | None]]] = {
    "base64.b64decode": _decode_base64,
    "base64.standard_b64decode": _decode_base64,
    "base64.decodebytes": _decode_base64,
    "base64.urlsafe_b64decode": _decode_urlsafe_base64,
    "base64.b32decode": _return_none_on_error(base64.b32decode),
    "base64.b16decode": _return_none_on_error(base64.b16decode),
    "base64.b85decode": _return_none_on_error(base64.b85decode),
    "base64.a85decode": _return_none_on_error(base64.a85decode),
    "base64.decodestring": _decode_base64,
    "binascii.a2b_base64": _decode_base64,
    "binascii.unhexlify": _decode_hex,
    "binascii.a2b_hex": _decode_hex,
    "builtins.bytes.fromhex": _decode_hex,
    "builtins.bytearray.fromhex": _decode_hex,
    "binascii.a2b_uu": _return_none_on_error(binascii.a2b_uu),
    "quopri.decodestring": _decode_quoted_printable,
    "zlib.decompress": decompress_constant,
    "gzip.decompress": decompress_constant,
    "bz2.decompress": decompress_constant,
    "lzma.decompress": decompress_constant,
    "binascii.a2b_qp": _decode_quoted_printable,
}
"""Functions of the standard library that decode bytes, each with the function here that does the same."""

UNQUOTERS: Final[dict[str, Callable[[str], str]]] = {
    "urllib.parse.unquote": urllib.parse.unquote, "urllib.parse.unquote_plus": urllib.parse.unquote_plus,
    "html.unescape": html.unescape,
}  # fmt: skip
