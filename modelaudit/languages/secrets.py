"""Detect secrets left in a text: provider keys, private keys, passwords in addresses. No secret itself is reported.

The patterns are those of detect-secrets (Yelp) and our own for tokens without a detector there. A detector runs on one
line at a time, and only on lines with a mark of its pattern. A text without marks costs a few byte searches.
No detector verifies a secret over the network.
"""

from __future__ import annotations

import codecs
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.errors import WindowError
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import KIB, MIB, Limits
from modelaudit.model.outline import Mention, Outline
from modelaudit.model.structure import NOWHERE, Location
from modelaudit.wire.base import LimitReachedError, Reader, Reading
from modelaudit.wire.deadline import check_deadline
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

if TYPE_CHECKING:
    from detect_secrets.plugins.base import RegexBasedDetector

VOCABULARY: Final = "secrets"
_CONTEXT_BYTES: Final = 400  # on either side of a mark, of a line that is longer
_PIECE_BYTES: Final = MIB  # of a text that are searched at once
_OVERLAP_BYTES: Final = 64 * KIB  # around a part that is searched: more than a line and a private key need
_HUGGING_FACE_TOKEN_LENGTH: Final = 34  # without its prefix
_AWS_KEY_LENGTH: Final = 20
_MAX_ADDRESS_LENGTH: Final = 200
_MAX_HITS: Final = 20_000  # lines with one mark that are searched
_MAX_SECRETS: Final = 200

Find = Callable[[str], Iterable[str]]

