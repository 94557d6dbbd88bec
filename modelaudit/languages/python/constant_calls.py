"""Fold calls on constants: methods such as ``str.join``, and functions such as ``chr`` that spell names.

Code that hides a name computes it with these. A call that is not modelled here, or whose result would exceed the
bounds, is unknown to the evaluator.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from modelaudit.languages.python import constant_folding, formatted_fields
from modelaudit.languages.python.values import Constant, PlainValue, Provenance, Value, keep_open
from modelaudit.model.copies import replace

# Methods whose results are hardly longer than the text they are called on.
_TEXT_METHODS: Final = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "swapcase", "title", "capitalize", "casefold", "removeprefix"}
    | {"removesuffix", "hex"}
)
_MAX_FOLDED_INPUT: Final = 4096  # characters of a template or number, and items of a range
_MAX_NUMBER_BYTES: Final = 4096

# Parameters by position with their defaults, of methods by name and of functions by full name.
_PARAMETERS: Final[Mapping[str, tuple[tuple[str, PlainValue], ...]]] = {
    "decode": (("encoding", "utf-8"), ("errors", "strict")),
    "encode": (("encoding", "utf-8"), ("errors", "strict")),
    "split": (("sep", None), ("maxsplit", -1)),
    "rsplit": (("sep", None), ("maxsplit", -1)),
    "to_bytes": (("length", 1), ("byteorder", "big")),
    "codecs.decode": (("obj", ""), ("encoding", "utf-8"), ("errors", "strict")),
    "codecs.encode": (("obj", ""), ("encoding", "utf-8"), ("errors", "strict")),
    "builtins.str": (("object", ""), ("encoding", "utf-8"), ("errors", "strict")),
    "builtins.bytes": (("source", b""), ("encoding", "utf-8"), ("errors", "strict")),
    "builtins.bytearray": (("source", b""), ("encoding", "utf-8"), ("errors", "strict")),
    "builtins.int": (("x", 0), ("base", 10)),
    "builtins.int.from_bytes": (("bytes", b""), ("byteorder", "big")),
}


def order_arguments(name: str, args: Sequence[Value], keywords: Mapping[str, Value]) -> list[Value]:
    """Return the arguments of a call by position: those by keyword take the places of their parameters.

    Args:
        name: the name of a method, or the full name of a function.
        args: the arguments by position.
        keywords: the arguments by keyword; those of unknown parameters follow behind all others.
    """
    ordered = list(args)
    remaining = dict(keywords)
    open_parameters = _PARAMETERS.get(name, ())[len(args) :]
    for index, (parameter, default) in enumerate(open_parameters):
        # A default is filled in only if a later parameter is given.
        names_from_here = [later for later, _ in open_parameters[index:]]
        if remaining.keys().isdisjoint(names_from_here):
            break
        ordered.append(remaining.pop(parameter, Constant(default)))
    return [*ordered, *remaining.values()]


def fold_method(receiver: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    """Call a method of a constant; ``None`` if it is not modelled."""
    fold = _METHODS.get(name)
    if fold is not None:
        return keep_open(fold(receiver, args), receiver, *args)
    if name in _TEXT_METHODS and isinstance(receiver.value, str | bytes):
        return keep_open(_call_text_method(receiver, name, args), receiver, *args)
    return None


def _call_text_method(receiver: Constant, name: str, args: Sequence[Constant]) -> Constant | None:
    """Call one of ``_TEXT_METHODS`` on a text or bytes; ``None`` if Python raises an error."""
    try:
        result = getattr(receiver.value, name)(*(each.value for each in args))
    except (TypeError, ValueError, AttributeError):
        return None
    return Constant(result, constant_folding.combine_provenance((receiver, *args)))


def _fold_join(separator: Constant, args: Sequence[Constant]) -> Constant | None:
    """Join texts or bytes; ``None`` if the items have another type, or the result would be too large."""
    if len(args) != 1 or not isinstance(separator.value, str | bytes):
        return None
    parts = constant_folding.iterate_constant(args[0])
    if parts is None:
        return None
    provenance = constant_folding.combine_provenance((separator, args[0]))
    separators_size = len(separator.value) * len(parts)
    size = separators_size + sum(len(part) for part in parts if isinstance(part, str | bytes))
    if size > constant_folding.MAX_CONSTANT_SIZE:
        return None
    if isinstance(separator.value, str):
        texts = [part for part in parts if isinstance(part, str)]
        return Constant(separator.value.join(texts), provenance) if len(texts) == len(parts) else None
    pieces = [part for part in parts if isinstance(part, bytes)]
    return Constant(separator.value.join(pieces), provenance) if len(pieces) == len(parts) else None


def _fold_replace(receiver: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str.replace``; ``None`` if an argument has another type, or the result might be too large."""
    values = [each.value for each in args]
    if isinstance(receiver.value, str) and len(values) in (2, 3) and all(isinstance(each, str) for each in values[:2]):
        old, new = str(values[0]), str(values[1])
        count = values[2] if len(values) > 2 else -1
        # At most each character, and the end of the text, is replaced.
        is_small = (len(receiver.value) + 1) * max(1, len(new)) <= constant_folding.MAX_CONSTANT_SIZE
        if is_small and isinstance(count, int):
            replaced = receiver.value.replace(old, new, _shorten_count(count))
            return Constant(replaced, constant_folding.combine_provenance((receiver, *args)))
    return None


