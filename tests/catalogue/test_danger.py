"""The danger list against the interpreter, against pickles of every published gadget, and against other scanners."""

from __future__ import annotations

import importlib.util
import inspect
import pickle
import pkgutil
import re
import struct
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit
from modelaudit.checks.callables import judge_name
from modelaudit.checks.engine import collect_findings
from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.catalogue import EFFECTS, Standing
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram

HERE = Path(__file__).parent
CATALOGUE = load_shipped()
CALLABLES = CATALOGUE.callables
HIGH_SEVERITIES = {Severity.HIGH, Severity.CRITICAL}
# A name of such a standing has a finding of one of these severities in every act.
HIGH_STANDINGS = frozenset({Standing.DANGEROUS, Standing.STANDARD_LIBRARY, Standing.UNRESOLVED})
# Modules that act when they are imported, and that contain no trusted name.
MODULES_NOT_TO_IMPORT = frozenset({"this", "antigravity", "__hello__", "__phello__"})

GADGETS = [line.split()[1] for line in (HERE / "gadgets.txt").read_text().splitlines() if not line.startswith("#")]
# Rows of scanner, module and name; the name ``*`` means the whole module.
REJECTED_ELSEWHERE = [
    tuple(line.split())
    for line in (HERE / "test_danger_elsewhere.txt").read_text().splitlines()
    if not line.startswith("#")
]
# Names that are dangerous only with certain arguments.
JUDGED_BY_ARGUMENTS = {"_operator.itemgetter", "operator.itemgetter", "functools.partial"}
# Modules that other scanners list and that do not exist, so that a loader raises.
NONEXISTENT_MODULES = {"compile", "eval", "exec"}
# Modules that other scanners reject whole. Some of their names are trusted here or do not belong to the library.
PARTLY_TRUSTED = {"builtins", "__builtin__", "operator", "_operator", "functools", "http", "joblib", "logging",
                  "requests", "torch.jit", "types", "uuid"}  # fmt: skip
# Modules that other scanners reject whole, and whose names are on no list here unless they are trusted.
UNLISTED_MODULES = {"joblib", "torch.jit", "torch.compile"}


def encode_text(value: str) -> bytes:
    """Return the opcode BINUNICODE with a text: a length of 32 bits and the bytes in UTF-8."""
    return pickle.BINUNICODE + struct.pack("<I", len(value)) + value.encode()


def split_name(name: str) -> tuple[str, str]:
    """Split a dotted name into module and qualname, such as ``a.b`` and ``Class.method``.

    The qualname begins at the first part with a capital initial; without one, it is the last part.
    """
    attribute_of_class = re.match(r"(?P<module>(?:[^A-Z.][^.]*\.)+)(?P<qualname>[A-Z][^.]*\..+)", name)
    if attribute_of_class:
        return attribute_of_class["module"].rstrip("."), attribute_of_class["qualname"]
    module, _, qualname = name.rpartition(".")
    return module, qualname


