"""Sentences beside a licence text that grant and forbid nothing, each with a twin that limits the use."""

from __future__ import annotations

from importlib.metadata import distribution

import pytest
from support.catalogue import load_shipped

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, TextRole, recognise_texts


def read_license(package: str, first: str) -> str:
    """Read the licence file of an installed package from the words ``first`` on."""
    (path,) = [file for file in distribution(package).files or () if file.name in ("LICENSE", "LICENSE.txt")]
    text = path.read_text(encoding="utf-8")
    return text[text.index(first) :]


MIT = read_license("execnet", "Permission")
BSD = read_license("click", "Redistribution")


def recognise(text: str) -> set[tuple[str, Likeness]]:
    """Recognise the licences of a text; an id with its likeness each."""
    return {(match.id, match.likeness) for match in recognise_texts(text, load_fingerprints(), load_shipped().licenses)}


BESIDE = (
    (
        "Acme\nCopyright 2024 Acme. Released under the terms of the MIT license.\nAcme is a trademark of Acme IP Company,"
        " Inc. All rights reserved.\n\n{}",
        "Acme is a trademark of Acme, for members",
    ),
    ("Acme was originally written by Jo Acme.\n\nCopyright (c) 2024 Acme\n\n{}", "Acme was written by Jo for members."),
    ("Portions of this project's code are copyrighted by Acme.\n\n{}", "Portions of this project are copyrighted by Acme for members."),
    (
        "{}\n\nPlease also refer to the file .github/CONTRIBUTING.md, which clarifies licensing of external contributions"
        " to this project including patches, pull requests, etc.",
        "Please also refer to the file TERMS.md, which clarifies licensing of commercial use to this project.",
    ),
    ("Acme crates are licensed under the terms of the MIT license, reproduced in crates/LICENSE.\n\n{}", "Acme crates "
     "are licensed under the terms of the Acme Club license."),
    ("{}\n\nAcme uses a shared copyright model. Each contributor maintains copyright over their contributions to Acme.",
     "Each customer maintains copyright over their contributions to Acme."),
    ("Copyright (c) 2024 MIT HAN Lab\n\n{}", "Copyright (c) 2024 MIT Only"),
    ("Copyright (c) 2024 Prior Labs GmbH\n\n{}", "Copyright (c) 2024 Prior Consent GmbH"),
    ("Copyright (c) 2024 Acme, Free University of Berlin and Jo Foo\n\n{}", "Copyright (c) 2024 Acme, free of charge"),
    ("Acme - Extensions to the standard Python datetime module.\nCopyright (c) 2024 Jo\n\n{}",
     "Acme - Extensions for members of the standard Python module."),
    ("Copyright (c) 2024 Acme\nAuthor: jo@acme.example (Jo Acme)\n\n{}", "Author: ask jo@acme.example (Jo Acme)"),
    (
        "COPYRIGHT\n\nCopyright (c) 2015 Acme.\n\nEach contributor holds copyright over their respective contributions. The"
        " project versioning (Git) records all such contribution source information.\n\n{}",
        "Each contributor holds copyright over their respective weights.",
    ),
    (
        "This software is OSI Certified Open Source Software.\nOSI Certified is a certification mark of the Open Source"
        " Initiative.\n\nCopyright (c) 2008 Acme\n\n{}",
        "This software is Acme Certified Commercial Software.",
    ),
    ("Copyright (c) 2012 Jo Acme and others, except where noted.\n\n{}", "Copyright (c) 2012 Jo, except where sold."),
    ("Copyright (c) 2015-2016 Ask Acme.  All Rights Reserved.\n\n{}", "Copyright (c) 2015 Ask Acme.  All Uses Reserved."),
    ("Copyright (c) 2012 New Acme Institute Education Fund\n\n{}", "Copyright (c) 2012 New Acme Education Only"),
    ("Copyright (c) 2020 Jo <jo+acme@youacme.example>\n\n{}", "Copyright (c) 2020 Jo <jo@you-must-pay.example>"),
    ("acme-parser is a Sphinx extension for Acme Diagrams\n\nCopyright (c) 2016 Jo\n\n{}", "acme-parser is a Sphinx"
     " extension for members"),
    ("Copyright (c) 2020 Jo Acme <dev@joacme.be>\n\n{}", "Copyright (c) 2020 Jo Acme must be asked"),
    ("Acme is licensed under the MIT License; see below for details.\n\n{}", "Acme is licensed under the MIT License; see"
     " TERMS for details."),
    ("acme_parser\nMIT License\n\nCopyright (c) 2024 Jo\n\n{}", "students\nMIT License"),
)  # fmt: skip