def _fold_split(receiver: Constant, args: Sequence[Constant], is_from_end: bool = False) -> Constant | None:
    """Call ``str.split`` or ``rsplit``; ``None`` if the separator or the bound does not fit."""
    separator = args[0].value if args else None
    count = args[1].value if len(args) > 1 else -1
    if not isinstance(receiver.value, str) or not isinstance(separator, str | None) or separator == "":
        return None
    if not isinstance(count, int):
        return None
    split = receiver.value.rsplit if is_from_end else receiver.value.split
    return Constant(tuple(split(separator, _shorten_count(count))), constant_folding.combine_provenance((receiver,)))


def _fold_partition(receiver: Constant, args: Sequence[Constant], is_from_end: bool = False) -> Constant | None:
    """Call ``str.partition`` or ``rpartition``; ``None`` for a separator that is empty or not text."""
    separator = args[0].value if args else None
    if not isinstance(receiver.value, str) or not isinstance(separator, str) or not separator:
        return None
    divide = receiver.value.rpartition if is_from_end else receiver.value.partition
    return Constant(divide(separator), constant_folding.combine_provenance((receiver,)))


def _shorten_count(count: int) -> int:
    """Return ``count`` cut to what Python accepts; -1 stays, and no constant allows more replacements or splits."""
    return max(-1, min(count, constant_folding.MAX_CONSTANT_SIZE + 1))


