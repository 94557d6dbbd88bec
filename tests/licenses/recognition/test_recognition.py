"""Recognition of exact licence texts, of variants, and of texts that match nothing."""

from __future__ import annotations

import html
import importlib.util
import random
import re
import sys
import textwrap
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.catalogue import load_shipped
from support.work import count_work, find_growth_fault

from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses import recognition
from modelaudit.licenses.recognition import Likeness, TextMatch, recognise_texts
from modelaudit.licenses.recognition.likeness import quote_difference
from modelaudit.licenses.recognition.standard import normalize_spdx_id
from modelaudit.licenses.recognition.words import TEXT_LIMIT, split_words
from modelaudit.model.copies import replace
from modelaudit.model.fingerprint import Fingerprints

DERIVE = Path(__file__).parents[3] / "rules" / "fingerprints" / "derive.py"

HARBOUR = """Harbour Community License Agreement
Harbour {version} Release Date: {date}

1. Grant. The Keeper of Harbour {version} grants You a license to use, change and share the Vessel and its weights,
   for as long as You keep each promise of this agreement and pay attention to the bell at the pier.
2. Sharing. If You hand the Vessel to somebody else, You must (a) hand over a copy of this agreement; and (b) show
   "Moored at Harbour" on a page that people can find without a lantern.
3. Crews. If more than 700 million sailors board Your ships in a month, You must ask the Keeper for another agreement.
4. Storms. The Vessel is handed over as it lies. The Keeper answers for no storm, no leak and no lost cargo, however
   they came about, and gives no promise that the Vessel floats.
5. Law. The courts of the island decide, and the wind of the mainland has no say in the matter.
"""
PERMIT = """Gull Permit

Anybody may feed, watch, draw and follow the gulls of this shore, alone or in company, for gain or for joy, as long as
this permit stays nailed to the post where everybody can read it.

THE GULLS ARE AS THEY ARE. THE KEEPER OF THE SHORE PROMISES NOTHING ABOUT THEM, NEITHER THAT THEY COME NOR THAT THEY
STAY, AND ANSWERS FOR NO BREAD THAT IS LOST, FOR NO HAT THAT IS SPOILT AND FOR NO NAP THAT IS CUT SHORT.
"""
POLICY = """Harbour Conduct Policy

You agree that You will not use the Vessel, and will not let others use it, to carry contraband, to frighten fish, to
sail under the flag of another port, to read the letters of other crews, or to sound the foghorn before the sun is up.
Tell the Keeper at the pier about whatever breaks this policy, by day or by night, in writing or by shouting.
"""
ADDED_SENTENCE = """
Our one change is this: whoever feeds more than 100 gulls at a time has to show "Gulls of the Shore" on the hat that
everybody sees, for as long as the feeding goes on, and in letters as large as those of any other name on it.
"""
# Id of the fingerprint -> licence, text, and whether the text is a use policy rather than a licence.
TEXTS = {
    "harbour-1": ("LicenseRef-Harbour-1", HARBOUR.format(version="1.0", date="May 3, 2024"), False),
    "harbour-2": ("LicenseRef-Harbour-2", HARBOUR.format(version="2.0", date="July 9, 2025"), False),
    "permit": ("LicenseRef-Gull", PERMIT, False),
    "permit-changed": ("LicenseRef-Gull-Changed", "Changed " + PERMIT + ADDED_SENTENCE, False),
    "policy": ("LicenseRef-Harbour-1", POLICY, True),
}
KNOWN = frozenset(license_id for license_id, _, _ in TEXTS.values())


