"""Copies of ordinary licences as projects ship them: only holders, titles and spellings differ, or a word that counts."""

from __future__ import annotations

import re
from importlib.metadata import distribution

import pytest

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import Likeness, recognise_texts


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
    "MIT License\n\nCopyright (c) 2023 罗林\n\n{}",
    "Copyright (c) 2017-2021 Ingy döt Net\n{}",
    "Copyright (c) 2004 Yu Shin <yu dot shin at acme dot example>\n\n{}",
    "Copyright (c) 2024 Acme Research\n\n{}",
    "Acme UG (haftungsbeschränkt)\n{}".replace("Acme", "Copyright 2024 Acme", 1),
    "This software is under the MIT Licence\n=====\n\nCopyright (c) 2010 acme\n\n{}",
    "Acme extensions are licensed under the terms of the MIT license, reproduced below.\n\n{}",
    "This is the MIT license: http://www.opensource.org/licenses/mit-license.php\n\nCopyright (c) Jo Acme\n\n{}",
    "Unless otherwise noted, all files are released under the MIT License.\n\n{}",
    "The MIT License (MIT), also known as Expat License\n\n{}".replace("(MIT), also", "is the MIT License, also"),
)
OTHER_THAN_MIT = (
    "MIT License for Students\n\n{}",
    "This software is licensed under the MIT License to members of Acme.\n\n{}",
    "The code is licensed under the MIT License.\n\n{}",
    "Unless you sell it, this software is licensed under the MIT License.\n\n{}",
    "This software is not under the MIT License.\n\n{}",
    "Copyright (c) 2024 Acme, for Research\n\n{}",
    "Copyright (c) 2024 Acme Academic Research\n\n{}",
    "Copyright (c) 2023 禁止商用\n\n{}",
    "Copyright (c) 2023 仅限研究使用\n\n{}",
    "Copyright (c) 2024 Acme <no sale of weights>\n\n{}",
    "This is the MIT license: http://acme.example/only-for-research\n\n{}",
    "Copyright 2024 não comercial\n\n{}",
)


def recognise(text: str) -> set[tuple[str, Likeness]]:
    """Recognise the licences of a text; an id with its likeness each."""
    return {
        (match.id, match.likeness) for match in recognise_texts(text, load_fingerprints(), load_catalogue().licenses)
    }


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
        ("THE COPYRIGHT HOLDERS AND CONTRIBUTORS", "ACME FOR NONPROFIT USE", Likeness.VARIANT),
    ],
)
def test_holder_in_a_clause_of_bsd_is_a_slot(written: str, instead: str, likeness: Likeness) -> None:
    words = re.sub(r"\s+", " ", BSD)
    changed = words.replace(written, instead, 1)
    assert changed != words and recognise(changed) == {("BSD-3-Clause", likeness)}


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
