"""Read ``rules/callables/``: the Python names that a file may use, and those that are dangerous."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import (
    DOTTED_NAME,
    AlikeFile,
    ArgumentFile,
    CallableFile,
    DangerousFile,
    DangerousNameFile,
    Shape,
    StandardLibraryFile,
    TrustedFile,
)
from modelaudit.model.call_signature import Signature
from modelaudit.model.catalogue import ArgumentRule, CallableEntry, Callables, DangerousModule, Standing
from modelaudit.model.copies import replace
from modelaudit.model.pickle import Cost

_TRUSTED = Shape(TrustedFile)
_DANGEROUS = Shape(DangerousFile)
_STANDARD_LIBRARY = Shape(StandardLibraryFile)

# The condition on a ``refer-only`` name. A file may refer to such a name and not call it, but a call without arguments,
# or with None alone, is harmless.
_NO_ARGUMENTS = (ArgumentRule(0, None, ("None",)),)

_FIRST_OF_REPR = "'\"b-0123456789"
"""The characters with which the ``repr`` of a string, of bytes or of a number can begin."""


class CallablesReader(Struct):
    """Collects the lists file by file, and checks each new entry against all before it."""

    _entries: dict[str, CallableEntry] = field(default_factory=dict)
    _modules: dict[str, DangerousModule] = field(default_factory=dict)
    _standard_library: set[str] = field(default_factory=set)
    _constants: set[str] = field(default_factory=set)
    _first_places: dict[str, tuple[Document, Place]] = field(default_factory=dict)

    def read_trusted(self, document: Document) -> None:
        """Add one file of ``trusted/``.

        Raises:
            ConfigurationError: the file is invalid, or lists a name that is listed already.
        """
        file = _TRUSTED.read(document)
        for name, listed in file.names.items():
            entry = _read_trusted_name(name, listed, file.library, document, ("names", name))
            self._add(entry, document, ("names", name))
        for index, alike in enumerate(file.alike):
            # Names that are alike differ in nothing else, so their conditions are read once.
            first = _read_trusted_name(alike.names[0], alike, file.library, document, ("alike", index))
            for number, name in enumerate(alike.names):
                self._add(replace(first, name=name), document, ("alike", index, "names", number))

    def read_dangerous(self, document: Document) -> None:
        """Add one file of ``dangerous/``.

        Raises:
            ConfigurationError: the file is invalid, or lists a name or a module that is listed already.
        """
        file = _DANGEROUS.read(document)
        for name, listed in file.names.items():
            entry = _read_dangerous_name(name, listed, file, document, ("names", name))
            self._add(entry, document, ("names", name))
        for index, alike in enumerate(file.alike):
            for number, name in enumerate(alike.names):
                entry = _read_dangerous_name(name, alike, file, document, ("alike", index))
                self._add(entry, document, ("alike", index, "names", number))
        for module, listed_module in file.modules.items():
            if module in self._modules:
                raise document.error(f"modules: {module!r} is listed already", ("modules", module))
            self._modules[module] = DangerousModule(module, listed_module.effect or file.effect, listed_module.why)
        for module, attributes in file.constants.items():
            for number, attribute in enumerate(attributes):
                name = f"{module}.{attribute}"
                self._add(_make_constant(name), document, ("constants", module, number))
                self._constants.add(name)

    def read_standard_library(self, document: Document) -> None:
        """Add the names of the standard library's modules.

        Raises:
            ConfigurationError: the file is invalid, or a module is not a top-level one or is listed twice.
        """
        for index, module in enumerate(_STANDARD_LIBRARY.read(document).modules):
            if "." in module:
                raise document.error(f"modules: {module!r} is not a top-level module", ("modules", index))
            if module in self._standard_library:
                raise document.error(f"modules: {module!r} is listed twice", ("modules", index))
            self._standard_library.add(module)

    def finish(self, signatures: Mapping[str, tuple[Signature, ...]]) -> Callables:
        """Return the complete lists with these signatures. Raises ``ConfigurationError`` where the lists disagree."""
        for name, entry in self._entries.items():
            module = _find_dangerous_module(name, self._modules)
            if entry.standing is Standing.TRUSTED and module is not None and name not in self._constants:
                document, place = self._first_places[name]
                raise document.error(
                    f"{name} is trusted, but its whole module {module} is listed as dangerous; remove one of the two",
                    place,
                )
        return Callables(self._entries, self._modules, frozenset(self._standard_library), signatures)

    def _add(self, entry: CallableEntry, document: Document, place: Place) -> None:
        """Add one entry. Raises ``ConfigurationError`` if its name is listed already, in whatever list."""
        earlier_entry = self._entries.get(entry.name)
        if earlier_entry is not None:
            first_document, first_place = self._first_places[entry.name]
            where = f"{first_document.label}:{first_document.line_of(first_place)}"
            if earlier_entry.standing is entry.standing:
                raise document.error(f"{entry.name} is listed already in {where}", place)
            contradiction = f"cannot be {entry.standing}: it is {earlier_entry.standing} in {where}"
            raise document.error(f"{entry.name} {contradiction}", place)
        self._entries[entry.name] = entry
        self._first_places[entry.name] = (document, place)


def _read_dangerous_name(
    name: str, listed: DangerousNameFile, file: DangerousFile, document: Document, place: Place
) -> CallableEntry:
    """Build the entry of a dangerous name; ``place`` is that of ``listed`` in the file."""
    return CallableEntry(
        name,
        Standing.DANGEROUS,
        why=listed.why,
        library=name.partition(".")[0],
        effect=listed.effect or file.effect,
        arguments=_read_argument_rules(listed.unless, document, (*place, "unless")),
        state=tuple(tuple(each.items()) for each in listed.unless_state),
    )


def _make_constant(name: str) -> CallableEntry:
    """Return the entry of a text or number in a dangerous module: a file may refer to it, and not call it."""
    library = name.partition(".")[0]
    return CallableEntry(
        name, Standing.TRUSTED, "holds a text or a number", library, arguments=_NO_ARGUMENTS, shared=True
    )


def _read_trusted_name(
    name: str, listed: CallableFile | AlikeFile, library: str, document: Document, place: Place
) -> CallableEntry:
    """Build the entry of a trusted name; ``place`` is that of ``listed`` in the file.

    Raises:
        ConfigurationError: a name for reference only has conditions for calls, or a condition is invalid.
    """
    if listed.refer_only and (listed.arguments or listed.construct_only):
        raise document.error(
            f"{name} is refer-only, so no call of it is trusted; remove arguments and construct-only", place
        )
    arguments: tuple[ArgumentRule, ...] = _NO_ARGUMENTS
    if not listed.refer_only:
        arguments = _read_argument_rules(listed.arguments, document, (*place, "arguments"))
    cost = listed.cost
    return CallableEntry(
        name,
        Standing.TRUSTED,
        listed.why,
        library,
        arguments=arguments,
        construct_only=listed.construct_only,
        collects=listed.collects,
        cost=Cost(cost.reads, tuple(cost.sizes), tuple(cost.shapes), tuple(cost.exponents), cost.result),
        shared=listed.shared,
        hook_calls=frozenset(listed.hooks_call),
        inert=listed.inert or listed.apart,
        apart=listed.apart,
        unpickles=tuple((key, tuple(kinds.items())) for key, kinds in listed.unpickles.items()),
        holds_items=listed.holds_items,
    )


def _find_dangerous_module(name: str, modules: Mapping[str, DangerousModule]) -> str | None:
    """Find the shortest dangerous module that contains ``name``: ``os`` for ``os.path.join``; ``None`` if none does."""
    # A colon sets off the module in ``module:Class.name``.
    parts = name.replace(":", ".").split(".")
    for length in range(1, len(parts)):
        module = ".".join(parts[:length])
        if module in modules:
            return module
    return None


def _read_argument_rules(
    conditions: Mapping[int, ArgumentFile], document: Document, place: Place
) -> tuple[ArgumentRule, ...]:
    """Build the conditions on arguments, in order of position; each states either a use or the allowed values."""
    for index, condition in conditions.items():
        if (condition.use is None) == (condition.one_of is None):
            raise document.error(
                f"arguments.{index}: needs exactly one of the keys 'use' and 'one-of'", (*place, index)
            )
        if condition.one_of is not None:
            _check_values(condition.one_of, document, (*place, index, "one-of"))
    return tuple(
        ArgumentRule(index, condition.use, tuple(condition.one_of or ()), condition.needed)
        for index, condition in sorted(conditions.items())
    )


def _check_values(values: Sequence[str], document: Document, place: Place) -> None:
    """Check that each value is a dotted name, or looks like the ``repr`` of a string, bytes, a number or a constant."""
    for text in values:
        is_constant = text in ("None", "True", "False")
        starts_like_repr = text != "" and text[0] in _FIRST_OF_REPR
        if DOTTED_NAME.fullmatch(text) or is_constant or starts_like_repr:
            continue
        raise document.error(
            f"{text!r} is neither a dotted name nor the repr of plain data such as \"'latin1'\"", place
        )