@pytest.mark.parametrize("form, _", BESIDE)
def test_remark_that_limits_nothing_leaves_the_licence_exact(form: str, _: str) -> None:
    assert recognise(form.format(MIT)) == {("MIT", Likeness.EXACT)}


@pytest.mark.parametrize("_, limit", BESIDE)
def test_remark_with_a_limit_makes_a_variant(_: str, limit: str) -> None:
    assert recognise(f"{limit}\n\n{MIT}") == {("MIT", Likeness.VARIANT)}


@pytest.mark.parametrize(
    ("written", "instead", "likeness"),
    [
        ("Neither the name of the copyright holder nor the names of its", "The names of the", Likeness.VARIANT),
        ("Neither the name of the copyright holder nor", "Neither the names of Jo Acme, Mo Foo nor", Likeness.EXACT),
        ("names of its contributors", "names of other contributors", Likeness.EXACT),
    ],
)
def test_clause_on_names_may_be_worded_otherwise(written: str, instead: str, likeness: Likeness) -> None:
    words = " ".join(BSD.split())
    changed = words.replace(written, instead, 1)
    assert changed != words and recognise(changed) == {("BSD-3-Clause", likeness)}


def test_clause_that_names_contributors_alone_is_one_of_bsd() -> None:
    words = " ".join(BSD.split())
    begin = words.index("Neither")
    end = words.index("be used", begin)
    changed = f"{words[:begin]}The names of the contributors may not {words[end:]}"
    assert recognise(changed) == {("BSD-3-Clause", Likeness.EXACT)}
    assert recognise(changed.replace("may not be used", "may not be used commercially", 1)) == {
        ("BSD-3-Clause", Likeness.VARIANT)
    }


PARTS = (
    (
        "Parts of this software, in particular code contained in the modules acme.tree and acme.grf contain files that are"
        " forks from the foo-bar git repository, or code snippets from that repository:\nhttps://foo.example/foo-bar\n"
        "published under the following License.",
        "Parts of this model, in particular weights contained in the modules acme.tree are forks from the foo repository.",
    ),
    ("foo library is redistributed within all acme packages.\nThis license applies to foo binary in the directory cv2/.",
     "This license applies to foo customers in the directory cv2/."),
    ("Foo and its dependencies have the following license:", "Foo customers have the following license:"),
    ("The Acme repository and source distributions bundle several libraries that are compatibly licensed.",
     "The Acme repository bundles several models that are compatibly licensed."),
    ("Applies to:\n  - foo; Copyright (c) 2021 Lea Foo\n  - bar-baz; Copyright (c) 2013 Jo Bar",
     "Applies to:\n  - companies; Copyright (c) 2021 Lea Foo"),
    ("Name: GCC runtime library\nFiles: lib/foo.so\nDescription: dynamically linked to files compiled with gcc\n"
     "License: BSD-3-Clause", "Name: Ask us runtime library\nFiles: lib/foo.so"),
)  # fmt: skip


@pytest.mark.parametrize("words, _", PARTS)
def test_words_on_a_part_lead_to_the_text_of_the_part(words: str, _: str) -> None:
    text = f"Copyright (c) 2024 Acme\n\n{MIT}\n\n{words}\n\nCopyright (c) 2020 Foo\n\n{BSD}"
    assert recognise(text) == {("MIT", Likeness.EXACT), ("BSD-3-Clause", Likeness.EXACT)}


