"""Name each licence of a report one way: its title with a short name once, and from then on the short name.

A finding of its own names a licence by its title, the rule set by its SPDX identifier, such as
``LicenseRef-Llama-3.1``. On one page these would be names of several licences to a reader.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from msgspec import Struct

from modelaudit.model.copies import replace
from modelaudit.model.license import (
    ClaimKind,
    ClauseQuotation,
    ConclusionState,
    Conflict,
    LicenseConclusion,
    OriginState,
)
from modelaudit.model.report import AuditReport
from modelaudit.reports.license_view import find_untaken, names_several_licenses
from modelaudit.reports.wording import QUOTATION_MARKS, cut_text, join_phrases

OWN_PREFIX: Final = "LicenseRef-"
"""The prefix of the identifier of a licence that SPDX does not list (SPDX 2.3, section 10.1)."""
_MOST_TITLES: Final = 4
_UNKNOWN_CHARACTERS: Final = 60
_VERBATIM: Final = frozenset({"name", "quotation", "artifact", "words", "changes", "url", "fingerprint", "coverage"})
"""Fields with the words of others, names of files and of models, and the titles themselves."""
_VERBATIM_OF: Final[Mapping[type, str]] = {Conflict: "evidence", ClauseQuotation: "text"}
"""Such fields of one type, whose names elsewhere are those of our own sentences."""
_NAMELESS_FIELDS: Final = ("link", "url", "front-matter")
"""The ends of the names of fields that give an address, or could not be read."""
_PLACEHOLDERS: Final = frozenset({"other", "unknown", "none"})
_RENAMED: Final = ("decision", "license", "decisions", "elements", "controls")


class LicenseNames(Struct, frozen=True):
    """The names of the licences of a report.

    Attributes:
        titles: by the short name, in the order of the report.
        identifiers: of SPDX, by the short name.
    """

    titles: Mapping[str, str]
    identifiers: Mapping[str, str]

    @property
    def introduced(self) -> tuple[str, ...]:
        """The short names that page 1 introduces; the annex introduces further ones."""
        return tuple(self.titles)[:_MOST_TITLES]


def find_license_names(license_: LicenseConclusion) -> LicenseNames:
    """Find the short name of each licence: its identifier without the prefix, unless another licence has that name."""
    ids = [each.id for each in license_.entries]
    short = {each: each.removeprefix(OWN_PREFIX) for each in ids}
    short |= {each: each for each in ids if each.startswith(OWN_PREFIX) and short[each] in ids}
    return LicenseNames(
        {short[each.id]: each.name for each in license_.entries}, {name: id_ for id_, name in short.items()}
    )


def introduce_licenses(license_: LicenseConclusion, names: LicenseNames) -> str:
    """Introduce the licences by title and short name, as one line; empty without a known licence."""
    assumed = _list_assumed(license_)
    unknown = list_unknown_names(license_)
    shown = [_introduce(each, names, is_assumed=names.identifiers[each] in assumed) for each in names.introduced]
    shown += [_introduce_unknown(license_, each) for each in unknown[: max(_MOST_TITLES - len(shown), 1)]]
    more = len(names.titles) + len(unknown) - len(shown)
    if not shown:
        return ""
    rest = [f"{more:,} more in the annex on the licence"] if more else []
    noun = "Licence" if len(names.titles) + len(unknown) == 1 else "Licences"
    # Contradicting claims name licences, and none of them may apply.
    label = noun if license_.state is ConclusionState.CONCLUDED else f"{noun} named"
    is_choice = bool(find_untaken(license_)) and " AND " not in license_.expression
    return f"{label}: {join_phrases([*shown, *rest], 'or' if is_choice else 'and')}"


def _introduce(short: str, names: LicenseNames, *, is_assumed: bool) -> str:
    """Introduce one licence by its title and short name; the repository states none that is assumed."""
    note = ", assumed for a base model that was not read" if is_assumed else ""
    title = names.titles[short]
    return f"{title} ({short}{note})" if title != short else f"{short}{f' ({note[2:]})' if note else ''}"


def _introduce_unknown(license_: LicenseConclusion, name: str) -> str:
    """Introduce a name that means no single licence on record."""
    shown = cut_text(name.translate(QUOTATION_MARKS), _UNKNOWN_CHARACTERS)
    return f"“{shown}” ({'the name of several' if names_several_licenses(license_, name) else 'not on record'})"


def _list_assumed(license_: LicenseConclusion) -> set[str]:
    """List the licences that no file states, and that are on record for the name of a base model that was not read."""
    stated = {each.entry for each in license_.claims} | set(license_.own)
    stated |= {id_ for each in license_.origins if each.look is not OriginState.KNOWN for id_ in each.entries}
    return {id_ for each in license_.origins for id_ in each.entries} - stated


def list_unknown_names(license_: LicenseConclusion) -> tuple[str, ...]:
    """List the names that fields give to the licence and that the rule set does not have, each once."""
    if license_.state is ConclusionState.CONCLUDED:
        return ()
    names = (
        " ".join(each.quotation.split())
        for each in license_.claims
        if each.kind is ClaimKind.DECLARED
        and each.entry is None
        and not each.is_in_running_text
        and not each.field.endswith(_NAMELESS_FIELDS)
        and "://" not in each.quotation
    )
    return tuple(dict.fromkeys(each for each in names if each and each.casefold() not in _PLACEHOLDERS))


def name_licenses(report: AuditReport) -> AuditReport:
    """Return the report for a reader, in which our sentences and lists name each licence by its short name.

    Quoted words, evidence and paths stay as they are, and so do titles that are one word.
    """
    names = find_license_names(report.license)
    renaming = _Renaming(names)
    if not renaming.by_name:
        return report
    changed: dict[str, Any] = {each: renaming.rename(getattr(report, each)) for each in _RENAMED}
    messages = (replace(each, message=renaming.rename(each.message)) for each in report.findings)
    return replace(report, findings=tuple(messages), **changed)


class _Renaming:
    """Replaces titles and identifiers in texts, outside of quotation marks."""

    def __init__(self, names: LicenseNames) -> None:
        self.by_name: dict[str, str] = {}
        for short, title in names.titles.items():
            id_ = names.identifiers[short]
            if " " in title:
                self.by_name |= {f"{title} ({id_})": short, title: short}
            if id_ != short:
                self.by_name[id_] = short
        longest_first = sorted(self.by_name, key=len, reverse=True)
        known = "|".join(map(re.escape, longest_first))
        # An identifier may begin as another one does, and end a sentence.
        self._pattern = re.compile(rf"“[^”]*”|(?<![\w.-])(?:{known})(?![\w-]|\.\w)")

    def rename(self, value: Any) -> Any:
        """Return the value with its texts renamed, those of its parts included."""
        if type(value) is str:
            return self._pattern.sub(lambda found: self.by_name.get(found[0], found[0]), value) if value else value
        if isinstance(value, tuple):
            return tuple(map(self.rename, value))
        if not is_dataclass(value) or isinstance(value, type):
            return value
        parts = {each.name: getattr(value, each.name) for each in fields(value)}
        kept = _VERBATIM | {_VERBATIM_OF.get(type(value), "")}
        renamed = {name: self.rename(part) for name, part in parts.items() if name not in kept}
        changed = {name: part for name, part in renamed.items() if part is not parts[name] and part != parts[name]}
        return replace(value, **changed) if changed else value
