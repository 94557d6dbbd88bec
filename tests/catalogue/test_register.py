from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.catalogue.agreements import check_agreements
from modelaudit.catalogue.document import Document, parse_text
from modelaudit.catalogue.register import append_entry, fold_name, parse_register, read_register
from modelaudit.catalogue.register_file import build_register_schema
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.register import DecisionAnswer, DecisionSubject, RegisterEntry, SubjectKind
from modelaudit.model.terms import Intent, Purpose, Use

TODAY = date(2026, 1, 31)
SHA256 = "sha256:" + "5" * 64
ENTRY = f"""\
  - subject: {{finding: "0123456789abcdef"}}
    bound-to: {SHA256}
    answer: accept
    reason: It is inert.
    by: Jane Roe
    approved-by: Max Muster
    decided: 2026-01-30
    expires: 2026-12-31
"""
AGREEMENT = """\
  - subject: {agreement: [MIT], reference: C-17}
    model: acme/tiny
    permits: [user-cap]
    answer: accept
    reason: Signed.
    by: Jane Roe
    approved-by: Max Muster
    decided: 2026-01-30
    expires: 2026-12-31
"""
SIGN_OFF = f"""\
  - subject: {{model: acme/tiny}}
    bound-to: {SHA256}
    answer: approve
    report: sha256:{"6" * 64}
    content: sha256:{"7" * 64}
    role: CISO
    reason: Read.
    by: Jane Roe
    decided: 2026-01-30
    expires: 2026-12-31
"""


def parse(text: str) -> tuple[RegisterEntry, ...]:
    return parse_register(Document("d.yaml", text, parse_text(text, "d.yaml")), "decisions.yaml")


def change(old: str, new: str, entry: str = ENTRY) -> str:
    """Return a register of one entry with a part of it replaced."""
    assert old in entry
    return f"decisions:\n{entry.replace(old, new)}"


def test_entry_is_read_with_its_line_and_all_of_its_fields() -> None:
    (entry,) = parse(f"# ours\n\ndecisions:\n{ENTRY}")
    assert entry == RegisterEntry(
        "decisions.yaml:4",
        DecisionSubject(SubjectKind.FINDING, "0123456789abcdef"),
        SHA256,
        DecisionAnswer.ACCEPT,
        "It is inert.",
        "Jane Roe",
        "Max Muster",
        "2026-01-30",
        "2026-12-31",
    )
    assert parse("decisions:\n") == parse("decisions: []\n") == ()


