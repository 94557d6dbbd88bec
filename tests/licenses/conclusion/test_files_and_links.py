from __future__ import annotations

import pytest
from support.cases import check_each

from modelaudit.licenses import build_subjects
from modelaudit.licenses.evidence.claims import CLAIM_LIMIT, claim_license_files, is_license_file_name
from modelaudit.model.license import ClaimKind, ConclusionState


@check_each(
    "path",
    [
        "LICENSE",
        "LICENCE",
        "license.md",
        "LICENSE.txt",
        "LICENSE-APACHE",
        "LICENSE.MIT",
        "LICENSE-2.0",
        "COPYING",
        "UNLICENSE",
        "sub/LICENSE.pdf",
        "LICENSES/MIT.txt",
        "Model_License.md",
        "llama-2-LICENSE.txt",
        "COPYING.md",
        "LICENSE_GEMMA.md",
    ],
)
def test_license_files_are_found_by_name(path):
    assert is_license_file_name(path)
    [claim] = claim_license_files([path])
    assert (claim.kind, claim.artifact, claim.quotation, claim.entry) == (ClaimKind.FOUND, path, path, None)


@pytest.mark.parametrize(
    "path", ["NOTICE", "NOTICE.txt", "USE_POLICY.md", "Use-Policy.txt", "acceptable_use_policy.md"]
)
def test_notice_or_policy_file_makes_a_claim_but_is_not_a_license_file(path):
    assert claim_license_files([path])
    assert not is_license_file_name(path)


@check_each(
    "path",
    [
        "license_check.py",
        "LICENSE.py",
        "licensed.md",
        "model.safetensors",
        "LICENSE/weights.bin",
        "noticeboard.txt",
        "",
        "LICENSE.safetensors",
        "license.7z",
        "LICENSES/tool.py",
        "LICENSES/data/numbers.txt",
        "x" * 400 + "-LICENSE",
    ],
)
def test_file_without_the_name_of_a_license_notice_or_policy_makes_no_claim(path):
    assert claim_license_files([path]) == ()


def test_number_of_file_claims_is_bounded_and_those_at_the_root_are_kept():
    paths = [*(f"{number}/LICENSE" for number in range(1000)), "LICENSE"]
    claims = claim_license_files(paths)
    assert len(claims) == CLAIM_LIMIT
    assert "LICENSE" in {claim.artifact for claim in claims}


def test_archive_member_is_not_a_license_file_of_the_snapshot(conclude_cards):
    assert conclude_cards(license="mit", paths=["model.zip!LICENSE"]).state is ConclusionState.CONCLUDED
    assert conclude_cards(license="mit", paths=["LICENSE"]).state is ConclusionState.UNRECOGNISED


def list_link_destinations(conclusion):
    """List the destinations of the licence links that lead to no file of the snapshot."""
    return [subject.fields["place"] for subject in build_subjects(conclusion) if subject.kind == "license-link"]


@pytest.mark.parametrize(
    "link", ["LICENSE.md", "./LICENSE.md", "LICENSE.md#section", "docs/../LICENSE.md", "docs/LICENSE%2Emd"]
)
def test_license_link_in_any_relative_spelling_resolves_to_the_file_in_the_snapshot(conclude_cards, link):
    conclusion = conclude_cards(license="mit", license_link=link, paths=["LICENSE.md", "docs/LICENSE.md"])
    assert list_link_destinations(conclusion) == []


def test_file_of_any_name_that_the_license_link_names_counts_as_license_text(conclude_cards, fired):
    conclusion = conclude_cards(license="mit", license_link="terms.txt", texts={"terms.txt": "MIT"})
    assert "license/text-missing" not in fired(conclusion)
    unread = conclude_cards(license="mit", license_link="terms.txt", paths=["terms.txt"])
    assert unread.state is ConclusionState.UNRECOGNISED
    assert "license/text-not-compared" in fired(unread)


def test_relative_link_starts_at_the_folder_of_its_card(conclude_cards):
    cards = {"README.md": {"license": "mit"}, "sub/README.md": {"license_link": "LICENSE"}}
    assert list_link_destinations(conclude_cards(cards=cards, paths=["sub/LICENSE"])) == []
    assert list_link_destinations(conclude_cards(cards=cards, paths=["LICENSE"])) == ["missing-file"]


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("https://example.org/license", "web"),
        ("//example.org/license", "web"),
        ("mailto:someone@example.org", "web"),
        ("file:///etc/passwd", "web"),
        ("javascript:alert(1)", "web"),
        ("LICENSE", "missing-file"),
        ("sub/LICENSE", "missing-file"),
        ("../../etc/passwd", "outside-snapshot"),
        ("..%2f..%2fetc/passwd", "outside-snapshot"),
        ("/etc/passwd", "outside-snapshot"),
        ("..", "outside-snapshot"),
        (".", "outside-snapshot"),
        ("x" * 100_000, "missing-file"),
    ],
)
def test_unresolved_license_link_is_classified_by_its_destination(conclude_cards, link, place):
    assert list_link_destinations(conclude_cards(license="mit", license_link=link)) == [place]


def test_license_link_to_a_hub_page_of_the_model_resolves_to_its_file(conclude_cards):
    def list_destinations(**options):
        link = "https://huggingface.co/acme/tiny/blob/main/LICENSE"
        return list_link_destinations(conclude_cards(license="mit", license_link=link, **options))

    assert list_destinations(paths=["LICENSE"], repository="Acme/tiny") == []
    assert list_destinations(paths=["LICENSE"], repository="acme/other") == ["web"]
    assert list_destinations(paths=["LICENSE"]) == ["web"]
    assert list_destinations(paths=[], repository="acme/tiny") == ["web"]
