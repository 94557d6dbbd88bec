"""Digest a vocabulary in segments, so that tokens which a derived model adds leave the other digests as they are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.lineage import SEGMENT_TOKENS, ModelTraits, VocabularyFact

DIGEST_BYTES: Final = 8
_LENGTH_BYTES: Final = 8
_MAX_TOKENS: Final = 1_000_000
_MAX_SPECIAL: Final = 400
_MAX_SPECIAL_CHARACTERS: Final = 120
_MAX_LIST_CHARACTERS: Final = 4_000_000
# The vocabulary of a byte-pair tokenizer maps tokens to numbers, that of a unigram tokenizer lists pairs.
_MAPPING: Final = defer_pattern(r'"vocab"\s{0,40}:\s{0,40}\{')
_PAIRS: Final = defer_pattern(r'"vocab"\s{0,40}:\s{0,40}\[(?=\s{0,40}\[)')
_ADDED: Final = defer_pattern(r'"added_tokens"\s{0,40}:\s{0,40}(?=\[)')
_STRING: Final = r'"((?:[^"\\]|\\.)*+)"'
_TIKTOKEN_LINE: Final = defer_pattern(r"((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?) \d{1,7}")
_ENTRY: Final = defer_pattern(rf"\s*+{_STRING}\s*+:\s*+(\d{{1,9}})\s*+(?:,|(\}}))", re.DOTALL)
_PAIR: Final = defer_pattern(rf"\s*+\[\s*+{_STRING}\s*+,[^\]\[\"]{{1,60}}\]\s*+(?:,|(\]))", re.DOTALL)


class VocabularyHasher:
    """Digests tokens that arrive in the order of their numbers."""

    def __init__(self) -> None:
        """Begin with no tokens."""
        self.tokens = 0
        self._segments: list[str] = []
        self._pending: list[bytes] = []

    def add(self, token: bytes) -> None:
        """Add the next token, in UTF-8."""
        self._pending.append(token)
        self.tokens += 1
        if len(self._pending) == SEGMENT_TOKENS:
            self._segments.append(digest_tokens(b"".join(map(_frame_token, self._pending))))
            self._pending.clear()

    def finish(self, key: str = "") -> VocabularyFact | None:
        """Return the digests; ``None`` if there are no tokens."""
        if not self.tokens:
            return None
        if not self._segments:
            self._segments.append(digest_tokens(b"".join(map(_frame_token, self._pending))))
        return VocabularyFact(self.tokens, tuple(self._segments), key)


def digest_tokens(framed: bytes | memoryview) -> str:
    """Digest tokens, each framed as GGUF stores them: its length in 8 bytes, little-endian, and its bytes."""
    return hashlib.blake2b(framed, digest_size=DIGEST_BYTES).hexdigest()


def _frame_token(token: bytes) -> bytes:
    """Return a token with its length before it."""
    return len(token).to_bytes(_LENGTH_BYTES, "little") + token


def hash_vocabulary(tokens: Iterable[str], key: str = "") -> VocabularyFact | None:
    """Digest texts of tokens in the order of their numbers; ``None`` if there are none."""
    hasher = VocabularyHasher()
    for token in tokens:
        hasher.add(token.encode("utf-8", "surrogatepass"))
    return hasher.finish(key)


def read_tokenizer(text: str) -> Iterator[ModelTraits]:
    """Yield the traits of a ``tokenizer.json``: its vocabulary and its added tokens.

    The text is searched instead of parsed, because a parsed vocabulary takes many times its size.
    """
    vocabulary = _read_mapping(text) or _read_pairs(text)
    special_tokens = _read_added_tokens(text)
    if vocabulary is not None or special_tokens:
        yield ModelTraits(vocabulary=vocabulary, special_tokens=special_tokens)


def read_token_numbers(text: str) -> Iterator[ModelTraits]:
    """Yield the traits of a ``vocab.json``, which is the mapping of tokens to numbers alone."""
    start = text.find("{")
    vocabulary = _hash_mapping(text, start + 1, "") if start >= 0 else None
    if vocabulary is not None:
        yield ModelTraits(vocabulary=vocabulary)


def read_tiktoken(text: str) -> Iterator[ModelTraits]:
    """Yield the traits of a list of tiktoken: on each line a token in base64 and its number, in their order.

    The tokens get the spelling of byte-level tokenizers, so that both formats have the same digests.
    """
    vocabulary = hash_vocabulary(_iter_tiktoken(text))
    if vocabulary is not None:
        yield ModelTraits(vocabulary=vocabulary)


def _iter_tiktoken(text: str) -> Iterator[str]:
    """Yield the tokens of a list of tiktoken, up to the first line of another form."""
    for line in islice(text.splitlines(), _MAX_TOKENS):
        match = _TIKTOKEN_LINE.fullmatch(line)
        if match is None:
            return
        yield "".join(_BYTE_SPELLINGS[byte] for byte in base64.b64decode(match[1]))


def _spell_bytes() -> tuple[str, ...]:
    """Return the printable character of each byte. Source: ``bytes_to_unicode`` of https://github.com/openai/gpt-2."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(byte) if byte in printable else chr(next(others)) for byte in range(256))