@check_each(
    "text, message",
    [
        ("- a\n", "d.yaml:1: must be a mapping with the key 'decisions'"),
        ("", "d.yaml:1: must be a mapping with the key 'decisions'"),
        (
            f"version: 2\ndecisions:\n{ENTRY}",
            "d.yaml:1: version: is not a known key; a newer version of modelaudit may",
        ),
        (f"decision:\n{ENTRY}", "d.yaml:1: decision: is not a known key; did you mean decisions?"),
        (change("bound-to", "bount-to"), "d.yaml:3: decisions.0.bount-to: is not a known key; did you mean bound-to?"),
        (
            change("finding", "license"),
            "d.yaml:2: decisions.0.subject.license: is not a known key; did you mean licence?",
        ),
        (change("    expires: 2026-12-31\n", ""), "d.yaml:2: decisions.0.expires: is missing"),
        (change("    reason: It is inert.\n", ""), "decisions.0.reason: is missing"),
        (change("Jane Roe", "''"), "decisions.0.by: must not be empty"),
        (change("accept", "allow"), "d.yaml:4: decisions.0.answer: 'allow' is not one of accept, refuse"),
        (change("5" * 64, "5" * 63), "is not sha256: or terms: and 64 hexadecimal digits, or commit: and 40"),
        (change('"0123456789abcdef"', "1234567890123456"), "must be text; put it in quotes"),
        (change('"0123456789abcdef"', "0123"), "must be text; put it in quotes"),
        (change('"0123456789abcdef"', "abc"), "is not a fingerprint of 16 hexadecimal digits"),
        (change("2026-12-31", "2027-02-01"), "d.yaml:9: decisions.0.expires: 2027-02-01 must lie between 2026-01-30"),
        (change("2026-12-31", "2026-01-29"), "must lie between 2026-01-30 and 2027-01-31, at most a year later"),
        (change("2026-12-31", "2026-02-30"), "'2026-02-30' is not a day of the calendar"),
        (change("2026-12-31", "next year"), "is not a date such as 2026-01-31"),
        (change('{finding: "0123456789abcdef"}', "{}"), "names 0 of finding, rule, absence"),
        (change('{finding: "0123456789abcdef"}', "{model: a, licence: MIT}"), "names 2 of finding, rule, absence"),
        (change('{finding: "0123456789abcdef"}', "{rule: a/b}"), "the rule needs its artifact"),
        (change('{finding: "0123456789abcdef"}', "{licence: MIT, artifact: a}"), "a licence has no artifact"),
        (
            change('{finding: "0123456789abcdef"}', '{finding: "0123456789abcdef", reference: a}'),
            "decisions.0.subject.reference: only an agreement has a contract; remove the key",
        ),
        (
            f"decisions:\n{AGREEMENT.replace(', reference: C-17', '')}",
            "names its contract, such as reference: C-2026-17",
        ),
        (f"decisions:\n{AGREEMENT.replace('C-17', '17')}", "must be text; put it in quotes"),
        (f"decisions:\n{AGREEMENT.replace('[MIT]', '[]')}", "decisions.0.subject.agreement: must not be empty"),
        (f"decisions:\n{AGREEMENT.replace('[MIT]', '[a b]')}", "'a b' is not the id of a licence"),
        (f"decisions:\n{AGREEMENT.replace('    permits: [user-cap]', '    permits: []')}", "names the clauses that it"),
        (change("    bound-to: ", "    model: a  # "), "decisions.0.bound-to: is missing"),
        (change('{finding: "0123456789abcdef"}', "{absence: asleep, artifact: a}"), "'asleep' is not one of no-reader"),
        (
            change('{finding: "0123456789abcdef"}', "{agreement: MIT}").replace("accept\n", "refuse\n"),
            "an agreement cannot be refused",
        ),
        (f"decisions:\n{ENTRY}{ENTRY}", "d.yaml:10: decisions.1: repeats decisions.yaml:2"),
        (
            f"decisions:\n{ENTRY}{ENTRY.replace('accept', 'refuse', 1)}",
            "d.yaml:10: decisions.1: contradicts decisions.yaml:2, on the same subject and day; remove one",
        ),
        (change("    approved-by: Max Muster\n", ""), "d.yaml:2: decisions.0.approved-by: is missing"),
        (change("answer: accept", "answer: approve"), "answer: approve signs off a model, and this is a finding"),
        (change("answer: approve", "answer: accept", SIGN_OFF), "decisions.0.report: only a sign-off has it"),
        (change("model: acme", "licence: acme", SIGN_OFF), "decisions.0.report: only a sign-off has it"),
        (
            change(f"    content: sha256:{'7' * 64}\n", "", SIGN_OFF),
            "d.yaml:2: decisions.0.content: is missing; `modelau",
        ),
        (change(f"    report: sha256:{'6' * 64}\n", "", SIGN_OFF), "decisions.0.report: is missing"),
        (change("6" * 64, "6" * 63, SIGN_OFF), "is not sha256: and 64 hexadecimal digits"),
        (change(SHA256, f"commit:{'5' * 40}", SIGN_OFF), "a sign-off binds the bytes of the model; write sha256:"),
        (change("    decided", "    approved-by: JANE ROE\n    decided", SIGN_OFF), "another person must approve it"),
        (change("2026-12-31", "2028-01-01", SIGN_OFF), "at most a year later"),
        (f"decisions:\n{SIGN_OFF}{SIGN_OFF}", "d.yaml:12: decisions.1: repeats decisions.yaml:2"),
        (f"decisions:\n{SIGN_OFF}{SIGN_OFF.replace('approve', 'refuse')}", "decisions.1: contradicts decisions.yaml:2"),
    ],
)
def test_wrong_register_is_refused_with_its_line_and_the_fault(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(text)
    assert message in str(raised.value)


def test_register_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"missing\.yaml: cannot be read"):
        read_register(tmp_path / "missing.yaml")


