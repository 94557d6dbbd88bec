"""The licences of a conclusion beside the lists of a policy."""

from __future__ import annotations

from support.cases import check_each
from support.catalogue import load_shipped

from modelaudit.licenses.obligations.policy_lists import compare_with_lists
from modelaudit.model.finding import CheckFamily, Severity
from modelaudit.model.license import ClaimKind, ConclusionState, LicenseClaim, LicenseConclusion
from modelaudit.model.policy import LicenseListing, Policy
from modelaudit.model.terms import LicenseCategory

CATALOGUE = load_shipped()


def make_policy(allow: str = "", deny: str = "") -> Policy:
    """Return a policy with both lists, as words; the first word of each is in line 1."""
    origins = {f"licenses.allow.{word}": f"modelaudit.yaml:{line}" for line, word in enumerate(allow.split(), 1)}
    origins |= {f"licenses.deny.{word}": f"modelaudit.yaml:{line}" for line, word in enumerate(deny.split(), 1)}
    return Policy(
        "p",
        "",
        dict.fromkeys(CheckFamily, Severity.HIGH),
        tuple(CheckFamily),
        allowed_licenses=frozenset(allow.split()),
        denied_licenses=frozenset(deny.split()),
        origins=origins,
    )


def conclude(expression: str, components: str = "") -> LicenseConclusion:
    """Return the conclusion of an expression, with the licences of components, which are not in it."""
    ids = [word.strip("()") for word in expression.split() if word not in ("AND", "OR")]
    entries = tuple(CATALOGUE.licenses[id_] for id_ in dict.fromkeys([*ids, *components.split()]))
    return LicenseConclusion(
        ConclusionState.CONCLUDED, LicenseCategory.UNKNOWN, entries=entries, expression=expression, own=tuple(ids)
    )


@check_each(
    "expression, components, allow, deny, denials, objections",
    [
        ("MIT", "", "", "", [], []),
        ("GPL-3.0-only", "", "", "MIT GPL-3.0-only", ["The policy denies GPL-3.0-only (modelaudit.yaml:2)."], []),
        ("CC-BY-NC-4.0", "", "", "non-commercial", ["The policy denies non-commercial licences (modelaudit.yaml:1), and CC-BY-NC-4.0 is one."], []),
        ("MIT", "", "Apache-2.0", "", [], ["MIT is not on the list of licences that the policy allows (modelaudit.yaml:1)."]),
        ("MIT", "", "Apache-2.0 permissive", "", [], []),
        # The user may choose the alternative to which the policy has no objection.
        ("MIT OR GPL-3.0-only", "", "MIT", "GPL-3.0-only", [], []),
        ("GPL-3.0-only OR MIT", "", "permissive", "", [], []),
        ("(MIT OR Apache-2.0) AND GPL-3.0-only", "", "", "GPL-3.0-only", ["The policy denies GPL-3.0-only (modelaudit.yaml:1)."], []),
        # A component binds with every alternative.
        ("MIT OR Apache-2.0", "GPL-3.0-only", "permissive", "", [], ["GPL-3.0-only is not on the list of licences that the policy allows (modelaudit.yaml:1)."]),
    ],
)  # fmt: skip
def test_licenses_are_compared_under_the_alternative_with_the_fewest_objections(
    expression: str, components: str, allow: str, deny: str, denials: list[str], objections: list[str]
) -> None:
    listing = compare_with_lists(conclude(expression, components), make_policy(allow, deny))
    assert (list(listing.denials), list(listing.objections)) == (denials, objections)


def test_denied_id_of_spdx_without_an_entry_in_the_rule_set_is_found_in_the_claims() -> None:
    claim = LicenseClaim(ClaimKind.DECLARED, "README.md", "license", "SSPL-1.0 OR Elastic-2.0", None)
    undeclared = LicenseConclusion(ConclusionState.UNRECOGNISED, LicenseCategory.UNKNOWN, claims=(claim,))
    denials = compare_with_lists(undeclared, make_policy(deny="SSPL-1.0")).denials
    assert denials == ("The policy denies SSPL-1.0 (modelaudit.yaml:1).",)
    assert compare_with_lists(undeclared, make_policy(deny="SSPL-2.0")) == LicenseListing()


def test_list_of_allowed_licenses_objects_to_a_model_without_a_concluded_license() -> None:
    undeclared = LicenseConclusion(ConclusionState.UNDECLARED, LicenseCategory.UNKNOWN)
    (objection,) = compare_with_lists(undeclared, make_policy(allow="MIT")).objections
    assert objection.endswith("(modelaudit.yaml:1), and no licence was determined.")
    assert compare_with_lists(undeclared, make_policy(deny="MIT")) == LicenseListing()
