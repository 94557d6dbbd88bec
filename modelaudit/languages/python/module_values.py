"""Follow modules that a source passes around as values, to members that it takes from values of unknown kind.

``queue.put(subprocess)`` followed by ``queue.get().run(...)`` calls ``subprocess.run``. No evaluator can follow a value
through each container, class and library. So every module that is used as a value, and not only before a dot, is taken
to be whatever unknown value the source takes a member from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from modelaudit.languages.python.name_tables import WELL_KNOWN_MODULES


@dataclass(slots=True)
class ModuleValues:
    """The modules of one source that are used as values, and the members that are taken from unknown values.

    Attributes:
        known_modules: full names that stand for modules, which the source imports.
        keeps_members: whether the evaluator keeps members. Most sources use no module as a value, and the first of two
            passes finds that out.
        inherited_names: names that objects of the source have from classes of other modules, so that they can stand
            for anything.
        latest_values: the module of each use as a value, in order. Its length before and after a statement shows
            whether the statement uses one.
        members: the line where each member is first taken from an unknown value; one name, or several with dots.
    """

    known_modules: set[str] = field(default_factory=lambda: set(WELL_KNOWN_MODULES.values()))
    keeps_members: bool = False
    inherited_names: set[str] = field(default_factory=set)
    latest_values: list[str] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    _values: dict[str, None] = field(default_factory=dict)

    @property
    def values(self) -> tuple[str, ...]:
        """The modules that the source uses as values, so far."""
        return tuple(self._values)

    @property
    def has_values(self) -> bool:
        """Whether the source uses some module as a value."""
        return bool(self._values)

    def add_value(self, name: str) -> None:
        """Keep that a module is used as a value."""
        self._values.setdefault(name)
        self.latest_values.append(name)

    def add_member(self, path: str, line: int) -> None:
        """Keep the line where ``path``, one or several names with dots, is first taken from an unknown value."""
        self.members.setdefault(path, line)

    def list_names(self) -> Iterator[tuple[str, str, int]]:
        """Yield each member under the name that it has in each of the modules, with the module and the line."""
        for module in self._values:
            for path, line in self.members.items():
                yield f"{module}.{path}", module, line

    def copy_for_next_pass(self) -> ModuleValues:
        """Copy the modules found by a first pass for the second, which keeps members if there are any."""
        return ModuleValues(set(self.known_modules), self.has_values, _values=dict(self._values))
