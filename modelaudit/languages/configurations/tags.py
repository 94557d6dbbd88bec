"""Detect YAML tags that make a loader import and call a name: those of PyYAML, HyperPyYAML, Ruby and Java loaders.

Sources: ``yaml/constructor.py`` (``!!python/object/apply:os.system``); ``hyperpyyaml/core.py`` (``!new:``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.model.outline import PYTHON_NAMES, Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading

# ``!!python/object/apply:os.system`` and ``tag:yaml.org,2002:python/name:…`` of PyYAML, ``!new:…`` of HyperPyYAML.
_PYTHON_TAG: Final = re.compile(
    r"!*(?:tag:yaml\.org,2002:)?(?:python/(?:object/apply|object/new|object|name|module)|new|apply|applyref|name|module):(.++)"
)
# ``!ruby/object:Gem.Installer`` of Ruby; ``!!javax.script.ScriptEngineManager`` of Java, also as an array (``…;[]``) or
# with spaces behind it.
_FOREIGN_TAGS: Final = (
    # Psych writes the kind of the object before its class: ``!ruby/object:Gem::Installer``.
    (
        "ruby",
        re.compile(
            r"(?:!+ruby|!*tag:ruby\.yaml\.org,2002:?)[/:]?"
            r"(?:(?:object|struct|exception|class|module|hash|array|string):)?(.++)"
        ),
    ),
    ("java", re.compile(r"!!((?!python/)[a-z]\w*+(?:\.[A-Za-z_$][\w$]*+)++(?:;?\[.*+|\s*+))")),
)
TAG_IN_TEXT: Final = re.compile(
    r"!!?(?:tag:yaml\.org,2002:)?python/(?:object/apply|object/new|object|name|module):([\w.]++)"
)
"""A PyYAML tag in text that is not YAML itself, such as a string in JSON."""


def read_tags(tags: Iterable[tuple[str, int]]) -> Iterator[Reading]:
    """Yield an outline of the names in explicit tags.

    Args:
        tags: each tag with its line, from 1.
    """
    yield from build_outlines(_collect_mentions(tags))


def _collect_mentions(tags: Iterable[tuple[str, int]]) -> Iterator[Mention]:
    """Yield a mention of the name in each tag that makes a loader of Python, Ruby or Java build an object."""
    for tag, line in tags:
        match = _PYTHON_TAG.fullmatch(tag)
        if match is not None:
            yield Mention(PYTHON_NAMES, "target", match[1].strip()[:200], Location(line=line), tag[:200])
            continue
        for language, pattern in _FOREIGN_TAGS:
            foreign_match = pattern.fullmatch(tag)
            if foreign_match is not None:
                yield Mention("object-tags", language, foreign_match[1][:200], Location(line=line))
