from __future__ import annotations

import pytest
from support.cases import check_each

from modelaudit.checks.callables import judge_name
from modelaudit.checks.pickle import build_pickle_subjects, format_value
from modelaudit.model.catalogue import (
    ArgumentRule,
    ArgumentUse,
    CallableEntry,
    Callables,
    DangerousModule,
    Standing,
    Subject,
)
from modelaudit.model.pickle import (
    COMPUTED_KEY,
    UNKNOWN_ARGUMENTS,
    Act,
    CallResult,
    ContainerValue,
    Name,
    PickleEvent,
    PickleProgram,
    PlainValue,
    Unknown,
    Value,
)


def trusted(name: str, *arguments: ArgumentRule, construct_only: bool = False) -> CallableEntry:
    return CallableEntry(name, Standing.TRUSTED, "it holds data", "test", "", arguments, construct_only)


def dangerous(name: str, *arguments: ArgumentRule) -> CallableEntry:
    return CallableEntry(name, Standing.DANGEROUS, "runs commands", "test", "command", arguments)


ENTRIES = [
    trusted("collections.OrderedDict"),
    trusted("collections.defaultdict", ArgumentRule(0, ArgumentUse.CALLS)),
    trusted(
        "copyreg._reconstructor", ArgumentRule(0, ArgumentUse.CONSTRUCTS), ArgumentRule(1, one_of=("builtins.object",))
    ),
    trusted("functools.partial", ArgumentRule(0, ArgumentUse.CALLS)),
    trusted("_codecs.encode", ArgumentRule(1, one_of=("'latin1'",))),
    trusted("known.Layer", construct_only=True),
    trusted("known.outer:Inner.Deep"),
    trusted("os.sep_like"),
    trusted("torch._utils._rebuild"),
    dangerous("builtins.eval"),
    dangerous("builtins.getattr", ArgumentRule(1, one_of=("'name'",))),
]
CALLABLES = Callables(
    {entry.name: entry for entry in ENTRIES},
    {
        "os": DangerousModule("os", "command", "reaches the system"),
        "torch.hub": DangerousModule("torch.hub", "code", "fetches code"),
    },
    frozenset({"os", "collections", "zipapp", "builtins", "copyreg"}),
)


def name(text: str) -> Name:
    return Name(*text.rsplit(".", 1))


@check_each(
    "subject, standing",
    [
        (Name("collections", "OrderedDict"), Standing.TRUSTED),
        (Name("collections", "Counter"), Standing.STANDARD_LIBRARY),
        (Name("collections.abc", "OrderedDict"), Standing.STANDARD_LIBRARY),
        (Name("builtins", "eval"), Standing.DANGEROUS),
        (Name("os", "system"), Standing.DANGEROUS),
        (Name("os.path", "join"), Standing.DANGEROUS),
        (Name("os", "path.join"), Standing.DANGEROUS),
        (Name("os", "sep_like"), Standing.TRUSTED),
        (Name("osx", "system"), Standing.UNLISTED),
        (Name("torch.hub", "load"), Standing.DANGEROUS),
        (Name("torch", "hub.load"), Standing.DANGEROUS),
        (Name("torch", "nn.Linear"), Standing.UNRESOLVED),
        (Name("known", "Layer"), Standing.TRUSTED),
        (Name("torch._utils", "_rebuild"), Standing.TRUSTED),
        (Name("torch", "_utils._rebuild"), Standing.UNRESOLVED),
        (Name("known.outer", "Inner.Deep"), Standing.TRUSTED),
        (Name("known", "outer.Inner.Deep"), Standing.UNRESOLVED),
        (Name("", "collections.OrderedDict"), Standing.UNRESOLVED),
        (Name("Collections", "OrderedDict"), Standing.UNLISTED),
        (Name("__main__", "Net"), Standing.UNLISTED),
        (Unknown("x"), Standing.UNRESOLVED),
        (CallResult(Name("collections", "OrderedDict"), True), Standing.UNRESOLVED),
        (PlainValue("1"), Standing.UNRESOLVED),
    ],
)  # fmt: skip
def test_standing_is_by_exact_name(subject: Value, standing: Standing) -> None:
    assert judge_name(subject, CALLABLES).standing is standing


def run(*events: PickleEvent) -> list[Subject]:
    return list(build_pickle_subjects("a", PickleProgram("raw", (), events, 0), CALLABLES))


def call(callee: str | Value, *arguments: Value, act: Act = Act.CALL) -> PickleEvent:
    return PickleEvent(act, 7, "REDUCE", name(callee) if isinstance(callee, str) else callee, arguments)


