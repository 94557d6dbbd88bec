"""Follow modules that a source passes around as values, to members that it takes from values of unknown kind.

``queue.put(subprocess)`` followed by ``queue.get().run(...)`` calls ``subprocess.run``. No evaluator can follow a value
through each container, class and library. So every module that is used as a value, and not only before a dot, is taken
to be whatever unknown value the source takes a member from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python.name_tables import POWERFUL_MEMBERS, POWERFUL_MODULES, WELL_KNOWN_MODULES

_SYSTEM_MODULE: Final = "sys"
_ALL_MODULES: Final = "modules"
_EVERY_MODULE: Final = "sys.modules"
_ROOT_CLASS: Final = "builtins.object"
_LONGEST_NAME: Final = 40
ANY_NAME: Final = "*"
"""The path of a member whose name the source computes."""
# ``eval`` is also a mode of models, and the builtins are often passed around to look up types.
_RARELY_PASSED: Final = POWERFUL_MODULES - {"builtins"}


class ModuleValues(Struct):
    """The modules of one source that are used as values, and the members that are taken from unknown values.

    Attributes:
        known_modules: full names that stand for modules, which the source imports.
        keeps_members: whether the evaluator keeps members. Most sources use no module as a value, and the first of two
            passes finds that out.
        kept_names: the names of members that the evaluator keeps even if ``keeps_members`` is false, because a value of
            another file may be a module, or because the source computes the name of a module.
        inherited_names: names that objects of the source have from classes of other modules, so that they can stand
            for anything.
        latest_values: the module of each use as a value, in order. Its length before and after a statement shows
            whether the statement uses one.
        members: the line where each member is first taken from an unknown value; one name, or several with dots.
        imports_siblings: whether the source imports from other files of the model, whose values may be modules.
        texts: the line where each constant text that can be a name first occurs.
        takes_by_text: whether the source takes members by texts in a way that no evaluator follows, as
            ``map(getattr, values, texts)`` and ``vars(value)[text]`` do.
        imports_by_text: whether the source imports a module whose name it computes. Any text may be that name.
        holds_builtins: whether the source uses ``__builtins__``, a dictionary of all builtins in most modules.
        held: the modules that the source keeps where the evaluator does not follow them, each with a line.
        hidden: the modules whose names the source hides where it imports them, each with the path that it imports.
        holds_every_module: whether the source uses ``sys.modules`` as a value, and so every module that a text names.
        holds_root_class: whether the source uses the class ``object`` as a value, whose subclasses are all classes.
        subclasses_line: the line where the source asks an unknown value for its subclasses; 0 if it does not.
    """

    known_modules: set[str] = field(default_factory=lambda: set(WELL_KNOWN_MODULES.values()))
    keeps_members: bool = False
    kept_names: frozenset[str] = frozenset()
    inherited_names: set[str] = field(default_factory=set)
    latest_values: list[str] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    imports_siblings: bool = False
    texts: dict[str, int] = field(default_factory=dict)
    takes_by_text: bool = False
    imports_by_text: bool = False
    holds_builtins: bool = False
    holds_every_module: bool = False
    holds_root_class: bool = False
    subclasses_line: int = 0
    hidden: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    _values: dict[str, None] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, ...]:
        """The modules that the source uses as values, so far."""
        return tuple(self._values)

    @property
    def has_values(self) -> bool:
        """Whether the source uses some module, or all of them, as a value."""
        return bool(self._values) or self.holds_every_module

    def add_value(self, name: str) -> None:
        """Keep that a module is used as a value."""
        self._values.setdefault(name)
        self.latest_values.append(name)

    def add_whole(self, name: str) -> None:
        """Keep that the source uses as a value what holds all modules, or the class above all classes."""
        self.holds_every_module |= name == _EVERY_MODULE
        self.holds_root_class |= name == _ROOT_CLASS

    def add_member(self, path: str, line: int) -> None:
        """Keep the line where ``path``, one or several names with dots, is first taken from an unknown value."""
        self.members.setdefault(path, line)

    def keeps_member(self, name: str) -> bool:
        """Whether the evaluator keeps a member of this name."""
        return self.keeps_members or name in self.kept_names

    def add_text(self, text: str, line: int) -> None:
        """Keep a constant text that can name a member or a module."""
        if (self.keeps_members or text in _RARELY_PASSED) and len(text) <= _LONGEST_NAME and text.isidentifier():
            self.texts.setdefault(text, line)

    def list_held_modules(self) -> list[tuple[str, int]]:
        """List the held modules, with their lines, if the source takes members of unknown values by computed names."""
        return list(self.held.items()) if self.takes_by_text or ANY_NAME in self.members else []

    def list_passed_modules(self) -> list[str]:
        """List the modules used as values that the files importing this source may get from it."""
        return [module for module in self._values if module in _RARELY_PASSED]

    def list_powerful_members(self) -> Iterator[tuple[str, int]]:
        """Yield each member, with its line, that does harm if its value comes from another file and is a module."""
        if self.imports_siblings:
            kept_paths = POWERFUL_MEMBERS | {ANY_NAME}
            yield from ((path, line) for path, line in self.members.items() if path in kept_paths)

    def list_names(self) -> Iterator[tuple[str, str, int]]:
        """Yield each member under the name that it has in each of the modules, with the module and the line."""
        modules = dict(self._values)
        if self.holds_every_module or (_SYSTEM_MODULE in modules and _ALL_MODULES in self.members):
            modules |= dict.fromkeys(text for text in self.texts if text in POWERFUL_MODULES)
        if self.imports_by_text:
            imported = [text for text in self.texts if text in _RARELY_PASSED]
            for path, line in self.members.items() if imported else ():
                if path in POWERFUL_MEMBERS:
                    yield from ((f"{module}.{path}", module, line) for module in imported)
        for module in modules:
            for path, line in self.members.items():
                # Code that stores a module often looks up computed names of its own objects as well.
                if path != ANY_NAME:
                    yield f"{module}.{path}", module, line
            # Any text may be the name of a setting, so that only modules that are rarely passed around count.
            if self.takes_by_text and module in _RARELY_PASSED:
                for text, line in self.texts.items():
                    yield f"{module}.{text}", module, line

    def copy_for_next_pass(self) -> ModuleValues:
        """Copy what a first pass found of modules for the second, which keeps members if there are any.

        Few names of a source are those of such members, so that keeping them costs the second pass little.
        """
        return ModuleValues(
            set(self.known_modules),
            self.has_values,
            POWERFUL_MEMBERS | {ANY_NAME} if self.imports_siblings or self.imports_by_text else frozenset(),
            takes_by_text=self.takes_by_text,
            imports_by_text=self.imports_by_text,
            holds_builtins=self.holds_builtins,
            holds_every_module=self.holds_every_module,
            holds_root_class=self.holds_root_class,
            _values=dict(self._values),
        )
