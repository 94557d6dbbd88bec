"""Count the terms of strangers that are likened to a licence of the rule set, and set edited copies of one apart."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from license_held import Failure, Held, Tally

from modelaudit.catalogue import load_catalogue
from modelaudit.catalogue.fingerprints import load_fingerprints
from modelaudit.licenses.recognition import recognise_texts
from modelaudit.licenses.recognition.words import split_words
from modelaudit.model.fingerprint import Fingerprints

_COPIED: Final = 0.5
"""The share of the triples of a text and of a licence that makes the text an edited copy."""


def measure_strangers(held: Held) -> Tally:
    """Count the texts of terms that belong to no licence of the rule set, and are likened to one.

    A draw by name holds edited copies too: OpenSSL's licence is one of Apache-1.1. These are no strangers and are
    counted apart. An edited copy shares ``_COPIED`` of its distinct triples of words with the licence, and the licence
    with it; no alignment or weight of the recognition takes part in that.
    """
    tally = Tally()
    licenses, prints = load_catalogue().licenses, load_fingerprints()
    for path in sorted((held.folder or Path()).glob("strangers/*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace")
        matches = recognise_texts(text, prints, licenses)
        likened = [each.id for each in matches if not _is_edited_copy(text, each.id, prints)]
        if matches and not likened:
            tally.add("edited copy, no stranger")
            continue
        tally.add("likened" if likened else "left alone")
        if likened:
            tally.failures.append(Failure(path.stem, "left alone", ", ".join(likened), ""))
    return tally


def _is_edited_copy(text: str, id_: str, prints: Fingerprints) -> bool:
    """Whether a text and a licence share at least ``_COPIED`` of the distinct triples of each."""
    own = split_words(text).distinct
    return any(
        min(len(shared) / len(own), len(shared) / len(theirs)) >= _COPIED
        for theirs in (set(item.triples) for item in prints.items if item.license_id == id_)
        if (shared := own & theirs)
    )
