"""The choice among fingerprints that lie at overlapping places of one text."""

from __future__ import annotations

from modelaudit.licenses.recognition.likeness import explain_text
from modelaudit.licenses.recognition.words import hash_triples, split_words
from modelaudit.model.fingerprint import Fingerprint, sort_fingerprints

SYLLABLES = ("ba", "de", "fi", "go", "lu", "me", "ni", "po", "ru", "sa")


def spell_words(first: int, end: int) -> list[str]:
    """Spell a word of its own for each number."""
    return ["".join(SYLLABLES[int(digit)] for digit in f"{number:03}") for number in range(first, end)]


def make_fingerprint(id_: str, words: list[str], *changed: int) -> Fingerprint:
    """Make the fingerprint of a text; at the places ``changed`` it has other words than the text at hand."""
    own = ["zz" + word if at in changed else word for at, word in enumerate(words)]
    return Fingerprint(id=id_, license_id=id_, is_use_policy=False, triples=hash_triples(own))


def test_a_text_beside_the_best_place_is_found_though_another_place_outranked_it() -> None:
    """The first candidate spans both texts. It outranks the text of the beginning, and the text of the end outranks it."""
    words = spell_words(0, 400)
    across = make_fingerprint("across", words[:180])
    beginning = make_fingerprint("beginning", words[:100], 70)
    end = make_fingerprint("end", words[100:400], *range(10, 300, 20))
    found = explain_text(split_words(" ".join(words)), sort_fingerprints((across, beginning, end)))
    assert [placed.item.id for placed in found.places] == ["end", "beginning"]


def test_versions_at_one_place_leave_the_one_with_the_fewest_differences() -> None:
    """Each version differs by more words than the one before it, in whatever order they are tried."""
    words = spell_words(0, 300)
    versions = [make_fingerprint(f"version-{count}", words, *range(10, 10 + 20 * count, 20)) for count in range(6)]
    for least in range(6):
        found = explain_text(split_words(" ".join(words)), sort_fingerprints(versions[least:]))
        assert [placed.item.id for placed in found.places] == [f"version-{least}"]
        assert len(found.places[0].differing_gaps) == least


def test_a_text_that_shares_the_disclaimer_alone_does_not_resemble_a_short_licence() -> None:
    """The licence has no hash of its own, as MIT-0, whose words all occur in MIT too."""
    words = spell_words(0, 140)
    short = make_fingerprint("short", words)
    for first, found in ((20, ["short"]), (60, [])):
        text = [*spell_words(300, 500), *words[first:]]
        assert [
            placed.item.id for placed in explain_text(split_words(" ".join(text)), sort_fingerprints((short,))).places
        ] == found
