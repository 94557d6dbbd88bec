"""List the texts that a file of a model lets others import: of names, of lists, of classes, and of calls of functions.

``helper.py`` has ``class Names: run = "system"``, and ``model.py`` has ``getattr(os, Names.run)``. The file that takes
a name by such a text is analysed again with the values of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from modelaudit.languages.python.budget import TooDeepError, limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.scopes import Scope
from modelaudit.languages.python.source import fits_at_once, split_source
from modelaudit.languages.python.values import Constant, Container, LocalDefinition, Value, list_alternatives
from modelaudit.wire.base import LimitReachedError

_MOST_VALUES: Final = 1000
_LONGEST_TEXT: Final = 200

ExportedValues = dict[tuple[str, str], Value]
"""Values by the name of the class that holds them, which is empty for the file itself, and their own name."""


def list_exported_values(text: str) -> ExportedValues:
    """Return the texts of a source that others can import; what is evaluated before a bound counts."""
    if not fits_at_once(text):
        return {}
    evaluator = Evaluator(limit_steps(text))
    evaluator.changes.is_asked = True
    with suppress(LimitReachedError, TooDeepError, RecursionError):
        for piece in split_source(text):
            if not piece.fault:
                evaluator.evaluate_module(piece.body)
    return dict(_list_values(evaluator, evaluator.scope))


def _list_values(evaluator: Evaluator, scope: Scope) -> Iterator[tuple[tuple[str, str], Value]]:
    """Yield the texts of a module with their names, up to a bound."""
    for name, value in list(scope.names.items())[:_MOST_VALUES]:
        for each in list_alternatives(value):
            members = evaluator.get_class_members(each) if isinstance(each, LocalDefinition) else None
            if members is not None:
                for member, held in list(members.names.items())[:_MOST_VALUES]:
                    if (text := _find_texts(evaluator, evaluator.changes.open_value(member, held))) is not None:
                        yield (name, member), text
            elif (text := _find_texts(evaluator, evaluator.changes.open_value(name, each))) is not None:
                yield ("", name), text


def _find_texts(evaluator: Evaluator, value: Value) -> Value | None:
    """Return a value if it is a short text or a list of texts; of a function what calls return; otherwise ``None``."""
    if isinstance(value, LocalDefinition) and not value.is_result and evaluator.get_class_members(value) is None:
        result = _find_texts(evaluator, evaluator.get_result(value))
        # A call of a list returns any of its items.
        return None if result is None else Container((result,))
    if isinstance(value, Container):
        return value if value.values and all(isinstance(each, Constant) for each in value.values) else None
    if not isinstance(value, Constant):
        return None
    texts = value.value if isinstance(value.value, tuple) else (value.value,)
    is_short = all(isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in texts)
    return value if texts and is_short else None
