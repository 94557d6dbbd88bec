"""What a repository points to and nobody could read: terms behind a link, and models on somebody's machine."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from modelaudit.licenses.agreement import Own
from modelaudit.licenses.bounds import is_hub_id, origin_rule
from modelaudit.licenses.evidence import Evidence
from modelaudit.licenses.links import LinkPlace, place_of, target_of
from modelaudit.licenses.origins import LAST_RESORTS
from modelaudit.licenses.places import Part, part_of
from modelaudit.licenses.weighing import LINK_FIELD, Names
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.evidence import ProseKind
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, Origin
from modelaudit.model.term_files import kind_of_text

# A file of somebody's repository that is named as a licence: a copy of the text, for all that its address says.
_FILE_PAGE = re.compile(
    r"https?://(?:www\.)?(?:huggingface\.co|hf\.co|github\.com|gitlab\.com|modelscope\.cn/models)/"
    r"(?P<repository>[^/\s]+/[^/\s]+)/(?:-/)?(?:blob|resolve|raw|file/view)/[^/\s]+/(?P<path>[^?#\s]+)"
    r"|https?://raw\.githubusercontent\.com/(?P<other>[^/\s]+/[^/\s]+)/[^\s?#]*?(?P<name>[^/\s?#]+)",
    re.IGNORECASE,
)


def left_open(
    evidence: Evidence,
    claims: Sequence[LicenseClaim],
    own: Own,
    origins: Sequence[Origin],
    names: Names,
    rules: Catalogue,
) -> Iterator[str]:
    """Sentences on what was pointed to, and not read; each keeps a permission from being shown."""
    if own.state is ConclusionState.CONCLUDED:
        files = frozenset(evidence.paths)
        for claim in claims:
            if claim.kind is ClaimKind.DECLARED and LINK_FIELD.search(claim.field) and part_of(claim) is Part.MODEL:
                yield from _behind(claim, evidence.repository, files, own, names, rules)
    direct = [origin for origin in origins if origin.depth == 1]
    if not any(is_hub_id(origin.name) for origin in direct):
        for origin in direct:
            if origin.claim is not None and origin.claim.field not in LAST_RESORTS:
                yield f"{origin.name}, of which it was made, cannot be looked at: {origin.detail.rstrip('.')}."


def _behind(
    claim: LicenseClaim, repository: str | None, files: Collection[str], own: Own, names: Names, rules: Catalogue
) -> Iterator[str]:
    """What a link leaves open; nothing where it leads to a text that is known or that was read."""
    if names.choices(claim) or target_of(claim, repository) in files:
        return
    link = " ".join(claim.quotation.split())
    if place_of(claim) is not LinkPlace.WEB:
        yield f"{claim.field} leads to {link}, which is not among the files: nobody could read it."
        return
    page = _FILE_PAGE.fullmatch(link.partition("?")[0].partition("#")[0])
    if page is None or kind_of_text(page["path"] or page["name"] or "") is not ProseKind.LICENSE:
        yield f"{claim.field} leads to {link}, where nobody looked: other terms may stand there."
        return
    rule = origin_rule(page["repository"] or page["other"] or "", rules)
    if rule is not None and rule.license not in own.ids:
        yield f"{claim.field} leads to {link}, which holds {rules.licenses[rule.license].name} by its address."
