"""The fields that speak of licences and origins, and how what stands in them is quoted and resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelaudit.licenses.evidence.names import index_license_names
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
"""The words of a file: of a declared claim, those of a card below its front matter."""
POLICY = "use-policy"
"""The words of a use policy: it limits, and grants nothing."""
TAG = "SPDX-License-Identifier"
RESTRICTION = "restriction"
"""A sentence that restricts, whatever a licence says; the key of its place is the kind of restriction."""

CLAIM_LIMIT = 50
"""Claims kept of one field that resolve to nothing, of file names and of origins. What resolves is kept however much
there is: a licence must not be hidden behind fifty others."""

BLANK_VALUES = frozenset({"", "~", "null", "None"})


@dataclass(frozen=True, slots=True)
class Resolver:
    """From a name to the licence that it means.

    Attributes:
        names: of ``index_license_names``.
        families: folded words that name a family and not a licence.
    """

    names: Mapping[str, str]
    families: frozenset[str]

    @classmethod
    def from_rules(cls, licenses: Mapping[str, LicenseEntry], vague: Mapping[str, str]) -> Resolver:
        """The resolver of a rule set."""
        return cls(index_license_names(licenses), frozenset(fold_license_name(name) for name in vague))

    def find_license(self, value: str) -> str | None:
        """The id of the licence; ``None`` for what is unknown or names a family only."""
        name = fold_license_name(value)
        return None if name in self.families else self.names.get(name)


def truncate_quotation(value: str) -> str:
    """``value``, cut where it is longer than any name."""
    return value if len(value) <= NAME_LIMIT else f"{value[:NAME_LIMIT]}… ({len(value)} characters)"