@check_each(
    "entry, message",
    [
        (AGREEMENT, ""),
        (AGREEMENT.replace("[MIT]", "MIT"), ""),
        (AGREEMENT.replace("[MIT]", "[MIT, LicenseRef-Gemma]"), ""),
        (AGREEMENT.replace("[MIT]", "LicenseRef-Gemma").replace("    model: acme/tiny\n", ""), ""),
        (
            AGREEMENT.replace("[MIT]", "[LicenseRef-Gema]"),
            "'LicenseRef-Gema' is not a licence of the rule set; did you mean",
        ),
        (AGREEMENT.replace("    model: acme/tiny\n", ""), "many owners use MIT, so name the model whose owner signed"),
        (AGREEMENT.replace("user-cap", "user-cpa"), "'user-cpa' is no kind of clause; did you mean user-cap?"),
        (AGREEMENT.replace("user-cap", "use-policy"), "no agreement lifts use-policy; use those of no-commercial-use"),
        (AGREEMENT.replace("user-cap", "keep-notices"), "no agreement lifts keep-notices"),
    ],
)
def test_agreement_that_can_have_no_effect_is_refused_with_its_line(entry: str, message: str) -> None:
    rules = load_shipped()
    entries = parse(f"decisions:\n{entry}")
    if not message:
        check_agreements(entries, rules.clauses, rules.licenses)
        return
    with pytest.raises(ConfigurationError) as raised:
        check_agreements(entries, rules.clauses, rules.licenses)
    assert str(raised.value).startswith("decisions.yaml:2: ") and message in str(raised.value)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).map(str.strip).filter(bool)
