"""Copies of ordinary licences as projects ship them: only holders, titles and spellings differ, or a word that counts."""

from __future__ import annotations

import re
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.cases import check_each
from support.catalogue import load_shipped

import modelaudit
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, TextRole, recognise_texts
from modelaudit.model.report import AuditReport


def read_license(package: str) -> str:
    """Read the licence file of an installed package."""
    (path,) = [file for file in distribution(package).files or () if file.name in ("LICENSE", "LICENSE.txt")]
    return path.read_text(encoding="utf-8")


def strip_head(text: str, first: str) -> str:
    """Strip what is before the first words of the terms."""
    return text[text.index(first) :]


MIT = strip_head(read_license("execnet"), "Permission")
BSD = strip_head(read_license("click"), "Redistribution")

SAME_MIT = (
    "%% -*- mode:markdown -*-\n%% vi:ft=markdown\n\nLicense\n=======\n\nCopyright (c) 2013, Jo Acme.\n\n{}",
    "All packages under `src/` are licensed according to the terms in their respective `LICENSE` files.\n\nThe "
    "remainder of this project is licensed under the MIT License, as follows:\n\n----\n\nCopyright Jo Acme\n\n{}",
    "Copyright Jo Acme <http://joacme.be/>\n\n{}",
    "Copyright (c) 2024 Oleksii Denysov, Yousuf Acme & other authors listed in AUTHORS\n\n{}",
    "<!-- This file is automatically added by acme-tools. Do not edit. -->\n\nMIT License\n\nCopyright Jo Acme\n\n{}",
    "Acme2 Software License\n\nCopyright (c) 2006 by Jo Acme\n\n{}",
    "Copyright 2010 Jo Acme; Modified work Copyright 2014 Mo Foo\n\n{}",
    "Original code Copyright Jo Acme <jo@acme.example>\n\nPort to TypeScript Copyright Mo Foo\n\n{}",
    "All contributions towards Acme are MIT licensed.\n\n---\nThe MIT License (MIT)\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "MIT License\n\nCopyright 2024 Jo Acme\n\n{}\n\nThis library is a fork of 'foo-bar' by Mo Foo, extended and "
    "distributed under the terms of the MIT license above.\n",
    "MIT License\n\nCopyright (c) 2023 罗林\n\n{}",
    "Copyright (c) 2017-2021 Ingy döt Net\n{}",
    "Copyright (c) 2004 Yu Shin <yu dot shin at acme dot example>\n\n{}",
    "Copyright (c) 2024 Acme Research\n\n{}",
    "Acme UG (haftungsbeschränkt)\n{}".replace("Acme", "Copyright 2024 Acme", 1),
    "This software is under the MIT Licence\n=====\n\nCopyright (c) 2010 acme\n\n{}",
    "Acme extensions are licensed under the terms of the MIT license, reproduced below.\n\n{}",
    "This is the MIT license: http://www.opensource.org/licenses/mit-license.php\n\nCopyright (c) Jo Acme\n\n{}",
    "Unless otherwise noted, all files are released under the MIT License.\n\n{}",
    "This module was extracted from the `foo` package, developed by Foo, Inc.\n\nCopyright (c) 2015 Jo Acme\n\n{}",
    "acme -- A parser in Python\n\nCopyright (c) 2024 Grant Acme, Acme Limited\n\n{}",
    "http://opensource.org/licenses/MIT\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright (c) 2024 Jo Acme\nMo Acme\nand others that have contributed code to the public domain.\n\n{}",
    "Copyright (c) 2024 Acme Foundation for Open Science\n\n{}",
    "Copyright (c) 2024 The Regents of the University of Acme in Japan\n\n{}",
    "Copyright (c) 2024 Acme Europe GmbH\n\n{}",
    "Copyright (c) 2024 Parser section, Acme College, Foo University Bar\n\n{}",
    "Copyright (c) 2024 NoSQL Acme Inc\n\n{}",
    "Copyright (c) 2024 Acme Corp. and its members\n\n{}",
    "Acme\n====\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "# Acme Parser\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "acme Copyright (c) 2024 Jo Acme\n\n{}",
    "Acme License (MIT)\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "The Acme licensing terms\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright Notice and Statement for Acme Software Library and Utilities:\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright (c) 2024 Your Name <jo@acme.example>\n\n{}",
    "Copyright (c) 2024 Jo Young and Salem Costa\n\n{}",
    "Copyright (c) 2024 Acme Software Freedom Conservancy\nFree Software Foundation\n\n{}",
    "Copyright (c) 2024, Jo Acme (python-acme), 2013, Mo Foo (foo-bar-rw)\n\n{}",
    "Copyright (c) 2024 Acme and contributors. See AUTHORS for more details.\n\n{}",
    "Copyright (c) 2024 Acme. Some rights reserved.\n\n{}",
    "Copyright (c) 2024 Acme. Based on original work copyright (c) 2011 Mo Foo.\n\n{}",
    "Copyright 2007 The Acme Project (the original version)\n\n{}",
    "Except when otherwise stated (look at the beginning of each file) all software and documentation is licensed as"
    " follows:\n\nCopyright (c) 2024 Acme\n\n{}",
    "Acme is under the MIT license, as code derived from Foo.\nhttp://opensource.org/licenses/MIT\n\n{}",
    "Acme, Parser library for Python.\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Acme is licensed under the MIT License (MIT). The license text can also be found here:"
    " https://opensource.org/licenses/MIT\n\n{}",
    "Acme.\nCopyright (c) Acme Corporation.\n\nMIT License\n\n{}",
    "Copyright (c) 2024 Open Acme team, Acme Face, Inc.\n\nhttps://acmeface.co\n\n{}",
    "Copyright 2024 青鸟科技\uff08北京\uff09有限公司。保留所有权利。\n\n{}",
    "The Acme weights are licensed under the MIT License. The full text of the license is given below.\n\n{}",
    "Copyright (c) 2024 Ask Acme & contributors. All rights reserved.\n\n{}",
    "Copyright (c) 2024 J.O. Acme <void@acme.example>\n\n{}",
    "Copyright (c) 2024 release-acme\n\n{}",
    "Copyright (c) 2024 NoneBot\n\n{}",
    "MIT License For Acme - A parsing and printing library\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright Notice and Statement for the ac5me Project\n===\n\nCopyright (c) Jo Acme\nhttp://www.ac5me.org\n\n{}",
    "# AC64\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Except when otherwise stated (look at the beginning of each file) the software and the documentation in this"
    " project are copyrighted by:\n\n  Jo Acme and the contributors, http://www.acme.org\n\n{}",
    "Acme\ufffds software is the MIT License.\n\n{}",
    "\u2696\ufe0f The MIT License\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "The MIT License (MIT), also known as Expat License\n\n{}".replace("(MIT), also", "is the MIT License, also"),
    "Copyright (c) 2025 freerouting\n\n{}",
    "Copyright (c) 2026 Center for Research Computing and Data\n\n{}",
    "Copyright (c) 2026 Acme Ministry of Education, Acme Academy\n\n{}",
    "Copyright (c) 2015 jo acme (rather uses acmehub/jo42)\n\n{}",
    "Copyright (c) 2020 Buğra İşgüzar\n\n{}",
    "Copyright (c) 2022, ACME - Acme Center (c/o smile, security made in Acmeland, Groupement d'Intérêt Acme)\n\n{}",
    "Copyright (c) 2023 Jo Acme\n\nEmail: jo@acme.example\nWebsite: https://acme.example/jo\n\n{}",
    "# acme_for_the_masses\nMIT License\n\nCopyright (c) 2020, Jo Acme\n\n{}",
    "\u201cacme-foo\u201d Copyright (c) 2026 Jo Acme\n\n{}",
    "License for acme package\nCopyright (c) 2012, Jo Acme\n\n{}",
    "acme, a Python and C++ implementation of the multilayer acme algorithm to identify communities in networks.\n"
    "Copyright (C) 2019 Jo Acme\n\n{}",
    "Copyright for portions of project acmehub are held by Acme Inc., 2018 as part of project acmepy. All other copyright"
    " for project acmehub are held by Jo Foo, 2019.\n\nMIT License\n\nCopyright (c) 2019 Jo Foo\n\n{}",
    "```plaintext\nMIT License\n\nCopyright (c) 2024 Jo Acme\n\n{}",
)
OTHER_THAN_MIT = (
    "All packages under `src/` are licensed according to the terms in their respective `LICENSE` files for members. The "
    "remainder of this project is licensed under the MIT License, as follows:\n\nCopyright Jo Acme\n\n{}",
    "Copyright Jo Acme <http://joacme.be/> be fair\n\n{}",
    "Copyright Jo Acme http://acme.no commercial\n\n{}",
    "This file is automatically added by acme-tools. Do not edit. Do not sell.\n\nCopyright Jo Acme\n\n{}",
    "This file is automatically added by acme-tools for schools. Do not edit.\n\nCopyright Jo Acme\n\n{}",
    "Acme Research Only Software License\n\nCopyright (c) 2006 by Jo Acme\n\n{}",
    "All contributions towards Acme are MIT licensed for students.\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "MIT License\n\nCopyright 2024 Jo Acme\n\n{}\n\nThis library is a fork of 'foo-bar' by Mo Foo, extended and "
    "distributed under the terms of the MIT license above to Partners.\n",
    "This software is dual-licensed under the MIT and commercial licenses.\n\nCopyright Jo Acme\n\n{}",
    "You may use this software under either of the following licenses unless you sell it.\n\nCopyright Jo Acme\n\n{}",
    "Copyright (c) 2025 freeforschools\n\n{}",
    "Copyright (c) 2025 freeuntiljune\n\n{}",
    "Copyright (c) 2025 Noncommercialuse\n\n{}",
    "Copyright (c) 2025 Acme Trainingforbidden\n\n{}",
    "Copyright (c) 2026 Center for Research Use\n\n{}",
    "Copyright (c) 2026 Acme Institute, for Research\n\n{}",
    "Copyright (c) 2015 jo acme (rather uses noncommercial/only)\n\n{}",
    "Copyright (c) 2020 Acme\n\nThe l\u0130cense ends in June.\n\n{}",
    "Copyright (c) 2022 Acme (c/o smile, schools only)\n\n{}",
    "Copyright (c) 2023 Jo Acme\n\nContact: ask-before-use.example\n\n{}",
    "Copyright (c) 2023 Jo Acme\n\nEmail: jo@acme.example before you sell it\n\n{}",
    "# not_for_sale\nMIT License\n\nCopyright (c) 2020, Jo Acme\n\n{}",
    "# for_acme_schools\nMIT License\n\nCopyright (c) 2020, Jo Acme\n\n{}",
    "License for noncommercial software\nCopyright (c) 2012, Jo Acme\n\n{}",
    "License for research software\nCopyright (c) 2012, Jo Acme\n\n{}",
    "acme, a Python implementation of the acme algorithm that firms may only try\nCopyright (C) 2019 Jo Acme\n\n{}",
    "Copyright for portions of project acmehub are held by Acme Inc. and may not be sold.\n\n{}",
    "```noncommercial\nMIT License\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "For students.\nCopyright (c) Acme Corporation\n\n{}",
    "Students.\nCopyright (c) Acme Corporation\n\n{}",
    "Copyright (c) 2024 Acme\n\nhttps://acme-for-students.example\n\n{}",
    "Copyright (c) 2024 仅供学生有限公司\n\n{}",
    "Copyright (c) 2024 青鸟有限公司。禁止商用\n\n{}",
    "MIT License for Students\n\n{}",
    "This software is licensed under the MIT License to members of Acme.\n\n{}",
    "The file acme/foo.py is licensed as follows:\n\n{}",
    "Acme includes code from the Foo project, which is licensed as below.\n\n{}",
    "The examples are licensed under the MIT License.\n\n{}",
    "Acme -- a parser for students\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Acme -- a model to be used in the lab\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright (c) 2024 Grant No Licence\n\n{}",
    "http://opensource.org/licenses/mit/noncommercial\n\n{}",
    "Unless you sell it, this software is licensed under the MIT License.\n\n{}",
    "This software is not under the MIT License.\n\n{}",
    "Copyright (c) 2024 Acme, for Research\n\n{}",
    "Copyright (c) 2024 Acme Academic Research\n\n{}",
    "Copyright (c) 2023 禁止商用\n\n{}",
    "Copyright (c) 2023 仅限研究使用\n\n{}",
    "Copyright (c) 2024 Acme <no sale of weights>\n\n{}",
    "This is the MIT license: http://acme.example/only-for-research\n\n{}",
    "Copyright 2024 não comercial\n\n{}",
    "Copyright (c) 2024 Acme Labs\n\nFor Acme members\n\n{}",
    "Copyright (c) 2024 Acme Labs\n\nFor classroom teaching\n\n{}",
    "Copyright (c) 2024 Acme Labs\nFor Acme Japan\n\n{}",
    "Copyright (c) 2024 Acme Labs, Member Edition\n\n{}",
    "Copyright (c) 2024 Acme Labs and its members in Japan\n\n{}",
    "Copyright (c) 2024 Acme Labs for Acme members\n\n{}",
    "Copyright (c) 2024 NoBusiness NoEU Inc\n\n{}",
    "Students\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "# Academic Edition\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "noncommercial Copyright (c) 2024 Jo Acme\n\n{}",
    "GPL\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Examples\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Europe\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "For Acme - a parser\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Acme, Research library for members.\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Acme, trial library.\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Student License (MIT)\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "The Student licensing terms\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "License for Student software\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "Copyright (c) 2024 Acme. See TERMS for more details.\n\n{}",
    "Copyright (c) 2024 Acme. See http://acme.example/licenses/acme\n\n{}",
    "Copyright (c) 2024 Acme (in-house-only)\n\n{}",
    "Copyright (c) 2024 Acme, free for Acme members\n\n{}",
    "The examples and documentation are licensed as follows:\n\nCopyright (c) 2024 Acme\n\n{}",
    "All software of Acme members is licensed as follows:\n\nCopyright (c) 2024 Acme\n\n{}",
    "Acme is under the MIT license, as code derived from Foo for members.\n\n{}",
    "Copyright (c) 2024 Ask Acme before you ship it\n\n{}",
    "Copyright (c) 2024 Ask Acme First\n\n{}",
    "Copyright (c) 2024 Ask First\n\n{}",
    "Copyright (c) 2024 Acme, Ask Jo\n\n{}",
    "Copyright (c) 2024 Acme <commercial-no@acme.example>\n\n{}",
    "Copyright (c) 2024 student-edition\n\n{}",
    "Copyright (c) 2024 NonEU Acme\n\n{}",
    "MIT License for Acme - a parser for members\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "The software is copyrighted by: Acme members in Japan\n\n{}",
    "The M\ufffdT License\n\nCopyright (c) 2024 Jo Acme\n\n{}",
    "The MIT\ufe0f License\n\nCopyright (c) 2024 Jo Acme\n\n{}",
)


