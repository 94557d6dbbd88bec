"""Every identifier of the Hub's ``license`` field resolves to one licence, or has a reason why it does not.

Source of the list: https://huggingface.co/docs/hub/repositories-licenses.
"""

from __future__ import annotations

from support.cases import check_each

from modelaudit.licenses.evidence.names import index_license_names
from modelaudit.model.catalogue import Catalogue
from modelaudit.model.license import fold_license_name

VAGUE = ["openrail", "bsd", "cc", "gfdl", "gpl", "lgpl", "odbl", "odc-by", "unknown", "other"]
LICENCES = {
    "afl-3.0": "AFL-3.0",
    "agpl-3.0": "AGPL-3.0-only",
    "apache-2.0": "Apache-2.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-3-clause-clear": "BSD-3-Clause-Clear",
    "bsl-1.0": "BSL-1.0",
    "c-uda": "C-UDA-1.0",
    "cc-by-2.0": "CC-BY-2.0",
    "cc-by-2.5": "CC-BY-2.5",
    "cc-by-3.0": "CC-BY-3.0",
    "cc-by-4.0": "CC-BY-4.0",
    "cc-by-nc-2.0": "CC-BY-NC-2.0",
    "cc-by-nc-3.0": "CC-BY-NC-3.0",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "cc-by-nc-nd-3.0": "CC-BY-NC-ND-3.0",
    "cc-by-nc-nd-4.0": "CC-BY-NC-ND-4.0",
    "cc-by-nc-sa-2.0": "CC-BY-NC-SA-2.0",
    "cc-by-nc-sa-3.0": "CC-BY-NC-SA-3.0",
    "cc-by-nc-sa-4.0": "CC-BY-NC-SA-4.0",
    "cc-by-nd-4.0": "CC-BY-ND-4.0",
    "cc-by-sa-3.0": "CC-BY-SA-3.0",
    "cc-by-sa-4.0": "CC-BY-SA-4.0",
    "cc0-1.0": "CC0-1.0",
    "cdla-permissive-1.0": "CDLA-Permissive-1.0",
    "cdla-permissive-2.0": "CDLA-Permissive-2.0",
    "cdla-sharing-1.0": "CDLA-Sharing-1.0",
    "ecl-2.0": "ECL-2.0",
    "epl-1.0": "EPL-1.0",
    "epl-2.0": "EPL-2.0",
    "etalab-2.0": "etalab-2.0",
    "eupl-1.1": "EUPL-1.1",
    "eupl-1.2": "EUPL-1.2",
    "gpl-2.0": "GPL-2.0-only",
    "gpl-3.0": "GPL-3.0-only",
    "isc": "ISC",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-3.0": "LGPL-3.0-only",
    "lgpl-lr": "LGPLLR",
    "lppl-1.3c": "LPPL-1.3c",
    "mit": "MIT",
    "mpl-2.0": "MPL-2.0",
    "ms-pl": "MS-PL",
    "ncsa": "NCSA",
    "ofl-1.1": "OFL-1.1",
    "osl-3.0": "OSL-3.0",
    "pddl": "PDDL-1.0",
    "postgresql": "PostgreSQL",
    "unlicense": "Unlicense",
    "wtfpl": "WTFPL",
    "zlib": "Zlib",
}
# Identifiers of model publishers: exactly one licence file must claim each.
OF_PUBLISHERS = [
    "apple-amlr",
    "apple-ascl",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "fair-noncommercial-research-license",
    "gemma",
    "grok2-community",
    "h-research",
    "intel-research",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "openmdw-1.0",
    "openmdw-1.1",
    "openrail++",
]
HUB = [*VAGUE, *LICENCES, *OF_PUBLISHERS]


def test_list_of_hub_license_identifiers_has_83_distinct_entries() -> None:
    assert len(HUB) == len(set(HUB)) == 83


@check_each("word", VAGUE)
def test_identifier_of_a_family_or_placeholder_is_vague_with_a_reason_and_names_no_license(
    rules: Catalogue, word: str
) -> None:
    assert rules.vague_licenses[word].endswith(".")
    assert fold_license_name(word) not in index_license_names(rules.licenses)


@check_each("word", [*LICENCES, *OF_PUBLISHERS])
def test_hub_license_identifier_belongs_to_exactly_one_license(rules: Catalogue, word: str) -> None:
    claimants = [entry.id for entry in rules.licenses.values() if word in entry.hub_ids]
    assert claimants == [index_license_names(rules.licenses).get(fold_license_name(word))]
    # The list above gives no licence for the identifier of a publisher.
    assert claimants == [LICENCES.get(word, claimants[0])]
    assert word not in rules.vague_licenses


@check_each(
    "written, id_",
    [
        ("Apache 2.0", "Apache-2.0"),
        ("The Apache License, Version 2.0", "Apache-2.0"),
        ("apache2", "Apache-2.0"),
        ("MIT License", "MIT"),
        ("License :: OSI Approved :: MIT License", "MIT"),
        ("BSD 3-Clause", "BSD-3-Clause"),
        ('BSD 3-Clause "New" or "Revised" License', "BSD-3-Clause"),
        ("Clear BSD License", "BSD-3-Clause-Clear"),
        ("cc by nc 4.0", "CC-BY-NC-4.0"),
        ("CC BY 4.0", "CC-BY-4.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", "CC-BY-NC-SA-4.0"),
        ("Attribution-NonCommercial-NoDerivs 3.0 Unported", "CC-BY-NC-ND-3.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/deed.en", "CC-BY-NC-4.0"),
        ("http://creativecommons.org/licenses/by-sa/3.0", "CC-BY-SA-3.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("GPL-3.0", "GPL-3.0-only"),
        ("GPLv3", "GPL-3.0-only"),
        ("GPL-3.0+", "GPL-3.0-or-later"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL-3.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LGPL-3.0+", "LGPL-3.0-or-later"),
        ("AGPL-3.0", "AGPL-3.0-only"),
        ("AGPLv3+", "AGPL-3.0-or-later"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("https://www.gnu.org/licenses/old-licenses/gpl-2.0.html", "GPL-2.0-only"),
        ("https://spdx.org/licenses/ODbL-1.0.html", "ODbL-1.0"),
        ("https://opendatacommons.org/licenses/by/1-0/", "ODC-By-1.0"),
        ("Open Database License (ODbL) v1.0", "ODbL-1.0"),
        ("European Union Public Licence v. 1.2", "EUPL-1.2"),
        ("木兰宽松许可证, 第2版", "MulanPSL-2.0"),
        ("BSL-1.1", "BUSL-1.1"),
    ],
)
def test_common_spellings_resolve_to_the_license(rules: Catalogue, written: str, id_: str) -> None:
    assert index_license_names(rules.licenses)[fold_license_name(written)] == id_


@check_each(
    "written",
    ["Apache", "Apache License", "CC-BY", "cc by nc sa", "GNU GPL", "BSD License", "BSL", "Artistic License", "AGPL",
     "Public Domain", "Mozilla Public License", "OFL"],
)  # fmt: skip
def test_name_without_version_does_not_resolve(rules: Catalogue, written: str) -> None:
    assert fold_license_name(written) in {fold_license_name(word) for word in rules.vague_licenses}
    assert fold_license_name(written) not in index_license_names(rules.licenses)
