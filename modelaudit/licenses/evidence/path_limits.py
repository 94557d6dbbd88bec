"""Find restrictions in the names of files and folders: ``NOT-FOR-COMMERCIAL-USE``, ``weights-research-only/``.

An empty file with such a name, or a folder, has no text that states it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from modelaudit.licenses.evidence.fields import RESTRICTION, truncate_quotation
from modelaudit.licenses.evidence.scope import explain_other_work, may_hold_weights
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import ClaimKind, LicenseClaim
from modelaudit.model.spelling import normalize_appearance
from modelaudit.model.structure import Location
from modelaudit.model.term_files import is_picture_or_recording, may_be_text

_MOST_CLAIMS = 10
_MARKS = defer_pattern(r"[\W_]+")
_KINDS = (
    (
        "no-commercial-use",
        defer_pattern(r"\b(?:(?:not for|no) commercial(?: use)?|non ?commercial)\b|非商用|非商业|禁商"),
    ),
    (
        "research-only",
        defer_pattern(r"\b(?:research|academic|evaluation|education(?:al)?|personal)(?: (?:use|purposes?))? only\b"),
    ),
    ("no-redistribution", defer_pattern(r"\b(?:(?:do not|dont|don t|no) (?:re)?distribut(?:e|ion)|not for resale)\b")),
    ("party-limit", defer_pattern(r"\b(?:(?:internal(?: use)?|members) only|confidential$|under nda)\b|^nda$")),
)


def find_path_limits(paths: Iterable[str]) -> Iterator[LicenseClaim]:
    """Yield one claim for each file or folder whose name limits the use; at most ten.

    Source code and settings are left out, because their names speak of what they do, and so are places apart.
    """
    seen: set[str] = set()
    found = 0
    for path in paths:
        steps = path.split("/")
        for count, step in enumerate(steps, 1):
            place = "/".join(steps[:count])
            if place in seen:
                continue
            seen.add(place)
            is_file = count == len(steps)
            if is_file and not (may_be_text(path) or may_hold_weights(path) or is_picture_or_recording(path)):
                continue
            kind = _match_name(step, is_file)
            if kind is not None and not explain_other_work(place):
                yield LicenseClaim(
                    ClaimKind.DECLARED, path, RESTRICTION, truncate_quotation(place), None, Location(key=kind)
                )
                found += 1
                if found == _MOST_CLAIMS:
                    return


@lru_cache(maxsize=1024)  # most repositories have files of the same names
def _match_name(step: str, is_file: bool) -> str | None:
    """Return the kind of restriction that the name of a file, without its ending, or of a folder states."""
    stem = step.rpartition(".")[0] or step if is_file else step
    words = _MARKS.sub(" ", normalize_appearance(stem)).strip()
    return next((kind for kind, pattern in _KINDS if pattern.search(words)), None)