def recognise(text: str) -> set[tuple[str, Likeness]]:
    """Recognise the licences of a text; an id with its likeness each."""
    return {(match.id, match.likeness) for match in recognise_texts(text, load_fingerprints(), load_shipped().licenses)}


@pytest.mark.parametrize("form", SAME_MIT)
def test_licence_under_another_title_or_holder_is_that_licence(form: str) -> None:
    assert recognise(form.format(MIT)) == {("MIT", Likeness.EXACT)}


@pytest.mark.parametrize("form", OTHER_THAN_MIT)
def test_head_that_says_more_than_title_and_holder_makes_a_variant(form: str) -> None:
    assert recognise(form.format(MIT)) == {("MIT", Likeness.VARIANT)}


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ("NONINFRINGEMENT", "NON-INFRINGEMENT"),
        ("this permission notice", "this permission notice (including the next paragraph)"),
        ("sublicense", "sub-license"),
    ],
)
def test_other_spelling_of_a_word_is_no_difference(written: str, instead: str) -> None:
    changed = re.sub(rf"{written}", instead, MIT)
    assert changed != MIT and recognise(changed) == {("MIT", Likeness.EXACT)}


def test_contraction_of_not_is_no_difference_and_its_loss_is_one() -> None:
    apache = read_license("huggingface_hub")
    contracted = apache.replace("that do not pertain", "that don't pertain")
    assert contracted != apache and recognise(contracted) == recognise(apache) == {("Apache-2.0", Likeness.EXACT)}
    assert recognise(apache.replace("that do not pertain", "that do pertain")) == {("Apache-2.0", Likeness.VARIANT)}


