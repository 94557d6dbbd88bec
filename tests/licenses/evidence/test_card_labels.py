"""Labels, headings and tables of cards that state a licence in a few words."""

from __future__ import annotations

import pytest
from support.catalogue import load_shipped
from support.work import count_work, find_growth_fault

from modelaudit.licenses.evidence import card_labels
from modelaudit.licenses.evidence.card_labels import STATED_LICENSE, find_stated_licenses
from modelaudit.licenses.recognition import find_references
from modelaudit.model.license import LicenseClaim

OTHER_TERMS = [
    "- **License:** proprietary",
    "<b>License:</b> proprietary",
    "Lizenz: Heron-Vertrag",
    "许可证\uff1a仅限合作方",
    "ライセンス\uff1a別途契約",
    "## License\n\nPrivate.",
    "## 8. Licence\n\n❌",
    "## License\n\n- code: MIT\n- checkpoint: see email",
    "Licence\n-------\n\nHeron Model Licence",
    "Weights: Heron EULA",
    "Data: public. Weights: same.",
    "Weights: NC-SA.",
    "| Author | Heron |\n|---|---|\n| License | on request |\n",
    "| Part | Licence |\n|---|---|\n| Code | MIT |\n| Weights | as data |\n",
]

NO_OTHER_TERMS = [
    "- **License:** Apache 2.0",
    "License: [More Information Needed]",
    "License: [LICENSE](LICENSE)",
    "License: same as the base model",
    "## License\n\nSee the LICENSE file.",
    "## License\n\nCopyright 2025 Heron Laboratory",
    "## License\n\nOpen source.",
    "## License\n\nHeron is licensed under **GPLv3**.",
    "## License\n\nLicensed under either of\n\n* MIT\n* Apache-2.0\n",
    "## License\n\n- code: MIT\n- training data: on request",
    "## License\n\n## Citation\n\nPlease cite us.",
    "## License\n\n```\nHeron\n```",
    "## License\n\nDo whatever you want.",
    "## License\n\nThis model inherits the base licence.",
    "Weights: 135 million parameters",
    "Model: heron-base",
    "| Model | License |\n|---|---|\n| Heron | MIT |\n| Egret | Egret EULA |\n",
    "许可证\uff1aApache 2.0",
]

LAYOUT = load_shipped().restrictions.layout
assert LAYOUT is not None


def find_claims(text: str) -> list[LicenseClaim]:
    rules = load_shipped()
    return list(find_stated_licenses(f"# Heron\n\n{text}\n", 5, "README.md", rules.restrictions, rules.licenses))


@pytest.mark.parametrize("text", OTHER_TERMS)
def test_label_with_an_unknown_licence_is_quoted(text: str) -> None:
    assert [claim.location.key for claim in find_claims(text)] == [STATED_LICENSE]


@pytest.mark.parametrize("text", NO_OTHER_TERMS)
def test_label_with_an_ordinary_licence_or_a_pointer_is_quiet(text: str) -> None:
    assert find_claims(text) == []


def test_row_of_a_table_gives_the_weights_a_known_licence() -> None:
    (claim,) = find_claims("| Data | Licence |\n|---|---|\n| fine-tuned network | CC BY-NC 4.0 |\n")
    assert (claim.entry, claim.location.line) == ("CC-BY-NC-4.0", 9)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The weights are under CC BY-SA 4.0.", "CC BY-SA 4.0"),
        ("Weights: GPL-3.0; code: Apache-2.0.", "GPL-3.0"),
        ("The AGPL covers the weights and your server too.", "AGPL-3.0"),
        ("Lizenz: AGPL-3.0", "AGPL-3.0"),
    ],
)
def test_licence_of_the_weights_is_a_reference(text: str, name: str) -> None:
    assert [each.name for each in find_references(text)] == [name]


@pytest.mark.parametrize("words", ["License: ", "## License\n\n", "- a\n", "| License | a |\n"])
def test_repeated_labels_are_searched_in_linear_work(words: str) -> None:
    def search(characters: int) -> None:
        list(card_labels._iter_values(words * (characters // len(words)), LAYOUT.labels))

    assert find_growth_fault(lambda characters: count_work(lambda: search(characters)), 1600) == ""
