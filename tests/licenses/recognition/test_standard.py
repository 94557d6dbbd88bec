"""The search with the patterns of ``licenseclassifier``, and the words that decide whether a text needs it."""

from __future__ import annotations

import gzip
import json
import re
from importlib.resources import files

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition.standard import find_standard_licenses, list_pattern_words, normalize_spdx_id
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.fingerprint import Fingerprints

OPTIONAL = re.compile(r"\(\(.*?\)\)\?\?|//\*\*.*?\*\*//", re.DOTALL)


def read_patterns() -> dict[str, str]:
    """Read the obligatory words of each pattern of the library, by SPDX id."""
    packed = files("licenseclassifier").joinpath("_engine/licenses.json.gz").read_bytes()
    entries = json.loads(gzip.decompress(packed))
    return {normalize_spdx_id(each["id"]): OPTIONAL.sub(" ", each["lre"]) for each in entries if each.get("lre")}


def test_every_licence_that_a_pattern_alone_recognises_lists_words_of_the_pattern() -> None:
    licenses, prints = load_catalogue().licenses, load_fingerprints()
    assert list_pattern_words(licenses, prints)
    patterns = read_patterns()
    by_pattern = [id_ for id_ in patterns if id_ in licenses and id_ not in prints.licenses]
    assert by_pattern
    for id_ in by_pattern:
        words = set(re.findall(r"[a-z]+", patterns[id_].lower()))
        assert words.issuperset(prints.pattern_words[id_]), id_


def test_words_are_unknown_if_one_licence_without_a_fingerprint_lists_none() -> None:
    prints = Fingerprints(pattern_words={"BUSL-1.1": ("anniversary", "production")})
    assert list_pattern_words(("BUSL-1.1", "MIT"), prints) is None
    assert list_pattern_words(("BUSL-1.1", "LicenseRef-Own"), prints) == {"anniversary", "production"}


def test_text_is_searched_only_if_it_has_one_of_the_words() -> None:
    words = split_words(read_patterns()["GFDL-1.3-no-invariants-only"])
    whole = 0, len(words.words)
    expected = ["GFDL-1.3-no-invariants-only"]
    for given in (None, frozenset(("invariant", "anniversary"))):
        assert [each.id for each in find_standard_licenses(words, whole, given)] == expected
    assert not list(find_standard_licenses(words, whole, frozenset(("anniversary",))))