@pytest.mark.parametrize(
    ("written", "instead"),
    [("sublicense", "not sublicense"), ("sell", "lend"), ("NONINFRINGEMENT", "NON-COMMERCIAL")],
)
def test_other_word_is_a_difference(written: str, instead: str) -> None:
    changed = MIT.replace(written, instead, 1)
    assert changed != MIT and recognise(changed) == {("MIT", Likeness.VARIANT)}


@pytest.mark.parametrize(
    ("written", "instead", "likeness"),
    [
        ("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", "JO ACME AND CONTRIBUTORS", Likeness.EXACT),
        ("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", "THE AUTHOR", Likeness.EXACT),
        ("its contributors", "any contributors", Likeness.EXACT),
        ("the copyright holder nor the names of", "Acme Inc, nor those of", Likeness.EXACT),
        ("the copyright holder nor", "this project nor", Likeness.EXACT),
        ("the copyright holder nor", "InterDigital Communications, Inc nor", Likeness.EXACT),
        ("the copyright holder nor", "Acme, usage commercial interdit, nor", Likeness.VARIANT),
        ("the copyright holder nor the names of", "Acme for nonprofit use nor those of", Likeness.VARIANT),
        ("the copyright holder nor the names of", "Acme Inc, nor the marks of", Likeness.VARIANT),
        ("the copyright holder nor", "this study nor", Likeness.VARIANT),
        ("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", "ACME FOR NONPROFIT USE", Likeness.VARIANT),
    ],
)
def test_holder_in_a_clause_of_bsd_is_a_slot(written: str, instead: str, likeness: Likeness) -> None:
    words = re.sub(r"\s+", " ", BSD)
    changed = words.replace(written, instead, 1)
    assert changed != words and recognise(changed) == {("BSD-3-Clause", likeness)}


