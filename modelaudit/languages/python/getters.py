"""Model the functions that make a getter: ``attrgetter("system")``, ``methodcaller("run")``, ``itemgetter("run")``.

The result of such a function is a callable that holds the paths, keys or arguments it was made with.
"""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import blind_steps
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.evaluation import Evaluation
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    PartialCall,
    Provenance,
    Unknown,
    Value,
    is_open_constant,
)

_MAX_PATHS: Final = 16  # paths of one getter
_MAX_FIELD_DIGITS: Final = 4
_MADE: Final = ">"
"""Follows the name of the maker in the name of a getter that was made; no dotted name of Python has it."""
_PATH_KEYWORD: Final = "path "
"""Begins the names of the keywords under which a made getter keeps its paths; no keyword of Python has a space."""


def make_getter(evaluation: Evaluation, call: Call) -> Value:
    """Call ``attrgetter``, ``methodcaller`` or ``itemgetter``, and return the callable that it makes."""
    is_of_method = call.name.endswith("methodcaller")
    # The other arguments of ``methodcaller`` are those of the method.
    paths = call.args[:1] if is_of_method else call.args
    keywords = {f"{_PATH_KEYWORD}{number}": path for number, path in enumerate(paths[:_MAX_PATHS])}
    is_complete = bool(paths) and len(paths) <= _MAX_PATHS
    if not call.name.endswith("itemgetter"):
        texts = [_get_text(path) for path in paths]
        # The getter may be called by whatever it is passed to, with any value.
        for text in texts:
            evaluation.keep_named_member(UNKNOWN, text or "*", call.line)
        is_complete = is_complete and all(texts)
    if not is_complete:
        evaluation.recorder.record_call(call)
    if not 0 < len(paths) <= _MAX_PATHS:
        keywords[f"{_PATH_KEYWORD}{_MAX_PATHS}"] = UNKNOWN
    if is_of_method:
        keywords |= call.keywords
    bound = (Container(tuple(call.args[1:])),) if is_of_method else ()
    return PartialCall(ExternalName(f"{call.name}{_MADE}"), bound, tuple(keywords.items()))


def is_made_getter(name: str) -> bool:
    """Whether a name is that of a callable which ``make_getter`` has made."""
    return name.endswith(_MADE)


def takes_known_item(callee: Value) -> bool:
    """Whether a callee is ``itemgetter`` with known texts: ``itemgetter("getenv")(vars(os))`` takes this name alone."""
    return _holds_texts(callee, "operator.itemgetter")


def takes_path(callee: Value) -> bool:
    """Whether a callee is a made ``attrgetter``, whose members are judged, whether its texts are known or not."""
    return isinstance(callee, PartialCall) and callee.callee == ExternalName(f"operator.attrgetter{_MADE}")


def _holds_texts(callee: Value, maker: str) -> bool:
    """Whether a callee is a getter that ``maker`` has made of known texts alone."""
    if not isinstance(callee, PartialCall) or not isinstance(callee.callee, ExternalName):
        return False
    paths = [value for name, value in callee.keywords if name.startswith(_PATH_KEYWORD)]
    is_item = callee.callee.name.startswith(maker) and is_made_getter(callee.callee.name)
    return is_item and bool(paths) and all(map(_get_text, paths))


def call_made_getter(evaluation: Evaluation, call: Call) -> Value:
    """Call what ``make_getter`` returned with an object: return the attribute or item, or what the method returns."""
    paths = [value for name, value in call.keywords.items() if name.startswith(_PATH_KEYWORD)]
    if call.name.startswith("operator.methodcaller"):
        bound = call.args[0] if call.args else UNKNOWN
        args = bound.values if isinstance(bound, Container) else ()
        owner = call.args[1] if len(call.args) > 1 else UNKNOWN
        keywords = {name: value for name, value in call.keywords.items() if not name.startswith(_PATH_KEYWORD)}
        method = _follow_path(evaluation, owner, paths[0] if paths else UNKNOWN, call.line)
        if type(owner) is Unknown:
            return evaluation.call_value(
                method, args, keywords, call.line, owner, _get_text(paths[0] if paths else None)
            )
        return evaluation.call_value(method, args, keywords, call.line)
    owner = call.args[0] if call.args else UNKNOWN
    if call.name.startswith("operator.itemgetter"):
        results = tuple(evaluation.take_item(owner, path, call.line) for path in paths)
    else:
        results = tuple(_follow_path(evaluation, owner, path, call.line) for path in paths)
    return results[0] if len(results) == 1 else Container(results)


def _follow_path(evaluation: Evaluation, owner: Value, path: Value, line: int) -> Value:
    """Return what a path of attributes leads to from a value."""
    if is_open_constant(path):
        evaluation.call_getattr(Call("builtins.getattr", [owner, UNKNOWN], {}, line))
    text = _get_text(path)
    if not text:
        evaluation.recorder.record_attribute_walk(owner, line)
        return evaluation.call_getattr(Call("builtins.getattr", [owner, path], {}, line))
    # A literal path shows its names.
    provenance = path.provenance if isinstance(path, Constant) else Provenance.LITERAL
    value = owner
    for attribute in text.split("."):
        value = evaluation.call_getattr(Call("builtins.getattr", [value, Constant(attribute, provenance)], {}, line))
    evaluation.recorder.record_attribute_access(value, line)
    return value


def call_get_field(evaluation: Evaluation, call: Call) -> Value:
    """Call ``string.Formatter().get_field("0.system", (os,), {})``, which returns the field and the first name."""
    field = call.get_argument(0, "field_name")
    path, arguments = _get_text(field), call.get_argument(1, "args")
    first, _, attributes = path.partition(".")
    position = int(first) if first.isdecimal() and len(first) < _MAX_FIELD_DIGITS else -1
    values = arguments.values if isinstance(arguments, Container) else ()
    if not attributes or not 0 <= position < len(values):
        evaluation.recorder.record_call(call)
        reached = frozenset() if path else blind_steps.REACHED
        return Container((Unknown(call.argument_tags | reached), UNKNOWN)) if reached else Unknown(call.argument_tags)
    provenance = field.provenance if isinstance(field, Constant) else Provenance.LITERAL
    is_open = field is not None and is_open_constant(field)
    found = _follow_path(evaluation, values[position], Constant(attributes, provenance, is_open), call.line)
    return Container((found, UNKNOWN))


def _get_text(value: Value | None) -> str:
    """Return the text of a constant; empty for any other value."""
    return value.value if isinstance(value, Constant) and isinstance(value.value, str) else ""


def take_getitem(evaluation: Evaluation, call: Call) -> Value:
    """Call ``operator.getitem(mapping, key)``, which is ``mapping[key]``."""
    if len(call.args) == 1 and call.tags:  # ``dict(mapping).get(key)``
        return evaluation.take_item(Unknown(call.tags), call.args[0], call.line)
    if len(call.args) < 2:
        return UNKNOWN
    return evaluation.take_item(call.args[0], call.args[1], call.line)