def state(cls: str, **sets: Value) -> PickleEvent:
    return PickleEvent(
        Act.SET_STATE, 9, "BUILD", CallResult(name(cls), False), (PlainValue("…"),), sets=tuple(sets.items())
    )


def told(*events: PickleEvent) -> list[tuple[str, str, str]]:
    return [(str(s.fields["act"]), str(s.fields["name"]), str(s.fields["standing"])) for s in run(*events)]


def test_ordinary_acts_are_quiet() -> None:
    ordered = name("collections.OrderedDict")
    assert not told(
        PickleEvent(Act.IMPORT, 0, "GLOBAL", ordered),
        call("collections.OrderedDict"),
        call("_codecs.encode", PlainValue("'abc'"), PlainValue("'latin1'")),
        call("copyreg._reconstructor", ordered, name("builtins.object"), PlainValue("None")),
        call("collections.defaultdict", ordered),
        call("known.Layer", act=Act.CONSTRUCT),
        PickleEvent(
            Act.SET_STATE,
            9,
            "BUILD",
            CallResult(ordered, True),
            (ContainerValue("dict", (("__x__", PlainValue("1")),)),),
        ),
        PickleEvent(Act.SET_ITEM, 9, "SETITEMS", CallResult(ordered, True), (PlainValue("'k'"), PlainValue("1"))),
        PickleEvent(Act.PERSISTENT_LOAD, 9, "BINPERSID", Unknown("persistent object")),
    )