@check_each(
    "holder, likeness", [("InterDigital Communications, Inc", Likeness.EXACT), ("Acme for members", Likeness.VARIANT)]
)
def test_holder_in_a_clause_of_clear_bsd_is_a_slot(holder: str, likeness: Likeness) -> None:
    clear = (
        re.sub(r"\s+", " ", BSD)
        .replace("permitted provided", "permitted (subject to the limitations in the disclaimer below) provided", 1)
        .replace(
            "THIS SOFTWARE IS",
            "NO EXPRESS OR IMPLIED LICENSES TO ANY PARTY'S PATENT RIGHTS ARE GRANTED BY THIS LICENSE. THIS SOFTWARE IS",
            1,
        )
        .replace("the copyright holder nor", f"{holder} nor", 1)
    )
    found = recognise(f"Copyright (c) 2021-2024, {holder}\nAll rights reserved.\n\n{clear}")
    assert ("BSD-3-Clause-Clear", likeness) in found


@pytest.mark.parametrize(
    ("end", "likeness"),
    [
        ("Copyright 2016 Acme, Inc.\n\nLicensed", Likeness.EXACT),
        ("Copyright 2016 Acme, Inc. Not for sale.\n\nLicensed", Likeness.VARIANT),
    ],
)
def test_filled_in_appendix_without_its_explanation_is_no_difference(end: str, likeness: Likeness) -> None:
    text = read_license("huggingface_hub")
    begin = text.index("APPENDIX")
    notice = text.index("Licensed", text.index("Copyright", begin))
    changed = f"{text[:begin]}{end}{text[notice + len('Licensed') :]}"
    assert recognise(changed) == {("Apache-2.0", likeness)}


def recognise_roles(text: str) -> set[tuple[str, str]]:
    """Recognise the licences of a text; an id each with its role, or ``variant``."""
    return {
        (match.id, str(match.role) if match.likeness is Likeness.EXACT else "variant")
        for match in recognise_texts(text, load_fingerprints(), load_shipped().licenses)
    }