@pytest.mark.parametrize("_, words", PARTS)
def test_words_on_a_part_with_a_limit_make_variants(_: str, words: str) -> None:
    text = f"Copyright (c) 2024 Acme\n\n{MIT}\n\n{words}\n\nCopyright (c) 2020 Foo\n\n{BSD}"
    assert recognise(text) == {("MIT", Likeness.VARIANT), ("BSD-3-Clause", Likeness.VARIANT)}


LIMITS_BEFORE = (
    "This license applies to hospital files.",
    "Applies to:\n - hospitals; Copyright (c) 2021 Lea Foo",
    "1. hospitals sign a contract first; Copyright (c) 2024 Acme",
    "Author: call first",
    "Author: Sign Contract At acme.example First",
    "Authors: Jo Acme (hospitals sign a contract at acme.example first)",
    "Developed by: Acme <hospitals sign a contract first>",
    "Developed by:\nAcme\nHospitals Sign Contract First",
    "Copyright (c) 2024 Acme <hospitals sign a contract first>",
    "Copyright (c) 2024 Acme c#hospitals a#sign a#contract",
    "Description: linked with a contract from Acme first",
    "Name: contact-acme-first",
    "Name: for-hospitals",
    "Acme -- a contract goes first, call Acme",
    "Copyright (c) 2024 MIT For Italy",
    "Name: foo",
    "Files: lib/foo.so",
)


@pytest.mark.parametrize("words", LIMITS_BEFORE)
def test_words_before_the_text_that_could_limit_it_make_a_variant(words: str) -> None:
    assert recognise(f"{words}\n\nCopyright (c) 2024 Acme\n\n{MIT}") == {("MIT", Likeness.VARIANT)}


LIMITS_BEHIND = (
    "You can obtain a copy at https://mozilla.org/MPL for private personal use only.",
    "The above license applies to all contributions before 2020.",
    "The above license applies to all contributions after 2030.",
    "The above license applies to all contributions after 2017-12-01, as well as all contributions that have been"
    " re-licensed.",
    "The above MIT License applies to all code, even that also covered by MIT.",
    "The rules of conduct are maintained by Acme at acme.example/rules.",
    "Prices are maintained by Acme.",
    "Contracts for clinics are written by Acme.",
    "Acme is a trademark of Acme, see https://acme.example/prices",
    "Acme is redistributed within hospitals.",
    "copies are redistributed within households.",
    "Acme is redistributed in Italy.",
    # Without a text behind it, such a sentence is on the text before it.
    "This license applies to acme library in the directory lib/.",
    "Applies to:\n\nAcme Clinics",
    "Applies to:\n - foo; Copyright (c) 2021 Lea Foo",
    "Acme is under the following license:",
    "The Acme contains third party software which is under different license terms.",
    "published under the following terms:\nhttps://acme.example/rules",
    "Acme is licensed as follows:\nAcme Hospital License\nhttps://acme.example/license",
    "We list these here.\n\nAcme Hospital License\nhttps://acme.example/license",
    "Please refer to https://acme.example/rules which clarifies licensing of external contributions to this project.",
    "Please refer to PRICES.md which clarifies licensing of external contributions to this project.",
    "For this, see the comments in PRICES.md.",
    "Acme is a trademark of Acme, For Clinics.",
    "ACME IS A TRADEMARK OF ACME AND CLINICS PAID FIRST",
    "ACME IS A TRADEMARK OF ACME AND CLINICS AT ACME",
    "Acme Is Maintained By Clinics Sign First At acme.example",
    "The Acme and the Foo logo are trademarks of Acme In Italy",
    "Acme packages are licensed under the MIT license, reproduced in hospitals/RULES.md.",
)


@pytest.mark.parametrize("words", LIMITS_BEHIND)
def test_words_behind_the_text_that_could_limit_it_make_a_variant(words: str) -> None:
    assert recognise(f"Copyright (c) 2024 Acme\n\n{MIT}\n\n{words}") == {("MIT", Likeness.VARIANT)}


