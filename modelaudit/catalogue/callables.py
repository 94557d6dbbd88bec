"""Read ``rules/callables/``: the Python names that a file may use, and those that are dangerous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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

# A file may refer to such a name but not call it. A call without arguments, or with None alone, is harmless.
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
            ConfigurationError: the file is invalid.
        """
        file = _TRUSTED.read(document)
        for name, named in file.names.items():
            self._add(
                _read_trusted_name(name, named, file.library, document, ("names", name)), document, ("names", name)
            )
        for index, alike in enumerate(file.alike):
            first = _read_trusted_name(alike.names[0], alike, file.library, document, ("alike", index))
            for number, name in enumerate(alike.names):
                self._add(replace(first, name=name), document, ("alike", index, "names", number))

    def read_dangerous(self, document: Document) -> None:
        """Add one file of ``dangerous/``.

        Raises:
            ConfigurationError: the file is invalid.
        """
        file = _DANGEROUS.read(document)
        for name, named in file.names.items():
            self._add(_read_dangerous_name(name, named, file, document, ("names", name)), document, ("names", name))
        for index, alike in enumerate(file.alike):
            for number, name in enumerate(alike.names):
                entry = _read_dangerous_name(name, alike, file, document, ("alike", index))
                self._add(entry, document, ("alike", index, "names", number))
        for module, listed in file.modules.items():
            if module in self._modules:
                raise document.error(f"modules: {module!r} is listed already", ("modules", module))
            self._modules[module] = DangerousModule(module, listed.effect or file.effect, listed.why)

    def read_standard_library(self, document: Document) -> None:
        """Add the names of the standard library's modules.

        Raises:
            ConfigurationError: the file is invalid.
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
                raise document.error(f"{name} is trusted, yet the whole module {module} is dangerous", place)
        return Callables(self._entries, self._modules, frozenset(self._standard_library))

    def _add(self, entry: CallableEntry, document: Document, place: Place) -> None:
        other = self._entries.get(entry.name)
        if other is not None:
            first, where = self._origin[entry.name]
            other_place = f"{first.label}:{first.line_of(where)}"
            if other.standing is entry.standing:
                raise document.error(f"{entry.name} is listed already in {other_place}", place)
            raise document.error(
                f"{entry.name} cannot be {entry.standing}: it is {other.standing} in {other_place}", place
            )
        self._entries[entry.name] = entry
        self._origin[entry.name] = (document, place)


def _read_dangerous_name(
    name: str, listed: DangerousNameFile, file: DangerousFile, document: Document, place: Place
) -> CallableEntry:
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
    if listed.refer_only and (listed.arguments or listed.construct_only):
        raise document.error(f"{name} is for reference only; leave out arguments and construct-only", place)
    arguments = (
        _NO_ARGUMENTS if listed.refer_only else _read_argument_rules(listed.arguments, document, (*place, "arguments"))
    )
    return CallableEntry(
        name, Standing.TRUSTED, listed.why, library, "", arguments, listed.construct_only, listed.collects
    )


def _find_dangerous_module(name: str, modules: Mapping[str, DangerousModule]) -> str | None:
    """Return the dangerous module that contains ``name``, if any."""
    parts = name.replace(":", ".").split(".")
    return next((head for n in range(1, len(parts)) if (head := ".".join(parts[:n])) in modules), None)


def _read_argument_rules(
    files: Mapping[int, ArgumentFile], document: Document, place: Place
) -> tuple[ArgumentRule, ...]:
    if not files:
        return ()
    for index, file in files.items():
        if (file.use is None) == (file.one_of is None):
            raise document.error(f"arguments.{index}: needs either use or one-of, not both", (*place, index))
        if file.one_of is not None:
            _check_values(file.one_of, document, (*place, index, "one-of"))
    return tuple(ArgumentRule(index, file.use, tuple(file.one_of or ())) for index, file in sorted(files.items()))


def _check_values(values: Sequence[str], document: Document, place: Place) -> None:
    quoted: Iterable[str] = (text for text in values if not DOTTED_NAME.fullmatch(text))
    for text in quoted:
        if text[:1] not in "'\"b-0123456789" and text not in ("None", "True", "False"):
            raise document.error(
                f"{text!r} is neither a dotted name nor the repr of plain data such as \"'latin1'\"", place
            )
