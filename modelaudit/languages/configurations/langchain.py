"""Detect the objects that LangChain builds from a file: constructors by their path, chains and tools by their type.

Sources: ``langchain_core/load/load.py`` (``lc``, ``id``; CVE-2025-68664), ``langchain/chains/loading.py`` (``_type``),
``langchain_core/prompts/loading.py`` (``template_path``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import FORMAT, build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention, Reference, ReferenceKind, References
from modelaudit.wire.base import Reading

_PATH_KEYS: Final = frozenset(
    {"template_path", "prefix_path", "suffix_path", "examples_path", "llm_chain_path", "llm_path"}
)


def read_objects(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield the objects that are built and references to the files that are read for them."""
    yield from build_outlines(_collect_objects(settings))
    references = tuple(
        Reference(ReferenceKind.DATA, setting.value[:1000], setting.key, where=setting.where)
        for setting in settings
        if setting.key in _PATH_KEYS and isinstance(setting.value, str) and setting.value and "\n" not in setting.value
    )
    if references:
        yield References(FORMAT, references)


def _collect_objects(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield each constructor (``id`` beside ``lc``), each type (``_type``) and each Jinja prompt."""
    # LangChain builds each mapping that has the key ``lc``. Its ``id`` is a list: the steps of the path to the class.
    serialized_paths = {setting.path[:-1] for setting in settings if setting.path and setting.path[-1] == "lc"}
    id_steps: defaultdict[tuple[str, ...], list[Setting]] = defaultdict(list)
    for setting in settings:
        if len(setting.path) > 1 and setting.path[-2] == "id" and setting.path[:-2] in serialized_paths:
            id_steps[setting.path[:-2]].append(setting)
        elif setting.key == "_type" and isinstance(setting.value, str) and setting.value:
            yield Mention("langchain", "type", setting.value[:200], setting.where)
        elif setting.key == "template_format" and setting.value == "jinja2":
            yield Mention("langchain", "type", "template_format=jinja2", setting.where)
    # A constructor with the type ``secret`` beside its ``id`` reads an environment variable.
    kinds = {setting.path[:-1]: setting.value for setting in settings if setting.path and setting.path[-1] == "type"}
    for path, steps in id_steps.items():
        name = ".".join(str(step.value) for step in steps)[:200]
        use = "secret" if kinds.get(path) == "secret" else "constructor"
        yield Mention("langchain", use, name, steps[0].where)


SERIALIZED = Interpreter(frozenset({"lc", "_type", "template_format"}) | _PATH_KEYS, read_objects)
