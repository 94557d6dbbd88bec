from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reports.license_examples import (
    build_conflicting_conclusion,
    build_denied_conclusion,
    build_hostile_conclusion,
    build_plain_conclusion,
)
from support.cases import check_each
from support.fixtures import FIXTURES

import modelaudit
from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.license import LicenseConclusion
from modelaudit.model.report import SCHEMA, AuditReport
from modelaudit.model.verdict import Verdict
from modelaudit.reports.canonical_json import LazyList, encode_canonical
from modelaudit.reports.cyclonedx import render_cyclonedx
from modelaudit.reports.json_report import (
    compute_report_digest,
    escape_surrogates,
    get_report_adapter,
    load_report,
    parse_report,
    render_json,
)

UNPRINTABLE_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
# Hypothesis may use one report for all examples, since a report cannot be changed.
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text('a"\\\n\x7f\u202eé'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"é'), inner, max_size=3),
)
SAME_REPORT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


def test_parsed_report_equals_original(any_report: AuditReport) -> None:
    data = render_json(any_report)
    assert parse_report(data) == any_report
    assert render_json(parse_report(data)) == data


def test_json_report_has_the_documented_canonical_form(any_report: AuditReport) -> None:
    data = render_json(any_report)
    value = json.loads(data)
    assert value["schema"] == SCHEMA
    assert encode_canonical(value) == data
    plain = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    escaped = [json.dumps(each).strip('"') if is_escaped_character(each) else each for each in plain]
    assert data.decode() == "".join(escaped)
    assert compute_report_digest(any_report) == hashlib.sha256(data).hexdigest()


@given(value=JSON_VALUES)
def test_canonical_form_of_any_json_value_equals_that_of_the_standard_library_but_for_unprintable_characters(
    value: Any,
) -> None:
    plain = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    assert encode_canonical(value).decode() == plain.replace("\x7f", "\\u007f").replace("\u202e", "\\u202e")


@given(values=st.lists(JSON_VALUES, max_size=200))
def test_long_list_has_the_same_canonical_form_as_a_plain_one(values: list[Any]) -> None:
    long = {"b": [LazyList(values, len(values))], "a": LazyList(values, len(values))}
    assert encode_canonical(long) == encode_canonical({"b": [values], "a": values})


@pytest.mark.parametrize("text", ["plain", "\ufffd", "caf\udce9", "\u202e \x7f ##[error]", "\U0001f600 \x00 \\"])
def test_findings_and_records_have_the_canonical_form_whatever_their_text(text: str, failing: AuditReport) -> None:
    findings = tuple(replace(each, message=text, evidence=(text,)) for each in failing.findings)
    records = tuple(replace(each, path=f"{text}{each.path}") for each in failing.coverage.artifacts)
    coverage = replace(failing.coverage, artifacts=records)
    report = replace(failing, findings=findings, decision=replace(failing.decision, coverage=coverage))
    plain = get_report_adapter().dump_python(report)
    assert render_json(report) == encode_canonical(plain, escape_surrogates)
    assert parse_report(render_json(report)) == report


