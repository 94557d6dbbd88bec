"""Write a report as canonical JSON, and parse it again.

The canonical form is UTF-8 without a byte order mark, keys sorted by code points, an indent of two spaces, and one line
break at the end. Characters outside ASCII are not escaped, except for controls, format characters and line separators
(categories Cc, Cf, Zl and Zp of Unicode 15): these are JSON escapes with lower-case digits, so that they have no effect
on a terminal. So is the first character of ``##[``, ``##vso[`` and the like, which control a pipeline. The same report
always gives the same bytes, and the HTML page contains their SHA-256.

A string of a report may contain surrogates, from a file name that is not UTF-8 or from a damaged pickle. UTF-8 cannot
encode them, and parsers disagree about a lone ``udcff`` escape in JSON. In a string value the replacement character
is therefore an escape: U+FFFD and four hexadecimal digits encode a surrogate (``U+FFFD dcff`` for a byte ``ff`` that
was not UTF-8), and U+FFFD twice encodes U+FFFD. All JSON parsers agree on this form.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, SchemaSerializer

from modelaudit.model.copies import replace
from modelaudit.model.errors import ConfigurationError
from modelaudit.model.finding import CheckFamily, Finding
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import SCHEMA, ArtifactRecord, AuditReport
from modelaudit.model.verdict import CauseKind, Question, Verdict
from modelaudit.reports.canonical_json import Json, LazyText, encode_items, encode_parts, join_parts, split_batches
from modelaudit.reports.text import escape_unprintable

_SURROGATE_OR_ESCAPE = defer_pattern("[\ud800-\udfff\ufffd]")
"""A character that a string value cannot contain as itself: a surrogate, or U+FFFD, which begins an escape."""
_ESCAPE: Final = "\ufffd"
_ESCAPE_SEQUENCE = defer_pattern("\ufffd(\ufffd|d[89a-f][0-9a-f]{2})?")
"""U+FFFD with the code of a surrogate or a second U+FFFD; without either, the escape is invalid."""
_MOST_BYTES: Final = 1 << 28
"""Bytes of a saved report; a thousand findings take about a megabyte."""
_LARGE_FIELDS: Final[Mapping[str, Any]] = {"findings": True, "decision": {"coverage": {"artifacts": True}}}
"""The fields of a report whose length grows with the number of files."""
_REMEDY = (
    "if a newer modelaudit wrote it, install that version, else write it again with 'modelaudit scan TARGET -o json'"
)


def render_json(report: AuditReport) -> bytes:
    """Render a report in the canonical form."""
    return join_parts(_encode_report(report))


def compute_report_digest(report: AuditReport) -> str:
    """Compute the SHA-256 over the canonical form without sign-offs, as 64 lower-case hexadecimal digits.

    A sign-off binds this digest, so that the report with it and the report before it have the same one. Of a report
    without sign-offs it is the SHA-256 of the file that ``-o json`` writes.
    """
    digest = hashlib.sha256()
    for part in _encode_report(remove_signoffs(report)):
        digest.update(part)
    return digest.hexdigest()


def remove_signoffs(report: AuditReport) -> AuditReport:
    """Return a report without sign-offs and without the sentences on them."""
    controls = tuple(replace(each, signed=()) if each.signed else each for each in report.controls)
    return replace(report, signoffs=(), controls=controls)


def _encode_report(report: AuditReport) -> Iterator[bytes]:
    """Yield the canonical form of a report in parts. Each record and finding is converted when its part is written."""
    plain = get_report_adapter().dump_python(report, exclude=_LARGE_FIELDS)
    plain["findings"] = _convert_each(report.findings, Finding)
    plain["decision"]["coverage"]["artifacts"] = _convert_each(report.coverage.artifacts, ArtifactRecord)
    return encode_parts(plain, escape_surrogates)


def _convert_each(items: Sequence[object], kind: type) -> LazyText:
    """Return the JSON of values of the report, each with the type ``kind``."""
    return LazyText(map(_get_writer(kind).write, split_batches(items)), len(items))


class _Writer:
    """Writes values of one type in the canonical form, in compiled code where their text needs no change.

    Args:
        kind: the type of the values.
    """

    def __init__(self, kind: type) -> None:
        self._adapter: TypeAdapter[list[object]] = TypeAdapter(list[kind])  # type: ignore[valid-type]
        self._serializer = SchemaSerializer(_sort_fields(self._adapter.core_schema))

    def write(self, values: list[object]) -> str:
        """Return the canonical form of a list of values."""
        try:
            text = self._serializer.to_json(values, indent=2).decode()
        except PydanticSerializationError:  # a surrogate, which UTF-8 cannot encode
            text = _ESCAPE
        if _ESCAPE not in text:
            return text
        return encode_items(self._adapter.dump_python(values), escape_surrogates)


def _sort_fields(schema: Any) -> Any:
    """Return a schema of pydantic whose serializer writes the fields of dataclasses sorted by name.

    Raises:
        TypeError: a value may be a number with a fraction, which the serializer writes in another form.
    """
    if isinstance(schema, list):
        return [_sort_fields(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("float", "dict"):
        raise TypeError(f"a {schema['type']} has no fields to sort")
    copy = {key: _sort_fields(value) for key, value in schema.items()}
    if schema.get("type") == "dataclass":
        copy["fields"] = sorted(schema["fields"])
    elif schema.get("type") == "dataclass-args":
        copy["fields"] = sorted(copy["fields"], key=lambda field: str(field["name"]))
    return copy


def load_report(path: Path) -> AuditReport:
    """Load the report that an earlier scan saved as JSON.

    Raises:
        ConfigurationError: the file cannot be read, or is not such a report.
    """
    next_step = "name a report that `modelaudit scan TARGET -o json=FILE` saved"
    try:
        if path.is_fifo() and not os.path.realpath(path).startswith("/proc/"):
            raise ConfigurationError(f"{path}: is a pipe, which may never end; {next_step}")
        # Not all at once: a device has no end.
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}; {next_step}") from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{path}: has more than {_MOST_BYTES:,} bytes, too many for a report; {next_step}")
    try:
        report = parse_report(content)
        contradiction = _find_contradiction(report)
        if contradiction:
            raise _build_damage_error(contradiction)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    return report


def _find_contradiction(report: AuditReport) -> str:
    """Return how the verdict contradicts its causes, or the causes the findings; empty if they agree.

    The parts of a report are checked one by one as they are built. An edited report may have each in order.
    """
    verdicts = {cause.verdict for cause in report.decision.causes}
    worst = Verdict.FAIL if Verdict.FAIL in verdicts else report.decision.verdict
    if verdicts and (report.decision.verdict not in verdicts or report.decision.verdict is not worst):
        return f"the verdict {report.decision.verdict} is not the worst of the causes"
    for question, ruling in ((Question.LOAD, report.decision.load), (Question.USE, report.decision.use)):
        if ruling.verdict is Verdict.PASS and any(each.question is question for each in report.decision.causes):
            return f"the answer on {question} is pass, and a cause of the verdict is on it"
    counted: Counter[Question] = Counter()
    for finding in report.findings:
        if finding.acceptance is None and report.policy.rejects(finding):
            counted[Question.USE if finding.check is CheckFamily.LICENSE else Question.LOAD] += 1
    if not {CheckFamily.SECURITY, CheckFamily.INTEGRITY} & set(report.policy.checks):
        # The licence check alone does not answer the question whether to load.
        del counted[Question.LOAD]
    stated = {each.question: each.count for each in report.decision.causes if each.kind is CauseKind.FINDINGS}
    if stated != dict(counted):
        return (
            f"{counted.total()} findings break its policy, and the causes of the verdict count {sum(stated.values())}"
        )
    return ""


def parse_report(data: bytes) -> AuditReport:
    """Parse a report from JSON, in the canonical form or another.

    Raises:
        ConfigurationError: the bytes are not JSON or of another schema, or a value would be lost or changed by this
            version, or contradicts the rest of the report.
    """
    report = _read_canonical(data)
    return report if report is not None else _read_any_layout(data)


def _read_canonical(data: bytes) -> AuditReport | None:
    """Read a report that this version would write with exactly these bytes; ``None`` for any other.

    Compiled code reads it. The bytes show that no value was lost or changed, and that no key occurs twice.
    """
    if _ESCAPE.encode() in data:
        return None
    try:
        report = get_report_adapter().validate_json(data)
        datetime.fromisoformat(report.created)
        end = 0
        for part in _encode_report(report):
            begin, end = end, end + len(part)
            if data[begin:end] != part:
                return None
    except (RecursionError, ValueError):
        return None
    return report if end == len(data) and report.schema == SCHEMA else None


def _read_any_layout(data: bytes) -> AuditReport:
    """Read a report from JSON in any layout; ``parse_report`` documents the errors."""
    try:
        value: Json = json.loads(
            data.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates
        )
    except RecursionError:
        raise _build_damage_error("nested too deeply for a report") from None
    except ValueError as error:
        raise _build_damage_error(f"not JSON, {error}") from None
    schema = value.get("schema") if isinstance(value, dict) else None
    if schema != SCHEMA:
        stated = "no schema" if schema is None else f"the schema {escape_unprintable(str(schema), limit=80)!r}"
        raise ConfigurationError(f"The file states {stated}, and this version reads {SCHEMA!r}; {_REMEDY}.")
    try:
        given = _map_strings(value, _restore_surrogates)
        report = get_report_adapter().validate_python(given)
        datetime.fromisoformat(report.created)
    except RecursionError:
        raise _build_damage_error("nested too deeply for a report") from None
    except ValidationError as error:
        first_fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first_fault["loc"]))
        raise _build_damage_error(f"{place}: {first_fault['msg']}") from None
    except ValueError as error:
        raise _build_damage_error(str(error)) from None
    difference = _find_difference(given, _convert_to_json(report), "")
    if difference is not None:
        raise _build_damage_error(f"{difference} differs from the value that a scan would write")
    return report


def _build_damage_error(fault: str) -> ConfigurationError:
    return ConfigurationError(f"The file is not a valid report: {escape_unprintable(fault, limit=300)}; {_REMEDY}.")


@cache
def get_report_adapter() -> TypeAdapter[AuditReport]:
    """Return pydantic's adapter of the report; it is slow to build, so it is built on first use and kept."""
    return TypeAdapter(AuditReport)