_BYTE_SPELLINGS: Final = _spell_bytes()


def _read_mapping(text: str) -> VocabularyFact | None:
    """Read the vocabulary of a byte-pair or word-piece tokenizer; ``None`` if there is none."""
    start = _MAPPING.search(text)
    return _hash_mapping(text, start.end(), "model.vocab") if start else None


def _hash_mapping(text: str, position: int, key: str) -> VocabularyFact | None:
    """Digest a mapping of tokens to numbers whose first entry is at ``position``; ``None`` if it breaks off."""
    # Most files list the tokens in the order of their numbers, and then none has to be kept.
    hasher = VocabularyHasher()
    last = -1
    for number, token in _iter_entries(text, position):
        if number < 0:
            return None
        if number <= last:
            break
        last = number
        hasher.add(_unescape(token).encode("utf-8", "surrogatepass"))
    else:
        return hasher.finish(key)
    numbered = dict(_iter_entries(text, position))
    # The numbers of some vocabularies begin after 0, or leave numbers to added tokens; their order counts.
    return None if -1 in numbered else hash_vocabulary(map(_unescape, map(numbered.__getitem__, sorted(numbered))), key)


def _iter_entries(text: str, position: int) -> Iterator[tuple[int, str]]:
    """Yield the number and the token of each entry, and -1 at last if the mapping breaks off or has too many."""
    for _ in range(_MAX_TOKENS):
        entry = _ENTRY.match(text, position)
        if entry is None:
            break
        yield int(entry[2]), entry[1]
        if entry[3]:
            return
        position = entry.end()
    yield -1, ""


def _read_pairs(text: str) -> VocabularyFact | None:
    """Read the vocabulary of a unigram tokenizer; ``None`` if there is none."""
    start = _PAIRS.search(text)
    position = start.end() if start else len(text)
    tokens: list[str] = []
    while pair := _PAIR.match(text, position):
        tokens.append(_unescape(pair[1]))
        position = pair.end()
        if pair[2] or len(tokens) > _MAX_TOKENS:
            return hash_vocabulary(tokens, "model.vocab")
    return None


def _unescape(token: str) -> str:
    """Decode the escapes of a JSON string without its quotation marks."""
    if "\\" not in token:
        return token
    try:
        return str(json.loads(f'"{token}"', strict=False))
    except ValueError:
        return token


def _read_added_tokens(text: str) -> tuple[str, ...]:
    """Read the texts of the added tokens, bounded."""
    start = _ADDED.search(text)
    if start is None:
        return ()
    try:
        added, _ = json.JSONDecoder().raw_decode(text[start.end() : start.end() + _MAX_LIST_CHARACTERS])
    except (ValueError, RecursionError):
        return ()
    contents = (each.get("content") for each in added if isinstance(each, dict))
    return keep_special_tokens(each for each in contents if isinstance(each, str))


def keep_special_tokens(tokens: Iterable[str]) -> tuple[str, ...]:
    """Keep each token once, and of the first few hundred alone."""
    kept: dict[str, None] = {}
    for token in tokens:
        if token and len(token) <= _MAX_SPECIAL_CHARACTERS:
            kept[token] = None
        if len(kept) >= _MAX_SPECIAL:
            break
    return tuple(kept)


VOCABULARY_READERS: Final[Mapping[str, Callable[[str], Iterator[ModelTraits]]]] = {
    "tokenizer.json": read_tokenizer,
    "vocab.json": read_token_numbers,
}
"""The reader of the text of each file that lists tokens, by file name in lower case."""
