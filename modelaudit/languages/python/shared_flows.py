"""Find the secrets that a source offers to other files, and its functions that send one of their parameters.

``net.py`` has ``def report(data): requests.post(ADDRESS, data=data)``, and ``train.py`` calls ``report`` with the
environment. Neither file shows the flow alone. Each parameter is taken for a secret once; if the body then
sends a secret, the files that import the function are analysed again with that knowledge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Final

from modelaudit.languages.python import attack_texts, name_tables, partial_texts, sent_parameters, uses
from modelaudit.languages.python.budget import TooDeepError, limit_steps
from modelaudit.languages.python.evaluator import Evaluator
from modelaudit.languages.python.source import fits_at_once, split_source
from modelaudit.languages.python.values import LocalDefinition, Unknown, Value, collect_tags, list_alternatives
from modelaudit.model.outline import Mention
from modelaudit.wire.base import LimitReachedError

_MOST_FUNCTIONS: Final = 100
_MOST_PARAMETERS: Final = 6
_MOST_SECRETS: Final = 64
_SENDING_METHODS: Final = frozenset(
    {"post", "put", "patch", "request", "send", "sendall", "sendto", "sendmail", "send_message", "urlopen", "write",
     "run", "call", "Popen", "system", "publish", "emit"}
)  # fmt: skip


def may_send(mention: Mention) -> bool:
    """Whether a use of a name is one of a function that sends something, so that its file is worth a closer look."""
    last = mention.name.rpartition(".")[2]
    return mention.name in name_tables.SENDERS or last in _SENDING_METHODS or last in name_tables.PUBLISHERS


def record_secrets(evaluator: Evaluator) -> None:
    """Record the names of a module that hold a secret or a path of secrets, or whose call returns one."""
    count = 0
    for name, value in evaluator.scope.names.items():
        for each in list_alternatives(value):
            held = evaluator.get_result(each) if isinstance(each, LocalDefinition) and not each.is_result else each
            if count < _MOST_SECRETS and _holds_secret(held):
                evaluator.log.record(uses.NAMED_SECRET, name, 1)
                count += 1
                break


def _holds_secret(value: Value) -> bool:
    """Whether a value or an item of it is a secret, or the path of a file of secrets."""
    if "secret" in collect_tags(value):
        return True
    texts = partial_texts.list_texts(value)
    return any(attack_texts.is_secret_place(text) for text in texts if "/" in text)


def list_sending_functions(text: str) -> dict[str, Value]:
    """Return each function or class of a source that sends a parameter, by its name, as a value with tags for it."""
    if not fits_at_once(text):
        return {}
    found: dict[str, set[str]] = {}
    evaluator = Evaluator(limit_steps(text))
    with suppress(LimitReachedError, TooDeepError, RecursionError):
        for piece in split_source(text):
            if not piece.fault:
                evaluator.evaluate_module(piece.body)
        for holder, function, owner in islice(_list_functions(evaluator), _MOST_FUNCTIONS):
            is_method = owner is not None
            evaluator.budget.begin_part()
            for position, parameter in enumerate(evaluator.list_parameters(function)[:_MOST_PARAMETERS]):
                if is_method and not position:
                    continue
                if evaluator.sends_parameter(function, parameter, owner):
                    name = evaluator.get_function_name(function)
                    tag = sent_parameters.make_tag(name, position - is_method, parameter, is_method)
                    found.setdefault(holder, set()).add(tag)
    return {name: Unknown(frozenset(tags)) for name, tags in found.items()}


def _list_functions(evaluator: Evaluator) -> Iterator[tuple[str, LocalDefinition, LocalDefinition | None]]:
    """Yield the functions and methods of a module: the name that other files import, the function, its class."""
    for name, value in list(evaluator.scope.names.items()):
        for each in list_alternatives(value):
            if not isinstance(each, LocalDefinition) or each.is_result:
                continue
            members = evaluator.get_class_members(each)
            if members is None:
                yield name, each, None
                continue
            for member in list(members.names.values()):
                for method in list_alternatives(member):
                    if isinstance(method, LocalDefinition) and evaluator.get_class_members(method) is None:
                        yield name, method, each
