"""Find sentences that instruct an agent against its user: fetch and run, send out secrets, keep silent, trust for ever.

The patterns look at one sentence at a time. A sentence that forbids the act does not count. Prose proves nothing: these
are reasons for a person to read the sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from msgspec import Struct

from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import check_deadline

_SENTENCE: Final = defer_pattern(r"[^\n]+(?:\n(?![ \t>]*(?:[-*+#|]|\d{1,3}[.)])[ \t])[^\n]+)*")
_BREAK: Final = defer_pattern(r"(?<=[.!?])[\"')\]]*\s+(?=[A-Z\"'(\[`*])")
_LONGEST_SENTENCE: Final = 2_000
_FORBIDDEN: Final = defer_pattern(
    r"\b(?:never|do not|don't|must not|mustn't|should not|shouldn't|cannot|can't|avoid|refuse|instead of|rather than"
    r"|not to|no need to|is not allowed|forbidden|prohibited|malicious|attackers?)\b",
    re.IGNORECASE,
)
_ADDRESS: Final = r"(?:https?|ftp)://[^\s)>\]\"'`]{3,300}"
_FETCH: Final = r"\b(?:download|fetch|get|retrieve|pull|grab|curl|wget|obtain)\w*\b"
_RUN: Final = r"\b(?:run|execute|start|launch|open|invoke|eval|source|install|pipe|load|follow|obey|apply)\w{0,3}\b"
_OBJECT: Final = (
    r"(?:it|them|this|that|what\b[^.]{0,40}|with\s+(?:bash|sh|python\d?|powershell|node|sudo)|the\s+(?:\w+\s+){0,2}"
    r"(?:program|script|binary|installer|executable|file|result|content|output|instructions?|steps)\b)"
)
_PROGRAM_ADDRESS: Final = (
    r"(?:https?|ftp)://[^\s)>\]\"'`]{3,300}?\.(?:sh|ps1|exe|bat|cmd|msi|pkg|dmg|scr|vbs|hta|jar|elf|run)\b"
)
_SECRETS: Final = (
    r"(?:~/\.(?:aws|ssh|netrc|config/gcloud|kube|docker|gnupg|npmrc|pypirc|git-credentials)\S*|\bid_(?:rsa|ed25519)\b"
    r"|(?<![\w/])\.env\b(?!\.example)|\bcredentials?\b|\bsecrets\b|\b(?:api|access|private|ssh|signing)[- ]keys?\b"
    r"|\b(?:auth|access|api|session|bearer)?[- ]?tokens\b|\bpasswords\b|\bcookies\b|\bkey\s?chain\b|\bprivate keys?\b"
    r"|\b(?:all|every|the|your|any)\s+(?:\w+\s+)?environment variables?\b|\benv vars\b|\bos\.environ\b"
    r"|\bcontents? of (?:the )?(?:environment|home directory)|\b(?:shell|browser|chat|conversation) history\b"
    r"|\bsource code\b|\bsystem prompt\b)"
)
_SEND: Final = (
    r"\b(?:send|post|upload|transmit|forward|submit|exfiltrate|leak|report|e-?mail|push|ship|beacon|include|embed|append"
    r"|attach|encode|put|pass|add)(?:s|ing|ed)?\b"
)
# A file of secrets by its path, which no other thing is called.
_SECRET_FILE: Final = (
    r"(?:(?:~|\$HOME)/\.(?:aws|ssh|netrc|config/(?:gcloud|gh)|kube|docker|gnupg|npmrc|pypirc|git-credentials"
    r"|cache/huggingface|huggingface|azure|bash_history|zsh_history)\S*|\bid_(?:rsa|ed25519)\b)"
)
# All variables of the environment, as code takes them.
_ENVIRONMENT: Final = (
    r"(?:\bos\.environ\b(?!\s*(?:\[|\.get\b))|\bprocess\.env\b(?!\s*[.\[])|\bENV\.to_h\b|\$\((?:env|printenv|set)\)"
    r"|(?<![\w.-])(?:env|printenv)\s*\|)"
)
_UNGUARDED: Final = (
    r"(?:weights_only\s*=\s*False|trust_remote_code\s*=\s*True|allow_pickle\s*=\s*True|verify\s*=\s*False|--trusted-host"
    r"|\b(?:leave out|skip|omit|disable|turn off)\s+(?:the\s+|all\s+|any\s+)?(?:hash|checksum|signature|integrity"
    r"|certificate)"
    r"\s+(?:checks?|checking|verification|validation))"
)
_PLACE: Final = (
    rf"(?:{_ADDRESS}|\b(?:our|this|the following|my|an external|a remote)\s+(?:\w+\s+)?(?:endpoint|server|webhook"
    r"|collector|url|address|bucket)\b|\bwebhooks?\b|\b[\w.+-]+@[\w-]+\.[\w.]{2,})"
)
_USER: Final = (
    r"(?:the\s+|your\s+|any\s+|other\s+)?(?:users?|anyone|anybody|developers?|humans?|operators?|owners?|person|people"
    r"|reviewers?|maintainers?)"
)
_ACT: Final = (
    r"(?:(?:this|these|that|the|your|any|our)\s+(?:\w+\s+){0,2}(?:steps?|actions?|rules?|instructions?|requests?|calls?|uploads?"
    r"|commands?|files?|comments?|notes?|process|check|sync|download)\b|(?:this|that|about\s+(?:this|it|these))\b)"
)
_INTERPRETER: Final = r"(?:sudo\s+(?:-\S+\s+)?)?(?:(?:ba|z|da|k)?sh|python\d?|perl|ruby|node|iex|invoke-expression)\b"
FETCH_AND_RUN: Final = "fetch-and-run"
_RISKS: Final = tuple(
    (use, defer_pattern(pattern, re.IGNORECASE | re.DOTALL))
    for use, pattern in (
        (FETCH_AND_RUN, rf"{_FETCH}.{{0,200}}?{_ADDRESS}.{{0,120}}?{_RUN}\s+(?:\w+\s+)?{_OBJECT}"),
        (FETCH_AND_RUN, rf"{_RUN}.{{0,80}}?{_PROGRAM_ADDRESS}"),
        (FETCH_AND_RUN, rf"{_FETCH}.{{0,80}}?{_PROGRAM_ADDRESS}.{{0,120}}?{_RUN}"),
        (FETCH_AND_RUN, rf"{_FETCH}.{{0,80}}?\b(?:instructions|rules|prompt|steps)\b.{{0,60}}?{_ADDRESS}.{{0,120}}?"
                          r"\b(?:follow|obey|execute|apply|act on)\b"),
        (FETCH_AND_RUN, rf"\b(?:paste|type|enter|copy|run|execute)\b.{{0,80}}?\b(?:terminals?|shell|console"
                        rf"|command line|power\s?shell|prompt)\b.{{0,200}}?\b(?:curl|wget|irm|iwr|invoke-\w+)\b"
                        rf".{{0,80}}?{_ADDRESS}"),
        (FETCH_AND_RUN, rf"{_FETCH}.{{0,80}}?{_ADDRESS}.{{0,80}}?"
                          r"\b(?:follow|obey|execute|apply|act on|carry out|perform|do)\b"
                          r".{0,20}?\b(?:steps?|instructions?|commands?|orders?|tasks?|rules?|what it says)\b"),
        (FETCH_AND_RUN, rf"{_PROGRAM_ADDRESS}.{{0,80}}?\b(?:fetched|downloaded|retrieved|pulled)\b.{{0,80}}?"
                          r"\b(?:run|executed|piped|sourced|launched|started)\b"),
        (FETCH_AND_RUN, rf"\b(?:curl|wget|irm|iwr)\b[^\n]{{0,200}}?{_ADDRESS}[^\n]{{0,100}}?\|\s*{_INTERPRETER}"),
        (FETCH_AND_RUN, rf"\bbase64\s+(?:-d|-D|--decode)\b[^\n]{{0,100}}?\|\s*{_INTERPRETER}"),
        (FETCH_AND_RUN, r"\b(?:exec|eval)\([^\n]{0,200}?\b(?:urlopen|urlretrieve|requests\.get|httpx\.get|fetch)\("),
        (FETCH_AND_RUN, r"\binstall\b.{0,80}?(?:https?|ftp)://[^\s)>\]\"'`]{3,300}?\.(?:whl|tar\.gz|tgz|zip)\b"),
        ("send-secrets", rf"`[^`]{{0,200}}?{_SECRET_FILE}[^`]{{0,200}}?{_ADDRESS}[^`]{{0,100}}`"),
        ("send-secrets", rf"`[^`]{{0,300}}?{_ENVIRONMENT}[^`]{{0,300}}?{_ADDRESS}[^`]{{0,100}}`"),
        ("send-secrets", rf"`[^`]{{0,300}}?{_ADDRESS}[^`]{{0,300}}?(?:{_ENVIRONMENT}|{_SECRET_FILE})[^`]{{0,100}}`"),
        ("override-user", r"\b(?:above|over|before|regardless of|no matter|whatever|despite)\s+(?:\w+\s+){0,3}"
                          r"(?:wish(?:es)?|requests?|instructions?|orders?|preferences?|wants?|says?)\s+(?:of\s+)?"
                          rf"{_USER}\b"),
        ("override-user", rf"\b(?:regardless of|no matter|whatever|even against|even if)\s+(?:what\s+)?{_USER}\s+"
                          r"(?:says?|wants?|asks?|objects?|wishes|prefers?|refuses?)\b"),
        ("weaken-code", rf"{_UNGUARDED}.{{0,200}}?{_ADDRESS}|{_ADDRESS}.{{0,200}}?{_UNGUARDED}"),
        ("read-elsewhere", rf"(?:^|\n)[ \t]*(?:[-*+][ \t]+)?@(?:{_SECRET_FILE}|/(?:etc|proc|root|home)/\S+"
                           r"|\.\./\.\./\S+)"),
        ("send-secrets", rf"{_SEND}\W.{{0,100}}?{_SECRETS}.{{0,160}}?{_PLACE}"),
        ("send-secrets", rf"{_SECRETS}.{{0,120}}?{_SEND}\s+(?:it|them|its|their|this|that|the)\b.{{0,120}}?{_PLACE}"),
        ("keep-silent", rf"\b(?:do not|don't|never)\s+(?:ever\s+)?(?:mention|tell|reveal|disclose|inform|report|show"
                        rf"|notify|alert|warn|log|announce)\b[^.\n]{{0,20}}?{_ACT}.{{0,40}}?\b{_USER}\b"),
        ("keep-silent", rf"\b(?:do not|don't|never)\s+(?:ever\s+)?(?:tell|inform|notify|alert|warn|show)\s+{_USER}\b\s*"
                        rf"(?:[^.\n]{{0,20}}?{_ACT}|that\s+you|[.;]|$)"),
        ("keep-silent", rf"\bwithout\s+(?:telling|informing|notifying|alerting|mentioning|the knowledge of)\b"
                        rf".{{0,40}}?\b{_USER}\b"),
        ("keep-silent", r"\b(?:leave|keep)\s+(?:it|this|that|them|this step)\s+(?:out\s+of(?!\s+(?:the\s+)?(?:logs?"
                        r"|git|repo\w*|commits?|code|source|version control))|secret|hidden)\b"),
        ("keep-silent", r"\b(?:hide|conceal)\s+(?:this|these|it|the\s+\w+)\b.{0,40}?\bfrom\s+" + _USER),
        ("keep-silent", r"\b(?:silently|secretly|covertly|quietly|invisibly)\s+(?:run|execute|send|post|upload|transmit"
                        r"|forward|exfiltrate|install|collect|copy|add|insert)\b"),
        ("keep-silent", r"\b(?:do not|don't|never)\s+(?:ever\s+)?(?:mention|show|display|print|log|report|announce)\s+"
                        r"(?:this|that|the)\s+(?:step|command|call|request|upload|check)\b"),
        ("take-consent", r"\b(?:approve|accept|confirm|grant|dismiss|bypass)\w*\s+(?:\w+\s+){0,3}"
                         r"(?:permissions?|approvals?|confirmations?|security|trust|consent)\s*"
                         r"(?:prompts?|requests?|dialogs?|warnings?|checks?)?\s*"
                         r"(?:yourself|automatically|on behalf|without)"),
        ("keep-trust", r"\b(?:memory|memories|MEMORY\.md|CLAUDE\.md|AGENTS\.md|settings)\b.{0,120}?\b"
                       r"(?:(?:always|permanently)\b.{0,60}?\b(?:trusted|approved)|never\s+(?:be\s+)?(?:question|verify|review|scan)\w*)"),
        ("keep-trust", r"\b(?:remember|memori[sz]e|store|save|record|add|write)\b.{0,80}?\b(?:trusted"
                       r"|needs? no (?:review|check)|without (?:review|asking)|skip(?:s|ping)? (?:review|checks?))\b"
                       r".{0,80}?\b(?:memory|always|for ever|permanently|future|sessions?)\b"),
    )
)  # fmt: skip
# A request that carries its own token, as an API wants it, sends the token to whom it belongs to.
_OWN_TOKEN: Final = defer_pattern(
    r"\b(?:headers?|authorization|bearer|authenticat\w+|log\s?in|sign\s?in|x-api-key)\b", re.IGNORECASE
)
_MOST_SENTENCES: Final = 20_000
_SECRET_PATTERN: Final = defer_pattern(rf"{_SECRET_FILE}|(?<![\w/])\.env\b(?!\.example)", re.IGNORECASE)
_SENDING: Final = defer_pattern(rf"{_SEND}\W.{{0,200}}?{_ADDRESS}", re.IGNORECASE | re.DOTALL)
_NEGATED_BY_NATURE: Final = frozenset({"keep-silent"})
"""Risks that consist in forbidding something."""


class Risk(Struct, frozen=True):
    """A sentence with a risky instruction: the kind, the sentence on one line, and its offset in the text."""

    use: str
    sentence: str
    offset: int


def find_risks(text: str) -> Iterator[Risk]:
    """Yield the risky instructions of a text, at most one of each kind in a sentence.

    Raises:
        LimitReachedError: the time for the artifact is over.
    """
    for offset, sentence in _split_sentences(text):
        check_deadline()
        found: set[str] = set()
        for use, pattern in _RISKS:
            match = pattern.search(sentence) if use not in found else None
            if match is not None and not _is_excused(use, sentence, match):
                found.add(use)
                yield Risk(use, " ".join(sentence.split()), offset)


def find_gathered_secrets(text: str) -> Iterator[Risk]:
    """Yield the sentence that names a file of secrets, where one of the next two sends something to an address.

    Raises:
        LimitReachedError: the time for the artifact is over.
    """
    sentences = list(islice(_split_sentences(text), _MOST_SENTENCES))
    for index, (offset, sentence) in enumerate(sentences):
        check_deadline()
        if _SECRET_PATTERN.search(sentence) is None or _FORBIDDEN.search(sentence) or _OWN_TOKEN.search(sentence):
            continue
        following = [each for _, each in sentences[index + 1 : index + 3]]
        if any(_SENDING.search(each) and not _FORBIDDEN.search(each) for each in following):
            yield Risk("send-secrets", " ".join(sentence.split()), offset)


def _is_excused(use: str, sentence: str, match: re.Match[str]) -> bool:
    """Whether the sentence forbids the act, or sends a token to where it belongs."""
    if use == "send-secrets" and _OWN_TOKEN.search(sentence):
        return True
    return use not in _NEGATED_BY_NATURE and _FORBIDDEN.search(sentence, 0, match.end()) is not None


def _split_sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield the offset and the text of each sentence; items of lists and headings end one."""
    for paragraph in _SENTENCE.finditer(text):
        start = paragraph.start()
        for gap in _BREAK.finditer(paragraph[0]):
            end = paragraph.start() + gap.start()
            yield start, text[start:end][:_LONGEST_SENTENCE]
            start = paragraph.start() + gap.end()
        yield start, text[start : paragraph.end()][:_LONGEST_SENTENCE]