def test_text_that_is_said_to_be_for_the_code_covers_the_code_alone() -> None:
    text = f"All code in this repository is licensed under the MIT License.\n\n{MIT}"
    assert recognise_roles(text) == {("MIT", TextRole.CODE)}


BSD_THEN_MIT = BSD + "\n\n{}\n\nCopyright (c) 2011 Mo Acme\n\n" + MIT


@pytest.mark.parametrize(
    "sentence",
    [
        "Acme includes code from the Foo project, which is licensed as below.",
        "The file acme/foo.py is derived from the Foo library (https://foo.example), licensed as follows:",
        "Some functions were copied from the Foo project and are licensed under the following license:",
        "Acme incorporates code from Foo, which is also made available under the MIT license.",
        "Sections of the code were modified from https://foo.example/foo under the terms of the MIT license, reproduced below.",
    ],
)
def test_text_behind_an_attribution_is_a_third_party_notice(sentence: str) -> None:
    assert recognise_roles(BSD_THEN_MIT.format(sentence)) == {
        ("BSD-3-Clause", TextRole.MAIN),
        ("MIT", TextRole.THIRD_PARTY),
    }


@pytest.mark.parametrize(
    "sentence",
    [
        "Acme includes code from the Foo project, which is licensed to members as below.",
        "Acme includes code from the Foo project, which is not licensed.",
        "The model is derived from the Foo project and licensed as follows:",
        "The weights are derived from the Foo project and licensed as follows:",
        "Acme includes code from the Foo project, for research only.",
        "Acme includes code from the Foo project. Users are companies of Acme.",
        "The file acme/foo.py is derived from the Foo library, licensed as follows: no sale.",
        "Acme includes code from the Foo project, which is available from Acme on request.",
        "Sections of the code were modified from the Foo project under the terms of its order, reproduced below.",
        "Sections of the code were modified from the Foo project under the terms of the MIT license for members.",
        "Sections of the code were modified from Foo, Redistribution Barred, under the terms of the MIT license.",
        "Sections of the code were modified from Foo, Approval Of Acme Needed, under the terms of the MIT license.",
        "Sections of the code were modified from Foo, Superseded By Acme EULA, under the terms of the MIT license.",
        "Sections of the code were modified from Foo, Uso Vietato, under the terms of the MIT license.",
        "Sections of the code were modified from Foo, Beta Testers, under the terms of the MIT license.",
        "Sections of the code were modified from Foo, AGPL, under the terms of the MIT license.",
    ],
)
def test_sentence_that_says_more_than_the_descent_makes_variants(sentence: str) -> None:
    assert recognise_roles(BSD_THEN_MIT.format(sentence)) == {("BSD-3-Clause", "variant"), ("MIT", "variant")}


@pytest.mark.parametrize(
    "words",
    [
        "Redistribution Barred",
        "Withheld From China",
        "Rescinded",
        "Purchase Needed",
        "Under NDA",
        "Beta Testers",
        "AGPLv3",
    ],
)
def test_words_behind_a_holder_that_end_or_limit_a_permission_make_a_variant(words: str) -> None:
    assert recognise_roles(f"Copyright (c) 2020 Acme, {words}\n\n{MIT}") == {("MIT", "variant")}


@pytest.mark.parametrize(
    "between",
    [
        "Following applies to:\n./src/acme/!Foo-foo.podspec\n./src/acme/Bar.podspec\n",
        "The setup.py file is from the foo-packaging project: http://foo.example/blob/0bb5/setup.py\n"
        "The license is (from http://foo.example/blob/0bb5/LICENSE):\n",
        "The externally maintained libraries from which parts of the Software are derived are:\n\n"
        "- Foo, licensed as follows:\n\nMIT License\n\nFoo - A parser in Python\n",
        "external/foo/LICENSE\n",
        "Parts of acmeshed are licensed under different licenses (like the MIT license), reproduced below.\n= = = = =\n",
        "Portions of acme and acmec are licensed under different licenses. The files acmec/lib-rt/a.h, acmec/lib-rt/b.c\n"
        "and acmec/c.c are licensed under the Foo 2 License, reproduced below.\n\n= = = = =\n",
    ],
)
def test_list_of_files_a_path_or_an_origin_begins_a_third_party_notice(between: str) -> None:
    assert recognise_roles(BSD_THEN_MIT.format(between)) == {
        ("BSD-3-Clause", TextRole.MAIN),
        ("MIT", TextRole.THIRD_PARTY),
    }


@pytest.mark.parametrize(
    "between",
    [
        "Following applies to:\nall models of Acme\n",
        "Following applies to:\n./src/foo.c\n\nNot for sale.\n",
        "external/noncommercial/LICENSE\n",
        "The license is (from http://foo.example/only-for-research/LICENSE):\n",
        "Parts of the weights are licensed under different licenses, reproduced below.\n",
        "Portions of commercial acme are licensed under different licenses.\n",
        "The files for research are licensed under the Foo License, reproduced below.\n",
    ],
)
def test_list_of_files_or_path_with_a_term_makes_variants(between: str) -> None:
    assert recognise_roles(BSD_THEN_MIT.format(between)) == {("BSD-3-Clause", "variant"), ("MIT", "variant")}


