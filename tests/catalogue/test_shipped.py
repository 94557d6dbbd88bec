"""The shipped rule set: its lists are compared with the interpreter and with published gadgets."""

from __future__ import annotations

import importlib
import io
import pickle
import re
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from uuid import uuid4

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.checks.callables import judge_name
from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.catalogue import CallableEntry, Standing
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram, PlainValue

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CALLABLES = load_shipped().callables
TRUSTED = {name: entry for name, entry in CALLABLES.by_name.items() if entry.standing is Standing.TRUSTED}
DANGEROUS = {name: entry for name, entry in CALLABLES.by_name.items() if entry.standing is Standing.DANGEROUS}
GADGETS = [
    line.split()
    for line in (Path(__file__).parent / "gadgets.txt").read_text().splitlines()
    if not line.startswith("#")
]


def split_name(name: str) -> Name:
    """Split a dotted name as a pickle writes it, such as ``a.b`` and ``Class.method``.

    A colon marks the end of the module. Otherwise the qualname begins at the first part with a capital initial;
    without one, it is the last part.
    """
    if ":" in name:
        module, _, qualname = name.partition(":")
        return Name(module, qualname)
    attribute_of_class = re.match(r"(?P<module>(?:[^A-Z.][^.]*\.)+)(?P<qualname>[A-Z][^.]*\..+)", name)
    if attribute_of_class:
        return Name(attribute_of_class["module"].rstrip("."), attribute_of_class["qualname"])
    return Name(*name.rsplit(".", 1))


