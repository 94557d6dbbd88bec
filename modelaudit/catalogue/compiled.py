"""Keep the rule set of this installation in the form in which it is used, as Python keeps compiled modules.

Parsing and validating a thousand files takes a third of a small scan. The compiled form is a file of MessagePack beside
the bytecode of this module: Python decides where that is, and it is written under the same conditions, never where
``PYTHONDONTWRITEBYTECODE`` is set. Whoever can change it can change the bytecode. As bytecode does, it names the sizes
and times of its sources (PEP 3147), which are the rules and the modules that read them. It is decoded into declared
types and nothing else. A file that is old, or whose bytes are not those of the digest at its beginning, is ignored and
replaced.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import typing
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from modelaudit.catalogue.garbage import pause_garbage_collection
from modelaudit.model import catalogue as catalogue_types
from modelaudit.model.call_signature import Signature
from modelaudit.model.catalogue import CallableEntry, Callables, Catalogue, DangerousModule, NameLists
from modelaudit.model.copies import replace
from modelaudit.model.discovery import DiscoveryRules
from modelaudit.model.element_rules import ElementListRules
from modelaudit.model.format_facts import FormatFacts
from modelaudit.model.lazy_pattern import LazyPattern, defer_pattern
from modelaudit.model.named_entries import NamedEntries
from modelaudit.model.skops import SkopsLoaders
from modelaudit.model.weight_table import WeightTable

_Value = TypeVar("_Value")
_PACKAGE: Final = Path(__file__).resolve().parent.parent
_READERS: Final = (_PACKAGE / "catalogue", _PACKAGE / "model")
"""The folders of the modules that make a catalogue of files, and of its types."""
_BYTECODE: Final = __spec__.cached
"""The path at which Python keeps this module compiled."""
_DIGEST_SIZE: Final = hashlib.sha256().digest_size
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


class _StoredRules(Struct, frozen=True):
    """The content of a file: the sources that it was made of, and the parts of a catalogue, each encoded by itself."""

    sources: bytes
    rules: Raw
    names: Raw
    discovery: Raw
    element_lists: Raw


@pause_garbage_collection()
def load_compiled(directory: Path, formats: FormatFacts) -> Catalogue | None:
    """Load the rule set of a folder from its compiled form; ``None`` if there is none, or it is older than a source."""
    try:
        content = memoryview(_find_file(formats).read_bytes())
        if hashlib.sha256(content[_DIGEST_SIZE:]).digest() != content[:_DIGEST_SIZE]:
            return None
        stored = msgspec.msgpack.decode(content[_DIGEST_SIZE:], type=_StoredRules)
        if stored.sources != _identify_sources(directory):
            return None
        fields: Struct = _decode(stored.rules, _describe_rules())
        return Catalogue(
            **{name: getattr(fields, name) for name in fields.__struct_fields__},
            read_names=cache(lambda: _restore_names(_decode(stored.names, _StoredNames))),
            read_discovery=cache(lambda: _decode(stored.discovery, DiscoveryRules)),
            read_element_lists=cache(lambda: _decode(stored.element_lists, tuple[ElementListRules, ...])),
        )
    except (OSError, NotImplementedError, msgspec.MsgspecError, TypeError, ValueError):
        return None


def store_compiled(directory: Path, formats: FormatFacts, catalogue: Catalogue) -> None:
    """Write the compiled form of a rule set for the next process, where Python would write bytecode."""
    if sys.dont_write_bytecode:
        return
    # Without the permission to write, each process reads the files.
    with suppress(OSError, NotImplementedError):
        fields = {name: getattr(catalogue, name) for name in catalogue.__struct_fields__ if name not in _LATER}
        stored = _StoredRules(
            _identify_sources(directory),
            _encode(fields),
            _encode(_store_names(catalogue.read_names())),
            _encode(catalogue.read_discovery()),
            _encode(catalogue.read_element_lists()),
        )
        content = msgspec.msgpack.encode(stored)
        _replace_file(_find_file(formats), hashlib.sha256(content).digest() + content)


def _find_file(formats: FormatFacts) -> Path:
    """Return the path of the compiled form. Raises ``FileNotFoundError`` where Python keeps no bytecode."""
    if _BYTECODE is None:
        raise FileNotFoundError("Python keeps no bytecode of this module")
    digest = hashlib.sha256(msgspec.msgpack.encode(formats, order="deterministic")).hexdigest()[:16]
    return Path(_BYTECODE).with_name(f"rules-{digest}.{sys.implementation.cache_tag}.msgpack")


def _replace_file(path: Path, content: bytes) -> None:
    """Write a file as a whole, so that no other process reads half of it. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(content)
            file.flush()
            unfinished.chmod(0o644)  # as bytecode, for every user of this installation
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


def _identify_sources(directory: Path) -> bytes:
    """Hash the paths, sizes and times of change of all rule files and of the modules that read them."""
    digest = hashlib.sha256(msgspec.__version__.encode())
    for folder, ending in ((directory, "ml"), *((each, ".py") for each in _READERS)):
        for path, size, time in sorted(_list_states(os.fspath(folder), ending)):
            digest.update(f"{path}\0{size}\0{time}\0".encode("utf-8", "surrogateescape"))
    return digest.digest()


def _list_states(folder: str, ending: str) -> Iterator[tuple[str, int, int]]:
    """Yield the path, size and time of change of each file below a folder with this ending."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _list_states(entry.path, ending)
            elif entry.name.endswith(ending):
                state = entry.stat()
                yield entry.path, state.st_size, state.st_mtime_ns


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
    """Store names that have the same entry with one. A name whose entry states another name is stored with its own."""
    shared: dict[CallableEntry, int] = {}
    names = {name: shared.setdefault(replace(entry, name=""), len(shared)) for name, entry in entries.items()}
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
    """Decode a part of the rule set. Raises ``msgspec.ValidationError`` if it has another shape."""
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
    raise NotImplementedError(f"{type(value).__name__} has no form in a compiled rule set")


def _restore(kind: Any, value: Any) -> object:
    """Return the value that ``_simplify`` replaced."""
    if kind is re.Pattern or typing.get_origin(kind) is re.Pattern:
        return defer_pattern(*value)
    if kind is WeightTable:
        return WeightTable.restore(*value)
    raise NotImplementedError(f"{kind} has no form in a compiled rule set")