@check_each(
    "event, expected",
    [
        (call("os.system", PlainValue("'id'")), ("call", "os.system", "dangerous")),
        (call("os.system", act=Act.CONSTRUCT), ("construct", "os.system", "dangerous")),
        (PickleEvent(Act.IMPORT, 0, "GLOBAL", name("os.system")), ("import", "os.system", "dangerous")),
        (call("zipapp.main"), ("call", "zipapp.main", "standard-library")),
        (call("pkg.f"), ("call", "pkg.f", "unlisted")),
        (call("pkg.C", act=Act.CONSTRUCT), ("construct", "pkg.C", "unlisted")),
        (call("known.Layer"), ("call", "known.Layer", "unlisted")),
        (call(CallResult(name("pkg.f"), True)), ("call", "pkg.f(…)", "unresolved")),
        (call("collections.defaultdict", name("os.getpid")), ("call", "os.getpid", "dangerous")),
        (call("collections.defaultdict", name("pkg.f")), ("call", "pkg.f", "unlisted")),
        (call("collections.defaultdict", Unknown("x")), ("call", "<x>", "unresolved")),
        (call("copyreg._reconstructor", name("pkg.C"), name("builtins.object"), PlainValue("None")), ("construct", "pkg.C", "unlisted")),
        (call("copyreg._reconstructor", name("known.Layer"), name("pkg.Base")), ("argument", "copyreg._reconstructor", "unlisted")),
        (call("_codecs.encode", PlainValue("'x'"), PlainValue("'rot13'")), ("argument", "_codecs.encode", "unresolved")),
        (call("_codecs.encode", UNKNOWN_ARGUMENTS), ("argument", "_codecs.encode", "unresolved")),
        (call("builtins.getattr", name("pkg.C"), PlainValue("'other'")), ("call", "builtins.getattr", "dangerous")),
        (PickleEvent(Act.SET_STATE, 9, "BUILD", name("collections.OrderedDict"), ()), ("overwrite", "collections.OrderedDict", "trusted")),
        (PickleEvent(Act.SET_ITEM, 9, "SETITEM", Unknown("x"), ()), ("set-item", "<x>", "unresolved")),
        (PickleEvent(Act.EXTENSION, 9, "EXT1", Unknown("extension code 1")), ("extension", "<extension code 1>", "unresolved")),
        (state("pkg.C", __setstate__=name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (state("pkg.C", __call__=Unknown("x")), ("plant", "<x>", "unresolved")),
        (state("collections.OrderedDict", append=CallResult(name("functools.partial"), True)), ("plant", "functools.partial(…)", "unresolved")),
        (state("collections.OrderedDict", extend=name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (state("collections.OrderedDict", add=name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (state("functools.partial", **{"0": name("os.system")}), ("call", "os.system", "dangerous")),
        (state("functools.partial", **{"0": CallResult(name("pkg.C"), True)}), ("call", "pkg.C(…)", "unresolved")),
        (state("collections.defaultdict", default_factory=name("pkg.f")), ("call", "pkg.f", "unlisted")),
        (state("pkg.C", **{COMPUTED_KEY: name("collections.OrderedDict")}), ("plant", "collections.OrderedDict", "trusted")),
    ],
)  # fmt: skip
def test_acts_that_are_told(event: PickleEvent, expected: tuple[str, str, str]) -> None:
    assert expected in told(event)


def test_what_cannot_be_called_or_was_judged_already_is_a_quiet_argument() -> None:
    assert not told(call("collections.defaultdict", CallResult(name("functools.partial"), True)))
    assert not told(call("collections.defaultdict", ContainerValue("tuple", ())))


def test_a_result_is_no_trusted_callable_for_its_maker_s_sake() -> None:
    assert told(call("collections.defaultdict", CallResult(name("pkg.f"), True)))
    assert told(call("collections.defaultdict", CallResult(name("collections.OrderedDict"), True)))
    assert told(call("copyreg._reconstructor", CallResult(name("functools.partial"), True)))


def test_ordinary_state_is_quiet() -> None:
    made = CallResult(name("collections.OrderedDict"), True)
    assert not told(state("collections.OrderedDict", weights=made, factory=name("collections.OrderedDict")))
    assert not told(state("functools.partial", **{"0": name("collections.OrderedDict")}))


@pytest.mark.parametrize("key", ["__array_interface__", "__cuda_array_interface__"])
def test_plain_data_under_a_name_that_reads_memory_is_told(key: str) -> None:
    view = ContainerValue("dict", (("data", PlainValue("(140000000, False)")),))
    assert told(state("collections.OrderedDict", **{key: view}))


def test_a_dangerous_name_with_harmless_arguments_is_quiet() -> None:
    assert not told(call("builtins.getattr", name("pkg.C"), PlainValue("'name'")))


def test_one_harmless_call_does_not_excuse_a_name_that_is_kept_beside_it() -> None:
    getattr_ = name("builtins.getattr")
    events = (
        PickleEvent(Act.IMPORT, 0, "GLOBAL", getattr_),
        call("builtins.getattr", name("pkg.C"), PlainValue("'name'")),
    )
    quiet = PickleProgram("raw", (), events, 0)
    assert not list(build_pickle_subjects("a", quiet, CALLABLES))
    kept = PickleProgram("raw", (), events, 0, (getattr_,))
    assert [subject.fields["act"] for subject in build_pickle_subjects("a", kept, CALLABLES)] == ["import"]


def test_types_of_torchscript_are_its_own_only_in_its_own_archive() -> None:
    event = PickleEvent(Act.CONSTRUCT, 0, "NEWOBJ", Name("__torch__.module", "Net"))
    assert not list(build_pickle_subjects("a", PickleProgram("torchscript", (), (event,), 0), CALLABLES))
    assert list(build_pickle_subjects("a", PickleProgram("raw", (), (event,), 0), CALLABLES))
    called = PickleEvent(Act.CALL, 0, "REDUCE", Name("__torch__.module", "run"))
    assert list(build_pickle_subjects("a", PickleProgram("torchscript", (), (called,), 0), CALLABLES))


@check_each("act", [Act.IMPORT, Act.CONSTRUCT])
@check_each(
    "module, own",
    [("__torch__", True), ("__torch__.a", True), ("__torch__evil", False), ("__torch__evil.a", False), ("a.__torch__", False)],
)  # fmt: skip
def test_a_module_is_torchscript_s_own_by_its_whole_first_name(act: Act, module: str, own: bool) -> None:
    program = PickleProgram("torchscript", (), (PickleEvent(act, 0, "GLOBAL", Name(module, "Net")),), 0)
    told = [subject.fields["name"] for subject in build_pickle_subjects("a", program, CALLABLES)]
    assert told == ([] if own else [f"{module}.Net"])


def test_a_name_that_is_called_is_not_told_as_imported_too() -> None:
    assert told(PickleEvent(Act.IMPORT, 0, "GLOBAL", name("os.system")), call("os.system")) == [
        ("call", "os.system", "dangerous")
    ]


def test_evidence_gives_offset_opcode_and_arguments() -> None:
    (subject,) = run(call("os.system", PlainValue("'echo inert'")))
    assert subject.evidence == ("byte 7: REDUCE os.system('echo inert')",)
    assert subject.location.offset == 7


def test_descriptions_are_bounded() -> None:
    assert len(format_value(ContainerValue("dict", tuple((str(n), PlainValue("y" * 100)) for n in range(100))))) <= 200


def test_a_name_of_several_lines_is_told_on_one(tmp_path):
    import modelaudit

    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x04\x8c\x05a\n\x1bbc\x8c\x03d\re\x93)\x81.")
    report = modelaudit.scan(path, second_opinion=False)
    told = [finding.message for finding in report.findings if finding.rule.startswith("pickle/")]
    assert told
    assert all(message.isprintable() for message in told)
