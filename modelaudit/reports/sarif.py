"""Render the report as SARIF 2.1.0 (OASIS, errata 01) within the limits of GitHub's code scanning.

A result is at the line of the user's own code or policy that names the model, if the report knows one, and otherwise at
the file in the model, as a relative URI. The address in the model is the logical location. GitHub ignores suppressions,
so the format ``sarif`` leaves accepted results out, and ``sarif-all`` sends them with a suppression.

Sources: SARIF 2.1.0, sections 3.14 (run), 3.27 (result), 3.29 (physical location), 3.33 (logical location) and 3.35
(suppression); GitHub, "SARIF support for code scanning" and "Troubleshooting SARIF uploads".
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from modelaudit.model.acceptance import AcceptanceSource
from modelaudit.model.address import file_of, read_file_path
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.report import Anchor, AuditReport, Target
from modelaudit.model.wording import TIME_FORMAT
from modelaudit.reports.answers import describe_exit_code, list_rulings
from modelaudit.reports.canonical_json import Json, LazyList, encode_canonical
from modelaudit.reports.decision_words import describe_attention, describe_ended, list_decided, list_ended
from modelaudit.reports.markdown import make_slug
from modelaudit.reports.results import Result, count_settled, list_results
from modelaudit.reports.sarif_rules import LEVELS, build_rule, name_rule
from modelaudit.reports.text import escape_name, escape_unprintable
from modelaudit.reports.view import get_heading
from modelaudit.reports.wording import count_noun, describe_acceptance, describe_place, format_sentence

MAX_RESULTS: Final = 25_000
MAX_COMPRESSED_BYTES: Final = 9_000_000
"""GitHub takes 10 MB, compressed by gzip; the rest is for the rules and for a difference of compression levels."""
MAX_LOCATIONS: Final = 1_000
"""For each result; of more lines that name the model, the first are kept."""

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MAX_CHARACTERS: Final = 1_000
"""Of a message or a name, before it is escaped."""
_MAX_EVIDENCE_LINES: Final = 8
_MAX_EVIDENCE_CHARACTERS: Final = 300
_LINK: Final = defer_pattern(r"\[([^\[\]]*)\]\(")
_MAX_LINE: Final = 2**31 - 1
"""Many readers of SARIF keep a line in 32 bits."""


def render_sarif(report: AuditReport, model: str = "") -> bytes:
    """Render the results that nothing accepts."""
    return _render(report, model or get_heading(report.target), with_accepted=False)


def render_sarif_all(report: AuditReport, model: str = "") -> bytes:
    """Render all results; one that does not gate has a suppression."""
    return _render(report, model or get_heading(report.target), with_accepted=True)


def _render(report: AuditReport, model: str, with_accepted: bool) -> bytes:
    """Render as many of the results as GitHub takes, worst first, and count the others in a notification."""
    results, total, settled = _select_results(report, with_accepted)
    rules, indices = _collect_rules(report, results)
    builder = _ResultBuilder(report.target, indices, with_accepted)
    kept = _count_fitting(builder, results)
    notes = [*(ruling.reason for _, ruling in list_rulings(report)), *report.target.notes]
    if kept < total:
        left_out = count_noun(total - kept, "less severe result")
        notes.append(f"{left_out} left out, because GitHub takes no more; the JSON report has them.")
    attention = describe_attention(report)
    if settled:
        notes.append(f"{settled} left out; the format sarif-all has them.{f' {attention}.' if attention else ''}")
    elif attention:
        notes.append(format_sentence(attention))
    notes += [format_sentence(each) for each in list_decided(report)]
    notes += [f"{each.place}: {describe_ended(each)}" for each in list_ended(report)]
    run: dict[str, Json] = {
        "automationDetails": {"id": f"modelaudit/{make_slug(model)}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_build_invocation(report, notes)],
        "properties": _build_properties(report, model),
        "results": LazyList(map(builder.build, results[:kept]), kept),
        "tool": {"driver": {"name": "modelaudit", "version": _cut(report.tool.version), "rules": rules}},
    }
    return encode_canonical({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _select_results(report: AuditReport, with_accepted: bool) -> tuple[list[Result], int, str]:
    """Return the results to write, their number without the limit, and how many that do not gate are left out.

    All others are freed here: they would take the memory of the file itself.
    """
    results = list_results(report)
    if with_accepted:
        return results[:MAX_RESULTS], len(results), ""
    gating = [each for each in results if not each.is_settled]
    return gating[:MAX_RESULTS], len(gating), count_settled(results)


def _build_invocation(report: AuditReport, notes: Sequence[str]) -> Json:
    """Build the invocation with the exit code; each of ``notes`` becomes a notification."""
    ended = datetime.fromisoformat(report.created).astimezone(UTC)
    return {
        "endTimeUtc": ended.strftime(TIME_FORMAT),
        "executionSuccessful": True,
        "exitCode": report.exit_code,
        "exitCodeDescription": describe_exit_code(report),
        "toolExecutionNotifications": [{"level": "note", "message": {"text": _write_message(note)}} for note in notes],
    }


def _build_properties(report: AuditReport, model: str) -> Json:
    """Build the properties of the run: the model, the policy, the rule set and the verdict."""
    decision, target = report.decision, report.target
    return {
        "model": _cut(model),
        "commit": _cut(target.commit or ""),
        "policy": _cut(report.policy.name),
        "rules": _cut(report.tool.edition),
        "rulesDigest": _cut(report.tool.rules_digest),
        "verdict": decision.verdict.value,
        "load": decision.load.verdict.value,
        "use": decision.use.verdict.value,
        "causes": [cause.kind.value for cause in decision.causes],
    }


def _collect_rules(report: AuditReport, results: Sequence[Result]) -> tuple[list[Json], dict[str, int]]:
    """Build the rules of the results, the most severe first, and return them with the index of each by its id."""
    described = {rule.id: rule for rule in report.rules}
    rules: list[Json] = []
    indices: dict[str, int] = {}
    for result in results:
        if result.rule not in indices:
            indices[result.rule] = len(rules)
            rule = described.get(result.rule)
            rules.append(build_rule(result, [rule] if rule else []))
    return rules, indices


def _count_fitting(builder: _ResultBuilder, results: Sequence[Result]) -> int:
    """Count the results, from the first on, whose compressed JSON is within the limit of GitHub together."""
    compressor = zlib.compressobj(1)
    size = 0
    for number, result in enumerate(results):
        size += len(compressor.compress(encode_canonical(builder.build(result))))
        if size > MAX_COMPRESSED_BYTES:
            return number
    return len(results)


class _ResultBuilder:
    """Builds the SARIF of results.

    Args:
        target: the scanned model.
        indices: the index of each rule by its id.
        with_suppressions: whether each result states whether it is suppressed. SARIF wants it for all or for none.
    """

    def __init__(self, target: Target, indices: Mapping[str, int], with_suppressions: bool) -> None:
        self._target = target
        self._indices = indices
        self._with_suppressions = with_suppressions

    def build(self, result: Result) -> Json:
        """Build one result."""
        where = result.location
        place = ", ".join(filter(None, [result.address, describe_place(where)]))
        properties: dict[str, Json] = {
            "severity": result.severity.value,
            "check": result.check.value,
            "outcome": result.outcome.value,
            "address": _cut(result.address),
            "evidence": [_cut(line, _MAX_EVIDENCE_CHARACTERS) for line in result.evidence[:_MAX_EVIDENCE_LINES]],
        }
        if where.line is not None:
            properties["line"] = where.line
        value: dict[str, Json] = {
            "ruleId": name_rule(result.rule),
            "ruleIndex": self._indices[result.rule],
            "level": LEVELS[result.severity],
            "message": {"text": _write_message(f"{place}: {result.message}" if place else result.message)},
            "locations": list(self._build_locations(result)),
            "partialFingerprints": {
                # Weights have no lines that GitHub could hash, so it is given a value of the form that it computes.
                "primaryLocationLineHash": f"{result.fingerprint}:{result.number}",
                "modelaudit/v1": result.fingerprint,
            },
            "properties": properties,
        }
        if self._with_suppressions:
            value["suppressions"] = []
        if self._with_suppressions and result.acceptance is not None:
            justification = _write_message(describe_acceptance(result.acceptance))
            suppression: dict[str, Json] = {"kind": "external", "justification": justification}
            # Without a status, no review is claimed (section 3.35.3): the baseline only holds it, and
            # versions only make it unreachable.
            is_reviewed = result.acceptance.source in (AcceptanceSource.DECISION, AcceptanceSource.POLICY)
            value["suppressions"] = [{**suppression, "status": "accepted"} if is_reviewed else suppression]
        return value

    def _build_locations(self, result: Result) -> Iterator[Json]:
        """Yield a location for each line that names the model, or the one in the model."""
        logical: list[Json] = []
        if result.address:
            logical.append({"fullyQualifiedName": _cut(result.address), "kind": "resource"})
        anchors = self._target.anchors[:MAX_LOCATIONS] or [Anchor(self._find_file(result), result.location.line or 1)]
        for anchor in anchors:
            # GitHub wants a line, also of a file without lines.
            region: Json = {"startLine": min(max(anchor.line, 1), _MAX_LINE)}
            location: dict[str, Json] = {
                "physicalLocation": {"artifactLocation": {"uri": _write_uri(anchor.path)}, "region": region}
            }
            if logical:
                location["logicalLocations"] = logical
            yield location

    def _find_file(self, result: Result) -> str:
        """Return the path of the file of a result; where it concerns the whole model, the name of the model."""
        return escape_name(read_file_path(file_of(result.address))) or get_heading(self._target)


def _write_uri(path: str) -> str:
    """Write a path as a relative reference (RFC 3986, section 4.2) that leads neither to a host nor out of its root."""
    segments = (segment for segment in _cut(path).split("/") if segment not in ("", ".", ".."))
    return quote("/".join(segments), safe="/") or "model"


def _write_message(text: str) -> str:
    """Write a plain message. Brackets before a parenthesis would be a link (section 3.11.6) without the backslashes."""
    return _LINK.sub(r"\\[\1\\](", _cut(text))


def _cut(text: str, limit: int = _MAX_CHARACTERS) -> str:
    """Escape a text, and cut it."""
    return escape_unprintable(text, limit)
