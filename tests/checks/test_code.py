from __future__ import annotations

from modelaudit.checks.code import describe_code
from modelaudit.checks.pickle import build_pickle_subjects
from modelaudit.model.catalogue import Callables
from modelaudit.model.pickle import Act, Name, PickleEvent, PickleProgram
from modelaudit.model.structure import CodeOutline

OUTLINE = CodeOutline(7, "<module>", "3.13", ("os",), ("system",), ("'echo'",), ("IMPORT_NAME os", "CALL"))
CALL = PickleEvent(Act.CALL, 7, "REDUCE", Name("marshal", "loads"))
OTHER = PickleEvent(Act.CALL, 9, "REDUCE", Name("pkg", "run"))


def test_description_of_a_code_object_is_a_summary_line_and_a_line_of_instructions() -> None:
    assert list(describe_code([OUTLINE])) == [
        "code object <module> (Python 3.13): imports os; uses system; constants 'echo'",
        "  IMPORT_NAME os; CALL",
    ]


def test_description_of_a_code_object_omits_unknown_parts() -> None:
    assert list(describe_code([CodeOutline(0, "f")])) == ["code object f: uses no names and no texts"]


def test_description_of_code_objects_is_bounded_in_lines_and_line_length() -> None:
    lines = list(describe_code([CodeOutline(0, "f", constants=("'x'" * 400,))] * 9))
    assert len(lines) == 7
    assert lines[-1] == "3 more code objects are inside it"
    assert max(map(len, lines)) == 400


def test_evidence_of_an_act_describes_no_code_object_of_another_act() -> None:
    program = PickleProgram("raw", (), (CALL, OTHER), 2, code_objects=(OUTLINE,))
    first, second = build_pickle_subjects("a", program, Callables({}, {}))
    assert any("imports os" in line for line in first.evidence)
    assert not any("code object" in line for line in second.evidence)


def test_evidence_of_a_call_that_loads_three_code_objects_describes_all_three() -> None:
    outlines = tuple(CodeOutline(7, name) for name in ("outer", "inner", "last"))
    program = PickleProgram("raw", (), (CALL,), 2, code_objects=outlines)
    (subject,) = build_pickle_subjects("a", program, Callables({}, {}))
    names = [line.split()[2] for line in subject.evidence if line.startswith("code object")]
    assert names == ["outer:", "inner:", "last:"]