def _fold_decode(receiver: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``bytes.decode``; ``None`` for a receiver that is not bytes, an unknown codec or damaged data."""
    if not isinstance(receiver.value, bytes):
        return None
    return constant_folding.decode_text(receiver.value, args[0].value if args else "utf-8", receiver.provenance)


def _fold_encode(receiver: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str.encode``; ``None`` for a receiver that is not a text, or an unknown codec."""
    if not isinstance(receiver.value, str):
        return None
    return constant_folding.encode_text(receiver.value, args[0].value if args else "utf-8", receiver.provenance)


def _fold_to_bytes(receiver: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``int.to_bytes``; ``None`` if the number does not fit.

    The result counts as decoded, because a text that a number spells is hidden from a search.
    """
    size = args[0].value if args else 1
    byte_order = args[1].value if len(args) > 1 else "big"
    if not isinstance(receiver.value, int) or not isinstance(size, int) or not 0 < size <= _MAX_NUMBER_BYTES:
        return None
    if len(args) > 2:  # signed
        return None
    try:
        return Constant(
            receiver.value.to_bytes(size, "little" if byte_order == "little" else "big"), Provenance.DECODED
        )
    except OverflowError:
        return None


def _fold_translate(receiver: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str.translate`` with a table that ``_fold_maketrans`` made: each character, and then its replacement."""
    if not isinstance(receiver.value, str) or len(args) != 1 or not isinstance(args[0].value, tuple):
        return None
    table = {}
    for replaced, replacement in zip(args[0].value[::2], args[0].value[1::2], strict=False):
        if isinstance(replaced, str) and len(replaced) == 1:
            table[ord(replaced)] = str(replacement)
    # The sequence may be a list of replacements, by the numbers of the characters.
    return Constant(receiver.value.translate(table), Provenance.DECODED, is_open=True)


_METHODS: Final[Mapping[str, Callable[[Constant, Sequence[Constant]], Constant | None]]] = {
    "join": _fold_join,
    "replace": _fold_replace,
    "split": _fold_split,
    "rsplit": partial(_fold_split, is_from_end=True),
    "partition": _fold_partition,
    "rpartition": partial(_fold_partition, is_from_end=True),
    "format": formatted_fields.fold_format,
    "decode": _fold_decode,
    "encode": _fold_encode,
    "to_bytes": _fold_to_bytes,
    "translate": _fold_translate,
}


def fold_function(name: str, args: Sequence[Constant]) -> Constant | None:
    """Call a function of the standard library on constants, by its full name; ``None`` if it is not modelled."""
    return keep_open(_fold_known_function(name, args[0], args), *args) if args else None


def _fold_known_function(name: str, first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call a function on constants, beginning with ``first``; ``None`` if it is not modelled."""
    decoder = constant_folding.DECODERS.get(name)
    if decoder is not None:
        data = first.value.encode("utf-8", "replace") if isinstance(first.value, str) else first.value
        if not isinstance(data, bytes):
            return None
        # ``zlib.decompress(data, -15)`` reads a stream without a header.
        window_bits = args[1].value if name == "zlib.decompress" and len(args) > 1 else None
        decoded = constant_folding.inflate_zlib(data, window_bits) if isinstance(window_bits, int) else decoder(data)
        # Another alphabet, or the like, may give something else.
        is_open = len(args) > 1 and not isinstance(window_bits, int)
        return None if decoded is None else Constant(decoded, Provenance.DECODED, is_open)
    unquoter = constant_folding.UNQUOTERS.get(name)
    if unquoter is not None and isinstance(first.value, str) and len(args) == 1:
        return Constant(unquoter(first.value), Provenance.DECODED)
    fold = _FUNCTIONS.get(name)
    return fold(first, args) if fold is not None else None


def _fold_chr(first: Constant, _: Sequence[Constant]) -> Constant | None:
    """Call ``chr``; ``None`` for a number that is not a character."""
    if isinstance(first.value, int) and 0 <= first.value < 0x110000:
        return Constant(chr(first.value), constant_folding.combine_provenance((first,)))
    return None


def _fold_ord(first: Constant, _: Sequence[Constant]) -> Constant | None:
    """Call ``ord``; ``None`` for anything but one character or byte."""
    if isinstance(first.value, str | bytes) and len(first.value) == 1:
        return Constant(ord(first.value), constant_folding.combine_provenance((first,)))
    return None


def _fold_str(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str`` on bytes with an encoding, on a text or on an integer."""
    if isinstance(first.value, bytes) and len(args) > 1:
        return constant_folding.decode_text(first.value, args[1].value, first.provenance)
    if isinstance(first.value, str):
        return first
    if isinstance(first.value, int):
        written = formatted_fields.write_value(first.value)
        return None if written is None else Constant(written, constant_folding.combine_provenance((first,)))
    return None


def _fold_bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``bytes`` or ``bytearray`` on bytes, a text or a sequence of byte values; ``None`` for a size."""
    value = first.value
    if isinstance(value, bytes):
        return first
    if isinstance(value, str):
        return constant_folding.encode_text(value, args[1].value if len(args) > 1 else "utf-8", first.provenance)
    if isinstance(value, tuple):
        numbers = [each for each in value if isinstance(each, int) and 0 <= each < 256]
        if len(numbers) == len(value):
            return Constant(bytes(numbers), constant_folding.combine_provenance((first,)))
    return None


def _fold_int(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``int`` on a text, with an optional base, or on an integer."""
    base = args[1].value if len(args) > 1 else 10
    if isinstance(first.value, str) and isinstance(base, int) and len(first.value) <= _MAX_FOLDED_INPUT:
        try:
            return Constant(int(first.value, base), constant_folding.combine_provenance((first,)))
        except ValueError:
            return None
    return replace(first, value=int(first.value)) if isinstance(first.value, int) else None


def _fold_reversed(first: Constant, _: Sequence[Constant]) -> Constant | None:
    """Call ``reversed``; return the items as a tuple."""
    items = constant_folding.iterate_constant(first)
    return None if items is None else Constant(items[::-1], constant_folding.combine_provenance((first,)))


def _fold_list(first: Constant, _: Sequence[Constant], is_tuple: bool = False) -> Constant | None:
    """Call ``list``, ``tuple`` or ``iter``; return the items as a tuple."""
    items = constant_folding.iterate_constant(first)
    return None if items is None else Constant(items, first.provenance, is_tuple=is_tuple)


def _fold_iterator(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``iter``; the items are open, because an earlier use may have taken some."""
    items = _fold_list(first, args)
    return None if items is None else replace(items, is_open=True)


def _fold_len(first: Constant, _: Sequence[Constant]) -> Constant | None:
    """Call ``len``; ``None`` for a value without a length."""
    return Constant(len(first.value), Provenance.COMPUTED) if isinstance(first.value, str | bytes | tuple) else None


def _fold_range(_: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``range``; ``None`` if it has more than ``_MAX_FOLDED_INPUT`` items."""
    # ``len`` of a range of larger numbers may raise an error.
    numbers = [each.value for each in args if isinstance(each.value, int) and each.value.bit_length() < 63]
    if len(numbers) != len(args) or len(args) > 3 or (len(args) == 3 and numbers[2] == 0):
        return None
    items = range(*numbers)
    return Constant(tuple(items), is_tuple=True) if len(items) <= _MAX_FOLDED_INPUT else None


def _fold_codecs_decode(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``codecs.decode``, whose encoding is UTF-8 unless given."""
    if not isinstance(first.value, str | bytes):
        return None
    return constant_folding.decode_text(first.value, args[1].value if len(args) > 1 else "utf-8", first.provenance)


def _fold_codecs_encode(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``codecs.encode``, whose encoding is UTF-8 unless given."""
    if isinstance(first.value, str):
        return constant_folding.encode_text(first.value, args[1].value if len(args) > 1 else "utf-8", first.provenance)
    return None


def _fold_from_bytes(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``int.from_bytes``; ``None`` for more than ``_MAX_NUMBER_BYTES`` bytes."""
    byte_order = args[1].value if len(args) > 1 else "big"
    if not isinstance(first.value, bytes) or len(first.value) > _MAX_NUMBER_BYTES or len(args) > 2:
        return None
    return Constant(
        int.from_bytes(first.value, "little" if byte_order == "little" else "big"),
        constant_folding.combine_provenance((first,)),
    )


def _fold_path(first: Constant, args: Sequence[Constant], is_exact: bool = False) -> Constant | None:
    """Join the parts of a path, as ``os.path.join`` does; ``~``, variables and ``..`` are not followed.

    The path counts as written out: programs join paths everywhere, and do not hide anything by it.
    """
    parts = [each.value for each in args if isinstance(each.value, str)]
    if not parts or len(parts) != len(args) or sum(map(len, parts)) > constant_folding.MAX_CONSTANT_SIZE:
        return None
    return Constant(posixpath.join(*parts), is_open=not is_exact)


def _fold_maketrans(first: Constant, args: Sequence[Constant]) -> Constant | None:
    """Call ``str.maketrans(replaced, replacements)``; return each character followed by its replacement.

    Constants are flat, so the result cannot be a tuple of pairs.
    """
    if len(args) != 2 or not isinstance(first.value, str) or not isinstance(args[1].value, str):
        return None
    pairs: list[PlainValue] = []
    for replaced, replacement in zip(first.value, args[1].value, strict=False):
        pairs += [replaced, replacement]
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
    "builtins.tuple": partial(_fold_list, is_tuple=True),
    "builtins.iter": _fold_iterator,
    "builtins.len": _fold_len,
    "builtins.range": _fold_range,
    "codecs.decode": _fold_codecs_decode,
    "codecs.encode": _fold_codecs_encode,
    "builtins.int.from_bytes": _fold_from_bytes,
    "builtins.str.maketrans": _fold_maketrans,
    "os.path.join": partial(_fold_path, is_exact=True),
    "os.path.expanduser": _fold_path,
    "os.path.abspath": _fold_path,
    "os.path.normpath": _fold_path,
    "os.path.expandvars": _fold_path,
}
