"""Fold calls on constants: methods such as ``str.join``, and functions such as ``chr`` that spell names.

Code that hides a name computes it with these. A call that is not modelled here, or whose result would exceed the
bounds, is unknown to the evaluator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import constant_folding
from modelaudit.languages.python.values import Constant, PlainValue, Provenance

_TEXT_METHODS: Final = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "swapcase", "title", "capitalize", "casefold", "removeprefix"}
    | {"removesuffix", "hex"}
)
_MAX_FORMAT: Final = 4096
_MAX_NUMBER_BYTES: Final = 4096


def fold_method(whole: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    """Call a method of a constant; ``None`` if it is not modelled."""
    fold = _METHODS.get(name)
    if fold is not None:
        return fold(whole, args)
    if name in _TEXT_METHODS and isinstance(whole.value, str | bytes):
        return _call_text_method(whole, name, args)
    return None


def _call_text_method(whole: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    try:
        found = getattr(whole.value, name)(*(each.value for each in args))
    except (TypeError, ValueError, AttributeError):
        return None
    return Constant(found, constant_folding.combine_provenance((whole, *args)))


def _fold_join(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    if len(args) != 1 or not isinstance(whole.value, str | bytes):
        return None
    parts = constant_folding.iterate_constant(args[0])
    if parts is None:
        return None
    provenance = constant_folding.combine_provenance((whole, args[0]))
    between = len(whole.value) * len(parts)
    if isinstance(whole.value, str):
        texts = [part for part in parts if isinstance(part, str)]
        short = len(texts) == len(parts) and sum(map(len, texts)) + between <= constant_folding.MAX_CONSTANT_SIZE
        return Constant(whole.value.join(texts), provenance) if short else None
    pieces = [part for part in parts if isinstance(part, bytes)]
    short = len(pieces) == len(parts) and sum(map(len, pieces)) + between <= constant_folding.MAX_CONSTANT_SIZE
    return Constant(whole.value.join(pieces), provenance) if short else None


def _fold_replace(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    values = [each.value for each in args]
    if isinstance(whole.value, str) and len(values) in (2, 3) and all(isinstance(each, str) for each in values[:2]):
        old, new = str(values[0]), str(values[1])
        if (len(whole.value) + 1) * max(1, len(new)) <= constant_folding.MAX_CONSTANT_SIZE:
            return Constant(whole.value.replace(old, new), constant_folding.combine_provenance((whole, *args)))
    return None


def _fold_split(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    if not isinstance(whole.value, str) or (args and not (isinstance(args[0].value, str) and args[0].value)):
        return None
    between = str(args[0].value) if args else None
    return Constant(tuple(whole.value.split(between)), constant_folding.combine_provenance((whole,)))


def _fold_format(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    """Format only plain fields such as ``{}`` and ``{0}``: others read attributes, or ask for any width."""
    if not isinstance(whole.value, str) or len(whole.value) > _MAX_FORMAT:
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
        text += shown if isinstance(shown, str) else repr(shown) if isinstance(shown, float) else _write_number(shown)
        if len(text) > constant_folding.MAX_CONSTANT_SIZE:
            return None
    return Constant(text, constant_folding.combine_provenance((whole, *args)))


def _write_number(value: object) -> str:
    return str(value) if not isinstance(value, int) or value.bit_length() < 8192 else ""


def _fold_decode(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    name = args[0].value if args else "utf-8"
    return constant_folding.decode_text(whole.value, name, whole.provenance) if isinstance(whole.value, bytes) else None


def _fold_encode(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    name = args[0].value if args else "utf-8"
    return constant_folding.encode_text(whole.value, name, whole.provenance) if isinstance(whole.value, str) else None


def _fold_to_bytes(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    size = args[0].value if args else 1
    order = args[1].value if len(args) > 1 else "big"
    if not isinstance(whole.value, int) or not isinstance(size, int) or not 0 < size <= _MAX_NUMBER_BYTES:
        return None
    try:
        return Constant(whole.value.to_bytes(size, "little" if order == "little" else "big"), Provenance.DECODED)
    except OverflowError:
        return None


def _fold_translate(whole: Constant, args: Sequence[Constant]) -> Constant | None:
    # A table is known only as the flat pairs that ``_fold_maketrans`` returns.
    if not isinstance(whole.value, str) or len(args) != 1 or not isinstance(args[0].value, tuple):
        return None
    pairs = args[0].value
    table = {ord(a): b for a, b in zip(pairs[::2], pairs[1::2], strict=False) if isinstance(a, str) and len(a) == 1}
    return Constant(whole.value.translate({key: str(to) for key, to in table.items()}), Provenance.DECODED)


_METHODS: Final[Mapping[str, Callable[[Constant, Sequence[Constant]], Constant | None]]] = {
    "join": _fold_join,
    "replace": _fold_replace,
    "split": _fold_split,
    "format": _fold_format,
    "decode": _fold_decode,
    "encode": _fold_encode,
    "to_bytes": _fold_to_bytes,
    "translate": _fold_translate,
}


def fold_function(name: str, args: Sequence[Constant]) -> Constant | None:
    """Call a function of the standard library on constants; ``None`` if it is not modelled."""
    if not args:
        return None
    first = args[0]
    decoder = constant_folding.DECODERS.get(name)
    if decoder is not None:
        data = first.value.encode("utf-8", "replace") if isinstance(first.value, str) else first.value
        if not isinstance(data, bytes):
            return None
        bits = args[1].value if name == "zlib.decompress" and len(args) > 1 else None
        out = constant_folding.inflate_zlib(data, bits) if isinstance(bits, int) else decoder(data)
        return None if out is None else Constant(out, Provenance.DECODED)
    unquoter = constant_folding.UNQUOTERS.get(name)
    if unquoter is not None and isinstance(first.value, str):
        return Constant(unquoter(first.value), Provenance.DECODED)
    fold = _FUNCTIONS.get(name)
    return fold(first, args) if fold is not None else None


def _fold_chr(first: Constant, _: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, int) and 0 <= first.value < 0x110000:
        return Constant(chr(first.value), constant_folding.combine_provenance((first,)))
    return None


def _fold_ord(first: Constant, _: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, str | bytes) and len(first.value) == 1:
        return Constant(ord(first.value), constant_folding.combine_provenance((first,)))
    return None


def _fold_str(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, bytes) and len(args) > 1:
        return constant_folding.decode_text(first.value, args[1].value, first.provenance)
    if isinstance(first.value, str):
        return first
    return (
        Constant(_write_number(first.value), constant_folding.combine_provenance((first,)))
        if isinstance(first.value, int)
        else None
    )


def _fold_bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    value = first.value
    if isinstance(value, bytes):
        return first
    if isinstance(value, str):
        return constant_folding.encode_text(value, args[1].value if len(args) > 1 else "utf-8", first.provenance)
    if isinstance(value, tuple):
        numbers = [each for each in value if isinstance(each, int) and 0 <= each < 256]
        return (
            Constant(bytes(numbers), constant_folding.combine_provenance((first,)))
            if len(numbers) == len(value)
            else None
        )
    return None


def _fold_int(first: Constant, args: Sequence[Constant]) -> Constant | None:
    base = args[1].value if len(args) > 1 else 10
    if isinstance(first.value, str) and isinstance(base, int) and len(first.value) <= _MAX_FORMAT:
        try:
            return Constant(int(first.value, base), constant_folding.combine_provenance((first,)))
        except ValueError:
            return None
    return first if isinstance(first.value, int) else None


def _fold_reversed(first: Constant, _: Sequence[Constant]) -> Constant | None:
    parts = constant_folding.iterate_constant(first)
    return None if parts is None else Constant(parts[::-1], constant_folding.combine_provenance((first,)))


def _fold_list(first: Constant, _: Sequence[Constant]) -> Constant | None:
    parts = constant_folding.iterate_constant(first)
    return None if parts is None else Constant(parts, first.provenance)


def _fold_len(first: Constant, _: Sequence[Constant]) -> Constant | None:
    return Constant(len(first.value), Provenance.COMPUTED) if isinstance(first.value, str | bytes | tuple) else None


def _fold_range(_: Constant, args: Sequence[Constant]) -> Constant | None:
    numbers = [each.value for each in args if isinstance(each.value, int) and each.value.bit_length() < 63]
    if len(numbers) != len(args) or len(args) > 3 or (len(args) == 3 and numbers[2] == 0):
        return None
    counted = range(*numbers)
    return Constant(tuple(counted), Provenance.LITERAL) if len(counted) <= _MAX_FORMAT else None


def _fold_codecs_decode(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if not isinstance(first.value, str | bytes):
        return None
    return constant_folding.decode_text(first.value, args[1].value if len(args) > 1 else "utf-8", first.provenance)


def _fold_codecs_encode(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if isinstance(first.value, str):
        return constant_folding.encode_text(first.value, args[1].value if len(args) > 1 else "utf-8", first.provenance)
    return None


def _fold_from_bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    order = args[1].value if len(args) > 1 else "big"
    if not isinstance(first.value, bytes) or len(first.value) > _MAX_NUMBER_BYTES:
        return None
    return Constant(
        int.from_bytes(first.value, "little" if order == "little" else "big"),
        constant_folding.combine_provenance((first,)),
    )


def _fold_path(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Join the parts of a path; ``~`` and variables stay as they are."""
    parts = [each.value for each in args if isinstance(each.value, str)]
    return Constant("/".join(parts)[: constant_folding.MAX_CONSTANT_SIZE]) if len(parts) == len(args) else None


