"""``rules/findings/``: one rule a file."""

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
"""The kinds of subject that checks lay out, with the fields of each and the words a field is limited to, if it is."""

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
    """Read ``rules/subjects.yaml``. Raises ``ConfigurationError``."""
    subjects: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for document in documents:
        for kind, fields in _SUBJECTS.read(document).subjects.items():
            if kind in subjects:
                raise document.error(f"subjects: {kind!r} is described already", ("subjects", kind))
            words = {field: tuple(holds) if isinstance(holds, list) else () for field, holds in fields.items()}
            subjects[kind] = words
    return subjects


def with_words(subjects: Subjects, kind: str, field: str, words: Iterable[str]) -> Subjects:
    """The same kinds of subject, with a field limited to words that follow from other files of the rule set.

    What the field lists itself stays; where no words follow, it is left as it is.
    """
    if kind not in subjects or not (more := set(words)):
        return subjects
    return {**subjects, kind: {**subjects[kind], field: tuple(sorted(more | set(subjects[kind][field])))}}


def read_findings(
    documents: Iterable[tuple[str, Document]], subjects: Subjects, formats: FormatFacts = NO_FORMATS
) -> Mapping[str, FindingRule]:
    """Read the rules, in order of their ids.

    Args:
        documents: the id that follows from each file's place, and the file.
        subjects: what matchers and messages may speak of.
        formats: the kinds of defects that each format declares; without any, they are not checked.

    Raises:
        ConfigurationError: a file is not a rule, stands in the wrong place or speaks of an unknown field.
    """
    rules: dict[str, FindingRule] = {}
    for expected, document in documents:
        _refuse_old_words(document)
        file = _FILE.read(document)
        if file.id != expected:
            raise document.error(
                f"id: {file.id!r} does not follow from the file's place, which says {expected!r}", ("id",)
            )
        if file.id in rules:
            raise document.error(f"id: {file.id!r} is taken by another file", ("id",))
        if _numbers(file.since) > _numbers(__version__):
            raise document.error(f"since: {file.since} is later than this version, {__version__}", ("since",))
        _check_matchers(file, document, subjects)
        _check_defects(file, document, formats)
        _check_message(file, document, subjects)
        rules[file.id] = _rule(file)
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


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _rule(file: FindingFile) -> FindingRule:
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
            strange = [value for value in wanted if known.get(field) and value not in known[field]]
            if strange:
                raise document.error(
                    f"match.{index}.where.{field}: {strange[0]!r} is not {_suggest_words(strange[0], known[field])}",
                    ("match", index, "where", field),
                )
            if field not in known:
                raise document.error(
                    f"match.{index}.where: {field!r} is not a field of {matcher.subject}, which has {_listed(known)}",
                    ("match", index, "where", field),
                )


def _check_defects(file: FindingFile, document: Document, formats: FormatFacts) -> None:
    """Every kind of defect must be declared by a format beside it, and every format must declare a kind beside it."""
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
                    f"{_listed(formats.defects[str(name)])}",
                    ("match", index, "where", "format"),
                )
        for kind in kinds:
            if not any(kind in formats.defects[str(name)] for name in names):
                raise document.error(
                    f"match.{index}.where.kind: {kind!r} is a kind of defect that {_listed(map(str, names))} "
                    "cannot have",
                    ("match", index, "where", "kind"),
                )


def _check_message(file: FindingFile, document: Document, subjects: Subjects) -> None:
    """Every place in the message must be filled whichever matcher fired, and by nothing but a field's text."""
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
                    f"message: {{{field}}} is not a field of {kind}, which has {_listed(subjects[kind])}", ("message",)
                )


def _suggest_words(word: object, known: Iterable[str]) -> str:
    """All known words where they fit a line of a message, else the nearest ones."""
    words = sorted(known)
    if len(words) <= _MOST_LISTED:
        return f"one of {', '.join(words)}"
    nearest = difflib.get_close_matches(str(word), words)
    hint = f"; the nearest is {' or '.join(nearest)}" if nearest else "; docs/extending.md says where they are declared"
    return f"one of the {len(words)} known words{hint}"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(sorted(words)) or "none"