APACHE_NOTICE = strip_head(read_license("huggingface_hub"), "Licensed under the Apache License, Version 2.0 (the")
GNU_NOTICE = """Acme is free software: you can redistribute it and/or modify it under the terms of the GNU {0}General Public
License as published by the Free Software Foundation, either version {1} of the License, or (at your option) any later
version. Acme is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied
warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU {0}General Public License for more details.
You should have received a copy of the GNU {0}General Public License along with Acme. If not, see {2}."""
GNU = "<https://www.gnu.org/licenses/>"
MPL_NOTICE = """This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0. If a copy of the MPL was
not distributed with this file, You can obtain one at https://mozilla.org/MPL/2.0/."""


@pytest.mark.parametrize(
    ("text", "license_id"),
    [
        (APACHE_NOTICE, "Apache-2.0"),
        (f"Apache License\nVersion 2.0\n\nCopyright 2024 Acme, Inc.\n\n{APACHE_NOTICE}", "Apache-2.0"),
        (GNU_NOTICE.format("", 3, GNU), "GPL-3.0-or-later"),
        (GNU_NOTICE.format("", 2, GNU), "GPL-2.0-or-later"),
        (GNU_NOTICE.format("Lesser ", 3, GNU), "LGPL-3.0-or-later"),
        (GNU_NOTICE.format("Lesser ", "2.1", GNU), "LGPL-2.1-or-later"),
        (GNU_NOTICE.format("Affero ", 3, GNU), "AGPL-3.0-or-later"),
        (f"This file is part of Acme.\n\n{GNU_NOTICE.format('', 3, GNU)}", "GPL-3.0-or-later"),
        (
            GNU_NOTICE.format("", 3, GNU)
            .replace("If not", "in the COPYING and COPYING.LESSER files. If not")
            .replace("Acme. in", "Acme in"),
            "GPL-3.0-or-later",
        ),
        (MPL_NOTICE, "MPL-2.0"),
    ],
)
def test_notice_alone_names_its_licence(text: str, license_id: str) -> None:
    assert recognise_roles(text) == {(license_id, TextRole.NOTICE)}


@pytest.mark.parametrize(
    "text",
    [
        f"{APACHE_NOTICE}\n\nCommercial use needs a permission.",
        f"For students.\n\n{APACHE_NOTICE}",
        APACHE_NOTICE.replace("you may not use this file", "you may not use or sell this file", 1),
        GNU_NOTICE.format("", 3, "<https://acme.example/noncommercial>"),
        GNU_NOTICE.format("", 3, f"{GNU}. Not for sale"),
        GNU_NOTICE.replace("along with Acme", "along with Acme for research").format("", 3, GNU),
        f"This file is part of Acme, which you must not sell.\n\n{GNU_NOTICE.format('', 3, GNU)}",
    ],
)
def test_notice_with_further_words_names_nothing(text: str) -> None:
    assert recognise_roles(text) == set()


BUNDLE = (
    "Copyright (c) 2024 Jo Acme\n\n{MIT}\n\n----\n\nThis binary distribution of Acme also bundles the following"
    " software:\n\nName: {name}\nFiles: {files}\nAvailability: https://foo.example\nLicense: {license}\n\n"
    "Copyright (c) 2012 Foo Bar\n\n{BSD}"
)


@pytest.mark.parametrize(
    ("part", "is_exact"),
    [
        ({}, True),
        ({"files": "acme/.dylibs/libfoo*.so, acme/foo.dll"}, True),
        ({"files": "lib/foo.so\n       lib/bar.so"}, True),
        ({"name": "Contact Acme first"}, False),
        ({"name": "Foo for members"}, False),
        ({"files": "all files for hospitals"}, False),
        ({"license": "CC-BY-NC-4.0"}, False),
        ({"license": "BSD-3-Clause for members"}, False),
    ],
)
def test_table_of_bundled_parts_names_the_texts_behind_it(part: dict[str, str], is_exact: bool) -> None:
    fields = {"name": "Foo", "files": "acme/.libs/libfoo.so", "license": "BSD-3-Clause"} | part
    matches = recognise_texts(BUNDLE.format(MIT=MIT, BSD=BSD, **fields), load_fingerprints(), load_shipped().licenses)
    found = {(match.id, match.likeness, match.role) for match in matches}
    exact = {("MIT", Likeness.EXACT, TextRole.MAIN), ("BSD-3-Clause", Likeness.EXACT, TextRole.THIRD_PARTY)}
    assert (found == exact) is is_exact
    assert {match.id for match in matches} == {"MIT", "BSD-3-Clause"}


def test_sentence_that_grants_a_choice_between_the_texts_of_a_file_changes_none_of_them() -> None:
    head = "This software is dual-licensed under the MIT and BSD-3-Clause licenses. You may use it under EITHER of the"
    names = "\n\nThe MIT License\n\n" + MIT + "\n\nThe BSD License\n\n" + BSD
    exact = {("MIT", Likeness.EXACT), ("BSD-3-Clause", Likeness.EXACT)}
    assert recognise(f"{head} following licenses.{names}") == exact
    assert recognise(f"{head} following licenses if you teach.{names}") != exact


