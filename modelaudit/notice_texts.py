"""Collect the texts of a model that its recipients must get: licences, notices, use policies and copyright lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from modelaudit.catalogue import load_catalogue
from modelaudit.model.address import is_member, read_file_path
from modelaudit.model.artifact import Artifact, RefKind
from modelaudit.model.copies import replace
from modelaudit.model.errors import WindowError
from modelaudit.model.evidence import ProseKind
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import Basis, ClaimKind
from modelaudit.model.notices import CopyrightLine, ModelText, ModelTexts, TextKind
from modelaudit.model.report import AuditReport
from modelaudit.model.term_files import classify_text_file, may_be_text
from modelaudit.model.terms import TEXT_DUTIES
from modelaudit.options import Options
from modelaudit.reports.notices import build_notices
from modelaudit.reports.standard_texts import find_standard_texts
from modelaudit.resolving import resolve_terms

_KINDS: Final = {
    ProseKind.LICENSE: TextKind.LICENSE,
    ProseKind.NOTICE: TextKind.NOTICE,
    ProseKind.POLICY: TextKind.POLICY,
}
_MOST_FILES: Final = 200
_MOST_SEARCHED: Final = 2000
_MOST_LINES: Final = 2000
_MOST_BYTES: Final = 1 << 20
"""Of one text; the longest licence has a tenth of it."""
_LINE_CHARACTERS: Final = 300
_SOURCE_CODE: Final = defer_pattern(r"\.(?:py|c|cc|cpp|cu|h|hpp|js|ts|java|go|rs|sh|jinja)$", re.IGNORECASE)
_COMMENT_END: Final = defer_pattern(r"(?:\s|\*/|-->|[*#|]|\"\"\"|''')+\Z")
"""The end of a comment, which is no part of the line in it."""
_COPYRIGHT: Final = defer_pattern(
    r"^[\s/*#%;!<>\-\"'|.=]{0,40}"
    r"((?:copyright\s{0,4}(?:\(c\)|©|&copy;)[\s,:]{0,4}\w|copyright[\s,:]{1,4}(?:(?:19|20)\d\d\b|by\s+\w)"
    r"|©\s{0,4}\w|\(c\)\s{0,4}(?:copyright\s{1,4})?(?:19|20)\d\d\b).*)$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that begins with the sign or the word, and goes on with a year or, behind the sign, with a name.

A placeholder such as ``[yyyy]`` fits neither, nor does a sentence such as "copyright notice".
"""


def build_notice_files(target: str, options: Options, report: AuditReport) -> Mapping[str, bytes]:
    """Build the files that a recipient of a model must get, by name.

    Args:
        target: as for the report.
        options: as for the report. Of a repository of the Hub the texts are those of the commit that was judged.
        report: of a licence check.

    Raises:
        ConfigurationError: as ``resolve_terms``.
        SourceError: as ``resolve_terms``.
    """
    if report.target.kind in (RefKind.MODEL, RefKind.DATASET):
        prefix = "datasets/" if report.target.kind is RefKind.DATASET else ""
        target, options = prefix + report.target.name, replace(options, revision=report.target.commit)
    texts = collect_model_texts(target, options, report)
    return build_notices(report, texts, find_standard_texts(load_catalogue().standard_texts))


def collect_model_texts(target: str, options: Options, report: AuditReport) -> ModelTexts:
    """Collect the texts of the model of a report on its licence.

    Args:
        target: as for the report.
        options: as for the report.
        report: says which files hold licence texts.

    Raises:
        ConfigurationError: as ``resolve_terms``.
        SourceError: as ``resolve_terms``.
    """
    snapshot = resolve_terms(target, options)
    wanted = _list_licence_files(report)
    files: list[ModelText] = []
    copyrights: list[CopyrightLine] = []
    left_out: list[str] = []
    searched = 0
    for artifact in sorted(snapshot.artifacts, key=lambda each: each.path):
        path = read_file_path(artifact.path)
        kind = TextKind.LICENSE if artifact.path in wanted else _KINDS.get(classify_text_file(path) or ProseKind.CARD)
        is_searched = kind is not None or may_be_text(path) or _SOURCE_CODE.search(path) is not None
        if not is_searched or (artifact.open is None and kind is None):
            continue
        content = _read(artifact)
        if isinstance(content, str) or (kind is not None and len(files) == _MOST_FILES):
            reason = content if isinstance(content, str) else f"more than {_MOST_FILES} texts"
            left_out += [f"{path}: {reason}"] if kind is not None else []
            continue
        if kind is not None:
            files.append(ModelText(path, kind, content))
        searched += 1
        if searched <= _MOST_SEARCHED and len(copyrights) < _MOST_LINES:
            copyrights += _find_copyrights(path, content)
    if searched > _MOST_SEARCHED or len(copyrights) >= _MOST_LINES:
        bounds = f"{_MOST_SEARCHED:,} files or {_MOST_LINES:,} lines"
        left_out.append(f"copyright lines: more than {bounds}; search the rest")
    members = sorted(filter(is_member, wanted))
    left_out += [f"{each}: it lies in an archive; take it out, and copy it" for each in members]
    return ModelTexts(tuple(files), tuple(copyrights[:_MOST_LINES]), tuple(left_out))


def _list_licence_files(report: AuditReport) -> frozenset[str]:
    """List the addresses of the files that hold a licence text, or meet the duty to ship one."""
    license_ = report.license
    texts = {each.artifact for each in license_.claims if each.kind is ClaimKind.FOUND and each.basis is Basis.TEXT}
    return frozenset(texts | {each.met for each in license_.duties if each.kind in TEXT_DUTIES}) - {""}


def _read(artifact: Artifact) -> bytes | str:
    """Return the bytes of a text, or why it is left out."""
    if artifact.open is None:
        return artifact.obstacle.detail if artifact.obstacle is not None else "it could not be read"
    if artifact.size > _MOST_BYTES:
        return f"it has more than {_MOST_BYTES:,} bytes"
    try:
        with artifact.open() as window:
            if window.size > _MOST_BYTES:
                return f"it has more than {_MOST_BYTES:,} bytes"
            return bytes(window.read(0, window.size))
    except WindowError as error:
        return str(error)


def _find_copyrights(path: str, content: bytes) -> Iterator[CopyrightLine]:
    """Yield each copyright line of a text once."""
    if b"\0" in content:
        return
    seen = set()
    for match in _COPYRIGHT.finditer(content.decode("utf-8", "replace")):
        text = _COMMENT_END.sub("", " ".join(match[1].split()))[:_LINE_CHARACTERS]
        if text not in seen:
            seen.add(text)
            yield CopyrightLine(path, match.string.count("\n", 0, match.start(1)) + 1, text)
