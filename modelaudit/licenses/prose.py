"""What texts say: the words of licences and use policies, and names of licences in running text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from modelaudit.licenses.fields import CLAIM_LIMIT, POLICY, TAG, TEXT, Resolver, quoted
from modelaudit.licenses.origins import hub_id
from modelaudit.licenses.recognition import Likeness, Reference, TextMatch, recognise, references
from modelaudit.model.evidence import Prose, ProseKind
from modelaudit.model.fingerprint import Fingerprints
from modelaudit.model.license import Basis, ClaimKind, LicenseClaim
from modelaudit.model.structure import Location
from modelaudit.model.terms import LicenseEntry, Relation

_CODE_CLAIMS = 5
_SHOWN = 160
_GOES_ON = re.compile(r"(?:\.\s+[A-Z]|[,.;]?\s+Copyright\b).*\Z", re.DOTALL)
_NOUN = re.compile(r"\s+(?:licen[cs]e|agreement|terms)\Z", re.IGNORECASE)
_BRACKET = re.compile(r"\s*\([^()]*\)\Z")
# Lines of the Hub's template for cards, which many fill in where they leave the front matter empty.
# Source: https://github.com/huggingface/huggingface_hub/blob/main/src/huggingface_hub/templates/modelcard_template.md
_FILLED_IN = re.compile(
    r"^[ \t>*+-]{0,8}[*_]{0,3}(?P<field>(?:fine-?tuned from|base)(?: model)?)(?:[ \t]{0,2}\[optional\])?"
    r"[ \t]{0,2}[*_]{0,3}[ \t]{0,2}:[ \t]{0,2}[*_]{0,3}[ \t]{0,4}(?P<value>[^\r\n]{1,300})",
    re.IGNORECASE | re.MULTILINE,
)
_AND = re.compile(r"[ \t]*(?:[,;&]|\band\b)[ \t]*")
_LINKED = re.compile(r"\[(?P<name>[^\[\]]{0,200})\]\((?P<url>[^()\s]{1,250})\)")
_IDENTIFIED = re.compile(
    r"^(?:#{1,6}[ \t]{1,4}licen[cs](?:e|es|ing)[ \t:]{0,4}\r?\n(?:[ \t]{0,8}\r?\n){0,3}"
    r"|[ \t>*+-]{0,8}[*_]{0,3}licen[cs]e[ \t]{0,2}[*_]{0,3}[ \t]{0,2}:[ \t]{0,2})"
    r"[*_]{0,3}[ \t]{0,4}(?P<value>[^\r\n]{1,200})$",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_FILLED = 20
_BLANK_LINE = re.compile(r"[\s#*=_~<>|-]*\Z")


def prose_claims(
    prose: Prose, artifact: str, licenses: Mapping[str, LicenseEntry], fingerprints: Fingerprints
) -> tuple[LicenseClaim, ...]:
    """What one text says of the licence.

    A text that is found is a claim with the basis ``text`` or ``variant`` and the field ``text``, or ``use-policy``
    where it grants nothing. Where no text stands, names count: those in a card are declared, any others are found. A
    use policy that nobody knows is a claim that resolves to nothing; a licence file of which nobody knows the words is
    none, since its name speaks for it already (``claims.file_claims``).

    Args:
        prose: what a reader found, with the line where it begins.
        artifact: path of its file.
        licenses: the licences of the rule set by id.
        fingerprints: of the texts that are known.
    """
    return tuple(_Reading(prose, artifact, licenses).claims(recognise(prose.text, fingerprints, licenses.keys())))


def without_repeats(claims: Iterable[LicenseClaim]) -> tuple[LicenseClaim, ...]:
    """The claims, of heads of source files that say the same only the first few: a library repeats its head in each."""
    kept: list[LicenseClaim] = []
    counts: dict[tuple[object, ...], int] = {}
    for claim in claims:
        if claim.kind is ClaimKind.FOUND and claim.field in (TEXT, TAG) and claim.basis is not Basis.FILE_NAME:
            ending = claim.artifact.rpartition(".")[2]
            key = (ending, claim.field, claim.basis, claim.entry, claim.quotation if claim.entry is None else "")
            counts[key] = counts.get(key, 0) + 1
            if counts[key] > _CODE_CLAIMS and _is_code(ending):
                continue
        kept.append(claim)
    return tuple(kept)


def _is_code(ending: str) -> bool:
    return ending.lower() not in ("", "txt", "md", "markdown", "rst", "html", "htm") and "/" not in ending


@dataclass(frozen=True, slots=True)
class _Reading:
    prose: Prose
    artifact: str
    licenses: Mapping[str, LicenseEntry]

    def claims(self, matches: Sequence[TextMatch]) -> Iterator[LicenseClaim]:
        """Texts first; names where none of a licence stands."""
        yield from (self._of_text(match) for match in matches[:CLAIM_LIMIT])
        is_policy = self.prose.kind is ProseKind.POLICY
        is_card = self.prose.kind is ProseKind.CARD
        if is_card or (all(match.policy for match in matches) and not is_policy):
            yield from self._of_names()
        if is_card:
            yield from self._origins()
        if is_policy and not matches:
            line, words = self._first_words()
            yield LicenseClaim(
                ClaimKind.FOUND, self.artifact, POLICY, words, None, Location(line=line), basis=Basis.TEXT
            )

    def _of_text(self, match: TextMatch) -> LicenseClaim:
        # What stands in a file of another purpose besides other words is never the whole licence of anything.
        return LicenseClaim(
            ClaimKind.FOUND,
            self.artifact,
            POLICY if match.policy else TEXT,
            quoted(match.quotation),
            match.id if match.id in self.licenses else None,
            self._at(match.line),
            Basis.TEXT if match.likeness is Likeness.EXACT else Basis.VARIANT,
            match.differs,
        )

    def _of_names(self) -> Iterator[LicenseClaim]:
        """Statements that name a licence; what resolves to none is told of cards and licence files alone."""
        resolver = Resolver.over(self.licenses, {})
        kind = ClaimKind.DECLARED if self.prose.kind is ProseKind.CARD else ClaimKind.FOUND
        seen: set[tuple[str | None, str]] = set()
        for each in (*references(self.prose.text), *_identifiers(self.prose.text, resolver)):
            entry = _entry(each, resolver)
            known = (entry, "" if entry else each.name)
            if known in seen or (entry is None and not (each.tag or self.prose.kind is ProseKind.CARD)):
                continue
            seen.add(known)
            words = each.name if each.tag else each.quotation
            yield LicenseClaim(
                kind,
                self.artifact,
                TAG if each.tag and kind is ClaimKind.FOUND else TEXT,
                quoted(words),
                entry,
                self._at(each.line),
            )

    def _origins(self) -> Iterator[LicenseClaim]:
        """The models that a card names in the lines of its template."""
        for match in islice(_FILLED_IN.finditer(self.prose.text), _MOST_FILLED):
            place = self._at(self.prose.text.count("\n", 0, match.start()) + 1)
            relation = Relation.FINETUNE if "tuned" in match["field"].lower() else Relation.UNSTATED
            named = (_origin(piece) for piece in _AND.split(match["value"].strip())[:5])
            for origin in dict.fromkeys(each for each in named if each):
                yield LicenseClaim(ClaimKind.INHERITED, self.artifact, TEXT, origin, None, place, relation=relation)

    def _at(self, line: int) -> Location:
        return Location(line=line + self.prose.first_line - 1)

    def _first_words(self) -> tuple[int, str]:
        """The first line with words on it, which most texts have their title on."""
        for number, line in enumerate(self.prose.text.splitlines(), self.prose.first_line):
            if not _BLANK_LINE.match(line):
                return number, " ".join(line.split())[:_SHOWN]
        return self.prose.first_line, ""


def _identifiers(text: str, resolver: Resolver) -> Iterator[Reference]:
    """Lines that give a name and nothing else, in whatever spelling it is known: ``License: gemma``, or a heading."""
    for match in islice(_IDENTIFIED.finditer(text), _MOST_FILLED):
        value = match["value"].strip("*`\"'“”<> \t.")
        link = _LINKED.fullmatch(value)
        name, url = (link["name"], link["url"]) if link else (value, "")
        if any(resolver.entry(each) for each in (name, url) if each):
            line = text.count("\n", 0, match.start("value")) + 1
            yield Reference(name, url, line, " ".join(match[0].split()))


def _origin(piece: str) -> str | None:
    """The id that a name or link is as a whole, with its owner: a word of a sentence is none."""
    bare = piece.strip("*`\"'“”<> \t.")
    link = _LINKED.fullmatch(bare)
    name = hub_id(link["url"] if link else bare)
    return name if name and "/" in name else None


def _entry(reference: Reference, resolver: Resolver) -> str | None:
    """By the name, by the name without what the sentence goes on with, or by the address that it leads to."""
    name = _GOES_ON.sub("", reference.name)
    for each in (reference.name, name, _NOUN.sub("", name), _BRACKET.sub("", name), reference.url):
        entry = resolver.entry(each) if each else None
        if entry is not None:
            return entry
    return None
