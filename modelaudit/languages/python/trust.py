"""Where a source has a loader run the code that another repository brings along."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from modelaudit.languages.python import arguments, uses
from modelaudit.languages.python.values import Constant, Value

if TYPE_CHECKING:
    from modelaudit.languages.python.follow import Follower

_SWITCH: Final = "trust_remote_code"
_USE: Final = "(trust_remote_code=True)"
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+(?<!\.py)")
_PIPELINE: Final = "(custom_pipeline of another repository)"


def note_call(callee: str, by_name: Mapping[str, Value], args: Sequence[Value], line: int, to: Follower) -> None:
    """Note a call that is told to trust the code of what it loads, or to run that of a pipeline elsewhere."""
    first = args[0] if args else None
    if arguments.is_true(by_name.get(_SWITCH)):
        detail = str(first.value) if isinstance(first, Constant) else callee
        to.log.record(uses.CALL, _USE, line, detail)
    if callee == "setdefault" and len(args) == 2:
        note_item(args[0], args[1], line, to)
    pipeline = by_name.get("custom_pipeline")
    name = pipeline.value if isinstance(pipeline, Constant) else None
    if isinstance(name, str) and _REPOSITORY.fullmatch(name):
        to.log.record(uses.CALL, _PIPELINE, line, name)


def note_item(key: Value, value: Value, line: int, to: Follower) -> None:
    """Note the same of an item that is handed on as an argument later."""
    if isinstance(key, Constant) and key.value == _SWITCH and arguments.is_true(value):
        to.log.record(uses.CALL, _USE, line, "as an item of a mapping")
