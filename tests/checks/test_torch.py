from __future__ import annotations

from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.checks.torch import build_torch_subjects
from modelaudit.checks.torch_storages import build_storage_subjects
from modelaudit.model.catalogue import Standing
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram
from modelaudit.model.structure import ArchiveListing, ArchiveMember, Defect, Unread, UnreadReason
from modelaudit.model.torch import NameUse, StorageClaim, TorchMention, TorchProgram

CATALOGUE = load_shipped()
SOURCE = "m.pt!m/code/__torch__.py"


def judge_programs(*programs: TorchProgram) -> set[tuple[str, str]]:
    """Return name and standing of each subject that the sources of one archive make."""
    subjects = build_torch_subjects([(SOURCE, program) for program in programs], (), CATALOGUE)
    return {(str(subject.fields["name"]), str(subject.fields["standing"])) for subject in subjects}


def make_program(use: NameUse, name: str, called: bool = True, **definitions: tuple[str, ...]) -> TorchProgram:
    """Return a source that names one thing on line 3, and that has these definitions."""
    return TorchProgram("torchscript", (TorchMention(use, name, 3, called),), **definitions)


@check_each(
    "use, name",
    [
        (NameUse.OPERATOR, "aten::relu"),
        (NameUse.OPERATOR, "prim::RaiseException"),
        (NameUse.OPERATOR, "quantized::linear"),
        (NameUse.OPERATOR, "torchvision::nms"),
        (NameUse.OPERATOR, "_operator.add"),
        (NameUse.OPERATOR, "torch.sym_int"),
        (NameUse.METHOD, "view"),
        (NameUse.METHOD, "unpack"),
        (NameUse.NAME, "print"),
        (NameUse.TYPE, "__torch__.torch.classes.quantized.LinearPackedParamsBase"),
        (NameUse.TYPE, "__torch__.torch.classes.rnn.CellParamsBase.__new__"),
        (NameUse.IMPORT, "builtins.list"),
        (NameUse.EXPRESSION, "Max"),
    ],
)
def test_trusted_name_in_torchscript_source_makes_no_subject(use: NameUse, name: str) -> None:
    assert not judge_programs(make_program(use, name))


@check_each(
    "use, name, standing",
    [
        (NameUse.OPERATOR, "aten::save", "dangerous"),
        (NameUse.OPERATOR, "aten::from_file", "dangerous"),
        (NameUse.OPERATOR, "prim::rpc_async", "dangerous"),
        (NameUse.OPERATOR, "mylib::run", "unlisted"),
        (NameUse.OPERATOR, "aten::_reshape_alias", "unlisted"),
        (NameUse.OPERATOR, "torch.a.b.os.system", "dangerous"),
        (NameUse.OPERATOR, "torch.nn.functional.relu", "unresolved"),
        (NameUse.METHOD, "frobnicate", "unlisted"),
        (NameUse.NAME, "frobnicate", "unlisted"),
        (NameUse.TYPE, "__torch__.a.Net", "unlisted"),
        (NameUse.TYPE, "__torch__.torch.classes.mylib.Thing", "unlisted"),
        (NameUse.TYPE, "__torch__.torch.classes.c10d.ProcessGroup", "dangerous"),
        (NameUse.IMPORT, "os.system", "dangerous"),
        (NameUse.IMPORT, "mypackage.Thing", "unlisted"),
        (NameUse.IMPORT, "functools.partial", "unlisted"),
        (NameUse.IMPORT, "catboost.core.CatBoost", "unlisted"),
        (NameUse.EXPRESSION, "eval", "unresolved"),
        (NameUse.IDENTIFIER, "x=1", "unresolved"),
        (NameUse.UNRESOLVED, "torch", "unresolved"),
    ],
)
def test_untrusted_name_in_torchscript_source_is_reported_with_its_standing(
    use: NameUse, name: str, standing: str
) -> None:
    shown = f".{name}" if use is NameUse.METHOD else name
    assert judge_programs(make_program(use, name)) == {(shown, standing)}


def test_types_and_methods_that_a_torchscript_archive_defines_are_accepted_if_not_dangerous() -> None:
    definitions = TorchProgram("torchscript", (), "__torch__.a", ("Net", "go"), ("__torch__.a.Net",))
    assert not judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.a.Net"))
    assert not judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.a.Net.__new__"))
    assert not judge_programs(definitions, make_program(NameUse.METHOD, "go"))
    assert judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.a.Other"))


def test_catboost_class_is_trusted_and_construct_only_without_argument_conditions() -> None:
    entry = CATALOGUE.callables.by_name["catboost.core.CatBoost"]
    assert entry.standing is Standing.TRUSTED
    assert entry.construct_only
    assert not entry.arguments


def test_torchscript_type_that_the_root_module_defines_is_accepted() -> None:
    definitions = TorchProgram("torchscript", (), "__torch__", (), ("__torch__.Net",))
    assert not judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.Net"))
    assert not judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.Net.__new__"))
    assert judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.Other"))


def test_type_that_is_named_like_the_root_module_does_not_cover_the_names_below_that_module() -> None:
    definitions = TorchProgram("torchscript", (), "__torch__", (), ("__torch__",))
    assert judge_programs(definitions, make_program(NameUse.TYPE, "__torch__.Net")) == {("__torch__.Net", "unlisted")}