@pytest.mark.parametrize(
    ("value", "error"), [(float("nan"), ValueError), ([float("inf")], ValueError), (b"a", TypeError)]
)
def test_value_that_json_cannot_express_has_no_canonical_form(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        encode_canonical({"a": value})


def is_escaped_character(character: str) -> bool:
    """Whether only the canonical form escapes a character; ``json.dumps`` itself escapes the ASCII controls."""
    return unicodedata.category(character) in UNPRINTABLE_CATEGORIES and not character.isascii()


@SAME_REPORT
@given(text=st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\ufffd\udcff\ud83d\udca9d0123\\u"))))
def test_any_string_in_a_report_survives_the_round_trip_through_json(text: str, passing: AuditReport) -> None:
    report = replace(passing, target=replace(passing.target, requested=text))
    assert parse_report(render_json(report)) == report


def test_lone_surrogates_are_written_to_json_in_a_portable_escape(passing: AuditReport) -> None:
    """The escape is U+FFFD with the four digits of the surrogate; U+FFFD itself is doubled."""
    report = replace(passing, target=replace(passing.target, name="caf\udce9 \ufffd \ud83d\udca9"))
    data = render_json(report)
    assert json.loads(data)["target"]["name"] == "caf\ufffddce9 \ufffd\ufffd \ufffdd83d\ufffddca9"
    assert b"\\ud" not in data
    assert parse_report(data).target.name == "caf\udce9 \ufffd \ud83d\udca9"


def test_json_report_and_bill_of_materials_escape_unprintable_characters(passing: AuditReport) -> None:
    characters = map(chr, range(0x7F, 0x110000))
    unprintable = [each for each in characters if unicodedata.category(each) in UNPRINTABLE_CATEGORIES]
    name = "".join(unprintable) + "caf\xe9 \U0001f600"
    report = replace(passing, target=replace(passing.target, name=name))
    for data in (render_json(report), render_cyclonedx(report)):
        categories = {unicodedata.category(character) for character in data.decode().replace("\n", "")}
        assert not categories & UNPRINTABLE_CATEGORIES
    text = render_json(report).decode()
    assert all(
        form in text for form in ("\\u007f", "\\u009b", "\\u202e", "\\u200b", "\\udb40\\udc41", "caf\xe9 \U0001f600")
    )
    assert parse_report(text.encode()) == report


def test_json_report_with_another_layout_or_a_byte_order_mark_is_parsed(failing: AuditReport) -> None:
    value = json.loads(render_json(failing))
    assert parse_report(json.dumps(value).encode()) == failing
    assert parse_report(b"\xef\xbb\xbf" + json.dumps(value, indent=7).encode()) == failing


def test_report_without_an_optional_field_is_parsed_with_its_default(failing: AuditReport) -> None:
    value = json.loads(render_json(replace(failing, opinions=())))
    del value["target"]["notes"]
    assert parse_report(json.dumps(value).encode()).target.notes == ()


def _build_change(*path: str | int, to: object) -> Callable[[Any], None]:
    """Return a function that sets the value at a path of keys and indices in a JSON value."""

    def set_value(value: Any) -> None:
        *parents, last = path
        for step in parents:
            value = value[step]
        value[last] = to

    return set_value


DAMAGE: dict[str, Callable[[Any], None]] = {
    "another schema": _build_change("schema", to="modelaudit/report/v2"),
    "no schema": lambda value: value.pop("schema"),
    "a verdict that does not exist": _build_change("decision", "verdict", to="fine"),
    "a pass over what was not read": _build_change("decision", "verdict", to="pass"),
    "an examined file with an absence": _build_change("decision", "coverage", "artifacts", 3, "extent", to="examined"),
    "a field that is not known": _build_change("target", "colour", to="red"),
    "a fingerprint that is not the finding's": _build_change("findings", 0, "fingerprint", to="0" * 16),
    "a field that is missing": lambda value: value["target"].pop("origin"),
    "a size in words": _build_change("decision", "coverage", "artifacts", 0, "size", to="7714"),
    "a size that is not a whole number": _build_change("decision", "coverage", "artifacts", 0, "size", to=7714.0),
    "true for 1": _build_change("findings", 5, "location", "line", to=True),
    "a digest of the wrong length": _build_change(
        "decision", "coverage", "artifacts", 0, "digests", 0, "value", to="ab"
    ),
    "a time that is none": _build_change("created", to="yesterday"),
    "a lone replacement character": _build_change("target", "name", to="a\ufffdb"),
    "a control character in a damaged word": _build_change("decision", "verdict", to="\x1b[2J\n\udcff"),
}


@pytest.mark.parametrize("damage", list(DAMAGE))
def test_damaged_report_is_refused_in_one_line(damage: str, failing: AuditReport) -> None:
    value = json.loads(render_json(failing))
    DAMAGE[damage](value)
    with pytest.raises(ConfigurationError) as caught:
        parse_report(json.dumps(value).encode())
    message = str(caught.value)
    assert message.isprintable()
    assert "modelaudit scan" in message


@check_each(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'"' + SCHEMA.encode() + b'"',
        b"[" * 100_000,
        b'{"schema": "\x1b[31m"}',
        b'{"schema": "modelaudit/report/v1", "schema": "modelaudit/report/v1"}',
        b'{"schema": "modelaudit/report/v1"}',
        b'{"schema": "modelaudit/report/v1", "nested": ' + b"[" * 800 + b"]" * 800 + b"}",
        b'{"schema": NaN}',
        b'{"schema": ' + b"9" * 10_000 + b"}",
        b"<!DOCTYPE html>",
    ],
)
def test_data_that_is_not_a_report_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_report(data)
    assert str(caught.value).isprintable()


@SAME_REPORT
@given(data=st.data())
def test_mutated_report_is_parsed_or_is_a_configuration_error(data: st.DataObject, failing: AuditReport) -> None:
    mutated = bytearray(render_json(failing))
    start = data.draw(st.integers(0, len(mutated) - 1))
    length = data.draw(st.integers(0, 40))
    mutated[start : start + length] = data.draw(st.binary(max_size=8))
    try:
        report = parse_report(bytes(mutated))
    except ConfigurationError as error:
        assert str(error).isprintable()
    else:
        assert report.decision.verdict is not Verdict.PASS
        assert parse_report(render_json(report)) == report


@check_each(
    "edit, fault",
    [
        ({"verdict": "pass", "causes": []}, "findings break its policy, and the causes of the verdict count 0"),
        ({"verdict": "review"}, "the verdict review is not the worst of the causes"),
        (
            {"verdict": "fail", "load": {"verdict": "pass", "reason": "fine"}},
            "the answer on load is pass, and a cause of the verdict is on it",
        ),
    ],
)
def test_saved_report_that_contradicts_itself_is_refused(tmp_path: Path, edit: dict[str, Any], fault: str) -> None:
    scanned = modelaudit.scan(str(FIXTURES / "pickle/malicious/os-system.pkl"), offline=True, second_opinion=False)
    saved = tmp_path / "report.json"
    saved.write_bytes(render_json(scanned))
    assert load_report(saved) == scanned
    document = json.loads(saved.read_text())
    document["decision"] |= edit
    if edit["verdict"] == "pass":
        document["decision"]["load"] = {"verdict": "pass", "reason": "1 file examined."}
    saved.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError) as raised:
        load_report(saved)
    assert fault in str(raised.value) and str(raised.value).startswith(f"{saved}: The file is not a valid report")


