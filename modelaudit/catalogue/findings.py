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
from modelaudit.model.finding import Affected, Rule
from modelaudit.model.format_facts import NO_FORMATS, FormatFacts
from modelaudit.model.lazy_pattern import defer_pattern

Subjects = Mapping[str, Mapping[str, tuple[str, ...]]]
"""The kinds of subject, their fields, and the words that a field is limited to; no words where any text is allowed."""

_FILE = Shape(FindingFile)
_SUBJECTS = Shape(SubjectsFile)
# Kinds of subject of earlier versions, with the description of their successor for the message.
_OLD_SUBJECTS = {
    "torch-mention": "with the vocabulary torch-operators; its field 'program' is now 'format', 'mention' is now 'use'",
    "skops-node": "with the format skops; its field 'act' is now 'use', 'loader' is now 'detail'",
}
_FIELD = defer_pattern(r"[a-z][a-z0-9_]*", re.ASCII)

_MOST_LISTED = 25
"""More words than these make a message unreadable."""


def read_subjects(documents: Iterable[Document]) -> Subjects:
    """Read ``rules/subjects.yaml``.

    Raises:
        ConfigurationError: the file is invalid, or describes a kind twice.
    """
    subjects: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for document in documents:
        for kind, fields in _SUBJECTS.read(document).subjects.items():
            if kind in subjects:
                raise document.error(f"subjects: {kind!r} is described already", ("subjects", kind))
            # The value of a field is the list of its words, or a description of the text that it holds.
            subjects[kind] = {field: tuple(value) if isinstance(value, list) else () for field, value in fields.items()}
    return subjects


def restrict_field(subjects: Subjects, kind: str, field: str, words: Iterable[str]) -> Subjects:
    """Return the subjects with one field limited to ``words``, beside the words that it lists itself.

    Without any words, or without the kind, the subjects are returned unchanged.
    """
    added = set(words)
    if kind not in subjects or not added:
        return subjects
    allowed = tuple(sorted(added | set(subjects[kind][field])))
    return {**subjects, kind: {**subjects[kind], field: allowed}}


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
    """Raise ``ConfigurationError`` that names the new word, if a rule uses one of an earlier version."""
    # This runs before the shape is validated, which would only report an unknown key, so no type is certain yet.
    matchers = document.data.get("match") if isinstance(document.data, dict) else None
    for index, matcher in enumerate(matchers if isinstance(matchers, list) else ()):
        if not isinstance(matcher, dict):
            continue
        place: Place = ("match", index)
        if "on" in matcher:
            raise document.error(f"match.{index}.on: the key is called 'subject' now", (*place, "on"))
        successor = _OLD_SUBJECTS.get(str(matcher.get("subject")))
        if successor is not None:
            raise document.error(
                f"match.{index}.subject: {matcher['subject']!r} no longer exists; use 'mention' {successor}",
                (*place, "subject"),
            )


def _parse_version(version: str) -> tuple[int, ...]:
    """Parse ``0.10.2`` to numbers, because as text it precedes ``0.9.0``."""
    return tuple(int(number) for number in version.split("."))


def _make_rule(file: FindingFile) -> FindingRule:
    """Build the rule of a validated file."""
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
        affects=tuple(Affected(each.package, each.versions, each.advisory) for each in file.affects),
        before_loading=file.before_loading or "",
        asks_review=file.review,
        exposes=file.exposes,
    )
    matchers = []
    for entry in file.match:
        where = tuple((field, tuple(values)) for field, values in entry.where.items())
        matchers.append(Matcher(entry.subject, where))
    return FindingRule(
        rule,
        tuple(matchers),
        file.message,
        fires=tuple(file.examples.fires),
        quiet=tuple(file.examples.quiet),
        leaves=file.leaves,
        is_fallback=file.fallback,
        beside_model=file.beside_model,
        started=file.started,
    )


def _check_matchers(file: FindingFile, document: Document, subjects: Subjects) -> None:
    """Check that each matcher names a known kind of subject, fields of that kind, and words that they can hold."""
    for index, matcher in enumerate(file.match):
        fields = subjects.get(matcher.subject)
        if fields is None:
            raise document.error(
                f"match.{index}.subject: {matcher.subject!r} is not {_suggest_words(matcher.subject, subjects)}",
                ("match", index, "subject"),
            )
        for field, values in matcher.where.items():
            place: Place = ("match", index, "where", field)
            if field not in fields:
                raise document.error(
                    f"match.{index}.where: {field!r} is not a field of {matcher.subject}, "
                    f"which has {_join_words(fields)}",
                    place,
                )
            allowed = fields[field]
            unknown = [value for value in values if allowed and value not in allowed]
            if unknown:
                hint = _suggest_words(unknown[0], allowed)
                raise document.error(f"match.{index}.where.{field}: {unknown[0]!r} is not {hint}", place)


def _check_defects(file: FindingFile, document: Document, formats: FormatFacts) -> None:
    """Check each matcher of defects: every listed format declares one of the kinds, and every kind has such a format.

    A matcher without formats, or without kinds, means all of them.
    """
    if not formats.defects:
        return
    for index, matcher in enumerate(file.match):
        if matcher.subject != "defect":
            continue
        names = [str(name) for name in matcher.where.get("format") or formats.defects]
        kinds = matcher.where.get("kind") or [kind for name in names for kind in formats.defects[name]]
        for name in names:
            if formats.defects[name].keys().isdisjoint(kinds):
                raise document.error(
                    f"match.{index}.where.format: {name!r} declares no kind listed under 'kind'; it declares "
                    f"{_join_words(formats.defects[name])}",
                    ("match", index, "where", "format"),
                )
        for kind in kinds:
            if not any(kind in formats.defects[name] for name in names):
                raise document.error(
                    f"match.{index}.where.kind: {kind!r} is a kind of defect that {_join_words(names)} cannot have",
                    ("match", index, "where", "kind"),
                )


def _check_message(file: FindingFile, document: Document, subjects: Subjects) -> None:
    """Check that each placeholder in the message names a field of every subject that the rule matches, and only that.

    A conversion or an attribute in a placeholder could reach into Python objects.
    """
    try:
        parts = list(string.Formatter().parse(file.message))
    except ValueError as error:
        raise document.error(f"message: {error}; write {{{{ and }}}} for braces", ("message",)) from error
    for _, field, spec, conversion in parts:
        if field is None:
            continue
        if spec or conversion or not _FIELD.fullmatch(field):
            raise document.error(
                f"message: the placeholder with {field!r} must hold the plain name of a field and nothing else",
                ("message",),
            )
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
    """Join words for a message, in alphabetical order; ``none`` without any."""
    return ", ".join(sorted(words)) or "none"