def test_dangerous_method_name_is_reported_even_if_the_archive_defines_it() -> None:
    assert judge_programs(make_program(NameUse.METHOD, "save", defines=("save",))) == {(".save", "dangerous")}


def test_dangerous_method_name_is_only_unlisted_if_not_called_and_a_field_of_the_archive_has_it() -> None:
    assert judge_programs(make_program(NameUse.METHOD, "save", called=False)) == {(".save", "dangerous")}
    assert judge_programs(make_program(NameUse.METHOD, "save", called=False, fields=("save",))) == {
        (".save", "unlisted")
    }
    assert judge_programs(make_program(NameUse.METHOD, "save", called=True, fields=("save",))) == {
        (".save", "dangerous")
    }
    assert not judge_programs(make_program(NameUse.METHOD, "anything", called=False))


def test_custom_torch_class_makes_a_torch_subject_only_in_a_torchscript_archive() -> None:
    event = PickleEvent(Act.IMPORT, 0, "GLOBAL", Name("__torch__.torch.classes.mylib", "Thing"))
    for layout, expected in (("torchscript", 1), ("raw", 0)):
        subjects = build_torch_subjects([("m.pt!m/data.pkl", PickleProgram(layout, (), (event,), 0))], (), CATALOGUE)
        assert len(list(subjects)) == expected


def test_member_without_a_reader_makes_a_torch_subject_only_in_a_torch_archive() -> None:
    absence = Unread(UnreadReason.NO_READER, "no reader", format="ELF executable")
    for layout, expected in (("torch-export", 1), ("torchscript", 1), ("plain", 0)):
        listing = ArchiveListing("zip", layout, ())
        subjects = build_torch_subjects([("m.pt2", listing)], [("m.pt2!m/a.so", absence)], CATALOGUE)
        assert [subject.fields["format"] for subject in subjects] == ["ELF executable"] * expected


def find_contradiction_kinds(
    claim: StorageClaim, records: dict[str, int], *defects: str, pickle: str = "m/data.pkl"
) -> list[str]:
    """Return the kinds of contradictions between the storage that a pickle claims and the records of its archive.

    Args:
        claim: the storage.
        records: the size in bytes of each record, by its name.
        defects: the kinds of the defects of the archive.
        pickle: the name of the record with the pickle.
    """
    members = tuple(ArchiveMember(name, 0, size, size, "stored") for name, size in records.items())
    listing = ArchiveListing("zip", "torch-zip", members, tuple(Defect(kind, "") for kind in defects))
    program = PickleProgram("raw", (), (), 0, storages=(claim,))
    subjects = build_storage_subjects([("m.pt", listing), (f"m.pt!{pickle}", program)])
    return [str(subject.fields["kind"]) for subject in subjects]


# Six numbers of four bytes; a tensor uses them all.
FLOATS = StorageClaim("0", ("FloatStorage",), (6,), 4, tensor_end=24)


@check_each(
    "claim, size, kinds",
    [
        (FLOATS, 24, []),
        (FLOATS, 27, []),  # the rest is smaller than one number
        (FLOATS, 28, ["record-larger"]),
        (FLOATS, 23, ["record-smaller"]),
        (StorageClaim("0", ("FloatStorage",), (-1,), 4), 24, ["record-smaller"]),
        (StorageClaim("0", ("FloatStorage",), (6,), 4, tensor_end=25), 24, ["tensor-beyond-storage"]),
        (StorageClaim("0", ("FloatStorage",), (0,), 4, tensor_end=24), 0, []),
        (StorageClaim("0", ("FloatStorage", "LongStorage"), (6,), 4), 24, ["two-types"]),
        (StorageClaim("0", ("FloatStorage",), (6, 7), 4), 24, ["two-types"]),
        (StorageClaim("0", ("OddStorage",), (6,), None), 1, []),
        (StorageClaim("9", ("FloatStorage",), (6,), 4), 24, ["record-missing"]),
    ],
)
def test_storage_is_reported_if_it_contradicts_its_record_or_tensor_or_states_two_types_or_sizes(
    claim: StorageClaim, size: int, kinds: list[str]
) -> None:
    assert find_contradiction_kinds(claim, {"m/data/0": size}) == kinds


def test_storage_record_is_found_in_upper_case_and_in_the_folder_constants() -> None:
    assert find_contradiction_kinds(FLOATS, {"m/DATA/0": 24}, pickle="m/DATA.PKL") == []
    assert find_contradiction_kinds(FLOATS, {"m/constants/0": 24}) == []
    assert find_contradiction_kinds(FLOATS, {"m/traced_inputs/0": 0}, pickle="m/traced_inputs.pkl") == []
    assert find_contradiction_kinds(FLOATS, {}, pickle="m/notes.txt") == []


def test_missing_or_short_record_is_not_reported_if_the_archive_is_known_to_be_truncated() -> None:
    assert find_contradiction_kinds(FLOATS, {}, "directory-missing") == []
    assert find_contradiction_kinds(FLOATS, {"m/data/0": 3}, "truncated-member") == []


def test_number_of_subjects_for_storages_is_bounded() -> None:
    # Each storage has two sizes, which is a contradiction.
    claims = tuple(StorageClaim(str(number), ("FloatStorage",), (6, 7), 4) for number in range(1000))
    program = PickleProgram("raw", (), (), 0, storages=claims)
    assert len(list(build_storage_subjects([("m.pkl", program)]))) == 100