def load_derive_script() -> ModuleType:
    """Load the script ``rules/fingerprints/derive.py`` as a module."""
    if str(DERIVE.parent) not in sys.path:
        sys.path.append(str(DERIVE.parent))  # It imports the modules beside it.
    spec = importlib.util.spec_from_file_location("derive_fingerprints", DERIVE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def derive_fingerprints(folder: Path) -> Fingerprints:
    """Derive the fingerprints of the invented texts by the script, below ``folder``, and load them."""
    texts, rules = folder / "texts", folder / "rules"
    (texts / "ai").mkdir(parents=True)
    rows, listed = ["path\ttitle\tversion_date\twhere\tcopy_note"], ["texts:"]
    for id_, (license_id, text, is_policy) in TEXTS.items():
        (texts / "ai" / f"{id_}.txt").write_text(text, encoding="utf-8")
        rows.append(f"ai/{id_}.txt\t{text.splitlines()[0]}\t\tinvented here\texact copy")
        listed += [f"  {id_}:", f"    of: {license_id}", f"    policy: {str(is_policy).lower()}"]
        if id_ == "permit":
            listed += ["    titles: [gull permit]", "    optional: [{before: anybody may feed}]"]
            listed += ["    slots: [{from: the keeper of the shore, before: promises nothing}]"]
    (texts / "sources.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    module = load_derive_script()
    module.HERE = folder
    (folder / "_texts.yaml").write_text("\n".join(listed) + "\n", encoding="utf-8")
    assert module.derive(texts, rules / "fingerprints", "2026-11-26") == len(TEXTS)
    return load_fingerprints(rules)


def test_derivation_of_one_fingerprint_leaves_the_other_fingerprints_unchanged(tmp_path: Path) -> None:
    derive_fingerprints(tmp_path)
    module, out = load_derive_script(), tmp_path / "rules" / "fingerprints"
    module.HERE = tmp_path
    before = module.read_entries(out)
    for path in (tmp_path / "texts" / "ai").glob("*.txt"):
        if path.stem != "permit":
            path.unlink()
    assert module.derive(tmp_path / "texts", out, "2026-12-01") == 1
    after = module.read_entries(out)
    assert after.keys() == before.keys()
    changed = {id_ for id_ in after if after[id_] != before[id_]}
    assert changed == {"permit"}
    # An entry is its group and its YAML, which states the date of the derivation.
    assert after["permit"][1] == before["permit"][1].replace("2026-11-26", "2026-12-01")


def test_repeated_derivation_of_an_unchanged_fingerprint_keeps_the_order_and_bytes_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    derive_fingerprints(tmp_path)
    module, out = load_derive_script(), tmp_path / "rules" / "fingerprints"
    module.HERE = tmp_path
    path = out / "models.yaml"
    header, *blocks = path.read_text(encoding="utf-8").split("  - id: ")
    # The fifth text is the use policy, which has a file of its own.
    assert len(blocks) == 4
    path.write_text("  - id: ".join([header, *reversed(blocks)]), encoding="utf-8")
    before = path.read_text(encoding="utf-8")
    for text in (tmp_path / "texts" / "ai").glob("*.txt"):
        if text.stem != "permit":
            text.unlink()
    capsys.readouterr()
    module.derive(tmp_path / "texts", out, "2026-11-26")
    assert path.read_text(encoding="utf-8") == before
    printed = capsys.readouterr().out
    assert printed == "4 listed texts are not in the folder; their fingerprints stay as they are\n"


def read_shipped_license(package: str, ending: str) -> str:
    """Return the licence file of an installed package, whose path ends in ``ending``."""
    files = distribution(package).files or ()
    return next(file for file in files if str(file).endswith(ending)).read_text(encoding="utf-8")


EXACT, VARIANT = Likeness.EXACT, Likeness.VARIANT
HARBOUR_1, HARBOUR_2 = TEXTS["harbour-1"][1], TEXTS["harbour-2"][1]


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> Fingerprints:
    """Return the fingerprints of the invented texts."""
    return derive_fingerprints(tmp_path_factory.mktemp("fingerprints"))


def list_matches(found: tuple[TextMatch, ...]) -> list[tuple[str, Likeness]]:
    """List (licence, likeness) for each match."""
    return [(match.id, match.likeness) for match in found]


@pytest.mark.parametrize("id_", TEXTS)
def test_each_license_text_matches_its_own_fingerprint(id_: str, prints: Fingerprints) -> None:
    license_id, text, is_policy = TEXTS[id_]
    (match,) = recognise_texts(text, prints, KNOWN)
    assert (match.id, match.likeness, match.share, match.differs) == (license_id, EXACT, 1.0, ())
    assert match.policy is is_policy


FORMS: dict[str, Callable[[str], str]] = {
    "wrapped": lambda text: "\n".join(textwrap.fill(line, 40) for line in text.splitlines()),
    "one line": lambda text: " ".join(text.split()),
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "byte order mark": lambda text: "\ufeff" + text,
    "curly quotes": lambda text: re.sub('"([^"]*)"', "\u201c\\1\u201d", text),
    "no-break spaces": lambda text: text.replace(" the ", "\u00a0the\u00a0"),
    "comment": lambda text: "\n".join(f"# {line}" for line in text.splitlines()),
    "HTML": lambda text: f'<html><body><p class="a b">{html.escape(text)}</p></body></html>'.replace(
        "\n\n", "</p>\n<p>"
    ),
    "Markdown": lambda text: "# " + re.sub(r"^(\d)\. (\w+)\.", r"\1\\. **\2.**", text, flags=re.MULTILINE),
    "items without numbers": lambda text: re.sub(r"^\d\. ", "- ", text, flags=re.MULTILINE),
    "copyright": lambda text: (
        f"Copyright (c) 2021-2024 Ada Example, holger krekel <a@example.org> and others.\n\n{text}"
    ),
    "heading": lambda text: f"LICENSE\n\n{text}",
}


@check_each("form", FORMS)
@check_each("id_", ["harbour-1", "permit", "policy"])
def test_license_text_in_another_layout_still_matches_exactly(id_: str, form: str, prints: Fingerprints) -> None:
    license_id, text, _ = TEXTS[id_]
    assert list_matches(recognise_texts(FORMS[form](text), prints, KNOWN)) == [(license_id, EXACT)]


ADDED = (
    "No commercial use.",
    "This does not hold for companies.",
    "Copyright 2024 Acme. Only for research.",
    "Copyright 2024 Acme bans military deployment",
    "COPYRIGHT 2024 ACME BANS MILITARY DEPLOYMENT OF THE GULLS IN ALL WATERS",
    "COPYRIGHT 2024 ACME AND ALL GULLS OVER THE HARBOUR TAKE A TENTH OF EACH CATCH",
    "Copyright (c) 2024 Acme, for academic work",
    "N. O. T. F. O. R. S. A. L. E.",
    "<p not for sale>",
    '<p class="no commercial use">',
    "[terms](not_for_sale)",
    "<!-- not for sale -->",
    "All rights reserved to the crown of the mainland.",
    "GPL",
    "Copyright 2024 Acme, proprietary and confidential",
    "Copyright 2024 Acme. Kommerziell verboten",
    "Copyright 2024 Acme \u7981\u7528",
    "2024 evaluation copy",
)


@check_each("words", ADDED)
@check_each("id_", ["permit", "harbour-2"])
def test_license_text_with_added_words_beyond_a_heading_or_copyright_notice_is_a_variant(
    words: str, id_: str, prints: Fingerprints
) -> None:
    license_id, text, _ = TEXTS[id_]
    heading, body = text.split("\n\n", 1)
    for changed in (f"{words}\n\n{text}", f"{text}\n{words}\n", f"{heading}\n\n{words}\n\n{body}"):
        (match,) = recognise_texts(changed, prints, KNOWN)
        assert (match.id, match.likeness) == (license_id, VARIANT)
        assert match.differs


def test_variant_of_a_license_text_quotes_added_or_changed_words_and_counts_missing_words(prints: Fingerprints) -> None:
    (match,) = recognise_texts(PERMIT.replace("for gain or", "never for gain but"), prints, KNOWN)
    assert match.differs == ("never for gain but",)
    (match,) = recognise_texts(f"{PERMIT}\nNot on Sundays.", prints, KNOWN)
    assert match.differs == ("Not on Sundays",)
    assert quote_difference(match.differs[0]) == "“Not on Sundays”"
    (match,) = recognise_texts(PERMIT.replace(", alone or in company, for gain or for joy", ""), prints, KNOWN)
    assert match.differs == ("9 words of the licence are missing",)
    # The words are ours, and no quotation.
    assert quote_difference(match.differs[0]) == match.differs[0]


def test_variant_of_a_license_text_shows_each_difference_between_the_words_around_it(prints: Fingerprints) -> None:
    text = PERMIT.replace("for gain or", "never for gain but").replace("KEEPER OF THE SHORE", "HARBOUR TRUST OF 2026")
    (match,) = recognise_texts(text, prints, KNOWN)
    # Another holder and another year are no difference.
    (change,) = match.changes
    words = f"{change.before} {change.added} {change.after}"
    assert (change.added, change.missing > 0) == ("never for gain but", True)
    assert words in " ".join(text.split()) and change.before and change.after
    assert "never for gain but" in text.splitlines()[change.line - 1]
    (match,) = recognise_texts(f"{PERMIT}\nNot on Sundays.", prints, KNOWN)
    assert [(each.added, each.after, each.missing) for each in match.changes] == [("Not on Sundays.", "", 0)]
    (match,) = recognise_texts(PERMIT.replace(", alone or in company, for gain or for joy", ""), prints, KNOWN)
    assert [(each.added, each.missing) for each in match.changes] == [("", 9)]
    (match,) = recognise_texts(PERMIT, prints, KNOWN)
    assert match.changes == ()


@pytest.mark.parametrize("id_", TEXTS)
def test_license_text_with_a_word_replaced_or_omitted_outside_heading_and_holder_is_a_variant(
    id_: str, prints: Fingerprints
) -> None:
    _, text, _ = TEXTS[id_]
    end_of_heading = text.index("\n\n")
    words = [word for word in re.finditer(r"[A-Za-z]{3,}", text) if word.start() > end_of_heading]
    for word in random.Random(4).sample(words, 40):
        # The name of the holder is a slot of the permit: any name there is exact.
        if "KEEPER OF THE SHORE" in text[word.start() - 20 : word.end() + 20]:
            continue
        for other in ("herring", ""):
            changed = text[: word.start()] + other + text[word.end() :]
            likenesses = {match.likeness for match in recognise_texts(changed, prints, KNOWN)}
            assert VARIANT in likenesses
            assert EXACT not in likenesses


def test_license_text_with_changed_numbers_is_a_variant(prints: Fingerprints) -> None:
    assert list_matches(recognise_texts(HARBOUR_1.replace("700 million", "900 million"), prints, KNOWN)) == [
        ("LicenseRef-Harbour-1", VARIANT)
    ]
    assert list_matches(recognise_texts(HARBOUR_1.replace("1.0", "3.0"), prints, KNOWN))[0][1] is VARIANT


def test_versions_of_one_license_text_are_distinguished(prints: Fingerprints) -> None:
    assert list_matches(recognise_texts(HARBOUR_2, prints, KNOWN)) == [("LicenseRef-Harbour-2", EXACT)]
    mixed = HARBOUR_1.replace("May 3, 2024", "July 9, 2025")
    assert [match.likeness for match in recognise_texts(mixed, prints, KNOWN)] == [VARIANT]


def test_modified_license_matches_its_own_fingerprint_and_a_further_change_is_a_variant(prints: Fingerprints) -> None:
    assert list_matches(recognise_texts("Changed " + PERMIT + ADDED_SENTENCE, prints, KNOWN)) == [
        ("LicenseRef-Gull-Changed", EXACT)
    ]
    assert list_matches(recognise_texts(PERMIT + ADDED_SENTENCE, prints, KNOWN)) == [
        ("LicenseRef-Gull-Changed", VARIANT)
    ]
    other = ADDED_SENTENCE.replace("100 gulls", "5 gulls")
    assert list_matches(recognise_texts("Changed " + PERMIT + other, prints, KNOWN)) == [
        ("LicenseRef-Gull-Changed", VARIANT)
    ]
    assert list_matches(recognise_texts("Changed " + PERMIT, prints, KNOWN)) == [("LicenseRef-Gull", VARIANT)]


def test_license_text_with_look_alike_letters_or_invisible_characters_in_words_is_a_variant(
    prints: Fingerprints,
) -> None:
    for changed in (
        PERMIT.replace("permit", "p\u0435rmit"),  # a Cyrillic e
        PERMIT.replace("keep", "\u212aeep").replace("KEEPER", "\u212aEEPER"),  # the Kelvin sign as K
        PERMIT.replace("follow", "fol\u200blow"),  # a zero-width space inside a word
        PERMIT.replace("follow ", "follow\u200b "),  # and one behind it
        PERMIT.replace("gain", "\uff47ain"),  # a full-width g
        PERMIT.replace("watch", "\u202ewatch"),  # an override of the writing direction
    ):
        assert list_matches(recognise_texts(changed, prints, KNOWN)) == [("LicenseRef-Gull", VARIANT)]


def test_license_text_without_title_or_with_another_holder_is_exact_unless_the_holder_is_a_clause(
    prints: Fingerprints,
) -> None:
    untitled = PERMIT.partition("\n\n")[2]
    assert list_matches(recognise_texts(untitled, prints, KNOWN)) == [("LicenseRef-Gull", EXACT)]
    named = PERMIT.replace("THE KEEPER OF THE SHORE", "ACME SEASIDE, INC.")
    assert list_matches(recognise_texts(named, prints, KNOWN)) == [("LicenseRef-Gull", EXACT)]
    clause_as_holder = PERMIT.replace("THE KEEPER OF THE SHORE", "ACME FORBIDS ANY USE AND")
    assert list_matches(recognise_texts(clause_as_holder, prints, KNOWN)) == [("LicenseRef-Gull", VARIANT)]


def test_several_license_texts_in_one_file_match_exactly_only_without_words_between_them(prints: Fingerprints) -> None:
    both = f"{HARBOUR_1}\n-----\n\n{PERMIT}"
    assert sorted(list_matches(recognise_texts(both, prints, KNOWN))) == [
        ("LicenseRef-Gull", EXACT),
        ("LicenseRef-Harbour-1", EXACT),
    ]
    split = recognise_texts(f"{HARBOUR_1}\nThe gulls have terms of their own:\n\n{PERMIT}", prints, KNOWN)
    assert sorted(list_matches(split)) == [("LicenseRef-Gull", VARIANT), ("LicenseRef-Harbour-1", VARIANT)]
    lines = {match.id: match.line for match in split}
    # The permit follows the first text, an empty line, the sentence and another empty line.
    assert lines == {"LicenseRef-Harbour-1": 1, "LicenseRef-Gull": HARBOUR_1.count("\n") + 4}
    assert [match.quotation[:11] for match in split if match.id == "LicenseRef-Gull"] == ["Gull Permit"]


@check_each(
    "line, likeness",
    [
        (
            "Open Source Software Licensed under the Gull License:\n-----\n1. wings\nCopyright (c) 2024 Acme\n\nTerms of the"
            " Gull License:\n-----",
            EXACT,
        ),
        (
            "The following sets forth attribution notices for third party software that may be included in portions of"
            " Acme:\n\n--- LICENSE FOR wings ---\nCopyright (c) 2024 Acme",
            EXACT,
        ),
        ("Open Source Software Licensed under the Pier License:\n-----", VARIANT),
        ("Open Source Software Licensed under the Gull License for research:\n-----", VARIANT),
        ("LICENSE FOR students", VARIANT),
        (
            "For the license of other third party components, please refer to the following URL:\nhttps://acme.example",
            VARIANT,
        ),
    ],
)
def test_headings_of_components_between_whole_texts_leave_each_text_exact(
    line: str, likeness: Likeness, prints: Fingerprints
) -> None:
    found = recognise_texts(f"{HARBOUR_1}\n{line}\n\n{PERMIT}", prints, KNOWN)
    assert {match.likeness for match in found} == {likeness}
    assert {match.id for match in found} == {"LicenseRef-Gull", "LicenseRef-Harbour-1"}


def test_text_without_the_words_that_a_license_adds_to_another_is_no_variant_of_it(prints: Fingerprints) -> None:
    changed = Fingerprints(tuple(item for item in prints.items if item.license_id == "LicenseRef-Gull-Changed"))
    assert list_matches(recognise_texts(f"Changed {PERMIT}{ADDED_SENTENCE} The end.", changed, KNOWN)) == [
        ("LicenseRef-Gull-Changed", VARIANT)
    ]
    assert recognise_texts(PERMIT, changed, KNOWN) == ()


def test_license_text_inside_a_longer_text_is_a_variant(prints: Fingerprints) -> None:
    readme = "\n".join(f"Step {number}: turn the wheel and look at the lake." for number in range(900))
    (match,) = recognise_texts(f"{readme}\n\n{PERMIT}\n\n{readme}", prints, KNOWN)
    assert (match.id, match.likeness, match.line) == ("LicenseRef-Gull", VARIANT, 902)
    assert recognise_texts(readme, prints, KNOWN) == ()


def test_use_policy_alone_or_beside_its_license_text_is_recognised_as_a_policy(prints: Fingerprints) -> None:
    # Even if its licence is not in the rule set.
    (match,) = recognise_texts(POLICY, prints, frozenset())
    assert match.policy
    found = recognise_texts(f"{HARBOUR_1}\n{POLICY}", prints, KNOWN)
    assert {(match.id, match.policy) for match in found} == {
        ("LicenseRef-Harbour-1", False),
        ("LicenseRef-Harbour-1", True),
    }


def test_text_of_a_license_outside_the_rule_set_is_not_recognised(prints: Fingerprints) -> None:
    assert recognise_texts(PERMIT, prints, KNOWN - {"LicenseRef-Gull"}) == ()
    assert recognise_texts(PERMIT, prints, KNOWN) != ()


@pytest.mark.parametrize("reference", ["&#10;", "&#013", "&#x0A;", "&#XD", "&NewLine;", "&#100;", "&#xAD;"])
def test_character_reference_leaves_the_line_numbers_of_later_words_unchanged(reference: str) -> None:
    words = split_words(f"one{reference}two\nthree")
    assert words.find_line(len(words.words) - 1) == 2


def test_empty_or_very_short_or_unreadable_text_matches_nothing(prints: Fingerprints) -> None:
    for text in ("", "\0", "MIT", "The gulls are as they are.", "\ufffd" * 1000, "a b"):
        assert recognise_texts(text, prints, KNOWN) == ()


def test_license_text_over_the_length_limit_is_a_variant_even_if_all_compared_words_match(prints: Fingerprints) -> None:
    (match,) = recognise_texts(PERMIT + " " * TEXT_LIMIT, prints, KNOWN)
    assert match.likeness is VARIANT
    assert match.differs[0] == "more text than was looked at"


def test_text_that_occurs_again_is_matched_once_with_each_set_of_fingerprints(
    prints: Fingerprints, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched = []
    match_texts = recognition._match_texts

    def record_text(
        text: str, fingerprints: Fingerprints, pattern_words: frozenset[str] | None
    ) -> list[recognition.TextMatch]:
        matched.append(text)
        return match_texts(text, fingerprints, pattern_words)

    monkeypatch.setattr(recognition, "_match_texts", record_text)
    recognition._cached_matches.clear()
    first, again = (recognise_texts(PERMIT, prints, KNOWN) for _ in range(2))
    assert first == again
    assert recognise_texts(PERMIT, prints, set()) == ()
    assert matched == [PERMIT]
    recognise_texts(PERMIT, load_fingerprints(), KNOWN)
    assert matched == [PERMIT, PERMIT]


@check_each("words", ["a ", PERMIT, "the keeper of ", "<", "](http", "a. ", "copyright 2020 A ", "&amp", "\ufffd"])
def test_hostile_text_is_matched_in_linear_work(words: str, prints: Fingerprints) -> None:
    def match_text(characters: int) -> None:
        recognition._cached_matches.clear()
        copies = max(1, characters // len(words))
        found = recognise_texts(words * copies, prints, KNOWN)
        assert (EXACT in {match.likeness for match in found}) is (words == PERMIT)

    assert find_growth_fault(lambda characters: count_work(lambda: match_text(characters)), 9600) == ""


def test_only_the_beginning_of_a_text_of_five_megabytes_is_split_into_words() -> None:
    words = split_words("a " * 2_500_000)
    assert words.is_cut
    assert len(words.words) == TEXT_LIMIT / 2


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_mutated_mit_text_matches_no_license_but_mit(data: st.DataObject) -> None:
    prints = load_fingerprints()
    text = read_shipped_license("rich", "LICENSE")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    other = data.draw(st.text(max_size=20))
    shipped = frozenset(load_shipped().licenses)
    found = recognise_texts(text[:start] + other + text[end:], prints, shipped)
    assert {match.id for match in found} <= {"MIT"}


STANDARD = [
    ("click", "LICENSE.txt", "BSD-3-Clause"),
    ("rich", "LICENSE", "MIT"),
    ("huggingface-hub", "LICENSE", "Apache-2.0"),
    ("hypothesis", "LICENSE.txt", "MPL-2.0"),
    ("pytest", "LICENSE", "MIT"),
]


@pytest.mark.parametrize(("package", "ending", "id_"), STANDARD)
def test_license_file_of_a_package_is_exact(package: str, ending: str, id_: str) -> None:
    text, prints = read_shipped_license(package, ending), load_fingerprints()
    assert list_matches(recognise_texts(text, prints, {id_})) == [(id_, EXACT)]
    (match,) = recognise_texts(f"{text}\nNo commercial use.", prints, {id_})
    assert (match.id, match.likeness) == (id_, VARIANT)
    assert any("No commercial use" in part for part in match.differs)


def test_text_of_a_standard_license_without_a_fingerprint_is_a_variant(prints: Fingerprints) -> None:
    (match,) = recognise_texts(read_shipped_license("rich", "LICENSE"), prints, {"MIT"})
    assert (match.id, match.likeness) == ("MIT", VARIANT)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("GPL-2.0", "GPL-2.0-only"), ("LGPL-2.1", "LGPL-2.1-only"), ("AGPL-3.0+", "AGPL-3.0-or-later"),
     ("GFDL-1.3", "GFDL-1.3-only"), ("GPL-2.0-or-later", "GPL-2.0-or-later"), ("MIT", "MIT")],
)  # fmt: skip
def test_deprecated_spdx_id_is_normalized(given: str, wanted: str) -> None:
    assert normalize_spdx_id(given) == wanted


def test_repeated_license_text_is_recognised_from_the_cache(prints: Fingerprints, tmp_path: Path) -> None:
    (match,) = recognise_texts(PERMIT, prints, KNOWN)
    assert recognise_texts(PERMIT, prints, KNOWN)[0] is match
    # Each set of fingerprints has a cache of its own.
    assert recognise_texts(PERMIT, derive_fingerprints(tmp_path), KNOWN)[0] is not match


def test_license_text_is_a_variant_if_its_stored_copy_is_uncertain(prints: Fingerprints) -> None:
    uncertain = Fingerprints(tuple(replace(item, is_from_owner=False) for item in prints.items))
    (match,) = recognise_texts(PERMIT, uncertain, KNOWN)
    assert (match.id, match.likeness) == ("LicenseRef-Gull", VARIANT)
    assert match.differs == ("the text that it was compared with is no certain copy",)


@pytest.mark.parametrize(
    ("note", "certain"),
    [
        ("exact copy from the package", True),
        ("written out (not a byte copy), length equals the stored file: 10 characters", True),
        ("written out (not a byte copy); length DIFFERS: 10 here, 12 stored", False),
        ("written out (not a byte copy); part of the file, no length check possible", False),
    ],
)
def test_stored_license_text_is_certain_only_if_its_note_states_an_exact_copy_or_an_equal_length(
    note: str, certain: bool
) -> None:
    assert load_derive_script().is_certain_copy(note) is certain