def _fold_maketrans(first: Constant, args: Sequence[Constant]) -> Constant | None:
    if len(args) < 2 or not isinstance(first.value, str) or not isinstance(args[1].value, str):
        return None
    pairs: list[PlainValue] = []
    for one, other in zip(first.value, args[1].value, strict=False):
        pairs += [one, other]
    return Constant(tuple(pairs), Provenance.COMPUTED)


_FUNCTIONS: Final[Mapping[str, Callable[[Constant, Sequence[Constant]], Constant | None]]] = {
    "builtins.chr": _fold_chr,
    "builtins.ord": _fold_ord,
    "builtins.str": _fold_str,
    "builtins.bytes": _fold_bytes,
    "builtins.bytearray": _fold_bytes,
    "builtins.int": _fold_int,
    "builtins.reversed": _fold_reversed,
    "builtins.list": _fold_list,
    "builtins.tuple": _fold_list,
    "builtins.iter": _fold_list,
    "builtins.len": _fold_len,
    "builtins.range": _fold_range,
    "codecs.decode": _fold_codecs_decode,
    "codecs.encode": _fold_codecs_encode,
    "builtins.int.from_bytes": _fold_from_bytes,
    "builtins.str.maketrans": _fold_maketrans,
    "os.path.join": _fold_path,
    "os.path.expanduser": _fold_path,
    "os.path.abspath": _fold_path,
    "os.path.normpath": _fold_path,
    "os.path.expandvars": _fold_path,
}