# The detectors of detect-secrets with their marks: every match of a detector contains one of its marks.
_PLUGIN_MARKS: Final = {
    "AWS access key": (b"AKIA", b"ASIA", b"ABIA", b"ACCA"),
    "GitHub token": (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
    "GitLab token": (b"glpat-", b"gldt-", b"glrt-", b"glptt-"),
    "OpenAI key": (b"T3BlbkFJ",),
    "Slack token": (b"xoxb-", b"xoxp-", b"xoxa-", b"xoxr-", b"xoxs-", b"hooks.slack.com/"),
    "PyPI token": (b"pypi-AgE",),
    "npm token": (b"_authToken",),
    "SendGrid key": (b"SG.",),
    "Stripe key": (b"k_live_",),
    "Square key": (b"sq0csp-",),
    "Azure storage key": (b"AccountKey=",),
    "JSON web token": (b"eyJ",),
    "password in an address": (b"://",),
}
_OWN_PATTERNS: Final = {
    "Hugging Face token": ((b"hf_", b"api_org_"), r"(?<![A-Za-z0-9_])(?:hf|api_org)_[A-Za-z0-9]{34}(?![A-Za-z0-9_])"),
    "Anthropic key": ((b"sk-ant-",), r"\bsk-ant-(?:api|admin|sid|oat)\d\d-[A-Za-z0-9_-]{80,120}"),
    "GitHub token (fine-grained)": ((b"github_pat_",), r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    "Google API key": ((b"AIza",), r"(?<![A-Za-z0-9_-])AIza[0-9A-Za-z_-]{35}(?![A-Za-z0-9_-])"),
    "Groq key": ((b"gsk_",), r"\bgsk_[A-Za-z0-9]{52}\b"),
    "NVIDIA key": ((b"nvapi-",), r"\bnvapi-[A-Za-z0-9_-]{60,70}"),
    "OpenAI project key": ((b"sk-proj-", b"sk-svcacct-"), r"\bsk-(?:proj|svcacct)-[A-Za-z0-9_-]{100,200}"),
    "OpenRouter key": ((b"sk-or-v1-",), r"\bsk-or-v1-[0-9a-f]{64}\b"),
    "Perplexity key": ((b"pplx-",), r"\bpplx-[A-Za-z0-9]{48}\b"),
    "xAI key": ((b"xai-",), r"\bxai-[A-Za-z0-9]{80}\b"),
    "Cerebras key": ((b"csk-",), r"\bcsk-[A-Za-z0-9]{48}\b"),
    "LangSmith key": ((b"lsv2_",), r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b"),
    "Pinecone key": ((b"pcsk_",), r"\bpcsk_[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,65}\b"),
    "DigitalOcean token": ((b"dop_v1_",), r"\bdop_v1_[0-9a-f]{64}\b"),
    "Databricks token": ((b"dapi",), r"(?<![A-Za-z0-9_])dapi[0-9a-f]{32}(?![0-9a-f])"),
    "npm access token": ((b"npm_",), r"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])"),
    "Discord webhook": ((b"/api/webhooks/",), r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,70}"),
    "AWS secret key": (
        (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY"),
        r"(?i:aws_secret_access_key)[\"']?\s{0,3}[:=]\s{0,3}[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])",
    ),
    "Replicate token": ((b"r8_",), r"\br8_[A-Za-z0-9]{37}\b"),
    "Weights & Biases key": (
        (b"WANDB_API_KEY", b"wandb login"),
        r"(?:WANDB_API_KEY\W{1,6}|wandb login\s+)([0-9a-f]{40})\b",
    ),
}
# The line that begins a private key in PEM form (RFC 7468), header lines such as ``Proc-Type:``, and the base64 lines,
# whose line breaks may be spelled ``\n`` in JSON or in a string of Python.
_PRIVATE_KEY: Final = defer_pattern(
    rb"-----BEGIN (?:(?:RSA|EC|DSA|OPENSSH|ENCRYPTED|PGP) )?PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:\s|\\[rn]|[A-Za-z-]{1,40}:[^\n]{0,200}\n){0,40}((?:[A-Za-z0-9+/=]{16,}(?:\s|\\[rn]|[\"',+])*){2,})"
)
_MIN_KEY_LENGTH: Final = 80
# Words and repetitions of documentation, such as ``your_token_here``, ``xxxx`` or ``<token>``.
_PLACEHOLDER: Final = defer_pattern(
    r"example|placeholder|your|dummy|changeme|sample|redacted|secret_?here|x{4}|\*{3}|\.{3}|<|\{|\$|123456|abcdef|(.)\1{5}",
    re.IGNORECASE,
)
_MIN_ENTROPY: Final = 3.0  # bits for each character; random tokens have more than 4
_EXAMPLE_PASSWORDS: Final = frozenset({"password", "pass", "pwd", "token", "secret", "admin", "user", "root"})
_NETRC_PASSWORD: Final = defer_pattern(rb"\bpassword\s+(\S{4,200})")


def find_secrets(data: bytes) -> Iterator[tuple[str, int]]:
    """Yield the kind of each secret and the byte offset of its mark.

    Raises:
        LimitReachedError: behind the last secret, if more lines had a mark than are searched, or the time is over.
    """
    search = _SecretSearch()
    yield from search.search_part(data, _Part(0, 0, len(data)))
    search.raise_reached_limit()


class _Part(Struct, frozen=True):
    """The part of the bytes in memory where the secrets begin that are searched; the others are only context.

    Attributes:
        offset: of the first byte in memory, in the whole text.
        start: of the part, in memory.
        end: of the part, in memory.
    """

    offset: int
    start: int
    end: int


class _SearchedMark(Struct):
    """How far one mark was searched.

    Attributes:
        lines: those that have the mark and were searched.
        reported_until: the offset in the whole text where the last line ends in which a secret was found.
    """

    lines: int = 0
    reported_until: int = -1


class _SecretSearch(Struct):
    """Searches a text part by part. The bound on lines holds for the whole text.

    Attributes:
        reached_limit: the first bound that was reached.
    """

    reached_limit: LimitReachedError | None = None
    _searched_marks: dict[tuple[str, bytes], _SearchedMark] = field(default_factory=dict)

    def search_part(self, data: bytes, part: _Part) -> Iterator[tuple[str, int]]:
        """Yield the kind of each secret that begins in ``part``, and the offset of its mark in ``data``."""
        for kind, (marks, find) in _load_detectors().items():
            for mark in marks:
                try:
                    searched = self._searched_marks.setdefault((kind, mark), _SearchedMark())
                    yield from ((kind, offset) for offset in _find_offsets(data, part, mark, find, kind, searched))
                except LimitReachedError as error:  # the other marks are searched nevertheless
                    self.reached_limit = self.reached_limit or error
        if b"PRIVATE KEY" in data:
            for match in _PRIVATE_KEY.finditer(data, part.start):
                if match.start() >= part.end:
                    break
                body = re.sub(rb"\\[rn]", b"", match[1])
                sample = body[:200].decode("ascii", "replace")
                if len(body) >= _MIN_KEY_LENGTH and not _is_placeholder(sample, "private key"):
                    yield "private key", match.start()

    def raise_reached_limit(self) -> None:
        """Raise the ``LimitReachedError`` of the first bound that was reached, if any."""
        if self.reached_limit is not None:
            raise self.reached_limit


@cache
def _load_detectors() -> dict[str, tuple[tuple[bytes, ...], Find]]:
    """Return the marks and the search function of each kind of secret."""
    detectors: dict[str, tuple[tuple[bytes, ...], Find]] = {
        kind: (marks, partial(_run_detector, kind)) for kind, marks in _PLUGIN_MARKS.items()
    }
    for kind, (marks, pattern) in _OWN_PATTERNS.items():
        detectors[kind] = (marks, partial(re.findall, pattern))
    return detectors


def _run_detector(kind: str, line: str) -> Iterable[str]:
    """Return the matches of the detect-secrets detector for this kind.

    Some detectors return a part of the match only. The whole match is returned instead, because the words of a
    placeholder may be in the other part. Exceptions are an address, of which only the password counts, and a JSON web
    token, which the detector validates.
    """
    plugin = _load_plugins()[kind]
    secrets = {str(secret) for secret in plugin.analyze_string(line)}
    if not secrets or kind in ("password in an address", "JSON web token"):
        return secrets
    return [match[0] for pattern in plugin.denylist for match in pattern.finditer(line)]


@cache
def _load_plugins() -> dict[str, RegexBasedDetector]:
    """Return the detectors by kind of secret.

    They are imported only when a text first contains the mark of a secret: the import is slow and few models need it.
    """
    from detect_secrets.plugins.aws import AWSKeyDetector
    from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
    from detect_secrets.plugins.basic_auth import BasicAuthDetector
    from detect_secrets.plugins.github_token import GitHubTokenDetector
    from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
    from detect_secrets.plugins.jwt import JwtTokenDetector
    from detect_secrets.plugins.npm import NpmDetector
    from detect_secrets.plugins.openai import OpenAIDetector
    from detect_secrets.plugins.pypi_token import PypiTokenDetector
    from detect_secrets.plugins.sendgrid import SendGridDetector
    from detect_secrets.plugins.slack import SlackDetector
    from detect_secrets.plugins.square_oauth import SquareOAuthDetector
    from detect_secrets.plugins.stripe import StripeDetector

    return {
        "AWS access key": AWSKeyDetector(),
        "GitHub token": GitHubTokenDetector(),
        "GitLab token": GitLabTokenDetector(),
        "OpenAI key": OpenAIDetector(),
        "Slack token": SlackDetector(),
        "PyPI token": PypiTokenDetector(),
        "npm token": NpmDetector(),
        "SendGrid key": SendGridDetector(),
        "Stripe key": StripeDetector(),
        "Square key": SquareOAuthDetector(),
        "Azure storage key": AzureStorageKeyDetector(),
        "JSON web token": JwtTokenDetector(),
        "password in an address": BasicAuthDetector(),
    }


def _find_offsets(
    data: bytes, part: _Part, mark: bytes, find: Find, kind: str, searched: _SearchedMark
) -> Iterator[int]:
    """Yield the offset in ``data`` of each mark in ``part`` whose line has a secret, one for each line.

    Args:
        data: a piece of the text.
        part: where the mark may be.
        mark: bytes that each secret of the kind contains.
        find: returns the secrets in a line.
        kind: the kind of secret.
        searched: how far the mark was searched; it is updated.

    Raises:
        LimitReachedError: more than ``_MAX_HITS`` lines have the mark, or the time is over.
    """
    offset = data.find(mark, part.start)
    while 0 <= offset < part.end:
        check_deadline()
        if part.offset + offset >= searched.reported_until and _may_be_secret(data, offset, mark):
            if searched.lines >= _MAX_HITS:
                raise LimitReachedError(f"only the first {_MAX_HITS} lines that may hold a {kind} were searched")
            searched.lines += 1
            # In a long line, only the part around the mark is searched.
            context_start = max(0, offset - _CONTEXT_BYTES)
            line_start = max(data.rfind(b"\n", context_start, offset) + 1, context_start)
            line_end = data.find(b"\n", offset, offset + _CONTEXT_BYTES)
            line = data[line_start : line_end if line_end >= 0 else offset + _CONTEXT_BYTES].decode("latin-1")
            if any(not _is_placeholder(secret, kind) for secret in find(line) if secret):
                yield offset
                reported_until = line_end if line_end >= 0 else offset + _CONTEXT_BYTES
                searched.reported_until = part.offset + reported_until
        offset = data.find(mark, offset + len(mark))


def _may_be_secret(data: bytes, offset: int, mark: bytes) -> bool:
    """Whether a mark may begin a secret: a cheap test for the most frequent marks, before a line is decoded."""
    if mark == b"://":  # ``://user:password@host``
        return b"@" in data[offset : offset + _MAX_ADDRESS_LENGTH].split(b"\n", 1)[0]
    if mark == b"hf_":
        return data[offset + len(mark) : offset + len(mark) + _HUGGING_FACE_TOKEN_LENGTH].isalnum()
    if mark == b"eyJ":
        return b"." in data[offset : offset + _CONTEXT_BYTES]  # a dot ends the header of a JSON web token
    if mark == b"ACCA":
        # Five letters alone are not random enough, and sequences of nucleotides consist of them.
        key = data[offset : offset + _AWS_KEY_LENGTH]
        return key.isalnum() and bool(key.translate(None, b"ACGTN"))
    if mark == b"SG.":
        return data[offset + len(mark) : offset + len(mark) + 1].isalnum()
    return True


def _is_placeholder(secret: str, kind: str) -> bool:
    """Whether a secret is an example of documentation: it has a word such as ``your``, or is not random enough."""
    if _PLACEHOLDER.search(secret):
        return True
    if kind == "password in an address":
        return len(secret) < 4 or secret.lower() in _EXAMPLE_PASSWORDS
    # Shannon entropy of the characters.
    counts = Counter(secret)
    entropy = -sum(count / len(secret) * math.log2(count / len(secret)) for count in counts.values())
    return entropy < _MIN_ENTROPY


def _iterate_utf8(window: Window) -> Iterator[bytes]:
    """Yield the bytes of a text in pieces, of UTF-16 with a byte order mark as UTF-8. Raises ``WindowError``."""
    pieces = iterate_chunks(window, length=_PIECE_BYTES)
    if not window.read(0, 2).startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _iterate_parts(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, _Part]]:
    """Yield the bytes to search and the part where secrets may begin, so that each byte is in one part.

    On either side of a part, ``_OVERLAP_BYTES`` are context, but for the start and the end of the text.
    """
    data, part_start, offset = b"", 0, 0
    for piece in pieces:
        data += piece
        part_end = len(data) - _OVERLAP_BYTES
        if part_end <= part_start:
            continue
        yield data, _Part(offset, part_start, part_end)
        dropped = max(0, part_end - _OVERLAP_BYTES)
        data, part_start, offset = data[dropped:], part_end - dropped, offset + dropped
    yield data, _Part(offset, part_start, len(data))


def _locate_secrets(pieces: Iterable[bytes], is_netrc: bool) -> tuple[list[Mention], LimitReachedError | None]:
    """Return a mention of each secret with its line, and the error of the bound that was reached, if any.

    Args:
        pieces: the text.
        is_netrc: whether it is a file of passwords for ``netrc``.
    """
    mentions: list[Mention] = []
    search = _SecretSearch()
    has_password = False
    lines_before = 0  # before the part
    for data, part in _iterate_parts(pieces):
        for kind, offset in search.search_part(data, part):
            if len(mentions) == _MAX_SECRETS:
                return mentions, LimitReachedError(f"only the first {_MAX_SECRETS} secrets were located")
            line = lines_before + data.count(b"\n", part.start, offset) + 1
            mentions.append(Mention(VOCABULARY, "secret", kind, Location(line=line)))
        lines_before += data.count(b"\n", part.start, part.end)
        has_password = has_password or (is_netrc and _has_netrc_password(data))
    if has_password:
        mentions.append(Mention(VOCABULARY, "secret", "password in .netrc"))
    return mentions, search.reached_limit


def _has_netrc_password(data: bytes) -> bool:
    """Whether a text for ``netrc`` has a password that is not a placeholder."""
    passwords = (match[1].decode("latin-1") for match in _NETRC_PASSWORD.finditer(data))
    return not all(_is_placeholder(each, "password in an address") for each in passwords)


def _read_secrets(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline with the kind and line of each secret.

    Raises:
        LimitReachedError: behind the outline, if there are more secrets than are located, or see ``find_secrets``.
    """
    if window.size > max(limits.document_bytes, limits.table_bytes):
        return  # the reader of the document reports the absence
    name = get_file_name(artifact.path)
    try:
        mentions, reached_limit = _locate_secrets(_iterate_utf8(window), name in (".netrc", "_netrc"))
    except WindowError:
        return  # the reader of the document reports the absence
    is_example = name.endswith((".example", ".sample", ".template", ".dist"))
    if name == ".env" or (name.startswith(".env.") and not is_example):
        mentions.append(Mention(VOCABULARY, "settings-file", name[:100], NOWHERE))
    if mentions:
        yield Outline("text", tuple(mentions))
    if reached_limit is not None:
        raise reached_limit


SECRETS: Final = Reader("text", looks_like_text, _read_secrets)
"""Searches every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
