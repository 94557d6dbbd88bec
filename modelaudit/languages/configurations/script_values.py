"""Detect programs of JavaScript in values, by which node editors start programs.

Sources: ``javascriptFunction`` of Flowise, ``jsCode`` of the node Code of n8n, ``func`` of Node-RED, and
the assertion ``javascript`` of promptfoo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.any_key import VOCABULARY_FILES, list_texts
from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.script_acts import SCRIPT_MARKS, find_script_act
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_SHOWN: Final = 200
# Under a key that data sets have too, the program has to be in a part of a workflow.
_KEYS_OF_SAMPLES: Final = frozenset({"code", "source", "body", "input", "output", "query"})
_PARTS: Final = frozenset({"nodes", "node", "steps", "tools", "functions", "actions", "blocks", "template", "assert"})


def read_script_values(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the values that are such programs.

    Raises:
        LimitReachedError: the time for the artifact is over.
    """
    yield from build_outlines(_collect_programs(path, settings))


def _collect_programs(path: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each such program."""
    for setting, text in list_texts(path, settings):
        # The lines of ``scripts`` are commands, which start programs and are judged as such.
        if "(" not in text or "scripts" in setting.path:
            continue
        if setting.key in _KEYS_OF_SAMPLES and _PARTS.isdisjoint(setting.path):
            continue
        act = find_script_act(text)
        if act:
            shown = " ".join(text.split())
            yield Mention("resolvers", "script-value", f"{setting.key} {shown}"[:_SHOWN], setting.where, act)


SCRIPT_VALUES = Interpreter(frozenset(), read_script_values, marks=SCRIPT_MARKS, unsearched=VOCABULARY_FILES)