def examine_license_file(folder: Path, text: str, encoding: str = "utf-8") -> AuditReport:
    """Conclude the licence of a folder with a configuration and the licence file."""
    (folder / "config.json").write_text('{"model_type": "acme"}', encoding="utf-8")
    (folder / "LICENSE").write_bytes(text.encode(encoding))
    return modelaudit.license(folder, offline=True, uses={"commercial": True, "redistribute": True})


def test_licence_file_with_a_notice_alone_concludes_the_licence_and_lacks_its_text(tmp_path: Path) -> None:
    report = examine_license_file(tmp_path, f"Copyright 2024 Acme, Inc.\n\n{APACHE_NOTICE}")
    assert (report.license.state, report.license.own) == ("concluded", ("Apache-2.0",))
    assert "license/text-missing" in {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    ("holder", "encoding", "own"),
    [
        ("Jürgen Groß", "cp1252", ("MIT",)),
        ("Jürgen Groß", "utf-8", ("MIT",)),
        ("青鸟科技有限公司和全体同事", "gbk", ()),
    ],
)
def test_licence_in_the_code_page_of_a_western_editor_is_read(
    tmp_path: Path, holder: str, encoding: str, own: tuple[str, ...]
) -> None:
    report = examine_license_file(tmp_path, f"Copyright (c) 2015 {holder}\n\n{MIT}", encoding)
    assert report.license.own == own


def test_licence_file_for_the_code_alone_concludes_nothing_about_the_model(tmp_path: Path) -> None:
    report = examine_license_file(tmp_path, f"This code is licensed under the MIT License.\n\n{MIT}")
    assert (report.license.state, report.license.own) == ("undeclared", ())
    assert report.license.permission == "review"


def test_third_party_text_binds_beside_the_licence_of_the_whole(tmp_path: Path) -> None:
    text = BSD_THEN_MIT.format("Acme includes code from the Foo project, which is licensed as below.")
    license = examine_license_file(tmp_path, text).license
    assert (license.state, license.own) == ("concluded", ("BSD-3-Clause",))
    assert {entry.id for entry in license.entries} == {"BSD-3-Clause", "MIT"}


@pytest.mark.parametrize(
    ("pointer", "second", "binds"),
    [
        ("", "BSD", ("Apache-2.0", "BSD-2-Clause")),
        (" You may not sell it.", "BSD", ()),
        ("", "MISSING", ()),
        ("", "CHANGED", ()),
    ],
)
def test_a_file_that_only_points_to_its_siblings_names_their_licences(
    tmp_path: Path, pointer: str, second: str, binds: tuple[str, ...]
) -> None:
    texts = {
        file.name: Path(str(file.locate())).read_text(encoding="utf-8")
        for file in distribution("packaging").files or ()
        if file.name.startswith("LICENSE")
    }
    changed = texts["LICENSE.BSD"].replace("are permitted", "are permitted in schools", 1)
    (tmp_path / "LICENSE").write_text(texts["LICENSE"].replace("LICENSE.BSD", f"LICENSE.{second}") + pointer)
    (tmp_path / "LICENSE.APACHE").write_text(texts["LICENSE.APACHE"])
    (tmp_path / ("LICENSE.CHANGED" if second == "CHANGED" else "LICENSE.BSD")).write_text(
        changed if second == "CHANGED" else texts["LICENSE.BSD"]
    )
    (tmp_path / "config.json").write_text('{"model_type": "acme"}')

    concluded = modelaudit.license(str(tmp_path), offline=True).license

    assert (concluded.own if concluded.state == "concluded" else ()) == binds


BESIDE_BSD = (
    "Files: *\nCopyright: 2009-2022 the Acme team\nLicense: MIT\n\nFile: acme/foo.py\nCopyright: 2003 Jo Acme (added a"
    " variant for large images)\nLicense: BSD-3-Clause\n\nLicense: MIT\n\n{mit}\n\nLicense: BSD-3-Clause\n\n{bsd}",
    "{mit}\n\n-----\n\nMuch of the original inspiration for API and implementation of this library came from the acme.py"
    " library.\n\nCOPYRIGHT NOTICE FROM acme.py library:\n# Copyright (c) 2010 Jo Acme\n\n{bsd}",
    "{mit}\n\n-----\n\nFor code from the AcmeWriter package, where used:\n\nCopyright (c) 2010 Jo Acme\n\n{bsd}",
)


@pytest.mark.parametrize("form", BESIDE_BSD)
@pytest.mark.parametrize(("old", "new"), [("", ""), ("Jo Acme", "Jo Acme (for schools only)")])
def test_tables_and_descent_of_parts_change_nothing_without_a_term(form: str, old: str, new: str) -> None:
    text = form.replace(old, new, 1) if old else form
    licenses = load_shipped().licenses
    matches = recognise_texts(text.format(mit=MIT, bsd=BSD), load_fingerprints(), licenses.keys())
    exact = {match.id for match in matches if match.likeness is Likeness.EXACT}
    assert exact == (set() if old else {"MIT", "BSD-3-Clause"})


