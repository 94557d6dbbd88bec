"""Find the acts of a source with the texts of configurations in the place of the keys that it reads.

Where the texts have too many combinations, those of the keys count from which the source takes names. Each key gets a
text of its own that no name contains by chance, and the names that the analysis finds show it. If too many combinations
remain, the acts of the source stay open.
"""

from __future__ import annotations

import ast
from collections.abc import Collection
from typing import Final

from msgspec import Struct

from modelaudit.languages.python.analysis import analyze_source
from modelaudit.languages.python.configured_keys import find_base, find_read_key
from modelaudit.languages.python.configured_names import (
    RESERVED_KEYS,
    Path,
    analyze_with_texts,
    collect_texts,
    exceeds_combinations,
    list_combinations,
)
from modelaudit.languages.python.configured_values import ConfiguredValues
from modelaudit.languages.python.source import fits_at_once, parse_code_text
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.outline import Mention

# A name with a dot, for a source that splits it.
_MARK: Final = "kq{0}x.kq{0}y"
_MARKS: Final = defer_pattern(r"kq(\d+)[xy]")
_CONFIGURATION: Final = defer_pattern(r"(?i)config|cfg")
_SELECTING: Final = frozenset({"get", "pop", "__getitem__", "index", "startswith", "endswith"})
_Key = tuple[str, str, str]


class ConfiguredActs(Struct, frozen=True):
    """The acts of a source with the texts of configurations.

    Attributes:
        mentions: those that the source has with these texts alone.
        is_open: whether a bound was reached, and other texts may name more.
    """

    mentions: tuple[Mention, ...] = ()
    is_open: bool = False


def find_configured_acts(text: str, configured: ConfiguredValues, is_whole: bool) -> ConfiguredActs:
    """Return the acts of a source with the texts of configurations.

    Args:
        text: the source; empty if it is larger than is read.
        configured: the texts under each key.
        is_whole: whether these are all texts. If not, a name from a key of a configuration may be another.
    """
    body = parse_code_text(text) if text else None
    if body is None:
        # A source that nests too deep is an absence in the analysis of the file.
        return ConfiguredActs(is_open=not text or not fits_at_once(text))
    tree = ast.Module(body, [])
    values = collect_texts(tree, configured)
    unknown = [] if is_whole else sorted({(key,) for key in _list_configured_keys(tree)} - values.keys())
    if not values and not unknown:
        return ConfiguredActs()
    before = {_get_key(each) for each in analyze_source(text).mentions}
    is_open = False
    if unknown or exceeds_combinations(text, values):
        naming = _find_naming_keys(text, tree, [*values, *unknown], configured, before)
        values = {path: texts for path, texts in values.items() if path in naming}
        is_open = not naming.isdisjoint(unknown) or exceeds_combinations(text, values)
    found: dict[_Key, Mention] = {}
    for chosen in () if is_open or not values else list_combinations(values):
        analysis = analyze_with_texts(text, chosen, configured)
        found |= {_get_key(each): each for each in (analysis.mentions if analysis is not None else ())}
    return ConfiguredActs(tuple(each for key, each in found.items() if key not in before), is_open)


def may_read_texts(text: str, configured: ConfiguredValues) -> bool:
    """Whether a source may read a text of the configurations; it does so if it is too large to be read."""
    body = parse_code_text(text) if text else None
    return bool(collect_texts(ast.Module(body, []), configured)) if body is not None else not text


def _find_naming_keys(
    text: str, tree: ast.Module, paths: Collection[Path], configured: ConfiguredValues, before: Collection[_Key]
) -> set[Path]:
    """Return the keys whose texts are parts of names that the source takes.

    Args:
        text: the source.
        tree: its syntax tree.
        paths: the keys.
        configured: the texts under each key.
        before: what the source mentions without these texts.
    """
    marks = dict(enumerate(paths))
    selecting = _list_selecting_keys(tree)
    known = {name for _, name, _ in before}
    shown: set[Path] = set()
    # Without the keys that select among values, the analysis keeps all of these.
    for chosen in (marks, {number: path for number, path in marks.items() if path[-1] not in selecting}):
        texts = {path: _MARK.format(number) for number, path in chosen.items()}
        analysis = analyze_with_texts(text, texts, configured)
        mentions = analysis.mentions if analysis is not None else ()
        added = [each for each in mentions if _get_key(each) not in before and each.name not in known]
        if (
            analysis is None
            or analysis.bounds
            or not all(_MARKS.search(f"{each.name} {each.detail}") for each in added)
        ):
            return set(paths)  # the source changes the texts
        numbers = {int(number) for each in added for number in _MARKS.findall(each.name)}
        shown.update(path for number, path in marks.items() if number in numbers)
    return shown


def _get_key(mention: Mention) -> _Key:
    """Return what tells a mention from others."""
    return mention.use, mention.name, mention.detail


def _list_selecting_keys(tree: ast.Module) -> set[str]:
    """Return the keys by whose values a source selects among others: by an index, a comparison or ``get``."""
    selectors: list[ast.AST] = []
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=selector) | ast.Match(subject=selector):
                selectors.append(selector)
            case ast.Compare(left=left, comparators=others):
                selectors += [left, *others]
            case ast.Call(func=ast.Attribute(attr=method), args=[selector, *_]) if method in _SELECTING:
                selectors.append(selector)
    return {find_read_key(part)[0] for each in selectors for part in ast.walk(each)} - {""}


def _list_configured_keys(tree: ast.Module) -> set[str]:
    """Return the keys that a source reads from what it calls a configuration."""
    found: set[str] = set()
    for node in ast.walk(tree):
        key = find_read_key(node)[0]
        base = find_base(node) if key and isinstance(node, ast.expr) else None
        name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
        if key not in RESERVED_KEYS and _CONFIGURATION.search(name):
            found.add(key)
    return found