def build_call_pickles(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield (form, pickle) for pickles that call ``name`` with a text.

    The forms are protocol 4, protocol 0, a call whose result is dropped, and an object that opcode OBJ builds.
    """
    module, qualname = split_name(name)
    text = encode_text("echo inert")
    imported = encode_text(module) + encode_text(qualname) + pickle.STACK_GLOBAL
    call = pickle.PROTO + b"\x04" + imported + text + pickle.TUPLE1 + pickle.REDUCE
    yield "reduce", call + pickle.STOP
    # GLOBAL, MARK, UNICODE, TUPLE, REDUCE, STOP.
    yield "global", f"c{module}\n{qualname}\n(Vecho inert\ntR.".encode()
    yield "dropped", call + pickle.POP + pickle.NONE + pickle.STOP
    imported_by_line = pickle.GLOBAL + f"{module}\n{qualname}\n".encode()
    yield "object", pickle.PROTO + b"\x02" + pickle.MARK + imported_by_line + text + pickle.OBJ + pickle.STOP


@pytest.fixture(scope="module")
def rules_by_gadget(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Scan a folder with every gadget in every form of pickle, and return the rules that fired, by file name."""
    folder = tmp_path_factory.mktemp("gadgets")
    for gadget in set(GADGETS):
        for form, data in build_call_pickles(gadget):
            (folder / f"{gadget}-{form}.pkl").write_bytes(data)
    report = modelaudit.scan(folder, second_opinion=False, checks=[CheckFamily.SECURITY])
    assert report.exit_code == 1
    rules_by_file: dict[str, set[str]] = {}
    for finding in report.findings:
        rules_by_file.setdefault(finding.artifact, set()).add(finding.rule)
    return rules_by_file


def test_every_effect_of_the_catalogue_is_that_of_at_least_one_published_gadget() -> None:
    assert len(set(GADGETS)) >= 250
    effects = {judge_name(Name(*split_name(gadget)), CALLABLES).effect for gadget in GADGETS}
    assert effects == set(EFFECTS)


@pytest.mark.parametrize("form", ["reduce", "global", "dropped", "object"])
def test_published_gadget_fires_the_dangerous_call_rule_in_every_pickle_form(
    rules_by_gadget: dict[str, set[str]], form: str
) -> None:
    missed = {g for g in GADGETS if "pickle/dangerous-call" not in rules_by_gadget.get(f"{g}-{form}.pkl", set())}
    assert missed == set()


def list_severities(name: Name, act: Act) -> set[Severity]:
    """List the severities of the findings for a pickle that does nothing but ``act`` with ``name``."""
    opcode = {Act.IMPORT: "STACK_GLOBAL", Act.CALL: "REDUCE", Act.CONSTRUCT: "NEWOBJ"}[act]
    program = PickleProgram("raw", (), (PickleEvent(act, 0, opcode, name),), 1)
    subjects = build_pickle_subjects("x", program, CALLABLES)
    return {finding.severity for finding in collect_findings(subjects, CATALOGUE.findings, [CheckFamily.SECURITY])}


@pytest.mark.parametrize("act", [Act.IMPORT, Act.CALL, Act.CONSTRUCT])
@pytest.mark.parametrize(
    "name", [Name("os", "system"), Name("calendar", "isleap"), Name("ast", "AST.__reduce__")], ids=str
)
def test_untrusted_standard_library_name_gets_severity_high_or_critical(name: Name, act: Act) -> None:
    assert judge_name(name, CALLABLES).standing in HIGH_STANDINGS
    assert list_severities(name, act) & HIGH_SEVERITIES


def is_in_dangerous_module(module: str) -> bool:
    """Whether the module, or one around it, is dangerous as a whole."""
    parts = module.split(".")
    return any(".".join(parts[:n]) in CALLABLES.modules for n in range(1, len(parts) + 1))


def import_submodules(module: str) -> Iterator[types.ModuleType]:
    """Yield the module and its submodules, except modules that are dangerous as a whole: some of those start programs."""
    if is_in_dangerous_module(module) or module in MODULES_NOT_TO_IMPORT:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            imported = importlib.import_module(module)
        except ImportError:
            return
    yield imported
    for submodule in pkgutil.iter_modules(getattr(imported, "__path__", ())):
        if submodule.name != "__main__":
            yield from import_submodules(f"{module}.{submodule.name}")


def judge_attributes_of_class(module: str, name: str, cls: type) -> None:
    """Check that no attribute of a class is trusted, except those that a list names with a colon after the module."""
    for attribute in vars(cls):
        judgement = judge_name(Name(module, f"{name}.{attribute}"), CALLABLES)
        if judgement.standing is Standing.TRUSTED:
            assert judgement.entry and ":" in judgement.entry.name
        else:
            assert judgement.standing in HIGH_STANDINGS, f"{name}.{attribute}"


@check_each("top_module", sorted(sys.stdlib_module_names - {"__main__"}))
def test_untrusted_standard_library_callable_has_a_standing_of_severity_high_or_critical(
    top_module: str,
) -> None:
    assert judge_name(Name(top_module, "anything"), CALLABLES).standing in HIGH_STANDINGS
    for module in import_submodules(top_module):
        for name, value in vars(module).items():
            if not callable(value) and not isinstance(value, types.ModuleType):
                continue
            judgement = judge_name(Name(module.__name__, name), CALLABLES)
            if judgement.standing is Standing.TRUSTED:
                assert judgement.entry and judgement.entry.name == f"{module.__name__}.{name}"
            else:
                assert judgement.standing in HIGH_STANDINGS, name
            if inspect.isclass(value):
                judge_attributes_of_class(module.__name__, name, value)


@pytest.mark.parametrize("module", sorted(NONEXISTENT_MODULES))
def test_module_names_listed_as_nonexistent_cannot_be_imported(module: str) -> None:
    assert importlib.util.find_spec(module) is None
    assert module in {row[1] for row in REJECTED_ELSEWHERE}


@check_each(
    "scanner, module, name",
    [
        row
        for row in REJECTED_ELSEWHERE
        if row[1] not in NONEXISTENT_MODULES and f"{row[1]}.{row[2]}" not in JUDGED_BY_ARGUMENTS
    ],
)
def test_existing_name_rejected_by_another_scanner_is_high_or_critical_unless_arguments_decide(
    scanner: str, module: str, name: str
) -> None:
    """A scanner that rejects a whole module (``*``) is compared by an invented name of that module."""
    judgement = judge_name(Name(module, "anything" if name == "*" else name), CALLABLES)
    if name == "*" and module in UNLISTED_MODULES:
        # No list names these modules, and rules give an unlisted name a high severity anyway.
        assert judgement.standing is Standing.UNLISTED
        assert list_severities(Name(module, "anything"), Act.CALL) & HIGH_SEVERITIES
    else:
        assert judgement.standing in HIGH_STANDINGS, scanner


def test_module_that_another_scanner_rejects_whole_has_trusted_names_only_if_listed_as_partly_trusted() -> None:
    rejected_whole = {module for _, module, name in REJECTED_ELSEWHERE if name == "*"}
    trusted = [name for name, entry in CALLABLES.by_name.items() if entry.standing is Standing.TRUSTED]
    with_trusted_names = {module for module in rejected_whole if any(name.startswith(f"{module}.") for name in trusted)}
    assert with_trusted_names == PARTLY_TRUSTED


@pytest.mark.parametrize("name", sorted(JUDGED_BY_ARGUMENTS))
def test_scan_fails_a_pickle_that_reaches_posix_system_through_itemgetter_or_partial(name: str, tmp_path: Path) -> None:
    """``partial`` stores ``posix.system``, and ``itemgetter`` looks it up in the dictionary of ``posix``."""
    module, _, qualname = name.rpartition(".")
    call_with_one_argument = pickle.TUPLE1 + pickle.REDUCE
    function = pickle.GLOBAL + f"{module}\n{qualname}\n".encode()
    argument = pickle.GLOBAL + b"posix\nsystem\n" if qualname == "partial" else encode_text("system")
    bound_callable = function + argument + call_with_one_argument
    dictionary_of_module = pickle.GLOBAL + b"posix\n__dict__\n"
    looked_up = bound_callable + dictionary_of_module + call_with_one_argument
    called = looked_up + encode_text("x") + call_with_one_argument
    (tmp_path / "model.pkl").write_bytes(pickle.PROTO + b"\x02" + called + pickle.STOP)
    assert modelaudit.scan(tmp_path, second_opinion=False).exit_code == 1


def test_page_of_callables_lists_every_module_of_the_standard_library() -> None:
    page = (HERE.parents[1] / "docs" / "callables.md").read_text(encoding="utf-8")
    assert {module for module in CALLABLES.standard_library if f"\n| `{module}` | " not in page} == set()