@cache
def _get_writer(kind: type) -> _Writer:
    """Return the writer of a part of the report; it is built on first use and kept."""
    return _Writer(kind)


def _convert_to_json(report: AuditReport) -> Json:
    """Convert a report to mappings, sequences and plain values; tuples and enum members remain, as JSON allows them."""
    plain: Json = get_report_adapter().dump_python(report)
    return plain


def _refuse_duplicates(pairs: list[tuple[str, Json]]) -> Json:
    """Build the mapping of a JSON object. Raises ``ValueError`` if a key occurs twice."""
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return mapping


def _refuse_constant(word: str) -> Json:
    """Refuse ``NaN``, ``Infinity`` or ``-Infinity``, which Python reads and JSON does not have."""
    raise ValueError(f"{word} is not a JSON number")


def _map_strings(value: Json | tuple[Json, ...], change: Callable[[str], str]) -> Json:
    """Apply ``change`` to every string value at any depth; keys stay as they are, and tuples become lists."""
    if isinstance(value, str):
        # A member of a StrEnum becomes a plain string.
        return change(str(value))
    if isinstance(value, dict):
        return {key: _map_strings(each, change) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map_strings(each, change) for each in value]
    return value


def escape_surrogates(text: str) -> str:
    """Escape every surrogate and U+FFFD of a string value, as the module describes."""
    if text.isascii():
        return text

    def escape_match(match: re.Match[str]) -> str:
        character = match[0]
        return "\ufffd\ufffd" if character == "\ufffd" else f"\ufffd{ord(character):04x}"

    return _SURROGATE_OR_ESCAPE.sub(escape_match, text)


