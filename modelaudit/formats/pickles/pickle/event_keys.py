"""The keys under which acts of a pickle count as the same, so that a large file keeps each once."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.pickles.pickle.magnitudes import SHORTEST_LARGE, has_large_number, has_long_exponent
from modelaudit.formats.pickles.pickle.values import DEPTH_KEPT, Container, StackValue
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.pickle import COMPUTED_KEY, LARGE_NUMBER, Act, CallResult, Embedded, Name, Unknown

# Short words are arguments that change the effect of a call (an encoding, an attribute); longer text is content.
_WORD: Final = defer_pattern(r"[A-Za-z_][\w.\-]{0,31}")  # such as utf-8
# Events whose quick key is built: those with one of these types as the operand, and at most so many arguments.
KEYED_OPERANDS: Final = frozenset({Name, CallResult})
_KEYED_ARGUMENTS: Final = 8
# Texts that parsers of dates, of pairs, of type codes and of numbers take; see ``checks/call_signatures.py``.
_TELLING_LENGTHS: Final = frozenset({0, 2, 4, 6, 10})
_PLAIN_TOKEN: Final = defer_pattern(r"[\w:<>=|?.,\[\]+/-]*")
_NUMERAL: Final = defer_pattern(r"[\d_.eEjJ+/-]*")
_CONTENT_TYPES: Final = frozenset({float, bytes})
_SIGNIFICANT_TYPES: Final = frozenset({Name, Unknown, CallResult, Embedded})


def build_quick_key(act: Act, operand: StackValue, arguments: tuple[StackValue, ...]) -> tuple[object, ...] | None:
    """Return a key that identical events share; ``None`` unless the arguments are few and all of them constants.

    Long text, numbers and bytes are content, which does not make events differ unless its magnitude does.
    """
    # Of the call of a stored function, the magnitudes of small numbers count too.
    is_stored_function = act is Act.CALL and type(operand) is CallResult
    if type(operand) not in KEYED_OPERANDS or len(arguments) > _KEYED_ARGUMENTS or is_stored_function:
        return None
    parts: list[object] = [act, operand]
    product = 1
    for argument in arguments:
        kind = type(argument)
        if kind is int:
            product *= argument or 1  # type: ignore[operator,assignment]
            parts.append(kind)
        elif kind is str:
            if _WORD.fullmatch(argument):  # type: ignore[arg-type]
                parts.append(argument)
            elif len(argument) < SHORTEST_LARGE:  # type: ignore[arg-type]
                parts.append(_find_form(argument) if act is Act.CALL else "")
            else:
                parts.append((_classify_text(argument), act is Act.CALL and _find_form(argument)))  # type: ignore[arg-type]
        elif kind in _CONTENT_TYPES:
            parts.append(_find_form(argument) if act is Act.CALL else kind)
        elif kind is bool or argument is None:
            parts.append(argument)
        else:
            return None
    if product > LARGE_NUMBER or product < -LARGE_NUMBER:
        parts.append(_find_large_numbers(arguments))
    return tuple(parts)


def find_forms(arguments: tuple[StackValue, ...]) -> tuple[object, ...]:
    """Return what decides whether a callable takes these arguments: the forms of constants, and of those in sequences.

    Calls that differ in nothing else are kept once, so those that differ in this are kept apart.
    """
    forms: list[object] = []
    for argument in arguments:
        if type(argument) is Container:
            items = argument.entries if argument.type != "dict" else ()
            forms.append((argument.type, frozenset([_find_form(item) for item in items])))
        else:
            forms.append(_find_form(argument))
    return tuple(forms)


def _find_form(value: object) -> object:
    """Return the form of a constant: its type, and for a text or bytes also what parsers of short texts look at."""
    kind = type(value)
    if kind is str or kind is bytes:
        length = len(value)  # type: ignore[arg-type]
        is_plain = kind is str and _PLAIN_TOKEN.fullmatch(value) is not None  # type: ignore[call-overload]
        is_numeral = is_plain and _NUMERAL.fullmatch(value) is not None  # type: ignore[call-overload]
        return (kind, length if length in _TELLING_LENGTHS else -1, is_plain, is_numeral)
    return kind


def _classify_text(text: str) -> tuple[bool, bool] | str:
    """Return whether a text may state a large number or has a long exponent; an empty text for most texts."""
    is_large = (has_large_number(text), has_long_exponent(text))
    return is_large if any(is_large) else ""


def _find_large_numbers(arguments: tuple[StackValue, ...]) -> frozenset[int]:
    """Return the positions of the large numbers; none where the numbers are large only together."""
    positions = enumerate(arguments)
    return frozenset([index for index, each in positions if type(each) is int and abs(each) > LARGE_NUMBER])


def find_significant_parts(arguments: tuple[StackValue, ...], most_parts: int) -> tuple[object, ...]:
    """Return the parts of arguments that make an event differ from another: names, short words, special keys.

    They are found among the first ``most_parts`` parts, as many as ``freeze_values`` keeps.
    """
    budget = [most_parts]
    return tuple([_find_significant_part(argument, DEPTH_KEPT, budget, True) for argument in arguments])


def _find_significant_part(value: StackValue, depth: int, budget: list[int], with_words: bool) -> object:
    """Return the significant part of one value.

    Args:
        value: the value on the stack.
        depth: levels of containers that are looked at.
        budget: a list of one number, the parts that may still be looked at.
        with_words: whether short words count; the words in containers do not.
    """
    budget[0] -= 1
    kind = type(value)
    if kind in _SIGNIFICANT_TYPES:
        return value
    if isinstance(value, Container):
        if depth == 0 or budget[0] <= 0:
            return ""
        parts = []
        for key, item in value.iterate_items():
            if budget[0] <= 0:
                break
            # The indices of sequences differ in nothing.
            special_key: object = "" if type(key) is int else COMPUTED_KEY
            if isinstance(key, str):
                special_key = key if key.startswith("__") else ""
            parts.append((special_key, _find_significant_part(item, depth - 1, budget, False)))
        return (value.type, tuple(parts))
    if not with_words:
        return ""
    if kind is str:
        return value if _WORD.fullmatch(value) else ""  # type: ignore[arg-type]
    # In angle brackets, "<None>" and "<True>" differ from the words None and True.
    return f"<{value}>" if value is None or isinstance(value, bool) else ""
