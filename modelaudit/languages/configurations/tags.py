"""Detect YAML tags by which a loader imports and calls a name, or reads another file; no other tag is known.

A loader calls a constructor of its own for each tag, so a tag that no list knows may do anything.

Sources: ``yaml/constructor.py`` (``!!python/object/apply:os.system``); ``hyperpyyaml/core.py`` (``!new:``,
``!include:``); ``lm_eval/utils.py`` (``!function utils.process``, which imports the file beside the configuration).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import PYTHON_NAMES, Mention, Reference, ReferenceKind
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reading
from modelaudit.wire.bounds import build_references

# ``!!python/object/apply:os.system`` and ``tag:yaml.org,2002:python/name:…`` of PyYAML, ``!new:…`` of HyperPyYAML.
_PYTHON_TAG: Final = defer_pattern(
    r"!*(?:tag:yaml\.org,2002:)?(?:python/(?:object/apply|object/new|object|name|module)|new|apply|applyref|name|module):(.++)"
)
# ``!ruby/object:Gem.Installer`` of Ruby; ``!!javax.script.ScriptEngineManager`` of Java, also as an array (``…;[]``) or
# with spaces behind it.
_FOREIGN_TAGS: Final = (
    # Psych writes the kind of the object before its class: ``!ruby/object:Gem::Installer``.
    (
        "ruby",
        defer_pattern(
            r"(?:!+ruby|!*tag:ruby\.yaml\.org,2002:?)[/:]?"
            r"(?:(?:object|struct|exception|class|module|hash|array|string):)?(.++)"
        ),
    ),
    ("java", defer_pattern(r"!!((?!python/)[a-z]\w*+(?:\.[A-Za-z_$][\w$]*+)++(?:;?\[.*+|\s*+))")),
)
# HyperPyYAML writes the path behind a colon, other loaders write it as the value.
_INCLUDED: Final = defer_pattern(r"!include:(.++)")
_FUNCTION_TAG: Final = "!function"
_READ_WITH_VALUE: Final = frozenset({_FUNCTION_TAG, "!include"})
# The arguments that objects of these classes only keep. By other arguments they load more files or call functions.
# Source: ``speechbrain/utils/parameter_transfer.py``: ``paths`` and ``custom_hooks`` of ``Pretrainer``.
_KEPT_ARGUMENTS: Final[Mapping[str, frozenset[str]]] = {
    "speechbrain.utils.parameter_transfer.Pretrainer": frozenset({"loadables", "conditions"})
}
_NO_ARGUMENTS: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
INCLUDE: Final = "yaml-include"
"""The format of references to files whose values a tag inserts."""
FUNCTION: Final = "function-tag"
"""The format of references to files of Python that a tag imports."""
_MOST_REFERENCES: Final = 1_000
_LONGEST_TARGET: Final = 1_000  # characters
TAG_IN_TEXT: Final = defer_pattern(
    r"!!?(?:tag:yaml\.org,2002:)?python/(?:object/apply|object/new|object|name|module):([\w.]++)"
)
"""A PyYAML tag in text that is not YAML itself, such as a string in JSON."""


def read_tags(
    tags: Iterable[tuple[str, int]], arguments: Mapping[str, Collection[str]] = _NO_ARGUMENTS
) -> Iterator[Reading]:
    """Yield an outline of the names in explicit tags, and references to the files that they include.

    Args:
        tags: each tag with its line, from 1.
        arguments: the keys of the mappings with each tag, with an empty one for arguments by position.
    """
    tags = tuple(tags)
    yield from build_outlines(_collect_mentions(tags, arguments))
    included = ((_INCLUDED.fullmatch(tag), line) for tag, line in tags)
    references = (
        Reference(ReferenceKind.DATA, match[1].strip()[:_LONGEST_TARGET], "!include", where=Location(line=line))
        for match, line in included
        if match is not None
    )
    yield from build_references(INCLUDE, references, _MOST_REFERENCES)


def _collect_mentions(tags: Iterable[tuple[str, int]], arguments: Mapping[str, Collection[str]]) -> Iterator[Mention]:
    """Yield a mention of the name in each tag that makes a loader of Python, Ruby or Java build an object."""
    for tag, line in tags:
        match = _PYTHON_TAG.fullmatch(tag)
        if match is not None:
            name = match[1].strip()[:200]
            others = set(arguments.get(tag, ("",))) - _KEPT_ARGUMENTS.get(name, frozenset())
            name += f".{min(others)}" if name in _KEPT_ARGUMENTS and others else ""
            yield Mention(PYTHON_NAMES, "target", name[:200], Location(line=line), tag[:200])
            continue
        foreign = ((language, pattern.fullmatch(tag)) for language, pattern in _FOREIGN_TAGS)
        names = [(language, found[1]) for language, found in foreign if found is not None]
        for language, name in names:
            yield Mention("object-tags", language, name[:200], Location(line=line))
        if not names and tag not in _READ_WITH_VALUE and _INCLUDED.fullmatch(tag) is None:
            yield Mention("yaml-tags", "tag", tag[:200], Location(line=line))


def _read_tagged_values(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield references to the files of functions that a tag makes a loader import, and of those that one includes."""
    tagged = [each for each in settings if each.tag in _READ_WITH_VALUE and isinstance(each.value, str) and each.value]
    functions = (
        Reference(
            ReferenceKind.CODE, _locate_module(str(each.value)), f"!function {each.value}"[:200], where=each.where
        )
        for each in tagged
        if each.tag == _FUNCTION_TAG
    )
    yield from build_references(FUNCTION, functions, _MOST_REFERENCES)
    included = (
        Reference(ReferenceKind.DATA, str(each.value)[:_LONGEST_TARGET], each.tag, where=each.where)
        for each in tagged
        if each.tag != _FUNCTION_TAG
    )
    yield from build_references(INCLUDE, included, _MOST_REFERENCES)


def _locate_module(value: str) -> str:
    """Return the file of ``module.function``, relative to that of the configuration."""
    return f"{value.strip().rpartition('.')[0][:_LONGEST_TARGET]}.py"


TAGGED_VALUES: Final = Interpreter(
    frozenset(),
    _read_tagged_values,
    marks=TextMarks((("!function", defer_pattern("!function")), ("!include", defer_pattern("!include")))),
)
