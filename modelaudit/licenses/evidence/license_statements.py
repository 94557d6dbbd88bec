"""Find the licence that a licence file states for the model in a sentence, beside sentences of its author's own.

*The checkpoints are licensed under CC BY-NC 4.0. The code is under the MIT License.* holds no licence text, and more
than a name (``named_licenses``). The licence of the model is in the statement that names neither code nor the work of
others. The remaining sentences count as those of a card; where the stated licence permits commercial use, any sentence
that is not understood word for word is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from modelaudit.licenses.evidence.fields import RESTRICTION, Resolver, truncate_quotation
from modelaudit.licenses.evidence.named_licenses import find_named_license
from modelaudit.licenses.evidence.restriction_sentences import READS_LIKE_TERMS
from modelaudit.licenses.evidence.sentences import split_sentences
from modelaudit.licenses.evidence.text_references import resolve_reference
from modelaudit.licenses.recognition import find_references
from modelaudit.model.evidence import Prose
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.terms import LicenseCategory, LicenseEntry

_MOST_CHARACTERS = 8_000
_MAX_QUOTATION = 240
# A text with definitions or a grant is a licence of its own, whatever licences it names.
_OWN_TERMS = defer_pattern(
    r"\bhereby\s+grant|\bpermission\s+is\s+(?:hereby\s+)?granted|\bgrants?\s+(?:to\s+)?(?:you|licensee)\s+(?:an?|the)\b"
    r"|\bthis\s+(?:agreement|license\s+agreement)\b"
    r"|[\"\u201c](?:licensor|licensee|agreement|model|you|software|licensed material)[\"\u201d]\s+(?:shall\s+)?"
    r"means?\b",
    re.IGNORECASE,
)
_CODE = defer_pattern(r"\b(?:source|code|codebase|scripts?)\b|\bsource[- ]?code\b", re.IGNORECASE)
_MODEL = defer_pattern(r"\b(?:models?|weights?|checkpoints?|parameters)\b", re.IGNORECASE)
_OTHERS = defer_pattern(
    r"\b(?:data|datasets?|corpus|corpora|backbone|third[- ]party|components?|librar(?:y|ies)|includes?|incorporates?"
    r"|trained on|built on|tuned (?:from|on)|portions?|documentation|docs|paper|demo|base model|upstream"
    r"|recordings?|images|derived|based)\b|\bwhich(?:\s\w+){0,2}\W*\Z",
    re.IGNORECASE,
)
# "Distributed under the License", which a sentence before it names.
_BACK_REFERENCE = defer_pattern(r"(?:this |same )?(?:licen[cs]es?|agreement|terms)", re.IGNORECASE)
_REMARK = defer_pattern(r"\([^()]*\)")
_BLOCK = defer_pattern(
    r"(?:^|\n)[ \t]*(?:[-*+][ \t]+)?(?P<words>[^\s\-*+].*?|\*\*.*?)(?=\n[ \t]*\n|\n[ \t]*[-*+][ \t]|\Z)", re.DOTALL
)
_MOST_NAME_CHARACTERS = 200
_LETTER = defer_pattern(r"[^\W\d_]")
DENYING_CATEGORIES = frozenset((LicenseCategory.NON_COMMERCIAL, LicenseCategory.RESEARCH_ONLY))
"""Categories of licences that forbid commercial use: a sentence beside one can take little more."""


class StatedLicense(Struct, frozen=True):
    """The licence that a file states for the model.

    Attributes:
        id: of the licence in the rule set.
        line: line number of the statement, from 1.
        quotation: the line of the statement, bounded.
    """

    id: str
    line: int
    quotation: str


def find_stated_license(text: str, resolver: Resolver, licenses: Mapping[str, LicenseEntry]) -> StatedLicense | None:
    """Find the one licence that a text without terms of its own states for the model.

    Args:
        text: the text of a licence file; a longer one than 8,000 characters states more than a licence.
        resolver: the names and addresses of the rule set.
        licenses: the licences of the rule set by id.

    Returns:
        ``None`` if it states none, several or an unknown one for the model.
    """
    if len(text) > _MOST_CHARACTERS or _OWN_TERMS.search(text):
        return None
    stated: dict[str | None, StatedLicense] = {}
    is_doubtful = False
    for reference in find_references(text):
        subject = _REMARK.sub(" ", reference.subject)
        is_code = _CODE.search(subject) is not None and not _MODEL.search(subject)
        is_doubtful = is_doubtful or (_MODEL.search(subject) is not None and _OTHERS.search(subject) is not None)
        if not is_code and not _OTHERS.search(subject) and not _BACK_REFERENCE.fullmatch(reference.name):
            license_id = resolve_reference(reference, resolver)
            stated.setdefault(license_id, StatedLicense(license_id or "", reference.line, reference.quotation))
    # Beside a statement such a name may be the heading of what follows on the work of others.
    for line, name in () if stated else _iter_names_alone(text):
        license_id = find_named_license(name, resolver)
        if license_id is not None and licenses[license_id].category in DENYING_CATEGORIES:
            stated.setdefault(license_id, StatedLicense(license_id, line, name))
    if len(stated) != 1 or None in stated:
        return None
    (found,) = stated.values()
    # A statement on a model of others may be the one that counts; missing it loses no permission.
    return None if is_doubtful and licenses[found.id].category not in DENYING_CATEGORIES else found


def _iter_names_alone(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, words) for each short paragraph, and each item of a list."""
    for match in _BLOCK.finditer(text):
        words = " ".join(match["words"].split())
        if len(words) <= _MOST_NAME_CHARACTERS:
            yield text.count("\n", 0, match.start("words")) + 1, words


def find_further_terms(prose: Prose, artifact: str, entry: LicenseEntry, resolver: Resolver) -> Iterator[LicenseClaim]:
    """Yield the first sentence beside the statement of ``entry`` that is not understood word for word.

    A licence that forbids commercial use needs none: its further sentences are judged as those of a card.
    """
    if entry.category in DENYING_CATEGORIES:
        return
    sentences = [(start, " ".join(raw.split())) for start, raw in split_sentences(prose.text)]
    named = (find_named_license(f"{words}\n\n{entry.id}", resolver) for _, words in sentences)
    further = (each for each, id_ in zip(sentences, named, strict=True) if id_ != entry.id and _LETTER.search(each[1]))
    # Every sentence by itself may be understood, and the whole is not: then the first one is quoted for it.
    for start, words in (next(further, None) or sentences[0],):
        place = Location(line=prose.locate_line(prose.text.count("\n", 0, start) + 1), key=READS_LIKE_TERMS)
        quotation = truncate_quotation(words[:_MAX_QUOTATION])
        yield LicenseClaim(ClaimKind.DECLARED, artifact, RESTRICTION, quotation, None, place)
