"""Load the rule set of this installation from its compiled form, and store it."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from modelaudit.catalogue.compiled_file import CompiledFile
from modelaudit.catalogue.garbage import pause_garbage_collection
from modelaudit.model import catalogue as catalogue_types
from modelaudit.model.call_signature import Signature
from modelaudit.model.catalogue import CallableEntry, Callables, Catalogue, DangerousModule, NameLists
from modelaudit.model.copies import replace
from modelaudit.model.discovery import DiscoveryRules
from modelaudit.model.element_rules import ElementListRules
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts
from modelaudit.model.lazy_pattern import LazyPattern, defer_pattern
from modelaudit.model.named_entries import NamedEntries
from modelaudit.model.skops import SkopsLoaders
from modelaudit.model.weight_table import WeightTable

_Value = TypeVar("_Value")
_LATER: Final = ("read_names", "read_discovery", "read_element_lists")
"""The fields of a catalogue that read a part of it when it is used."""


class _StoredEntries(Struct, frozen=True):
    """Entries without a name, and the index of the entry of each name."""

    shared: tuple[CallableEntry, ...]
    names: dict[str, int]


class _StoredNames(Struct, frozen=True):
    """The lists that judge names, where names that share an entry are listed with it."""

    callables: _StoredEntries
    modules: dict[str, DangerousModule]
    standard_library: frozenset[str]
    signatures: dict[str, tuple[Signature, ...]]
    operators: _StoredEntries
    skops: SkopsLoaders
    vocabularies: dict[str, _StoredEntries]


class _StoredCatalogue(Struct, frozen=True):
    """The parts of a catalogue, each encoded by itself: not every command needs all."""

    rules: Raw
    names: Raw
    discovery: Raw
    element_lists: Raw


@pause_garbage_collection()
def load_compiled(directory: Path, formats: FormatFacts) -> Catalogue | None:
    """Load the rule set of a folder from its compiled form; ``None`` if there is none, or it is older than a source."""
    stored = _find_file(directory, formats).read()
    if stored is None:
        return None
    fields: Struct = _decode(stored.rules, _describe_rules())
    return Catalogue(
        **{name: getattr(fields, name) for name in fields.__struct_fields__},
        read_names=cache(lambda: _restore_names(_decode(stored.names, _StoredNames))),
        read_discovery=cache(lambda: _decode(stored.discovery, DiscoveryRules)),
        read_element_lists=cache(lambda: _decode(stored.element_lists, tuple[ElementListRules, ...])),
    )


def identify_rules(directory: Path, formats: FormatFacts) -> bytes:
    """Identify the files of a rule set before they are read, for ``store_compiled``."""
    return _find_file(directory, formats).identify_sources()


def store_compiled(directory: Path, formats: FormatFacts, catalogue: Catalogue, sources: bytes) -> None:
    """Write the compiled form of a rule set that no rule was looked up in, with what ``identify_rules`` returned."""
    fields = {name: getattr(catalogue, name) for name in catalogue.__struct_fields__ if name not in _LATER}
    stored = _StoredCatalogue(
        _encode(fields),
        _encode(_store_names(catalogue.read_names())),
        _encode(catalogue.read_discovery()),
        _encode(catalogue.read_element_lists()),
    )
    _find_file(directory, formats).write(stored, sources)


def _find_file(directory: Path, formats: FormatFacts) -> CompiledFile[_StoredCatalogue]:
    """Return the compiled form of the rules of a folder with these facts.

    That without facts has another name, because one process may need both.
    """
    name = "rules-without-formats" if formats is NO_FORMATS else "rules"
    return CompiledFile(name, directory, _StoredCatalogue, msgspec.msgpack.encode(formats, order="deterministic"))


def _store_names(names: NameLists) -> _StoredNames:
    """Return the lists that judge names in the form in which they are stored."""
    callables = names.callables
    return _StoredNames(
        callables=_share_entries(callables.by_name),
        modules=dict(callables.modules),
        standard_library=callables.standard_library,
        signatures=dict(callables.signatures),
        operators=_share_entries(names.operators),
        skops=names.skops,
        vocabularies={name: _share_entries(entries) for name, entries in names.vocabularies.items()},
    )


def _restore_names(stored: _StoredNames) -> NameLists:
    """Return the lists that ``_store_names`` stored."""
    callables = Callables(
        NamedEntries(stored.callables.names, stored.callables.shared),
        stored.modules,
        stored.standard_library,
        stored.signatures,
    )
    vocabularies = {name: NamedEntries(each.names, each.shared) for name, each in stored.vocabularies.items()}
    operators = NamedEntries(stored.operators.names, stored.operators.shared)
    return NameLists(callables, operators, stored.skops, vocabularies)


def _share_entries(entries: Mapping[str, CallableEntry]) -> _StoredEntries:
    """Store an entry once for all names that differ in nothing else.

    Raises:
        ValueError: an entry is listed under another name than its own.
    """
    shared: dict[CallableEntry, int] = {}
    names: dict[str, int] = {}
    for name, entry in entries.items():
        if entry.name != name:
            raise ValueError(f"the entry of {entry.name} is listed as {name}")
        names[name] = shared.setdefault(replace(entry, name=""), len(shared))
    return _StoredEntries(tuple(shared), names)


@cache
def _describe_rules() -> type[Any]:
    """Define a struct with the fields of a catalogue, but for those that read a part later."""
    hints = typing.get_type_hints(Catalogue, vars(catalogue_types))
    fields = [(name, hints[name]) for name in Catalogue.__struct_fields__ if name not in _LATER]
    return msgspec.defstruct("StoredFields", fields)


def _encode(value: object) -> Raw:
    """Encode a part of the rule set."""
    return Raw(msgspec.msgpack.encode(value, enc_hook=_simplify))


@pause_garbage_collection()
def _decode(content: Raw, kind: type[_Value] | Any) -> _Value:
    """Decode a part of the rule set."""
    value: _Value = msgspec.msgpack.decode(content, type=kind, dec_hook=_restore)
    return value


def _simplify(value: object) -> object:
    """Return a value that has no form in MessagePack as one that has."""
    if type(value) is LazyPattern:
        return value.pattern, value.given_flags
    if isinstance(value, re.Pattern):
        return value.pattern, value.flags
    if isinstance(value, WeightTable):
        return value.dump_pairs()
    raise TypeError(f"{type(value).__name__} has no form in a compiled rule set")


def _restore(kind: Any, value: Any) -> object:
    """Return the value that ``_simplify`` replaced."""
    if kind is re.Pattern or typing.get_origin(kind) is re.Pattern:
        return defer_pattern(*value)
    if kind is WeightTable:
        return WeightTable.restore(*value)
    raise TypeError(f"{kind} has no form in a compiled rule set")
