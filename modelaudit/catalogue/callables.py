"""Read ``rules/callables/``: the Python names that a file may use, and those that are dangerous."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
from modelaudit.model.catalogue import ArgumentRule, CallableEntry, Callables, DangerousModule, Standing

_TRUSTED = Shape(TrustedFile)
_DANGEROUS = Shape(DangerousFile)
_STANDARD_LIBRARY = Shape(StandardLibraryFile)

# The rule for ``refer-only`` names: a file may refer to such a name but not call it. A call without arguments, or with
# None alone, is harmless.
_NO_ARGUMENTS = (ArgumentRule(0, None, ("None",)),)


@dataclass(slots=True)
class CallablesReader:
    """Collects the lists file by file, and checks each new entry against all before it."""

    _entries: dict[str, CallableEntry] = field(default_factory=dict)
    _modules: dict[str, DangerousModule] = field(default_factory=dict)
    _standard_library: set[str] = field(default_factory=set)
    _origin: dict[str, tuple[Document, Place]] = field(default_factory=dict)

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

    def finish(self) -> Callables:
        """Return the complete lists. Raises ``ConfigurationError`` where they contradict one another."""
        for name, entry in self._entries.items():
            module = _find_dangerous_module(name, self._modules)
            if entry.standing is Standing.TRUSTED and module is not None:
                document, place = self._origin[name]
                raise document.error(
                    f"{name} is trusted, but its whole module {module} is listed as dangerous; remove one of the two",
                    place,
                )
        return Callables(self._entries, self._modules, frozenset(self._standard_library))

    def _add(self, entry: CallableEntry, document: Document, place: Place) -> None:
        """Add one entry. Raises ``ConfigurationError`` if its name is listed already, in whatever list."""
        listed = self._entries.get(entry.name)
        if listed is not None:
            first_document, first_place = self._origin[entry.name]
            where = f"{first_document.label}:{first_document.line_of(first_place)}"
            if listed.standing is entry.standing:
                raise document.error(f"{entry.name} is listed already in {where}", place)
            raise document.error(f"{entry.name} cannot be {entry.standing}: it is {listed.standing} in {where}", place)
        self._entries[entry.name] = entry
        self._origin[entry.name] = (document, place)


def _read_dangerous_name(
    name: str, listed: DangerousNameFile, file: DangerousFile, document: Document, place: Place
) -> CallableEntry:
    """Build the entry of a dangerous name; ``place`` is that of ``listed`` in the file."""
    return CallableEntry(
        name,
        Standing.DANGEROUS,
        listed.why,
        name.partition(".")[0],
        listed.effect or file.effect,
        _read_argument_rules(listed.unless, document, (*place, "unless")),
        state=tuple(listed.unless_state.items()),
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
    return CallableEntry(
        name, Standing.TRUSTED, listed.why, library, "", arguments, listed.construct_only, listed.collects
    )


def _find_dangerous_module(name: str, modules: Mapping[str, DangerousModule]) -> str | None:
    """Find the shortest dangerous module that contains ``name``: ``os`` for ``os.path.join``; ``None`` if none does."""
    parts = name.replace(":", ".").split(".")
    for length in range(1, len(parts)):
        module = ".".join(parts[:length])
        if module in modules:
            return module
    return None


def _read_argument_rules(
    files: Mapping[int, ArgumentFile], document: Document, place: Place
) -> tuple[ArgumentRule, ...]:
    """Build the conditions on arguments, by position; each states either a use or the values that are allowed."""
    for index, file in files.items():
        if (file.use is None) == (file.one_of is None):
            raise document.error(
                f"arguments.{index}: needs exactly one of the keys 'use' and 'one-of'", (*place, index)
            )
        if file.one_of is not None:
            _check_values(file.one_of, document, (*place, index, "one-of"))
    return tuple(ArgumentRule(index, file.use, tuple(file.one_of or ())) for index, file in sorted(files.items()))


def _check_values(values: Sequence[str], document: Document, place: Place) -> None:
    """Check that each value is a dotted name, or looks like the ``repr`` of a string, bytes, a number or a constant."""
    for text in values:
        is_constant = text in ("None", "True", "False")
        if DOTTED_NAME.fullmatch(text) or is_constant or text[:1] in "'\"b-0123456789":
            continue
        raise document.error(
            f"{text!r} is neither a dotted name nor the repr of plain data such as \"'latin1'\"", place
        )
