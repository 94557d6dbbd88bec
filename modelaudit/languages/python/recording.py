"""Record what the evaluator finds: references, calls, texts and names that are computed.

The evaluator works out values; ``UseRecorder`` decides whether a value at a place is worth a record, and under which
use and name it goes into the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from modelaudit.languages.python import (
    attack_texts,
    blind_steps,
    call_variants,
    callbacks,
    data_flow,
    loaded_files,
    name_resolution,
    name_tables,
    partial_texts,
    remote_code,
    sent_parameters,
    uses,
    walks,
)
from modelaudit.languages.python.budget import StepBudget
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.module_values import ModuleValues
from modelaudit.languages.python.name_tables import COMMANDS, WELL_KNOWN_MODULES
from modelaudit.languages.python.setting_recording import SettingRecorder
from modelaudit.languages.python.values import (
    BLIND,
    UNKNOWN,
    Alternatives,
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

LOOKUPS: Final = (name_tables.GETTERS | name_tables.IMPORTERS) - {"builtins.hasattr"}
# Functions that only tell something of the module that they get, or run it again.
_TELLING: Final = frozenset(
    {"builtins.print", "builtins.type", "builtins.id", "builtins.hash", "builtins.repr", "builtins.str",
     "builtins.bool", "builtins.isinstance", "builtins.issubclass", "builtins.callable", "builtins.format",
     "builtins.dir", "builtins.help", "importlib.reload", "inspect.getsource", "inspect.getfile",
     "inspect.getsourcefile", "inspect.ismodule", "inspect.getdoc"}
)  # fmt: skip
_PICKED_MODULE: Final = frozenset({"module", walks.PICKED})
_OF_MODULES: Final = frozenset({"computed", "object", "namespace", "member"})  # what was taken from a module
_NAMESPACES: Final = frozenset({"*.__globals__", "*.f_globals", "*.func_globals"})
_MOST_NESTED: Final = 2  # lists in lists
OWN_FINDER: Final = "(part of the source that leads to modules)"
MODULE_BY_TEXT: Final = "(module of a computed name)"
OBJECT_BY_TEXTS: Final = "(object reached by computed names)"
_MAX_LISTED: Final = 32


class UseRecorder(SettingRecorder, kw_only=True):
    """Writes uses into the log of one source.

    Attributes:
        imported: top-level names of the packages that the source imports so far.
    """

    budget: StepBudget
    imported: Collection[str]
    module_values: ModuleValues

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
                self._record_passed_name(each, line, is_followed)
            elif isinstance(each, LocalDefinition):
                # A function that is referred to may be called later, by whoever holds the reference.
                self.log.record_reference(each.number)

    def _record_passed_name(self, name: ExternalName, line: int, is_followed: bool) -> None:
        """Record a module, all modules or a function that looks names up, whose value goes on."""
        values = self.module_values
        if name.is_hidden and not is_followed and name.name in values.hidden:
            self.log.record(uses.HIDDEN, f"{name.name}.*", line, values.hidden[name.name])
        if name.name in values.known_modules:
            values.add_value(name.name)
            if not is_followed:
                values.held.setdefault(name.name, self.log.locate_line(line))
        elif name.name in name_tables.GETTERS:
            values.takes_by_text = True
        else:
            values.add_whole(name.name)

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
        self.record_written_import(call, name)
        use = data_flow.select_use(call)
        detail = call.detail or (partial_texts.describe_command(call) if name in COMMANDS else "")
        if not (is_of_result and use == uses.CALL):
            self.log.record(use, name, call.line, detail, loaded_files.find_loaded_file(call))
        if data_flow.sends_secret(call):
            self.log.record(uses.SENDS_SECRET, name, call.line, call.detail)
        if call_variants.asks_other_hub(call):
            self.log.record(uses.CALL, call_variants.OTHER_HUB_NAME, call.line, call.detail)

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
        if walks.PICKED in call.tags or BLIND in call.tags:
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

    def record_parent_packages(self, module: str, line: int) -> None:
        """Record the packages around an imported module: Python imports them first."""
        parent = module.rpartition(".")[0]
        while parent:
            self.log.record(uses.IMPORT, name_resolution.normalize_name(parent).name, line)
            parent = parent.rpartition(".")[0]

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

    def record_handed_modules(self, call: Call, is_of_result: bool = False) -> None:
        """Record the modules, and the functions that look names up, which code that is not followed gets.

        With ``is_of_result``, the call is that of an object that an earlier call of the name returned.
        """
        if not is_of_result and call.name in self.module_values.known_modules:
            # No module can be called: the source calls what it took out of the module in a way that is not followed.
            self.log.record(uses.HANDS_ON, call.name, call.line)
        if call.name in _TELLING:
            return
        for value in (*call.args, *call.keywords.values()):
            for each in _list_inner(value, _MOST_NESTED):
                if isinstance(each, ExternalName) and not each.is_result and self._leads_to_names(each.name):
                    self.log.record(uses.HANDS_ON, each.name, call.line, call.name)
                elif isinstance(each, Unknown) and each.tags >= _PICKED_MODULE and each.tags.isdisjoint(_OF_MODULES):
                    self.log.record(uses.HANDS_ON, MODULE_BY_TEXT, call.line, call.name)
                elif blind_steps.may_be_function(each) and blind_steps.may_call(call.name):
                    self.log.record(uses.HANDS_ON, OBJECT_BY_TEXTS, call.line, call.name)

    def record_kept_namespace(self, value: Value, line: int) -> None:
        """Record that an object gets the namespace of a function: others can take any module from it."""
        for each in list_alternatives(value):
            if isinstance(each, ExternalName) and each.name in _NAMESPACES:
                self.log.record(uses.HANDS_ON, each.name, line)

    def _leads_to_names(self, name: str) -> bool:
        """Whether a name is that of a module, of its namespace or of a function that looks names up."""
        is_module = name.removesuffix(".__dict__") in self.module_values.known_modules
        return is_module or name in LOOKUPS or name in _NAMESPACES

    def record_handed_namespaces(
        self, callee: Value, args: Sequence[Value], keywords: Mapping[str, Value], line: int
    ) -> None:
        """Record the namespaces of modules that a call hands on to where they are not followed."""
        if not any(map(_may_hold_namespace, (*args, *keywords.values()))):  # most calls: the rest costs more
            return
        for each in keywords.values() if walks.follows_mappings(callee) else (*args, *keywords.values()):
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


def _may_hold_namespace(value: Value) -> bool:
    """Whether a value is the namespace of a module, or may hold one."""
    if type(value) is ExternalName:
        return value.name.endswith(".__dict__")
    return type(value) in (Container, Alternatives)


def _list_inner(value: Value, depth: int) -> Iterator[Value]:
    """Yield the alternatives of a value, with the items of lists and mappings in it."""
    for each in list_alternatives(value):
        yield each
        if isinstance(each, Container) and depth:
            for item in each.values:
                yield from _list_inner(item, depth - 1)
