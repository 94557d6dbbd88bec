"""Fingerprints that are learned from several copies of one text by different hands."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from support.cases import check_each

from modelaudit.licenses.recognition.likeness import explain_text
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.fingerprint import Fingerprint, Fingerprints

RULES = Path(__file__).parents[3] / "rules" / "fingerprints"

TERMS = """{title}
{product} Release Date: {date}

{labels[0]} Grant. The Keeper of {product} lends the Vessel to You for purposes that are NonCommercial, and You may sail,
   paint and mend it there for as long as You keep each promise that this agreement asks of You.
{labels[1]} Crews. If more than 700 million sailors board Your ships in a month, You must ask the Keeper for another
   agreement before You leave the harbour again.
{labels[2]} Waters. The Vessel may not sail in the waters of the European Union, nor may anything that it has caught be
   sold there, whoever bought it first.
{labels[3]} Storms. The Vessel is handed over as it lies. The Keeper answers for no storm, no leak and no lost cargo.
Write to {mail} about all of it. Copyright {year} {holder}. All rights reserved to the island and the gulls above it.
"""
NUMBERED, LETTERED, BARE = ("1.", "2.", "3.", "4."), ("(a)", "(b)", "(c)", "(d)"), ("", "", "", "")


def write_copy(**words: object) -> str:
    """Write a copy of the terms; each word that is given replaces the one of the first copy."""
    first = {
        "title": "Skipper-7B Mooring Agreement", "product": "Skipper-7B", "date": "May 3, 2024", "labels": NUMBERED,
        "mail": "crew@skipper.example", "year": 2024, "holder": "Skipper Ltd",
    }  # fmt: skip
    return TERMS.format(**(first | words))


OTHER = {
    "title": "Gull Mooring Agreement", "product": "Gull", "date": "July 19, 2025", "mail": "ask@gulls.example",
    "year": 2025, "holder": "Gull Inc",
}  # fmt: skip
THIRD = {
    "title": "Cormorant-2 Mooring Agreement", "product": "Cormorant-2", "date": "1 December 2025",
    "mail": "post@cormorant.example", "year": 2026, "holder": "Cormorant Foundation",
}  # fmt: skip


@pytest.fixture(scope="module")
def copies() -> ModuleType:
    """Return the module that learns from copies."""
    if str(RULES) not in sys.path:
        sys.path.append(str(RULES))
    import copies

    return copies


def learn(copies: ModuleType, *texts: str) -> list[Fingerprint]:
    """Learn fingerprints from texts."""
    named = [(f"copy {number}", split_words(text)) for number, text in enumerate(texts)]
    return [copies.build_fingerprint(text) for text in copies.learn_texts(named)]


def is_exact(text: str, items: list[Fingerprint]) -> bool:
    """Whether every word of the text is accounted for; the text must at least resemble a fingerprint."""
    explanation = explain_text(split_words(text), Fingerprints(tuple(items)))
    assert explanation.places
    return not explanation.loose and not any(place.differing_gaps for place in explanation.places)


def test_two_copies_with_other_names_and_dates_make_one_fingerprint_that_a_third_copy_has(copies: ModuleType) -> None:
    items = learn(copies, write_copy(), write_copy(**OTHER))
    assert len(items) == 1
    assert items[0].slots
    assert items[0].dates
    assert is_exact(write_copy(**THIRD), items)


NOTATIONS: dict[str, Callable[[], str]] = {
    "another date": lambda: write_copy(date="12 January 2026", year=2026),
    "letters for numbers": lambda: write_copy(labels=LETTERED),
    "no item numbers": lambda: write_copy(labels=BARE),
    "no title": lambda: write_copy().partition("\n")[2],
    "joined words": lambda: write_copy().replace("NonCommercial", "Non-Commercial"),
    "source above it": lambda: f"[For the original copy, see https://skipper.example/terms]\n\n{write_copy()}",
    "Markdown": lambda: "# " + write_copy().replace("Grant.", "**Grant.**"),
}


@check_each("form", NOTATIONS)
def test_copy_that_differs_in_notation_alone_is_the_licence_even_if_the_fingerprint_has_one_source(
    form: str, copies: ModuleType
) -> None:
    assert is_exact(NOTATIONS[form](), learn(copies, write_copy()))


CHANGES = {
    "a sentence added": ("4. Storms.", "4. Only for research. Storms."),
    "a number changed": ("700 million", "70 million"),
    "a unit changed": ("700 million", "700 thousand"),
    "a territory swapped": ("European Union", "United Kingdom"),
    "a term removed": ("for purposes that are NonCommercial, and", "and"),
    "a term reversed": ("may not sail", "may sail"),
    "a number in place of a label": ("2. Crews. If more", "2. Crews. If 5 more"),
    "terms in place of a name": ("Skipper-7B Release", "Research Only Release"),
    "terms in place of a mail address": ("crew@skipper.example", "no.commerce without a licence"),
    "terms in place of a date": ("May 3, 2024", "only until May 2024"),
}


@check_each("change", CHANGES)
@pytest.mark.parametrize("count", [1, 2], ids=["one source", "two sources"])
def test_copy_with_changed_terms_is_a_variant_whatever_the_slots(change: str, count: int, copies: ModuleType) -> None:
    old, new = CHANGES[change]
    text = write_copy()
    assert old in text
    items = learn(copies, *[write_copy(), write_copy(**OTHER)][:count])
    assert not is_exact(text.replace(old, new), items)


def test_copies_with_other_numbers_territories_or_terms_are_texts_of_their_own(copies: ModuleType) -> None:
    for old, new in (
        ("700 million", "70 million"),
        ("European Union", "Republic of Korea"),
        ("may not sail", "may sail"),
    ):
        other = write_copy(**OTHER).replace(old, new)
        assert len(learn(copies, write_copy(), other)) == 2
        assert copies.explain_difference(split_words(write_copy()), split_words(other))


def test_date_that_begins_or_ends_a_right_is_no_slot(copies: ModuleType) -> None:
    text = write_copy().replace("as it lies.", "as it lies until May 3, 2027.")
    items = learn(copies, text)
    assert is_exact(text, items)
    assert not is_exact(text.replace("May 3, 2027", "May 3, 2031"), items)


def test_fingerprint_that_fits_word_for_word_wins_over_one_that_fits_by_its_slots(copies: ModuleType) -> None:
    wide = copies.build_fingerprint(
        copies.learn_texts([("a", split_words(write_copy())), ("b", split_words(write_copy(**OTHER)))])[0],
        license_id="LicenseRef-Wide",
    )
    own = copies.build_fingerprint(
        copies.learn_texts([("c", split_words(write_copy(**THIRD)))])[0], license_id="LicenseRef-Own"
    )
    (place,) = explain_text(split_words(write_copy(**THIRD)), Fingerprints((wide, own))).places
    assert place.item.license_id == "LicenseRef-Own"


def shout(text: str, product: str) -> str:
    """Write the title of a copy in capitals, and add a disclaimer in capitals that names the product."""
    title, newline, rest = text.partition("\n")
    return f"{title.upper()}{newline}{rest}\nNOBODY ANSWERS FOR WHAT {product.upper()} CATCHES OR LOSES IN A STORM.\n"


def test_name_in_a_line_of_capitals_is_a_slot_if_it_changes_alike_elsewhere(copies: ModuleType) -> None:
    first, other = shout(write_copy(), "Skipper-7B"), shout(write_copy(**OTHER), "Gull")
    items = learn(copies, first, other)
    assert len(items) == 1
    assert is_exact(shout(write_copy(**THIRD), "Cormorant-2"), items)
    assert not is_exact(shout(write_copy(**THIRD), "research only"), items)
    assert len(learn(copies, first, shout(write_copy(**OTHER), "Heron"))) == 2


def test_derivation_keeps_the_fingerprints_of_folders_that_it_is_not_given(
    tmp_path: Path, copies: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other folders of rules have a module of this name too.
    spec = importlib.util.spec_from_file_location("derive_fingerprints", RULES / "derive.py")
    assert spec is not None and spec.loader is not None
    derive = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, derive)  # Its dataclasses look the module up.
    spec.loader.exec_module(derive)
    listed = {"one": {"of": "LicenseRef-One"}, "other": {"of": "LicenseRef-Other"}}
    monkeypatch.setattr(derive, "read_listed", lambda _section: listed)
    out = tmp_path / "rules" / "fingerprints"
    for number, (name, words) in enumerate({"one": {}, "other": {"holder": "Gull Inc", "mail": "a@b.example"}}.items()):
        folder = tmp_path / str(number)
        (folder / name).mkdir(parents=True)
        (folder / "index.tsv").write_text("path\trepo\tfile\n", encoding="utf-8")
        text = write_copy(**words).replace("sail", "row") if number else write_copy()
        (folder / name / "copy.txt").write_text(text, encoding="utf-8")
        derive.derive_copies(folder, out, "2026-01-31")
    assert set(derive.read_entries(out)) == {"one.copies", "other.copies"}