NO_PARTS = (
    "Every file here is under the following license:",
    "Acme network and its dependencies have the following licenses:",
    "This license applies to safetensors library.",
    "This license applies to acme library in the directory model.safetensors/.",
    "Acme includes tensors which are under the BSD-3-Clause.",
    "The safetensors repository bundles several libraries that are compatibly licensed.",
    "Files: model.safetensors\nLicense: BSD-3-Clause",
    "Files: lib/foo.so *.bin\nLicense: BSD-3-Clause",
    "Acme has the following license:\nhttps://acme.example/rules",
    "We list these here.\n\nAcme Hospital License\nhttps://acme.example/license",
    "Software from third parties included in Acme\n\nClub License\nhttps://acme.example/license",
    "This license applies to the library.",
    "MIT License applies to:\n - acme; Copyright (c) 2024 Acme",
    "Files: weights/*\nLicense: BSD-3-Clause",
    "Files: pytorch_model*\nLicense: BSD-3-Clause",
    "Name: acme-7b\nLicense: BSD-3-Clause",
    "Acme-7B and its dependencies have the following license:",
    "Acme is under the following license:",
    "Name: llm\nLicense: BSD-3-Clause",
    "Name: acme\nFiles: *.safetensors",
)


@pytest.mark.parametrize("words", NO_PARTS)
def test_words_that_make_the_model_a_part_make_variants(words: str) -> None:
    text = f"Copyright (c) 2024 Acme\n\n{MIT}\n\n{words}\n\nCopyright (c) 2020 Foo\n\n{BSD}"
    assert recognise(text) == {("MIT", Likeness.VARIANT), ("BSD-3-Clause", Likeness.VARIANT)}


@pytest.mark.parametrize("files", ("*", "./*", "*.*"))
def test_text_behind_a_line_on_all_files_is_no_text_of_a_part(files: str) -> None:
    text = f"Copyright (c) 2024 Acme\n\n{MIT}\n\nFiles: {files}\n\nCopyright (c) 2020 Foo\n\n{BSD}"
    matches = recognise_texts(text, load_fingerprints(), ("MIT", "BSD-3-Clause"))
    assert {(match.id, match.role) for match in matches} == {("MIT", TextRole.MAIN), ("BSD-3-Clause", TextRole.MAIN)}


@pytest.mark.parametrize("words, _", PARTS[1:5])
def test_words_on_a_part_before_the_first_text_make_a_variant(words: str, _: str) -> None:
    assert recognise(f"{words}\n\nCopyright (c) 2020 Foo\n\n{BSD}") == {("BSD-3-Clause", Likeness.VARIANT)}


@pytest.mark.parametrize("part", ("code", "tests", "bindings", "crates", "modules"))
@pytest.mark.parametrize("form", ("{}\n\nCopyright (c) 2020 Foo\n\n{}", "{1}\n\n{0}"))
def test_text_beside_a_sentence_on_a_part_of_the_code_is_a_licence_of_code(form: str, part: str) -> None:
    text = form.format(f"Acme {part} are licensed under the MIT license.", MIT)
    (match,) = recognise_texts(text, load_fingerprints(), ("MIT",))
    assert (match.likeness, match.role) == (Likeness.EXACT, TextRole.CODE)


def test_exception_counts_beside_a_licence_text_alone() -> None:
    (path,) = [file for file in distribution("scikit-learn").files or () if file.name == "COPYING"]
    text = path.read_text(encoding="utf-8")
    exception = text[text.index("GCC RUNTIME LIBRARY EXCEPTION") :]
    assert recognise(text) == {("BSD-3-Clause", Likeness.EXACT), ("GPL-3.0-or-later", Likeness.EXACT)}
    assert recognise(exception) == set()


def test_bundle_of_a_wheel_is_exact_with_the_exception_of_its_runtime_library() -> None:
    (path,) = [file for file in distribution("scikit-learn").files or () if file.name == "COPYING"]
    found = recognise(path.read_text(encoding="utf-8"))
    assert found == {("BSD-3-Clause", Likeness.EXACT), ("GPL-3.0-or-later", Likeness.EXACT)}


def test_variant_of_bsd_by_open_mpi_is_named() -> None:
    (path,) = [file for file in distribution("numpy").files or () if str(file).endswith("licenses/LICENSE.txt")]
    assert "BSD-3-Clause-Open-MPI" in {id_ for id_, _ in recognise(path.read_text(encoding="utf-8"))}
