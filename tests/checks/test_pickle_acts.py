from __future__ import annotations

import pytest
from support.cases import check_each
from support.pickle_opcodes import call, construct, find_acts, name, push
from support.reading import ReadBytes

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
from modelaudit.model.copies import replace
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


def make_trusted(name: str, *arguments: ArgumentRule, construct_only: bool = False) -> CallableEntry:
    """Return the entry of a trusted name, with conditions on its arguments."""
    return CallableEntry(name, Standing.TRUSTED, "it holds data", "test", "", arguments, construct_only)


def make_dangerous(name: str, *arguments: ArgumentRule) -> CallableEntry:
    """Return the entry of a dangerous name, with the conditions under which a call of it is harmless."""
    return CallableEntry(name, Standing.DANGEROUS, "runs commands", "test", "command", arguments)


ENTRIES = [
    make_trusted("collections.OrderedDict"),
    make_trusted("collections.defaultdict", ArgumentRule(0, ArgumentUse.CALLS)),
    make_trusted(
        "copyreg._reconstructor", ArgumentRule(0, ArgumentUse.CONSTRUCTS), ArgumentRule(1, one_of=("builtins.object",))
    ),
    make_trusted("functools.partial", ArgumentRule(0, ArgumentUse.CALLS)),
    make_trusted("_codecs.encode", ArgumentRule(1, one_of=("'latin1'",))),
    make_trusted("known.Layer", construct_only=True),
    replace(make_trusted("known.Writer", construct_only=True), hook_calls=frozenset({"close"})),
    make_trusted("known.outer:Inner.Deep"),
    make_trusted("os.sep_like"),
    make_trusted("torch._utils._rebuild"),
    make_dangerous("builtins.eval"),
    make_dangerous("builtins.getattr", ArgumentRule(1, one_of=("'name'",))),
]
CALLABLES = Callables(
    {entry.name: entry for entry in ENTRIES},
    {
        "os": DangerousModule("os", "command", "reaches the system"),
        "torch.hub": DangerousModule("torch.hub", "code", "fetches code"),
    },
    frozenset({"os", "collections", "zipapp", "builtins", "copyreg"}),
)


def make_name(text: str) -> Name:
    """Split a dotted name at its last dot into module and qualname."""
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
def test_callable_is_trusted_only_if_module_and_qualname_equal_those_of_an_entry(
    subject: Value, standing: Standing
) -> None:
    assert judge_name(subject, CALLABLES).standing is standing


def judge_acts(*events: PickleEvent) -> list[Subject]:
    """Return the subjects that the events of one pickle make."""
    return list(build_pickle_subjects("a", PickleProgram("raw", (), events, 0), CALLABLES))


def make_call_event(callee: str | Value, *arguments: Value, act: Act = Act.CALL) -> PickleEvent:
    """Return the event of a call or of a construction, at byte 7."""
    return PickleEvent(act, 7, "REDUCE", make_name(callee) if isinstance(callee, str) else callee, arguments)


def make_state_event(class_name: str, **attributes: Value) -> PickleEvent:
    """Return the event of BUILD on a new object of a class, which sets attributes."""
    return PickleEvent(
        Act.SET_STATE,
        9,
        "BUILD",
        CallResult(make_name(class_name), False),
        (PlainValue("…"),),
        set_attributes=tuple(attributes.items()),
    )


def judge_events(*events: PickleEvent) -> list[tuple[str, str, str]]:
    """Return act, name and standing of each subject that the events of one pickle make."""
    fields = [subject.fields for subject in judge_acts(*events)]
    return [(str(each["act"]), str(each["name"]), str(each["standing"])) for each in fields]


