"""Arguments that have a loader run the code of another repository: ``trust_remote_code`` and ``custom_pipeline``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import arguments
from modelaudit.languages.python.values import Constant, Value

TRUST_NAME: Final = "(trust_remote_code=True)"
PIPELINE_NAME: Final = "(custom_pipeline of another repository)"
_SWITCH: Final = "trust_remote_code"
# ``owner/name``, and not the path of a Python file.
_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w.-]+(?<!\.py)")


def find_remote_code(callee: str, keywords: Mapping[str, Value], args: Sequence[Value]) -> Iterator[tuple[str, str]]:
    """Yield a name and a detail for each argument that makes a call run the code of another repository.

    ``callee`` is the last part of the name that is called.
    """
    first = args[0] if args else None
    if arguments.is_certainly_true(keywords.get(_SWITCH)):
        yield TRUST_NAME, str(first.value) if isinstance(first, Constant) else callee
    if callee == "setdefault" and len(args) == 2 and is_trust_item(args[0], args[1]):
        yield TRUST_NAME, "as an item of a mapping"
    pipeline = keywords.get("custom_pipeline")
    name = pipeline.value if isinstance(pipeline, Constant) else None
    if isinstance(name, str) and _REPOSITORY.fullmatch(name):
        yield PIPELINE_NAME, name


def is_trust_item(key: Value, value: Value) -> bool:
    """Whether an item of a mapping turns ``trust_remote_code`` on; such mappings are passed as ``**kwargs`` later."""
    return isinstance(key, Constant) and key.value == _SWITCH and arguments.is_certainly_true(value)