def test_report_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelaudit.reports.json_report._MOST_BYTES", 1 << 16)
    with pytest.raises(ConfigurationError, match="/dev/zero: has more than 65,536 bytes"):
        load_report(Path("/dev/zero"))


def test_license_conclusion_survives_the_round_trip_through_json(passing: AuditReport, hostile: AuditReport) -> None:
    conclusions: list[LicenseConclusion] = [
        build_plain_conclusion(),
        build_conflicting_conclusion(),
        build_denied_conclusion(),
        build_hostile_conclusion(hostile.target.name, hostile.target.name * 50),
    ]
    for conclusion in conclusions:
        report = replace(passing, license=conclusion)
        data = render_json(report)
        assert parse_report(data) == report
        assert render_json(parse_report(data)) == data


@pytest.mark.parametrize("figure", ['"many"', "true", "1e999", "-1e999"])
def test_report_with_invalid_number_of_users_is_refused(figure: str, passing: AuditReport) -> None:
    data = render_json(replace(passing, license=build_conflicting_conclusion())).decode()
    assert data.count('"monthly_active_users": 5000000.0') == 1
    changed = data.replace('"monthly_active_users": 5000000.0', f'"monthly_active_users": {figure}')
    with pytest.raises(ConfigurationError, match="monthly_active_users"):
        parse_report(changed.encode())
