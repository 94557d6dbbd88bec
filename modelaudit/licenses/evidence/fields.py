"""Names of the fields that make licence claims, and the resolution of a claimed name to a licence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from msgspec import Struct

from modelaudit.licenses.evidence.names import index_license_names
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.license import NAME_LIMIT, fold_license_name
from modelaudit.model.terms import LicenseEntry

LICENSE = "license"
LICENSE_NAME = "license_name"
LICENSE_LINK = "license_link"
BASE_MODEL = "base_model"
RELATION = "base_model_relation"
DATASETS = "datasets"
FRONT_MATTER = "front-matter"
FILE_NAME = "file-name"
LINK_TARGET = "link-target"

TEXT = "text"
"""Running text of a file; in a declared claim, the text of a card below its front matter."""
POLICY = "use-policy"
"""Text of a use policy: it limits the use and grants nothing."""
TERMS = "terms"
"""Text that reads like terms and is no known licence or use policy."""
NOTICE = "license-notice"
"""The notice that a licence prescribes for the works under it, alone in a file that is named as a licence."""
STATEMENT = "license-statement"
"""A sentence of a file that is named as a licence, which states the licence of the model, beside other sentences."""
THIRD_PARTY_TEXT, CODE_TEXT = "third-party-text", "code-text"
"""A licence text that the words before it give to third-party work, or to the code alone."""
TAG = "SPDX-License-Identifier"
RESTRICTION = "restriction"
"""A sentence that restricts the use, whatever the licence permits; its location's key is the kind of restriction."""
PROHIBITION = "prohibition"
"""A sentence of a use policy or an unknown licence text, among many, that forbids what a planned use may state."""

CLAIM_LIMIT = 50
"""How many unresolved claims of one field and file names are kept; each is a doubt, and one doubt is enough. Claims
that resolve to a licence are always kept: fifty invented names must not hide a licence.
"""

LINEAGE_CLAIM_LIMIT = 2 * CLAIM_LIMIT
"""How many base models, and how many data sets, of one file are kept. The walk of the lineage follows fewer
(``Limits.origins``), so it reports those that are not kept among those that it does not follow.
"""

BLANK_VALUES = frozenset({"", "~", "null", "None"})


_LONGEST_NAME: Final = 100
_SHOWN_OF_A_NAME: Final = 60
_SENTENCE_END: Final = defer_pattern(r"[.!?;]\s")


class Resolver(Struct, frozen=True):
    """Resolves a name to the licence that it means.

    Attributes:
        names: folded name -> licence id, from ``index_license_names``.
        families: folded words that name a licence family and no single licence.
    """

    names: Mapping[str, str]
    families: frozenset[str]

    @classmethod
    def from_rules(cls, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]) -> Resolver:
        """Build the resolver of a rule set."""
        return cls(index_license_names(licenses), _fold_names(tuple(vague)))

    def find_license(self, value: str) -> str | None:
        """Find the licence id for a name; ``None`` for an unknown name or a mere family."""
        name = fold_license_name(value)
        return None if name in self.families else self.names.get(name)


@lru_cache(maxsize=4)
def _fold_names(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(fold_license_name, names))


def quote_name(value: str) -> str:
    """Return the name of a base model or data set; quote a name with a sentence in it, and cut a long one.

    A long text of a card would otherwise continue a sentence of the report. The digest tells two such texts apart.
    """
    text = " ".join(value.split())
    if len(text) > _LONGEST_NAME:
        digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        return f"“{text[:_SHOWN_OF_A_NAME]}…” ({len(value):,} characters, SHA-256 {digest})"
    return f"“{text}”" if _SENTENCE_END.search(text) else value


def truncate_quotation(value: str) -> str:
    """Cut ``value`` if it is longer than any licence name, and append its length."""
    return value if len(value) <= NAME_LIMIT else f"{value[:NAME_LIMIT]}… ({len(value)} characters)"
