"""Read ``rules/findings/``: one rule a file, checked against the fields of subjects and the defects of formats."""

from __future__ import annotations

import difflib
import re
import string
from collections.abc import Iterable, Mapping

from modelaudit import __version__
from modelaudit.catalogue.document import Document, Place
from modelaudit.catalogue.schema import FindingFile, Shape, SubjectsFile
from modelaudit.model.catalogue import FindingRule, Matcher
from modelaudit.model.finding import Rule
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts

Subjects = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The kinds of subject, their fields, and the words that a field is limited to; no words where any text is allowed."""

_FILE = Shape(FindingFile)
_SUBJECTS = Shape(SubjectsFile)
_OLD_SUBJECTS = {
    "torch-mention": "with the vocabulary torch-operators; its field 'program' is now 'format', 'mention' is now 'use'",
    "skops-node": "with the format skops; its field 'act' is now 'use', 'loader' is now 'detail'",
}
_FIELD = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


_MOST_LISTED = 25
"""More words than these make a message unreadable."""


def read_subjects(documents: Iterable[Document]) -> Subjects:
    """Read ``rules/subjects.yaml``.

    Raises:
        ConfigurationError: the file is invalid.
    """
    subjects: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for document in documents:
        for kind, fields in _SUBJECTS.read(document).subjects.items():
            if kind in subjects:
                raise document.error(f"subjects: {kind!r} is described already", ("subjects", kind))
            words = {field: tuple(holds) if isinstance(holds, list) else () for field, holds in fields.items()}
            subjects[kind] = words
    return subjects


def restrict_field(subjects: Subjects, kind: str, field: str, words: Iterable[str]) -> Subjects:
    """Limit a field to the words that other files of the rule set define, beside those that it lists itself.

    Without such words, the field stays unchanged.
    """
    if kind not in subjects or not (more := set(words)):
        return subjects
    return {**subjects, kind: {**subjects[kind], field: tuple(sorted(more | set(subjects[kind][field])))}}


def read_findings(
    documents: Iterable[tuple[str, Document]], subjects: Subjects, formats: FormatFacts = NO_FORMATS
) -> Mapping[str, FindingRule]:
    """Read the rules, in order of their ids.

    Args:
        documents: each file with the id that its path implies.
        subjects: the fields that matchers and messages may use.
        formats: the kinds of defects that each format declares; without any, they are not checked.

    Raises:
        ConfigurationError: a file is not a rule, its path differs from its id, or it uses an unknown field.
    """
    rules: dict[str, FindingRule] = {}
    for expected, document in documents:
        _refuse_old_words(document)
        file = _FILE.read(document)
        if file.id != expected:
            raise document.error(
                f"id: {file.id!r} differs from the id that the file's path implies, {expected!r}", ("id",)
            )
        if file.id in rules:
            raise document.error(f"id: {file.id!r} is taken by another file", ("id",))
        if _parse_version(file.since) > _parse_version(__version__):
            raise document.error(f"since: {file.since} is later than this version, {__version__}", ("since",))
        _check_matchers(file, document, subjects)
        _check_defects(file, document, formats)
        _check_message(file, document, subjects)
        rules[file.id] = _make_rule(file)
    return dict(sorted(rules.items()))


def _refuse_old_words(document: Document) -> None:
    """Name the new word where a file uses one of an earlier version."""
    matchers = document.data.get("match") if isinstance(document.data, dict) else None
    for index, matcher in enumerate(matchers if isinstance(matchers, list) else ()):
        if not isinstance(matcher, dict):
            continue
        place: Place = ("match", index)
        if "on" in matcher:
            raise document.error(f"match.{index}.on: the key is called 'subject' now", (*place, "on"))
        old = _OLD_SUBJECTS.get(str(matcher.get("subject")))
        if old is not None:
            raise document.error(
                f"match.{index}.subject: {matcher['subject']!r} is now 'mention' {old}", (*place, "subject")
            )


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _make_rule(file: FindingFile) -> FindingRule:
    rule = Rule(
        id=file.id,
        title=file.title,
        check=file.check,
        severity=file.severity,
        confidence=file.confidence,
        why=file.why,
        fix=file.fix,
        references=tuple(file.references),
        cwe=tuple(file.cwe),
        since=file.since,
    )
    matchers = tuple(
        Matcher(entry.subject, tuple((field, tuple(values)) for field, values in entry.where.items()))
        for entry in file.match
    )
    return FindingRule(
        rule, matchers, file.message, tuple(file.examples.fires), tuple(file.examples.quiet), file.leaves, file.fallback
    )


def _check_matchers(file: FindingFile, document: Document, subjects: Subjects) -> None:
    for index, matcher in enumerate(file.match):
        known = subjects.get(matcher.subject)
        if known is None:
            raise document.error(
                f"match.{index}.subject: {matcher.subject!r} is not {_suggest_words(matcher.subject, subjects)}",
                ("match", index, "subject"),
            )
        for field, wanted in matcher.where.items():
            unknown = [value for value in wanted if known.get(field) and value not in known[field]]
            if unknown:
                hint = _suggest_words(unknown[0], known[field])
                raise document.error(
                    f"match.{index}.where.{field}: {unknown[0]!r} is not {hint}",
                    ("match", index, "where", field),
                )
            if field not in known:
                raise document.error(
                    f"match.{index}.where: {field!r} is not a field of {matcher.subject}, "
                    f"which has {_join_words(known)}",
                    ("match", index, "where", field),
                )


def _check_defects(file: FindingFile, document: Document, formats: FormatFacts) -> None:
    """Check that some listed format declares each listed kind of defect, and that each format declares some kind."""
    if not formats.defects:
        return
    for index, matcher in enumerate(file.match):
        if matcher.subject != "defect":
            continue
        names = matcher.where.get("format") or tuple(formats.defects)
        kinds = matcher.where.get("kind") or tuple(kind for name in names for kind in formats.defects[str(name)])
        for name in names:
            if formats.defects[str(name)].keys().isdisjoint(kinds):
                raise document.error(
                    f"match.{index}.where.format: {name!r} has none of these kinds of defects, but "
                    f"{_join_words(formats.defects[str(name)])}",
                    ("match", index, "where", "format"),
                )
        for kind in kinds:
            if not any(kind in formats.defects[str(name)] for name in names):
                raise document.error(
                    f"match.{index}.where.kind: {kind!r} is a kind of defect that {_join_words(map(str, names))} "
                    "cannot have",
                    ("match", index, "where", "kind"),
                )


def _check_message(file: FindingFile, document: Document, subjects: Subjects) -> None:
    """Check that each place in the message names a field of every subject that the rule matches, and only that.

    A conversion or an attribute in a place could reach into Python objects.
    """
    try:
        parts = list(string.Formatter().parse(file.message))
    except ValueError as error:
        raise document.error(f"message: {error}; write {{{{ and }}}} for braces", ("message",)) from error
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if spec or conversion or not _FIELD.fullmatch(field):
            raise document.error(f"message: {{{field}}} must be a plain field name", ("message",))
        for kind in dict.fromkeys(matcher.subject for matcher in file.match):
            if field not in subjects[kind]:
                raise document.error(
                    f"message: {{{field}}} is not a field of {kind}, which has {_join_words(subjects[kind])}",
                    ("message",),
                )


def _suggest_words(word: object, known: Iterable[str]) -> str:
    """List all known words if they are few, else the ones nearest to ``word``."""
    words = sorted(known)
    if len(words) <= _MOST_LISTED:
        return f"one of {', '.join(words)}"
    nearest = difflib.get_close_matches(str(word), words)
    hint = f"; the nearest is {' or '.join(nearest)}" if nearest else "; docs/extending.md says where they are declared"
    return f"one of the {len(words)} known words{hint}"


def _join_words(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none"