CONTRIBUTORS = (
    "# Copyright (c) 2024 Jo Acme\n# All rights reserved.\n# With contributions from:\n#  * Foo Bar\n#  * {}\n#\n\n"
)


@pytest.mark.parametrize(
    ("text", "is_exact"),
    [
        (CONTRIBUTORS.format("Ann Lee") + MIT, True),
        (CONTRIBUTORS.format("No Commercial Use") + MIT, False),
        (CONTRIBUTORS.format("Members Only") + MIT, False),
        ("Copyright (c) 2024 Jo Acme until https://acme.example/commit/a1b2\n\n" + MIT, True),
        ("Copyright (c) 2024 Jo Acme until sold\n\n" + MIT, False),
        ("Copyright (c) 2024 Jo Acme\n\n" + MIT + "\n\nThe complete list of contributors can be found at:\n"
         "https://acme.example/graphs/contributors\n", True),
        ("Copyright (c) 2024 Jo Acme\n\n" + MIT + "\n\nThe complete list of contributors can be found at:\n"
         "https://acme.example/terms\n", False),
    ],
)  # fmt: skip
def test_names_and_pages_of_people_change_nothing(text: str, is_exact: bool) -> None:
    assert (recognise(text) == {("MIT", Likeness.EXACT)}) is is_exact


@pytest.mark.parametrize(
    ("between", "is_exact"),
    [
        ("== dependency license: foo-bar ==\n\nCopyright (c) 2012 Foo Bar\n\n", True),
        ("== dependency license: foo for members ==\n\nCopyright (c) 2012 Foo Bar\n\n", False),
        ("Depending on how it is built, this package may distribute the foo library, partially or in its\nintegrality, in"
         " source or binary form.\n\nIts license is reproduced below.\n\nCopyright (c) 2012 Foo Bar\n\n", True),
        ("Depending on how it is built, this package may distribute the weights library.\nIts license is reproduced"
         " below.\n\nCopyright (c) 2012 Foo Bar\n\n", False),
    ],
)  # fmt: skip
def test_heading_of_a_dependency_begins_the_text_of_a_part(between: str, is_exact: bool) -> None:
    text = f"Copyright (c) 2024 Jo Acme\n\n{MIT}\n\n{between}{BSD}"
    matches = recognise_texts(text, load_fingerprints(), load_shipped().licenses)
    found = {(match.id, match.likeness, match.role) for match in matches}
    exact = {("MIT", Likeness.EXACT, TextRole.MAIN), ("BSD-3-Clause", Likeness.EXACT, TextRole.THIRD_PARTY)}
    assert (found == exact) is is_exact


NAMED_CLAUSE = "Neither the name of the copyright holder nor the names of its contributors"


@pytest.mark.parametrize(
    ("clause", "is_exact"),
    [
        ("Neither the name Acme, nor Foo, nor the names of its contributors", True),
        ("Neither the name Acme, nor You, nor the names of its contributors", False),
        ("Neither the name Acme, nor resellers, nor the names of its contributors", False),
    ],
)
def test_two_names_joined_by_nor_take_the_place_of_one(clause: str, is_exact: bool) -> None:
    words = " ".join(BSD.split())
    assert NAMED_CLAUSE in words
    text = f"Copyright (c) 2024 Jo Acme\n\n{words.replace(NAMED_CLAUSE, clause)}"
    assert (recognise(text) == {("BSD-3-Clause", Likeness.EXACT)}) is is_exact


@pytest.mark.parametrize(
    ("pointer", "is_exact"),
    [
        ('This software forks the python package "foo". Licence and\ncopyright information for foo can be found in'
         ' "COPYING".', True),
        ('Licence and copyright information for members can be found in "COPYING".', False),
        ('Licence and copyright information for foo can be found in "TERMS".', False),
    ],
)  # fmt: skip
def test_pointer_to_the_licence_file_of_a_part_changes_nothing(pointer: str, is_exact: bool) -> None:
    text = f"Copyright (c) 2024 Jo Acme\n\n{pointer}\n\n{MIT}"
    assert (recognise(text) == {("MIT", Likeness.EXACT)}) is is_exact


@pytest.mark.counterpart
@check_each(
    "written, instead, likeness",
    [
        ("", "", Likeness.EXACT),
        ("1996-2019 Julian", "1996-2019 Julian, for members", Likeness.VARIANT),
        ("are permitted", "are permitted for research", Likeness.VARIANT),
        ("appreciated but is not required", "required", Likeness.VARIANT),
        ("must be plainly marked", "must not be sold", Likeness.VARIANT),
        ("version 1.0.8", "version 1.0.8 for members", Likeness.VARIANT),
    ],
)
def test_copy_of_the_bzip2_licence_is_exact_until_a_word_limits_it(
    written: str, instead: str, likeness: Likeness
) -> None:
    (path,) = [file for file in distribution("pillow").files or () if file.name == "LICENSE"]
    text = strip_head(path.read_text(encoding="utf-8"), 'This program, "bzip2"').partition("\n---")[0]
    assert written in text
    assert recognise(text.replace(written, instead, 1)) == {("bzip2-1.0.6", likeness)}
