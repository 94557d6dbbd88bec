"""Works out calls on constants: methods of texts, bytes and numbers, and functions that make texts from numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import fold
from modelaudit.languages.python.values import Constant, Made, Plain

_TEXT_METHODS: Final = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "swapcase", "title", "capitalize", "casefold", "removeprefix"}
    | {"removesuffix", "hex"}
)
_LONGEST_FORMAT: Final = 4096
_MOST_NUMBER_BYTES: Final = 4096


def method(whole: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    """What a method of a constant returns; ``None`` where it is not worked out."""
    worker = _METHODS.get(name)
    if worker is not None:
        return worker(whole, args)
    if name in _TEXT_METHODS and isinstance(whole.value, str | bytes):
        return _plain_method(whole, name, args)
    return None


def _plain_method(whole: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    try:
        found = getattr(whole.value, name)(*(each.value for each in args))
    except (TypeError, ValueError, AttributeError):
        return None
    return Constant(found, fold.made_of((whole, *args)))


def _join(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    if len(args) != 1 or not isinstance(whole.value, str | bytes):
        return None
    parts = fold.elements(args[0])
    if parts is None:
        return None
    made = fold.made_of((whole, args[0]))
    between = len(whole.value) * len(parts)
    if isinstance(whole.value, str):
        texts = [part for part in parts if isinstance(part, str)]
        short = len(texts) == len(parts) and sum(map(len, texts)) + between <= fold.MOST
        return Constant(whole.value.join(texts), made) if short else None
    pieces = [part for part in parts if isinstance(part, bytes)]
    short = len(pieces) == len(parts) and sum(map(len, pieces)) + between <= fold.MOST
    return Constant(whole.value.join(pieces), made) if short else None


def _replace(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    values = [each.value for each in args]
    if isinstance(whole.value, str) and len(values) in (2, 3) and all(isinstance(each, str) for each in values[:2]):
        old, new = str(values[0]), str(values[1])
        if (len(whole.value) + 1) * max(1, len(new)) <= fold.MOST:
            return Constant(whole.value.replace(old, new), fold.made_of((whole, *args)))
    return None


def _split(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    if not isinstance(whole.value, str) or (args and not (isinstance(args[0].value, str) and args[0].value)):
        return None
    between = str(args[0].value) if args else None
    return Constant(tuple(whole.value.split(between)), fold.made_of((whole,)))


def _format(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    """Only ``{}``, ``{0}`` and their like: other fields reach into objects or cost what they say."""
    if not isinstance(whole.value, str) or len(whole.value) > _LONGEST_FORMAT:
        return None
    text, count = "", 0
    rest = whole.value
    while rest:
        before, opening, rest = rest.partition("{")
        text += before
        if not opening:
            break
        field, _, rest = rest.partition("}")
        position = int(field) if field.isdecimal() and len(field) < 4 else count
        count += 1
        if (field and not field.isdecimal()) or position >= len(args):
            return None
        shown = args[position].value
        text += shown if isinstance(shown, str) else repr(shown) if isinstance(shown, float) else _digits(shown)
        if len(text) > fold.MOST:
            return None
    return Constant(text, fold.made_of((whole, *args)))


def _digits(value: object) -> str:
    return str(value) if not isinstance(value, int) or value.bit_length() < 8192 else ""


def _decode(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    name = args[0].value if args else "utf-8"
    return fold.decode(whole.value, name, whole.made) if isinstance(whole.value, bytes) else None


def _encode(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    name = args[0].value if args else "utf-8"
    return fold.encode(whole.value, name, whole.made) if isinstance(whole.value, str) else None


def _to_bytes(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    size = args[0].value if args else 1
    order = args[1].value if len(args) > 1 else "big"
    if not isinstance(whole.value, int) or not isinstance(size, int) or not 0 < size <= _MOST_NUMBER_BYTES:
        return None
    try:
        return Constant(whole.value.to_bytes(size, "little" if order == "little" else "big"), Made.DECODED)
    except OverflowError:
        return None


def _translate(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    # A table is known only as pairs that ``maketrans`` made.
    if not isinstance(whole.value, str) or len(args) != 1 or not isinstance(args[0].value, tuple):
        return None
    pairs = args[0].value
    table = {ord(a): b for a, b in zip(pairs[::2], pairs[1::2], strict=False) if isinstance(a, str) and len(a) == 1}
    return Constant(whole.value.translate({key: str(to) for key, to in table.items()}), Made.DECODED)


_METHODS: Final[Mapping[str, Callable[[Constant, Sequence[Constant]], Constant | None]]] = {
    "join": _join, "replace": _replace, "split": _split, "format": _format, "decode": _decode, "encode": _encode,
    "to_bytes": _to_bytes, "translate": _translate,
}  # fmt: skip


def function(name: str, args: Sequence[Constant]) -> Constant | None:
    """What a function of the standard library makes of constants; ``None`` where it is not worked out."""
    if not args:
        return None
    first = args[0]
    decoder = fold.DECODERS.get(name)
    if decoder is not None:
        data = first.value.encode("utf-8", "replace") if isinstance(first.value, str) else first.value
        if not isinstance(data, bytes):
            return None
        bits = args[1].value if name == "zlib.decompress" and len(args) > 1 else None
        out = fold.inflate(data, bits) if isinstance(bits, int) else decoder(data)
        return None if out is None else Constant(out, Made.DECODED)
    unquoter = fold.UNQUOTERS.get(name)
    if unquoter is not None and isinstance(first.value, str):
        return Constant(unquoter(first.value), Made.DECODED)
    worker = _FUNCTIONS.get(name)
    return worker(first, args) if worker is not None else None


def _chr(first: Constant, _: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, int) and 0 <= first.value < 0x110000:
        return Constant(chr(first.value), fold.made_of((first,)))
    return None


def _ord(first: Constant, _: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, str | bytes) and len(first.value) == 1:
        return Constant(ord(first.value), fold.made_of((first,)))
    return None


def _str(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, bytes) and len(args) > 1:
        return fold.decode(first.value, args[1].value, first.made)
    if isinstance(first.value, str):
        return first
    return Constant(_digits(first.value), fold.made_of((first,))) if isinstance(first.value, int) else None


def _bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    value = first.value
    if isinstance(value, bytes):
        return first
    if isinstance(value, str):
        return fold.encode(value, args[1].value if len(args) > 1 else "utf-8", first.made)
    if isinstance(value, tuple):
        numbers = [each for each in value if isinstance(each, int) and 0 <= each < 256]
        return Constant(bytes(numbers), fold.made_of((first,))) if len(numbers) == len(value) else None
    return None


def _int(first: Constant, args: Sequence[Constant]) -> Constant | None:
    base = args[1].value if len(args) > 1 else 10
    if isinstance(first.value, str) and isinstance(base, int) and len(first.value) <= _LONGEST_FORMAT:
        try:
            return Constant(int(first.value, base), fold.made_of((first,)))
        except ValueError:
            return None
    return first if isinstance(first.value, int) else None


def _reversed(first: Constant, _: Sequence[Constant]) -> Constant | None:
    parts = fold.elements(first)
    return None if parts is None else Constant(parts[::-1], fold.made_of((first,)))


def _listed(first: Constant, _: Sequence[Constant]) -> Constant | None:
    parts = fold.elements(first)
    return None if parts is None else Constant(parts, first.made)


def _length(first: Constant, _: Sequence[Constant]) -> Constant | None:
    return Constant(len(first.value), Made.PIECED) if isinstance(first.value, str | bytes | tuple) else None


def _range(_: Constant, args: Sequence[Constant]) -> Constant | None:
    numbers = [each.value for each in args if isinstance(each.value, int) and each.value.bit_length() < 63]
    if len(numbers) != len(args) or len(args) > 3 or (len(args) == 3 and numbers[2] == 0):
        return None
    counted = range(*numbers)
    return Constant(tuple(counted), Made.LITERAL) if len(counted) <= _LONGEST_FORMAT else None


def _codec(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if not isinstance(first.value, str | bytes):
        return None
    return fold.decode(first.value, args[1].value if len(args) > 1 else "utf-8", first.made)


def _encoded(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, str):
        return fold.encode(first.value, args[1].value if len(args) > 1 else "utf-8", first.made)
    return None


def _from_bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    order = args[1].value if len(args) > 1 else "big"
    if not isinstance(first.value, bytes) or len(first.value) > _MOST_NUMBER_BYTES:
        return None
    return Constant(int.from_bytes(first.value, "little" if order == "little" else "big"), fold.made_of((first,)))


def _path(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """A path that is joined, or whose ``~`` is left as it stands."""
    parts = [each.value for each in args if isinstance(each.value, str)]
    return Constant("/".join(parts)[: fold.MOST]) if len(parts) == len(args) else None


def _maketrans(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if len(args) < 2 or not isinstance(first.value, str) or not isinstance(args[1].value, str):
        return None
    pairs: list[Plain] = []
    for one, other in zip(first.value, args[1].value, strict=False):
        pairs += [one, other]
    return Constant(tuple(pairs), Made.PIECED)


_FUNCTIONS: Final[Mapping[str, Callable[[Constant, Sequence[Constant]], Constant | None]]] = {
    "builtins.chr": _chr, "builtins.ord": _ord, "builtins.str": _str, "builtins.bytes": _bytes,
    "builtins.bytearray": _bytes, "builtins.int": _int, "builtins.reversed": _reversed, "builtins.list": _listed,
    "builtins.tuple": _listed, "builtins.iter": _listed, "builtins.len": _length, "builtins.range": _range,
    "codecs.decode": _codec, "codecs.encode": _encoded, "builtins.int.from_bytes": _from_bytes,
    "builtins.str.maketrans": _maketrans, "os.path.join": _path, "os.path.expanduser": _path, "os.path.abspath": _path,
    "os.path.normpath": _path, "os.path.expandvars": _path,
}  # fmt: skip