def test_trusted_imports_calls_and_states_of_a_pickle_make_no_subject() -> None:
    ordered = make_name("collections.OrderedDict")
    assert not judge_events(
        PickleEvent(Act.IMPORT, 0, "GLOBAL", ordered),
        make_call_event("collections.OrderedDict"),
        make_call_event("_codecs.encode", PlainValue("'abc'"), PlainValue("'latin1'")),
        make_call_event("copyreg._reconstructor", ordered, make_name("builtins.object"), PlainValue("None")),
        make_call_event("collections.defaultdict", ordered),
        make_call_event("known.Layer", act=Act.CONSTRUCT),
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
        (make_call_event("os.system", PlainValue("'id'")), ("call", "os.system", "dangerous")),
        (make_call_event("os.system", act=Act.CONSTRUCT), ("construct", "os.system", "dangerous")),
        (PickleEvent(Act.IMPORT, 0, "GLOBAL", make_name("os.system")), ("import", "os.system", "dangerous")),
        (make_call_event("zipapp.main"), ("call", "zipapp.main", "standard-library")),
        (make_call_event("pkg.f"), ("call", "pkg.f", "unlisted")),
        (make_call_event("pkg.C", act=Act.CONSTRUCT), ("construct", "pkg.C", "unlisted")),
        (make_call_event("known.Layer"), ("call", "known.Layer", "unlisted")),
        (make_call_event(CallResult(make_name("pkg.f"), True)), ("call", "pkg.f(…)", "unresolved")),
        (make_call_event("collections.defaultdict", make_name("os.getpid")), ("call", "os.getpid", "dangerous")),
        (make_call_event("collections.defaultdict", make_name("pkg.f")), ("call", "pkg.f", "unlisted")),
        (make_call_event("collections.defaultdict", Unknown("x")), ("call", "<x>", "unresolved")),
        (make_call_event("copyreg._reconstructor", make_name("pkg.C"), make_name("builtins.object"), PlainValue("None")), ("construct", "pkg.C", "unlisted")),
        (make_call_event("copyreg._reconstructor", make_name("known.Layer"), make_name("pkg.Base")), ("argument", "copyreg._reconstructor", "unlisted")),
        (make_call_event("_codecs.encode", PlainValue("'x'"), PlainValue("'rot13'")), ("argument", "_codecs.encode", "unresolved")),
        (make_call_event("_codecs.encode", UNKNOWN_ARGUMENTS), ("argument", "_codecs.encode", "unresolved")),
        (make_call_event("builtins.getattr", make_name("pkg.C"), PlainValue("'other'")), ("call", "builtins.getattr", "dangerous")),
        (PickleEvent(Act.SET_STATE, 9, "BUILD", make_name("collections.OrderedDict"), ()), ("overwrite", "collections.OrderedDict", "trusted")),
        (PickleEvent(Act.SET_ITEM, 9, "SETITEM", Unknown("x"), ()), ("set-item", "<x>", "unresolved")),
        (PickleEvent(Act.EXTENSION, 9, "EXT1", Unknown("extension code 1")), ("extension", "<extension code 1>", "unresolved")),
        (make_state_event("pkg.C", __setstate__=make_name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (make_state_event("pkg.C", __call__=Unknown("x")), ("plant", "<x>", "unresolved")),
        (make_state_event("collections.OrderedDict", append=CallResult(make_name("functools.partial"), True)), ("plant", "functools.partial(…)", "unresolved")),
        (make_state_event("collections.OrderedDict", extend=make_name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (make_state_event("collections.OrderedDict", add=make_name("pkg.f")), ("plant", "pkg.f", "unlisted")),
        (make_state_event("functools.partial", **{"0": make_name("os.system")}), ("call", "os.system", "dangerous")),
        (make_state_event("functools.partial", **{"0": CallResult(make_name("pkg.C"), True)}), ("call", "pkg.C(…)", "unresolved")),
        (make_state_event("collections.defaultdict", default_factory=make_name("pkg.f")), ("call", "pkg.f", "unlisted")),
        (make_state_event("pkg.C", **{COMPUTED_KEY: make_name("collections.OrderedDict")}), ("plant", "collections.OrderedDict", "trusted")),
    ],
)  # fmt: skip
def test_subject_of_a_reported_pickle_act_states_act_name_and_standing(
    event: PickleEvent, expected: tuple[str, str, str]
) -> None:
    assert expected in judge_events(event)


@check_each(
    "name, key, value, is_planted",
    [
        # ``def __del__(self): self.close()`` calls a partial of a class that a file may only construct.
        ("known.Writer", "close", CallResult(make_name("functools.partial"), True), True),
        ("known.Writer", "close", CallResult(make_name("known.Layer"), True), True),
        ("known.Writer", "close", make_name("known.Layer"), True),
        ("known.Writer", "close", CallResult(make_name("collections.OrderedDict"), False), True),
        ("known.Writer", "close", CallResult(make_name("builtins.getattr"), True), True),
        ("known.Writer", "close", Unknown("x"), True),
        ("known.Writer", "close", PlainValue("True"), False),
        ("known.Writer", "close", CallResult(make_name("torch._utils._rebuild"), True), False),
        ("known.Writer", "act", CallResult(make_name("functools.partial"), True), False),
        ("known.Layer", "close", CallResult(make_name("functools.partial"), True), False),
        # ``dict.update`` calls ``keys`` of an object, and other methods call those of containers.
        ("known.Layer", "keys", CallResult(make_name("functools.partial"), True), True),
        ("collections.OrderedDict", "items", make_name("known.Layer"), True),
        ("known.Layer", "items", CallResult(make_name("collections.OrderedDict"), True), False),
    ],
)
def test_callable_under_the_name_of_a_method_that_loading_calls_is_planted(
    name: str, key: str, value: Value, is_planted: bool
) -> None:
    acts = {act for act, _, _ in judge_events(make_state_event(name, **{key: value}))}
    assert ("plant" in acts) is is_planted


def test_trusted_call_makes_no_subject_if_its_argument_is_a_partial_or_plain_data() -> None:
    assert not judge_events(
        make_call_event("collections.defaultdict", CallResult(make_name("functools.partial"), True))
    )
    assert not judge_events(make_call_event("collections.defaultdict", ContainerValue("tuple", ())))


def test_call_result_passed_as_a_callable_is_reported_unless_it_is_a_partial_that_gets_called() -> None:
    assert judge_events(make_call_event("collections.defaultdict", CallResult(make_name("pkg.f"), True)))
    assert judge_events(
        make_call_event("collections.defaultdict", CallResult(make_name("collections.OrderedDict"), True))
    )
    assert judge_events(make_call_event("copyreg._reconstructor", CallResult(make_name("functools.partial"), True)))


def test_pickled_state_with_ordinary_keys_and_trusted_values_makes_no_subject_on_a_trusted_object() -> None:
    dictionary = CallResult(make_name("collections.OrderedDict"), True)
    assert not judge_events(
        make_state_event("collections.OrderedDict", weights=dictionary, factory=make_name("collections.OrderedDict"))
    )
    assert not judge_events(make_state_event("functools.partial", **{"0": make_name("collections.OrderedDict")}))


def test_state_under_a_name_in_upper_case_plants_nothing_because_python_calls_no_such_name() -> None:
    # The state of sklearn_crfsuite holds the bytes of its model so.
    content = CallResult(make_name("_codecs.encode"), True)
    assert not judge_events(make_state_event("collections.OrderedDict", __FILE_RESOURCE_DATA__=content))
    assert judge_events(make_state_event("collections.OrderedDict", __call__=content))


@pytest.mark.parametrize("key", ["__array_interface__", "__cuda_array_interface__"])
def test_state_that_sets_an_attribute_through_which_numpy_reads_memory_is_reported(key: str) -> None:
    # The address of the memory, and whether it is read-only.
    interface = ContainerValue("dict", (("data", PlainValue("(140000000, False)")),))
    assert judge_events(make_state_event("collections.OrderedDict", **{key: interface}))


def test_dangerous_name_with_harmless_arguments_makes_no_subject() -> None:
    assert not judge_events(make_call_event("builtins.getattr", make_name("pkg.C"), PlainValue("'name'")))


def test_dangerous_name_is_reported_as_an_import_if_a_value_holds_it_after_a_harmless_call() -> None:
    getattr_ = make_name("builtins.getattr")
    events = (
        PickleEvent(Act.IMPORT, 0, "GLOBAL", getattr_),
        make_call_event("builtins.getattr", make_name("pkg.C"), PlainValue("'name'")),
    )
    only_called = PickleProgram("raw", (), events, 0)
    assert not list(build_pickle_subjects("a", only_called, CALLABLES))
    also_in_a_value = PickleProgram("raw", (), events, 0, (getattr_,))
    subjects = build_pickle_subjects("a", also_in_a_value, CALLABLES)
    assert [subject.fields["act"] for subject in subjects] == ["import"]


def test_torchscript_type_is_accepted_only_in_a_torchscript_archive_and_not_if_called() -> None:
    event = PickleEvent(Act.CONSTRUCT, 0, "NEWOBJ", Name("__torch__.module", "Net"))
    assert not list(build_pickle_subjects("a", PickleProgram("torchscript", (), (event,), 0), CALLABLES))
    assert list(build_pickle_subjects("a", PickleProgram("raw", (), (event,), 0), CALLABLES))
    called = PickleEvent(Act.CALL, 0, "REDUCE", Name("__torch__.module", "run"))
    assert list(build_pickle_subjects("a", PickleProgram("torchscript", (), (called,), 0), CALLABLES))


@check_each("act", [Act.IMPORT, Act.CONSTRUCT])
@check_each(
    "module, is_of_torchscript",
    [("__torch__", True), ("__torch__.a", True), ("__torch__evil", False), ("__torch__evil.a", False), ("a.__torch__", False)],
)  # fmt: skip
def test_module_belongs_to_torchscript_only_if_its_first_part_is_exactly_dunder_torch(
    act: Act, module: str, is_of_torchscript: bool
) -> None:
    program = PickleProgram("torchscript", (), (PickleEvent(act, 0, "GLOBAL", Name(module, "Net")),), 0)
    names = [subject.fields["name"] for subject in build_pickle_subjects("a", program, CALLABLES)]
    assert names == ([] if is_of_torchscript else [f"{module}.Net"])


def test_name_that_is_reported_as_a_call_is_not_also_reported_as_an_import() -> None:
    assert judge_events(PickleEvent(Act.IMPORT, 0, "GLOBAL", make_name("os.system")), make_call_event("os.system")) == [
        ("call", "os.system", "dangerous")
    ]


def test_evidence_gives_offset_opcode_and_arguments() -> None:
    (subject,) = judge_acts(make_call_event("os.system", PlainValue("'echo inert'")))
    assert subject.evidence == ("byte 7: REDUCE os.system('echo inert')",)
    assert subject.location.offset == 7


def test_text_that_shows_a_pickle_value_has_at_most_200_characters() -> None:
    assert len(format_value(ContainerValue("dict", tuple((str(n), PlainValue("y" * 100)) for n in range(100))))) <= 200


def test_line_breaks_in_a_pickled_name_are_escaped_in_messages(tmp_path):
    import modelaudit

    path = tmp_path / "model.pkl"
    # An object of the class "d\re" of the module "a\n\x1bbc".
    path.write_bytes(b"\x80\x04\x8c\x05a\n\x1bbc\x8c\x03d\re\x93)\x81.")
    report = modelaudit.scan(path, second_opinion=False)
    messages = [finding.message for finding in report.findings if finding.rule.startswith("pickle/")]
    assert messages
    assert all(message.isprintable() for message in messages)


# -- costs ------------------------------------------------------------------------------------------------------------


LINEAR = name("torch.nn.modules.linear.Linear")
COUNT = call("itertools.count")
LONG_RANGE = call("builtins.range", 10**11)
HUGE = 10**12


@check_each(
    "program",
    [
        call("builtins.list", COUNT),
        call("builtins.list", call("itertools.repeat", 0)),
        call("builtins.list", construct("itertools.repeat", 0, keywords={})),
        call("builtins.list", LONG_RANGE),
        call("builtins.list", call("builtins.range", 3)) + b"0" + call("builtins.list", LONG_RANGE),
        call("builtins.list", call("builtins.reversed", LONG_RANGE)),
        call("builtins.list", call("builtins.iter", name("builtins.int"), 1)),
        call("builtins.dict", call("builtins.enumerate", COUNT)),
        call("builtins.dict", [COUNT]),
        call("builtins.frozenset", call("builtins.zip", COUNT, COUNT)),
        call("builtins.set", call("ipaddress.IPv6Network", "::/0")),
        call("collections.Counter", COUNT),
        call("collections.deque", COUNT, 5),
        call("pandas.core.indexes.base.Index", [[[LONG_RANGE]]]),
        call("copyreg._reconstructor", name("builtins.list"), name("builtins.list"), COUNT),
        call("copyreg.__newobj_ex__", name("builtins.bytes"), (HUGE,), {}),
        call(call("functools.partial", name("builtins.list"), COUNT)),
        call(call("functools.partial", name("builtins.list")), COUNT),
        name("builtins.list") + call("builtins.tuple", [COUNT]) + b"R",
        name("builtins.bytes") + call("builtins.tuple", [HUGE]) + b"R",
        call("random.Random") + push((2, COUNT, None)) + b"b",
        call("builtins.bytearray", HUGE),
        construct("builtins.bytes", keywords={"source": HUGE}),
        call("builtins.bytearray", call("builtins.int", "1000000000000")),
        call("builtins.bytearray", call("builtins.int", "zzzzzzzz", 36)),
        call("torch.nn.modules.linear.Linear", 10**5, 10**6),
        call("scipy.sparse._csr.csr_matrix", (10**10, 10**10)),
        call("numpy.core.multiarray.scalar", call("numpy.dtype", "V2000000000")),
        call("fractions.Fraction", "1/3") + b"0" + call("fractions.Fraction", "1e1000000000"),
        call("fractions.Fraction", " 1E-1_000_000_000 "),
        call("fractions.Fraction", call("decimal.Decimal", "1E+999999999")),
        call("builtins.int", call("decimal.Decimal", (0, (1,), 999999999))),
        call("builtins.bytearray", "large", "ascii") + b"0" + call("builtins.bytearray", 10**12),
        call(call("functools.partial", LINEAR, 10**5), 10**6),
        call(call("functools.partial", LINEAR, 9), 8) + b"0" + call(call("functools.partial", LINEAR, 10**5), 10**6),
        call(call("functools.partial", call("functools.partial", LINEAR, 10**5), 10**6)),
        call(call("functools.partial", name("builtins.dict")) + push((LINEAR, (10**5, 10**6), {}, None)) + b"b"),
        call(call("functools.partial", name("builtins.dict")) + push((LINEAR, (10**5,), {}, None)) + b"b", 10**6),
    ],
)
def test_pickle_that_goes_through_an_endless_object_or_takes_a_huge_size_is_reported(
    program: bytes, read_bytes: ReadBytes
) -> None:
    assert find_acts(program, read_bytes) == ["exhaust"]


@check_each(
    "program",
    [
        COUNT,
        LONG_RANGE,
        push([COUNT, LONG_RANGE]),
        call("functools.partial", name("builtins.list"), COUNT),
        call("builtins.zip", COUNT, [1]),
        call("builtins.dict", call("builtins.zip", COUNT, call("builtins.enumerate", [1]))),
        call("collections.OrderedDict", [["counter", COUNT], ["rows", LONG_RANGE]]),
        call("types.SimpleNamespace") + push({"counter": COUNT}) + b"b",
        call("builtins.list", call("builtins.range", 1000, 100_000)),
        call("builtins.bytearray", [255] * 16),
        call("builtins.bytearray", "x" * 500, "latin-1"),
        call("builtins.int", "17"),
        call("decimal.Decimal", "12345678901234567890"),
        call("decimal.Decimal", "1E+999999999"),
        call("fractions.Fraction", "12345678901/12345678907"),
        call("builtins.int", call("decimal.Decimal", "1e3")),
        call("numpy.core.multiarray.scalar", call("numpy.dtype", "f8", False, True), b"C\x08" + bytes(8)),
        call("torch.nn.modules.linear.Linear", 768, 3072),
        call(call("functools.partial", LINEAR, 768), 3072),
        call("functools.partial", LINEAR, 10**5),
        call("torch.Size", (50257, 4096)),
        call("uuid.UUID", "12345678-1234-5678-1234-567812345678"),
    ],
)
def test_pickle_that_only_keeps_endless_objects_or_states_ordinary_numbers_is_not_reported(
    program: bytes, read_bytes: ReadBytes
) -> None:
    assert find_acts(program, read_bytes) == []


@check_each(
    "program",
    [
        call("logging.getLogger") + push({"disabled": True}) + b"b",
        call("logging.getLogger", "a") + push((None, {"level": 100})) + b"b",
        call("http.HTTPStatus", 200) + push({"_value_": 404}) + b"b",
        construct("uuid.SafeUUID", 0) + push({"_value_": 5}) + b"b",
        call("pytz._p", "Europe/Berlin") + push({"zone": "UTC"}) + b"b",
    ],
)
def test_state_set_on_an_object_that_the_process_shares_is_reported_as_overwriting(
    program: bytes, read_bytes: ReadBytes
) -> None:
    assert find_acts(program, read_bytes) == ["overwrite"]


@check_each(
    "program", [call("logging.getLogger", "a"), call("http.HTTPStatus", 200), call("logging.Logger", "a") + b"}b"]
)
def test_shared_object_without_a_state_and_a_new_object_with_one_are_not_reported(
    program: bytes, read_bytes: ReadBytes
) -> None:
    assert find_acts(program, read_bytes) == []


def test_shape_of_an_array_of_objects_without_as_many_objects_is_a_defect(read_bytes: ReadBytes) -> None:
    state = push((1, (10**10,), call("numpy.dtype", "O8", False, True), False, [None]))
    array = call("numpy.core.multiarray._reconstruct", name("numpy.ndarray"), (0,), b"C\x01b") + state + b"b"
    assert "forged-state" in read_bytes(b"\x80\x04" + array + b".").kinds()
