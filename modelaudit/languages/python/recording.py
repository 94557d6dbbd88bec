"""Record what the evaluator finds: references, calls, texts and names that are computed.

The evaluator works out values; ``UseRecorder`` decides whether a value at a place is worth a record, and under which
use and name it goes into the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from modelaudit.languages.python import (
    attack_texts,
    call_variants,
    callbacks,
    data_flow,
    evaluated_texts,
    guards,
    index_variables,
    loaded_files,
    name_resolution,
    name_tables,
    partial_texts,
    program_settings,
    program_variables,
    remote_code,
    replaced_modules,
    sent_parameters,
    uses,
    walks,
    written_imports,
)
from modelaudit.languages.python.budget import StepBudget
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.module_values import ModuleValues
from modelaudit.languages.python.name_tables import COMMANDS, POWERFUL_MODULES, WELL_KNOWN_MODULES
from modelaudit.languages.python.uses import UseLog
from modelaudit.languages.python.values import (
    UNKNOWN,
    Constant,
    Container,
    ExternalName,
    LocalDefinition,
    Provenance,
    TaggedValue,
    Unknown,
    Value,
    collect_tags,
    is_found,
    list_alternatives,
)
from modelaudit.languages.service_variables import find_service_host

_ENVIRONMENT_SETTERS: Final = frozenset(
    {"os.putenv", "os.environ.update", "os.environ.setdefault", "os.environ.__setitem__", "os.environb.update",
     "os.environb.setdefault", "os.environb.__setitem__"}
)  # fmt: skip
_PROCESS_MAPPINGS: Final = frozenset({"os.environ", "os.environb", "sys.modules"})
# Functions that change the mapping in their first argument, by their last name: ``patch.dict(os.environ, {…})``.
_ITEM_SETTERS: Final = frozenset({"setitem", "__setitem__", "setdefault", "update", "__ior__", "ior", "dict"})
_MAX_LISTED: Final = 32
NAMESPACE_SETTERS: Final = frozenset({"update", "setdefault", "__setitem__", "__ior__"})


class UseRecorder(Struct):
    """Writes uses into the log of one source.

    Attributes:
        imported: top-level names of the packages that the source imports so far.
        written_path: the first path to which the source writes without showing what kind of file that is.
        import_place: the first place outside of its folder from which it has Python import.
    """

    log: UseLog
    budget: StepBudget
    imported: Collection[str]
    module_values: ModuleValues
    written_path: str = ""
    import_place: str = ""

    def record_value(self, value: Value, line: int, is_passed: bool = True, is_followed: bool = False) -> None:
        """Record that an expression refers to a name of another module, or to a definition of the source.

        Args:
            value: of the expression.
            line: of the expression.
            is_passed: whether the value goes on to a place where the evaluator cannot follow its members.
            is_followed: whether the evaluator follows the value behind this place, though others may get it too.
        """
        for each in list_alternatives(value):
            if isinstance(each, ExternalName) and not each.is_result and each.name:
                if ".__dict__" in each.name:
                    # Code that gets all names of a module can take any of them.
                    self.record_computed_name(ExternalName(each.name.partition(".__dict__")[0]), line)
                self.log.record(uses.HIDDEN if each.is_hidden else uses.REFERENCE, each.name, line)
                if not is_passed:
                    continue
                if each.is_hidden and not is_followed and each.name in self.module_values.hidden:
                    self.log.record(uses.HIDDEN, f"{each.name}.*", line, self.module_values.hidden[each.name])
                if each.name in self.module_values.known_modules:
                    self.module_values.add_value(each.name)
                elif each.name in name_tables.GETTERS:
                    self.module_values.takes_by_text = True
                else:
                    self.module_values.add_whole(each.name)
            elif isinstance(each, LocalDefinition):
                # A function that is referred to may be called later, by whoever holds the reference.
                self.log.record_reference(each.number)

    def record_attribute_access(self, value: Value, line: int) -> None:
        """Record a name that is reached without a dot, as by ``attrgetter`` or a class pattern."""
        for each in list_alternatives(value):
            if isinstance(each, ExternalName):
                self.log.record(uses.HIDDEN if each.is_hidden else uses.REFERENCE, each.name, line)

    def record_passed_definitions(self, value: Value) -> None:
        """Record that a function of the source is passed on: the receiver may call it."""
        for each in list_alternatives(value):
            if isinstance(each, LocalDefinition):
                self.log.record_local_call(each.number)

    def record_handed_functions(self, callee: Value, values: Iterable[Value], referred: Iterable[int]) -> None:
        """Record that a call gets functions of the source, by what is known of the callee.

        Args:
            callee: the value that is called.
            values: of the arguments.
            referred: the numbers of further functions to which the arguments refer, as items of a list.
        """
        numbers = dict.fromkeys(each.number for value in values for each in callbacks.list_functions(value))
        numbers |= dict.fromkeys(referred)
        if not numbers:
            return
        keeper = callbacks.find_keeper(callee)
        is_wrapped = callbacks.is_wrapper(callee)
        for number in numbers:
            if is_wrapped:
                self.log.record_reference(number)
            elif keeper:
                self.log.record_handed_function(number, keeper)
            else:
                self.log.record_local_call(number)

    def record_call(self, call: Call, is_of_result: bool = False) -> None:
        """Record a call under the use that its arguments give it, unless they make it harmless.

        With ``is_of_result``, the object is called that an earlier call of the name returned. That call is recorded
        already, and this line does not call the name again.
        """
        name = call_variants.name_variant(call)
        if not name:
            return
        self._record_written_import(call, name)
        if call.args:
            self.record_module_places(call.name, call.args[-1], call.line)
        use = data_flow.select_use(call)
        detail = call.detail or (partial_texts.describe_command(call) if name in COMMANDS else "")
        if not (is_of_result and use == uses.CALL):
            self.log.record(use, name, call.line, detail, loaded_files.find_loaded_file(call))
        if data_flow.sends_secret(call):
            self.log.record(uses.SENDS_SECRET, name, call.line, call.detail)
        if call_variants.asks_other_hub(call):
            self.log.record(uses.CALL, call_variants.OTHER_HUB_NAME, call.line, call.detail)

    def _record_written_import(self, call: Call, name: str) -> None:
        """Record the second of two acts: that the source writes a file of an open name, and imports from elsewhere."""
        before = self.written_path, self.import_place
        self.written_path = self.written_path or written_imports.find_open_write(call, name)
        self.import_place = self.import_place or written_imports.find_open_place(call, name)
        if self.written_path and self.import_place and before != (self.written_path, self.import_place):
            detail = f"writes {self.written_path} and imports from {self.import_place}"
            self.log.record(uses.CALL, written_imports.WRITTEN_IMPORT_NAME, call.line, detail)

    def record_module_places(self, name: str, value: Value, line: int) -> None:
        """Record that an assignment puts places among those from which Python imports: ``sys.path[:0] = [folder]``."""
        place = written_imports.find_package_place(name, value)
        if place:
            self.log.record(uses.CALL, written_imports.PACKAGE_PLACE_NAME, line, f"{name}: {place}")
        if name != "sys.path":
            return
        self._record_written_import(Call("sys.path.extend", (value,), {}, line), "sys.path.extend")

    def record_sent_secret(self, call: Call, method: str) -> None:
        """Record that a function of another file sends a secret, or a method of an unknown object with an address."""
        if sent_parameters.passes_secret_on(call, method):
            self.log.record(uses.SENDS_SECRET, method or "(function of another file)", call.line)
        if not method:
            return
        if partial_texts.passes_secret_to_address(call) or (
            data_flow.is_publisher(call) and data_flow.sends_secret(call)
        ):
            self.log.record(uses.SENDS_SECRET, call.name, call.line, call.detail)

    def record_callback(self, value: Value, line: int, only_found: bool = False) -> None:
        """Record that a function of another module is called: it was passed to a thread, a pool or an event loop.

        With ``only_found``, only an object that a walk has found is recorded.
        """
        for each in list_alternatives(value):
            if only_found and not is_found(each):
                continue
            if isinstance(each, ExternalName) and not each.is_result and not each.name.startswith("builtins."):
                self.record_call(Call(each.name, (), {}, line, each.is_hidden))
            elif is_found(each):
                self.record_found_object(Call("", (), {}, line, tags=collect_tags(each)))

    def record_found_object(self, call: Call) -> None:
        """Record the call of an object that a walk over modules, namespaces or the garbage collector has found."""
        if walks.PICKED in call.tags:
            self.log.record(uses.CALL, walks.PICKED_NAME, call.line)
        elif walks.leads_everywhere(call):
            self.log.record(uses.COMPUTED, "(every loaded object).*", call.line)
        elif "module" in call.tags:
            self.log.record(uses.CALL, walks.WORKED_OUT_NAME, call.line)

    def record_member_call(self, member: str, args: Sequence[Value], keywords: Mapping[str, Value], line: int) -> None:
        """Record the call of a member of an unknown value, under what its arguments make of it in each module."""
        self.budget.spend(len(self.module_values.values))
        for module in self.module_values.values:
            call = Call(f"{module}.{member}", args, keywords, line)
            name = call_variants.name_variant(call)
            if name and name != call.name:
                self.log.record(uses.REFERENCE, name, line, f"taken from a value that may be {module}")
            if "secret" in call.argument_tags and name_tables.sends_data(module, member):
                self.log.record(uses.SENDS_SECRET, call.name, line)

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

    def record_parent_packages(self, module: str, line: int) -> None:
        """Record the packages around an imported module: Python imports them first."""
        parent = module.rpartition(".")[0]
        while parent:
            self.log.record(uses.IMPORT, name_resolution.normalize_name(parent).name, line)
            parent = parent.rpartition(".")[0]

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

    def record_trust_item(self, key: Value, value: Value, line: int) -> None:
        """Record an item of a mapping that turns ``trust_remote_code`` on."""
        if remote_code.is_trust_item(key, value):
            self.log.record(uses.CALL, remote_code.TRUST_NAME, line, "as an item of a mapping")

    def record_text(self, constant: Constant, line: int) -> None:
        """Record a text that by itself shows an attack, or that names a function that runs commands."""
        value = constant.value
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(text, str):
            self.module_values.add_text(text, line)
        if isinstance(text, str) and len(text) > 3:  # no pattern matches three characters or fewer
            # The patterns read the text several times, so that 64 characters cost a step.
            self.budget.spend(len(text) >> 6)
            for name, detail in attack_texts.find_attack_texts(text):
                self.log.record(uses.TEXT, name, line, detail)
            # Entry points and configurations name functions as ``module:function``.
            dotted = text.replace(":", ".")
            if dotted in COMMANDS:
                name = name_resolution.normalize_name(dotted).name
                self.log.record(uses.REFERENCE, name, line, "named in a text")

    def record_computed_text(self, value: Value | None, line: int) -> Value:
        """Record a computed text, or what is known of it, as if it were written out.

        Returns:
            The value, or ``UNKNOWN`` if it is ``None``.
        """
        if isinstance(value, Constant) and value.provenance > Provenance.LITERAL:
            # Computing the text copied it: 64 characters cost a step, as in ``record_text``.
            self.budget.spend(len(value.value) >> 6 if isinstance(value.value, str | bytes | tuple) else 0)
            self.record_text(value, line)
        elif isinstance(value, TaggedValue) and value.text and partial_texts.may_span_parts(value.text):
            self.record_text(Constant(value.text), line)
        return value or UNKNOWN

    def record_computed_name(self, base: Value, line: int) -> None:
        """Record that some name of a module is used, and that the source does not show which.

        ``base`` is what the name is taken from. Only a module, known or unknown, and its namespace are recorded.
        """
        name = name_resolution.find_namespace_owner(base)
        if name.startswith("*."):  # a namespace of an unknown object, such as ``*.__globals__``
            self.log.record(uses.COMPUTED, f"{name.removeprefix('*.')}.*", line)
        elif name in WELL_KNOWN_MODULES.values() or name in name_tables.LOADER_MODULES:
            self.log.record(uses.COMPUTED, f"{name}.*", line)
        elif isinstance(base, Unknown) and "module" in base.tags:
            # ``_call_import`` tags a module of unknown name with the function that imported it.
            importer = "builtins.__import__" if "builtins.__import__" in base.tags else "importlib"
            self.log.record(uses.COMPUTED, f"{importer}.*", line)

    def record_attribute_walk(self, base: Value, line: int) -> None:
        """Record a path of unknown attributes that begins at ``base``. From a package it can lead to any module."""
        for each in list_alternatives(base):
            if isinstance(each, ExternalName) and not each.is_result and each.name in self.imported:
                self.log.record(uses.COMPUTED, "(package).*", line, each.name)

    def record_handed_namespaces(
        self, callee: Value, args: Sequence[Value], keywords: Mapping[str, Value], line: int
    ) -> None:
        """Record the namespaces of modules that a call hands on to where they are not followed."""
        for each in keywords.values() if walks.follows_mappings(callee) else (*args, *keywords.values()):
            if each is not UNKNOWN:
                self.record_passed_namespace(each, line)

    def record_passed_namespace(self, value: Value, line: int) -> None:
        """Record that all names of a module go on to a place where no evaluator follows which of them is taken.

        From a package each of the modules that it imports can be reached: ``Mapping(vars(torch))["os"]``.
        """
        for each in list_alternatives(value):
            if isinstance(each, Container):
                for item in each.values[:_MAX_LISTED]:
                    self.record_passed_namespace(item, line)
            owner = walks.find_passed_module(each)
            if owner and owner.partition(".")[0] in self.imported:
                self.log.record(uses.COMPUTED, "(package).*", line, owner)

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
