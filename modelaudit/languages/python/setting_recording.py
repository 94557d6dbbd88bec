"""Record what a source sets for the whole process: modules, variables of the environment, settings of libraries.

Such an act changes other code later: which module an import returns, and which program a library starts.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from modelaudit.languages.python import (
    evaluated_texts,
    guards,
    index_variables,
    name_resolution,
    partial_texts,
    program_settings,
    program_variables,
    replaced_modules,
    uses,
    written_imports,
)
from modelaudit.languages.python.assigned_values import AssignedValues
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.chosen_switches import ChosenSwitches
from modelaudit.languages.python.configured_places import ConfiguredPlaces
from modelaudit.languages.python.name_tables import POWERFUL_MODULES
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import UNKNOWN, Constant, Container, ExternalName, Value, list_alternatives
from modelaudit.languages.service_variables import find_service_host

_ENVIRONMENT_SETTERS: Final = frozenset(
    {"os.putenv", "os.environ.update", "os.environ.setdefault", "os.environ.__setitem__", "os.environb.update",
     "os.environb.setdefault", "os.environb.__setitem__"}
)  # fmt: skip
_PROCESS_MAPPINGS: Final = frozenset({"os.environ", "os.environb", "sys.modules"})
# Functions that change the mapping in their first argument, by their last name: ``patch.dict(os.environ, {…})``.
_ITEM_SETTERS: Final = frozenset({"setitem", "__setitem__", "setdefault", "update", "__ior__", "ior", "dict"})
NAMESPACE_SETTERS: Final = frozenset({"update", "setdefault", "__setitem__", "__ior__"})


class SettingRecorder(Struct):
    """Writes what a source sets for the whole process into the log of the source.

    Attributes:
        written: the files that the source writes, and the places from which it has Python import.
        switches: the switches of loaders that the configuration chooses.
        places: the paths that it chooses.
        act: the call or assignment under evaluation, as far as it matters here.
    """

    log: UseLog
    written: written_imports.WrittenImports = field(default_factory=written_imports.WrittenImports)
    switches: ChosenSwitches = field(default_factory=lambda: ChosenSwitches(AssignedValues()))
    places: ConfiguredPlaces = field(default_factory=lambda: ConfiguredPlaces(AssignedValues()))
    act: ast.AST | None = None

    def follow_source(self, source: AssignedValues) -> None:
        """Answer questions about the values that a source gives to its names."""
        self.switches, self.places = ChosenSwitches(source), ConfiguredPlaces(source)

    def record_overwrite(self, target: Value, line: int, value: Value = UNKNOWN) -> None:
        """Record that an attribute of another module gets a new value, unless the value leaves a guard in place."""
        if isinstance(target, ExternalName) and not guards.keeps_guard(target.name, value):
            self.log.record(uses.OVERWRITE, f"{target.name}[=]", line)
            self.record_replaced(target.name, value, line)
            self.record_module_places(target.name, value, line)
            self._record_program(target.name, value, line)

    def record_replaced(self, place: str, value: Value, line: int) -> None:
        """Record that a name of another module gets a value out of a module that the source does not name."""
        if replaced_modules.is_found_value(value):
            self.log.record(uses.OVERWRITE, replaced_modules.FOUND_VALUE_NAME, line, place)

    def record_process_items(self, call: Call) -> None:
        """Record what a function sets in the mapping that it gets: ``setitem(sys.modules, name, module)``."""
        method = call.name.rpartition(".")[2]
        if method not in _ITEM_SETTERS or not call.args:
            return
        is_one_item = method in ("setitem", "__setitem__", "setdefault")
        for each in list_alternatives(call.args[0]):
            text = each.value if isinstance(each, Constant) else each.name if isinstance(each, ExternalName) else ""
            if isinstance(text, str) and text in _PROCESS_MAPPINGS:
                name = f"{text}.{'__setitem__' if is_one_item else 'update'}"
                setting = Call(name, call.args[1:], call.keywords, call.line)
                self.record_environment(setting)
                if text == "sys.modules":
                    self.record_module_items(setting)

    def record_module_items(self, call: Call) -> None:
        """Record the modules that a call, or an assignment of this form, puts into ``sys.modules``."""
        for key, value in list_set_items(call):
            text = key if isinstance(key, str) else "…"
            self.log.record(uses.OVERWRITE, f"sys.modules[{text}]", call.line)
            self.record_replaced(f"sys.modules[{text}]", value, call.line)
            self.record_passed_module(value, call.line)
            if replaced_modules.replaces_library(text, value):
                self.log.record(uses.OVERWRITE, replaced_modules.LIBRARY_NAME, call.line, text)

    def record_setting(self, mapping: str, key: object, value: Value, line: int) -> None:
        """Record that an item of a mapping of settings, known by its name, names a program of the author's choice."""
        self.record_module_places(mapping, value, line)
        if isinstance(key, str) and (known := program_settings.find_mapping(mapping)):
            self._record_program(f"{known}[{key}]", value, line)

    def record_settings(self, call: Call) -> None:
        """Record the programs that a call sets: ``rcParams.update({…})``, ``rc("animation", …)``, ``git.refresh``."""
        if program_settings.find_mapping(call.name):
            for key, value in list_set_items(call):
                self.record_setting(call.name, key, value, call.line)
        group = program_settings.find_group(call.name)
        first = call.args[0] if group and call.args else None
        if isinstance(first, Constant) and isinstance(first.value, str):
            for name, value in call.keywords.items():
                self._record_program(f"{group}[{first.value}.{name}]", value, call.line)
        program = program_settings.find_setter_value(call.name, call.args, call.keywords)
        if program is not None:
            self._record_program(call.name, program, call.line)

    def _record_program(self, setting: str, value: Value, line: int) -> None:
        """Record that a setting names a program of the author's choice."""
        path = program_settings.find_own_program(setting, value) or program_settings.find_open_program(setting, value)
        if path:
            self.log.record(uses.CALL, program_settings.SETTING_NAME, line, f"{setting} names {path}")

    def record_namespace_call(self, call: Call) -> None:
        """Record the names that a method of the namespace of a module overwrites, as ``vars(torch).update(load=f)``."""
        namespace, _, method = call.name.rpartition(".")
        if namespace.endswith(".__annotations__") and method in NAMESPACE_SETTERS:
            if evaluated_texts.brings_code_into_annotations(call):
                self.log.record(uses.CALL, "*.__annotations__[=]", call.line)
            return
        owner = namespace.removesuffix(".__dict__")
        if owner == namespace or method not in NAMESPACE_SETTERS:
            return
        for key, value in list_set_items(call):
            if not isinstance(key, str):
                self.record_replaced(call.name, value, call.line)
            else:
                self.record_overwrite(name_resolution.resolve_attribute(ExternalName(owner), key), call.line, value)

    def record_patch(self, call: Call) -> None:
        """Record that ``mock.patch`` replaces the object that a dotted name leads to."""
        target = call.get_argument(0, "target")
        if isinstance(target, Constant) and isinstance(target.value, str):
            value = call.get_argument(1, "new") or UNKNOWN
            self.record_overwrite(name_resolution.normalize_name(target.value), call.line, value)

    def record_environment(self, call: Call) -> None:
        """Record the variables of the environment that a call sets, as ``os.putenv`` and ``os.environ.update`` do."""
        if call.name in _ENVIRONMENT_SETTERS:
            for key, value in list_set_items(call):
                self.record_variable(key, value, call.line)

    def record_variable(self, key: object, value: Value, line: int) -> None:
        """Record that a variable of the environment gets a value, unless the value leaves its guard in place."""
        name = key.decode("latin-1") if isinstance(key, bytes) else key
        shown = name if isinstance(name, str) and name != "**" else "…"
        if not guards.keeps_guard(shown, value):
            self.log.record(uses.OVERWRITE, f"os.environ[{shown}]", line)
            self._record_program(f"os.environ[{shown}]", value, line)
            program = program_variables.find_open_program(shown, value)
            if program:
                self.log.record(uses.CALL, program_settings.SETTING_NAME, line, f"os.environ[{shown}] gets {program}")
            # Of a variable for all traffic, the assignment itself is a finding.
            host = "" if shown.lower().endswith("_proxy") else find_service_host(shown, partial_texts.write_text(value))
            if host:
                self.log.record(uses.SENDS_TO, host, line, shown)
            address = index_variables.find_foreign_index(shown, value)
            if address:
                self.log.record(uses.CALL, index_variables.FOREIGN_INDEX_NAME, line, f"{shown}={address}")

    def record_written_import(self, call: Call, name: str) -> None:
        """Record that a call of this name has Python import from another place, or writes what is imported there."""
        changed = written_imports.find_changed_list(call)
        if changed is not None:
            call, name = changed, changed.name
        for act, detail in self.written.note(call, name, self.act, self.places):
            self.log.record(uses.CALL, act, call.line, detail)
        if call.args:
            self.record_module_places(call.name, call.args[-1], call.line)

    def record_module_places(self, name: str, value: Value, line: int) -> None:
        """Record that an act puts places among those from which Python imports: ``package.__path__ = [folder]``."""
        place = written_imports.find_package_place(name, value)
        if place and not written_imports.extends_package(value):
            self.log.record(uses.CALL, written_imports.PACKAGE_PLACE_NAME, line, f"{name}: {place}")
        if name == "sys.path":
            self.record_written_import(Call("sys.path.extend", (value,), {}, line), "sys.path.extend")

    def begin_call(self, node: ast.Call, args: Sequence[Value]) -> ast.AST | None:
        """Make a call the act under evaluation; return the one before.

        A method that adds places to the list of folders of a package is recorded: ``module.__path__.append(folder)``.
        """
        outer, self.act = self.act, node
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Attribute | ast.Name):
            owner = node.func.value
            path = owner.attr if isinstance(owner, ast.Attribute) else owner.id
            if args and written_imports.is_package_path(path):
                self.record_module_places(f"*.{path}.{node.func.attr}", args[-1], node.lineno)
        return outer

    def record_passed_module(self, value: Value, line: int) -> None:
        """Record that a module that runs commands or code is passed to a function of another file."""
        for each in list_alternatives(value):
            if isinstance(each, ExternalName) and not each.is_result and each.name in POWERFUL_MODULES:
                self.log.record(uses.COMPUTED, f"{each.name}.*", line, "passed to a function of another file")


def list_set_items(call: Call) -> list[tuple[object, Value]]:
    """Return the keys and values that a method such as ``update`` sets; an unknown key is ``None``."""
    items: list[tuple[object, Value]] = [*call.keywords.items()]
    for each in call.args[:1]:
        if isinstance(each, Container) and each.keys:
            items += zip(each.keys, each.values, strict=False)
        elif isinstance(each, Container):
            items += [(None, value) for value in each.values]
        else:
            # All items of a mapping that is not known are one item under a key that is not known.
            is_mapping = call.name.endswith(("update", "__ior__"))
            value = call.args[1] if len(call.args) > 1 else each if is_mapping else UNKNOWN
            items.append((each.value if isinstance(each, Constant) else None, value))
    return items
