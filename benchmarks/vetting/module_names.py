"""Follow names from module to module, through imports, star imports and packages, without importing any."""

from __future__ import annotations

import ast
import builtins
import sys

from module_bindings import Assigned, Binding, External, Found, Module, Undecided, is_nothing, parse_module
from wheel_sources import Sources

_BUILTINS = frozenset(dir(builtins))
_MAX_REEXPORTS = 20  # imports that are followed from module to module

Meaning = Found | External | Undecided | Assigned | Module
"""What a name can mean."""


class World:
    """The sources of several libraries, by which names are followed from module to module.

    Args:
        libraries: the sources; of two libraries with the same module, the first counts.
        known: full names that were reviewed, so that their source is not followed.
        parsed: the modules of all libraries but the first, which several worlds share.
        assumed: for the modules of the first library, see ``parse_module``.
        vouched: full names whose definitions count although their module may bind names in other ways.
    """

    def __init__(
        self,
        libraries: list[Sources],
        known: frozenset[str] = frozenset(),
        parsed: dict[str, Module | None] | None = None,
        assumed: tuple[str, str] | None = None,
        vouched: frozenset[str] = frozenset(),
    ) -> None:
        self._vouched = vouched
        self._assumed = assumed
        self._libraries = libraries
        self._known = known
        self._parsed = {} if parsed is None else parsed
        self._modules: dict[str, Module | None] = {}

    def find_module(self, name: str) -> Module | None:
        """Return a module of the sources; ``None`` if they have no such module."""
        own = self._libraries[0] if self._libraries else Sources()
        is_own = name in own.texts or name in own.refused
        modules = self._modules if is_own else self._parsed
        if name not in modules:
            holders = [own] if is_own else self._libraries[1:]
            sources = next((each for each in holders if name in each.texts or name in each.refused), None)
            modules[name] = parse_module(name, sources, self._assumed if is_own else None) if sources else None
        return modules[name]

    def is_compiled(self, name: str) -> bool:
        """Whether a library holds a compiled module of this name."""
        return any(name in each.compiled and name not in each.refused for each in self._libraries)

    def resolve(self, dotted: str, steps: int = _MAX_REEXPORTS) -> Meaning:
        """Return what a dotted name means: a definition, a module, an external name, or why it is undecided."""
        if steps <= 0:
            return Undecided("its imports lead in a circle, or through too many modules", dotted)
        if dotted in self._known:
            return External(dotted)
        parts = dotted.split(".")
        for length in range(len(parts), 0, -1):
            if self.is_compiled(".".join(parts[:length])):
                return External(dotted)
            module = self.find_module(".".join(parts[:length]))
            if module is not None:
                rest = parts[length:]
                if rest:
                    return self._resolve_in(module, rest, steps)
                return self._resolve_namesake(dotted, steps) or module
        return External(dotted)

    def _resolve_namesake(self, dotted: str, steps: int) -> Meaning | None:
        """Return what a package imports from its module ``dotted`` under the name of the module; ``None`` if nothing.

        ``from .DAG import DAG`` binds the name of the package anew once the module is loaded, and for good.
        """
        package_name, _, name = dotted.rpartition(".")
        package = self.find_module(package_name) if package_name else None
        if package is None or not package.is_package or package.fault is not None:
            return None
        bindings = package.bindings.get(name, ())
        if len(bindings) != 1 or bindings[0].is_conditional or not bindings[0].target.startswith(f"{dotted}."):
            return None
        return self.resolve(bindings[0].target, steps - 1)

    def _resolve_in(self, module: Module, path: list[str], steps: int) -> Meaning:
        """Return what ``path`` means in a module."""
        found = self.look_up(module, path[0], steps)
        if len(path) == 1 or isinstance(found, Undecided):
            return found
        if isinstance(found, Module):
            return self._resolve_in(found, path[1:], steps - 1)
        if isinstance(found, External):
            return External(".".join((found.name, *path[1:])))
        if isinstance(found, Assigned):
            return Undecided(f"{path[0]} holds the value of an expression", f"{module.path}:{found.values[0].lineno}")
        return Undecided("it is an attribute of a class or function", found.place)

    def look_up(self, module: Module, name: str, steps: int = _MAX_REEXPORTS) -> Meaning:
        """Return what a name of a module means."""
        if steps <= 0:
            return Undecided("its imports lead in a circle, or through too many modules", module.path)
        if f"{module.name}.{name}" in self._known:
            return External(f"{module.name}.{name}")
        if module.is_package and self.is_compiled(f"{module.name}.{name}"):
            return External(f"{module.name}.{name}")
        bindings = [each for each in module.bindings.get(name, ()) if not self._never_binds(each)]
        full_name = f"{module.name}.{name}"
        is_undone = module.fault is not None and full_name not in self._vouched
        if is_undone and module.fault is not None and (not bindings or bindings[0].definition is not None):
            return self._look_up_typed(module, name, steps) or module.fault
        if not bindings:
            return self._look_up_elsewhere(module, name, steps)
        decided = [each for each in bindings if not is_nothing(each)] or bindings
        first = decided[0]
        place = f"{module.path}:{decided[-1].line}"
        if all(each.value is not None and not isinstance(each.value, ast.Name | ast.Attribute) for each in decided):
            return Assigned(module, tuple(each.value for each in decided if each.value is not None), name)
        if len({ast.dump(each.value) if each.value else each.target or id(each) for each in decided}) > 1:
            return Undecided(f"{name} is bound more than once", place)
        if first.definition is not None:
            return self._reject_shadow(module, name, Found(module, first.definition), steps)
        if first.target:
            return self._follow(first.target, steps)
        if first.value is not None and isinstance(first.value, ast.Name | ast.Attribute):
            return self._resolve_alias(module, first.value, steps)
        return Undecided(f"{name} holds the value of an expression", place)

    def _never_binds(self, binding: Binding) -> bool:
        """Whether a binding is for releases of Python without names that the standard library has in all that count."""
        names = binding.instead_of
        return bool(names) and all(
            each in self._known and each.partition(".")[0] in sys.stdlib_module_names for each in names
        )

    def _look_up_typed(self, module: Module, name: str, steps: int) -> Meaning | None:
        """Return what a lazy package of another library imports for type checkers; ``None`` if that is unknown.

        Of the library that is read, only the modules that define a class count.
        """
        is_own = bool(self._libraries) and module.name in self._libraries[0].texts
        if is_own or not module.is_package:
            return None
        targets = set(module.typed.get(name, ()))
        if len(targets) == 1:
            return self.resolve(targets.pop(), steps - 1)
        for star in module.typed.get("*", ()):
            other = self.find_module(star)
            if other is not None and (name in other.bindings or name in other.typed or "*" in other.typed):
                found = self.look_up(other, name, steps - 1)
                if not isinstance(found, Undecided):
                    return found
        return self.find_module(f"{module.name}.{name}")

    def is_conditional(self, found: Found) -> bool:
        """Whether a definition is below a condition, so that its name may be missing, or mean something else."""
        return any(each.is_conditional for each in found.module.bindings.get(found.node.name, ()))

    def _follow(self, target: str, steps: int) -> Meaning:
        """Return what an import binds."""
        return self.resolve(target, steps - 1)

    def _resolve_alias(self, module: Module, value: ast.expr, steps: int) -> Meaning:
        """Return what ``name = other.name`` binds."""
        path = ast.unparse(value).split(".")
        if not all(part.isidentifier() for part in path):
            return Undecided("it holds the value of an expression", f"{module.path}:{value.lineno}")
        return self._resolve_in(module, path, steps - 1)

    def _reject_shadow(self, module: Module, name: str, found: Found, steps: int) -> Found | Undecided:
        """Return a definition, unless a star import of the same module may replace it."""
        for star in module.stars:
            other = self.find_module(star)
            if other is None and star.partition(".")[0] not in _HARMLESS_STARS:
                return Undecided(f"a star import of {star} may replace {name}", module.path)
            if other is None or other is module or name not in self._list_public(other, steps):
                continue
            bindings = other.bindings.get(name, ())
            if not bindings or any(each.target != found.name for each in bindings):
                return Undecided(f"a star import of {star} may replace {name}", module.path)
        return found

    def _list_public(self, module: Module, steps: int) -> set[str]:
        """Return the names that a star import of a module can bind."""
        names = set(module.bindings)
        for star in module.stars if steps > 0 else ():
            other = self.find_module(star)
            if other is not None:
                names |= self._list_public(other, steps - 5)
        return names

    def _look_up_elsewhere(self, module: Module, name: str, steps: int) -> Meaning:
        """Return what a name means that a module does not bind: a submodule, or a name of a star import."""
        inner = self.find_module(f"{module.name}.{name}") if module.is_package else None
        if inner is not None:
            return inner
        candidates = []
        for star in module.stars:
            other = self.find_module(star)
            if other is None:
                return Undecided(f"{name} may come from a star import of {star}", module.path)
            if other is not module and name in self._list_public(other, steps):
                candidates.append(other)
        meanings = list(dict.fromkeys(self.look_up(each, name, steps - 1) for each in candidates))
        if len(meanings) == 1:
            return meanings[0]
        if candidates:
            return Undecided(f"{name} may come from several star imports", module.path)
        if name in _BUILTINS:
            return External(f"builtins.{name}")
        return Undecided(f"{name} is not bound in the source", module.path)


_HARMLESS_STARS = frozenset({"typing", "math", "collections", "enum", "abc"})