def _restore_surrogates(text: str) -> str:
    """Undo ``escape_surrogates``. Raises ``ValueError`` for a U+FFFD that escapes nothing."""

    def restore_match(match: re.Match[str]) -> str:
        code = match[1]
        if code is None:
            raise ValueError("a replacement character (U+FFFD) that escapes nothing")
        return "\ufffd" if code == "\ufffd" else chr(int(code, 16))

    return _ESCAPE_SEQUENCE.sub(restore_match, text)


def _find_difference(given: Json, understood: Json | tuple[Json, ...], place: str) -> str | None:
    """Find the first place where ``understood`` differs from ``given``; ``None`` if there is none.

    Args:
        given: the value in the file. It may omit fields with a default.
        understood: the same value, parsed and converted back.
        place: the path of both, such as ``findings.0.rule``; empty for the whole report.
    """
    if isinstance(given, dict) and isinstance(understood, dict):
        for key, value in given.items():
            inner_place = f"{place}.{key[:80]}" if place else key[:80]
            difference = _find_difference(value, understood[key], inner_place) if key in understood else inner_place
            if difference is not None:
                return difference
        return None
    if isinstance(given, list) and isinstance(understood, (list, tuple)) and len(given) == len(understood):
        for index, (value, other) in enumerate(zip(given, understood, strict=True)):
            difference = _find_difference(value, other, f"{place}.{index}")
            if difference is not None:
                return difference
        return None
    # In Python True == 1 and 1.0 == 1, but JSON and a scan write them differently; and 1e999 parses as infinity.
    is_same = given == understood and isinstance(given, bool) is isinstance(understood, bool)
    if isinstance(given, float):
        is_same = is_same and isinstance(understood, float) and math.isfinite(given)
    return None if is_same else place