SUBJECTS = st.one_of(
    st.builds(DecisionSubject, st.just(SubjectKind.FINDING), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
    st.builds(DecisionSubject, st.just(SubjectKind.RULE), st.just("pickle/dangerous-call"), TEXTS),
    st.builds(DecisionSubject, st.just(SubjectKind.ABSENCE), st.just("no-reader"), st.one_of(st.just(""), TEXTS)),
    st.builds(DecisionSubject, st.sampled_from([SubjectKind.LICENCE, SubjectKind.MODEL]), TEXTS),
    st.builds(
        DecisionSubject,
        st.just(SubjectKind.AGREEMENT),
        st.sampled_from(["MIT", "LicenseRef-Gemma, CC-BY-NC-4.0"]),
        reference=TEXTS,
    ),
)
ENTRIES = st.builds(
    RegisterEntry,
    st.just(""),
    SUBJECTS,
    st.from_regex(r"sha256:[0-9a-f]{64}|commit:[0-9a-f]{40}", fullmatch=True),
    st.sampled_from((DecisionAnswer.ACCEPT, DecisionAnswer.REFUSE)),
    TEXTS,
    TEXTS,
    TEXTS,
    st.just("2026-01-30"),
    st.dates(date(2026, 1, 30), TODAY.replace(year=2027)).map(str),
    st.one_of(st.just(""), TEXTS),
).filter(lambda each: fold_name(each.by) != fold_name(each.approved_by))
AMOUNTS = st.one_of(st.none(), st.integers(0, 10**12).map(float), st.floats(0, 1e9))
USES = st.builds(
    Intent,
    st.dictionaries(st.sampled_from(Use), st.booleans()),
    AMOUNTS,
    AMOUNTS,
    st.lists(st.sampled_from(["EU", "NO", "WORLD"]), unique=True).map(tuple),
    st.sampled_from(["", "medical-advice"]),
    st.sampled_from([None, *Purpose]),
)


@check_each(
    "name, is_same",
    [
        ("jane  ROE", True),
        ("Jane Roe\u200b", True),
        ("Ja\u00adne\ufe0f Roe", True),
        ("\uff2aane Roe", True),
        ("Jane Roe.", True),
        ("\u3164Jane Roe", True),
        ("Jane Rowe", False),
        ("Jan\u00e9 Roe", False),
    ],
)
def test_name_of_a_person_is_the_same_in_another_spelling(name: str, is_same: bool) -> None:
    assert (fold_name(name) == fold_name("Jane Roe")) is is_same


@given(
    use=USES,
    entries=st.lists(ENTRIES, min_size=1, max_size=4, unique_by=lambda each: (each.subject, each.bound_to)),
    start=st.sampled_from(
        ["", "# ours\r\ndecisions:\n", f"decisions:\n{ENTRY}", ENTRY.join(["decisions:\n# a\n", "# b"])]
    ),
)
def test_appended_entries_are_read_as_they_were_written_and_the_text_before_them_stays(
    entries: list[RegisterEntry], start: str, use: Intent
) -> None:
    entries = [replace(each, use=use) if each.subject.kind.has_use else each for each in entries]
    entries = [
        replace(each, permits=("user-cap",), answer=DecisionAnswer.ACCEPT, bound_to=each.bound_to if use.uses else "")
        if each.subject.kind is SubjectKind.AGREEMENT
        else each
        for each in entries
    ]
    text = start
    known = len(parse(start)) if start else 0
    for entry in entries:
        extended = append_entry(text, entry, "d.yaml")
        assert extended.startswith(text)
        text = extended
    read = [replace(each, place="") for each in parse(text)[known:]]
    expected = [
        replace(each, model=each.subject.name) if each.subject.kind is SubjectKind.MODEL else each for each in entries
    ]
    assert read == expected


@check_each("text", ["decisions: []\n", "decisions: [\n]\n", "decisions:\nmore: 1\n", "- a\n", "decisions:\n...\n"])
def test_register_with_another_layout_is_left_alone(text: str) -> None:
    (entry,) = parse(f"decisions:\n{ENTRY}")
    with pytest.raises(ConfigurationError, match="nothing can be appended behind its last line"):
        append_entry(text, entry, "d.yaml")


def test_name_that_is_not_utf_8_is_refused_with_the_next_step() -> None:
    (entry,) = parse(f"decisions:\n{ENTRY}")
    subject = DecisionSubject(SubjectKind.RULE, "pickle/dangerous-call", "a\udcff.pkl")
    with pytest.raises(ConfigurationError, match="name the finding by its fingerprint"):
        append_entry("", replace(entry, subject=subject), "d.yaml")


def test_schema_accepts_what_is_written_and_refuses_what_is_refused() -> None:
    schema = json.loads(build_register_schema())
    from jsonschema import Draft202012Validator  # seconds to import

    validator = Draft202012Validator(schema)
    (entry,) = parse(f"decisions:\n{ENTRY}")
    text = append_entry(f"decisions:\n{ENTRY}", replace(entry, subject=DecisionSubject(SubjectKind.MODEL, "m")), "d")
    # PyYAML reads a day as a date, and the subset of the register as text.
    assert list(validator.iter_errors(yaml.load(text, yaml.BaseLoader))) == []
    for wrong in ('bount-to: "x"', "answer: allow", "subject: {model: a, licence: MIT}", "subject: {rule: a/b}"):
        value = yaml.load(f"decisions:\n{ENTRY}", yaml.BaseLoader)
        value["decisions"][0] |= yaml.load(wrong, yaml.BaseLoader)
        assert list(validator.iter_errors(value)), wrong
    for contract, is_valid in (
        (AGREEMENT, True),
        (AGREEMENT.replace("[MIT]", "MIT"), True),
        (AGREEMENT.replace(", reference: C-17", ""), False),
        (AGREEMENT.replace("[MIT]", "[]"), False),
        (AGREEMENT.replace("agreement: [MIT], reference: C-17", "licence: MIT"), False),
    ):
        value = yaml.load(f"decisions:\n{contract}", yaml.BaseLoader)
        assert validator.is_valid(value) is is_valid, contract
    for sign_off, is_valid in (
        (SIGN_OFF, True),
        (SIGN_OFF.replace("    role: CISO\n", ""), True),
        (ENTRY.replace("    approved-by: Max Muster\n", ""), False),
        (ENTRY.replace("accept", "approve"), False),
        (ENTRY.replace("    by: ", "    role: CISO\n    by: "), False),
        (SIGN_OFF.replace(f"    content: sha256:{'7' * 64}\n", ""), False),
    ):
        value = yaml.load(f"decisions:\n{sign_off}", yaml.BaseLoader)
        assert validator.is_valid(value) is is_valid, sign_off


def test_sign_offs_of_several_persons_and_reports_lie_beside_an_acceptance_and_are_written_as_they_are_read() -> None:
    others = (
        SIGN_OFF.replace("by: Jane Roe", "by: Law"),
        SIGN_OFF.replace("7" * 64, "8" * 64),
        ENTRY.replace('{finding: "0123456789abcdef"}', "{model: acme/tiny}"),
    )
    text = f"decisions:\n{SIGN_OFF}"
    for other in others:
        text = append_entry(text, parse(f"decisions:\n{other}")[0], "d.yaml")
    entries = parse(text)
    assert [each.signed.content[0] for each in entries if each.signed] == ["7", "7", "8"]
    assert [entry.approved_by for entry in entries] == ["", "", "", "Max Muster"]
    assert replace(entries[1], place="") == replace(parse(f"decisions:\n{others[0]}")[0], place="")