def find_object(name: str) -> object | None:
    """Return the object of a name of the standard library; ``None`` if this interpreter has no such name."""
    parts = name.replace(":", ".").split(".")
    if parts[0] not in sys.stdlib_module_names:
        return None
    for length in range(len(parts) - 1, 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            value = getattr(value, part, None)
        return value
    return None


def test_no_known_model_lies_behind_a_broader_one_of_the_list() -> None:
    models = load_shipped().known_models
    hidden = [
        each.pattern
        for number, each in enumerate(models)
        if any(earlier.covers(each.pattern) for earlier in models[:number])
    ]
    assert hidden == []


@check_each("source, gadget", GADGETS)
def test_every_published_gadget_is_dangerous(source: str, gadget: str) -> None:
    assert judge_name(split_name(gadget), CALLABLES).standing is Standing.DANGEROUS, source


def test_lists_of_callables_have_at_least_their_expected_number_of_entries() -> None:
    assert len(TRUSTED) > 3000
    assert len(DANGEROUS) > 500
    assert len(CALLABLES.modules) > 300


def test_trusted_standard_library_name_is_not_an_alias_of_a_dangerous_one() -> None:
    dangerous = {name: find_object(name) for name in DANGEROUS}
    dangerous_names_by_id = {id(value): name for name, value in dangerous.items() if callable(value)}
    for name in TRUSTED:
        assert dangerous_names_by_id.get(id(find_object(name))) is None, name


def test_trusted_standard_library_name_is_not_defined_in_a_dangerous_module() -> None:
    for name in TRUSTED:
        defining_module = getattr(find_object(name), "__module__", None)
        if isinstance(defining_module, str):
            parts = defining_module.split(".")
            enclosing_modules = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
            assert enclosing_modules.isdisjoint(CALLABLES.modules), name


def test_reason_of_a_dangerous_name_fits_after_the_word_which_in_a_message() -> None:
    """Messages say "it calls X, which <why>"."""
    entries = [*DANGEROUS.values(), *CALLABLES.modules.values()]
    wrong = {entry.why for entry in entries if not re.fullmatch(r"[a-z]+s\b[^.;]*", entry.why)}
    assert wrong == set()


def test_every_trusted_name_has_a_reason_of_two_or_more_words() -> None:
    assert all(len(entry.why.split()) >= 2 and not entry.why.endswith(".") for entry in TRUSTED.values())


@check_each("name", ["eval", "open", "getattr", "globals", "type", "compile", "map"])
def test_dangerous_builtin_is_dangerous_under_its_python_2_module(name: str) -> None:
    for module in ("builtins", "__builtin__"):
        assert judge_name(Name(module, name), CALLABLES).standing is Standing.DANGEROUS


@check_each(
    "name",
    ["functools.partial", "collections.defaultdict", "copyreg._reconstructor", "copy_reg._reconstructor",
     "copyreg.__newobj__", "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
     "torch._tensor._rebuild_from_type_v2", "numpy.random._pickle.__bit_generator_ctor",
     "pandas.core.indexes.base._new_Index", "_codecs.encode", "operator.getitem"],
)  # fmt: skip
def test_trusted_callable_that_acts_on_its_arguments_has_argument_conditions(name: str) -> None:
    entry = CALLABLES.by_name[name]
    assert entry.standing is Standing.TRUSTED
    assert entry.arguments


@pytest.mark.parametrize(
    "name", ["numpy.ndarray", "numpy.recarray", "numpy.float64", "torch.Tensor", "torch.storage.UntypedStorage"]
)
def test_class_that_reads_memory_is_trusted_if_imported_and_reported_if_called(name: str) -> None:
    """``numpy.ndarray((1,), "O", <bytes>)`` takes bytes of the pickle for pointers to objects."""
    module, _, qualname = name.rpartition(".")
    class_name = Name(module, qualname)
    for act, opcode in ((Act.CALL, "REDUCE"), (Act.CONSTRUCT, "NEWOBJ")):
        program = PickleProgram("raw", (), (PickleEvent(act, 0, opcode, class_name, (PlainValue("(1,)"),)),), 1)
        assert [subject.fields["act"] for subject in build_pickle_subjects("x", program, CALLABLES)] == ["argument"]
    imported = PickleProgram("raw", (), (PickleEvent(Act.IMPORT, 0, "GLOBAL", class_name),), 1)
    assert list(build_pickle_subjects("x", imported, CALLABLES)) == []


@pytest.mark.parametrize(
    "name", ["numpy.log1p", "numpy.mean", "operator.add", "builtins.len", "torch.nn.functional.relu"]
)
def test_function_that_is_trusted_only_as_an_import_has_the_mark_construct_only(name: str) -> None:
    # A name with this mark is judged as unlisted where a pickle calls it.
    assert CALLABLES.by_name[name].construct_only


def test_list_of_standard_library_modules_holds_those_of_this_python_and_some_of_others_but_no_main() -> None:
    assert sys.stdlib_module_names - {"__main__"} <= CALLABLES.standard_library
    assert {
        "__builtin__",
        "urllib2",
        "imp",
        "distutils",
        "_interpreters",
        "annotationlib",
    } <= CALLABLES.standard_library
    assert "__main__" not in CALLABLES.standard_library


def collect_imports(data: bytes) -> set[str]:
    """Return the names that a pickle of ordinary objects imports."""
    names: set[str] = set()

    class Recorder(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            names.add(f"{module}.{name}")
            return super().find_class(module, name)

    Recorder(io.BytesIO(data)).load()
    return names


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_of_ordinary_objects_imports_only_trusted_names(protocol: int) -> None:
    ordinary = [
        OrderedDict(a=1), defaultdict(list), deque([1]), Counter("ab"), datetime.now(UTC), date(2000, 1, 1), timedelta(1),
        Decimal("1.5"), Fraction(1, 3), uuid4(), PurePosixPath("a"), SimpleNamespace(a=1), {1}, frozenset({1}),
        bytearray(b"a"), b"\xff", 1j, range(3), slice(1), ValueError("x"), re.compile("a"), object(), ...,
    ]  # fmt: skip
    names = collect_imports(pickle.dumps(ordinary, protocol=protocol))
    assert {name for name in names if name not in TRUSTED} == set()


def test_every_trusted_name_states_its_library() -> None:
    libraries = {entry.library for entry in TRUSTED.values()}
    assert {"python", "numpy", "torch", "scikit-learn", "scipy", "pandas", "joblib", "transformers"} <= libraries
    assert all(isinstance(entry, CallableEntry) and entry.library for entry in TRUSTED.values())


def test_no_fix_says_that_the_repository_lacks_safetensors() -> None:
    """A repository may hold weights in safetensors beside the file that a finding is about."""
    fixes = {id_: each.rule.fix for id_, each in load_shipped().findings.items()}
    assert {id_ for id_, fix in fixes.items() if "the weights in safetensors" in fix} == set()


def test_no_fix_for_code_of_a_model_tells_to_load_it_in_another_way() -> None:
    """A report that forbids to load a model must not name a way to load it."""
    fixes = {id_: each.rule.fix for id_, each in load_shipped().findings.items() if id_.startswith("code/")}
    ways = re.compile(
        r"(?<!not )\bload (?:it|the (?:model|file)) (?:without|with few)|without a network|without its own", re.I
    )
    assert {id_ for id_, fix in fixes.items() if ways.search(fix)} == set()


def test_reasons_of_the_two_rules_on_commands_in_documents_hold_for_one_line() -> None:
    """A file for agents may fire both, and assistants follow it."""
    findings = load_shipped().findings
    assert "Assistants load this file by its name and follow it" in findings["agents/risky-instruction"].rule.why
    assert "so does an assistant" in findings["shell/instruction"].rule.why
    assert "No program runs" not in findings["shell/instruction"].rule.why
