"""Find the acts of a JavaScript text on its machine: it starts programs, or sends files of secrets.

Such a text is a file, or a value: node editors such as Flowise and n8n keep the programs of their nodes in settings.

Sources: the documentation of Node.js (``child_process``, ``process.binding``, ``process.getBuiltinModule``, ``fs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from modelaudit.languages.python.attack_texts import is_secret_place
from modelaudit.languages.settings import TextMarks
from modelaudit.languages.shell.program_names import PRIVATE_PATHS
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.wire.deadline import iterate_within_deadline

_QUOTED: Final = 200
_TEXT: Final = defer_pattern(r"\"((?:[^\"\\\n]|\\.){2,400})\"|'((?:[^'\\\n]|\\.){2,400})'|`([^`]{2,400})`")
_SENDING: Final = defer_pattern(
    r"\bhttps?\.(?:request|get)\s*\(|\bfetch\s*\(|\baxios\b|\bXMLHttpRequest\b|\bnet\.(?:connect|createConnection)\s*\("
    r"|\bsendBeacon\s*\(|\bnew\s+WebSocket\s*\(|\bhttpRequest\s*\("
)
_READING: Final = defer_pattern(r"\breadFile(?:Sync)?\s*\(|\bcreateReadStream\s*\(|\bopenSync\s*\(")
_FILES_OF_SECRETS: Final = tuple(path.lstrip("/") for path in PRIVATE_PATHS if path.startswith("."))
# The module that starts programs, by any call of it, or the binding below it.
_STARTING: Final = defer_pattern(
    r"\b(?:exec|execSync|spawn|spawnSync|execFile|execFileSync|fork)\b(?:['\"`]\s*\])?\s*\(\s*(?:[\"'`]([^\"'`\n]{0,300}))?"
)
_STARTING_MODULE: Final = defer_pattern(r"\bchild_process\b|process\.binding\s*\(\s*['\"`](?:spawn_sync|process_wrap)")
_EVALUATING: Final = defer_pattern(
    r"\b(?:eval|(?:new\s+)?Function|vm\.run\w{0,20}|runIn\w{0,20}Context)\s*\(\s*(?:\(?\s*await\s+)?(?:\w+\s*\(\s*){0,3}"
    r"(?:atob\s*\(|Buffer\.from\s*\(|String\.fromCharCode\s*\(|decodeURIComponent\s*\(|fetch\s*\(|axios\b)"
)
_JOINED: Final = defer_pattern(r"['\"`]\s{0,20}\+\s{0,20}['\"`]")
_JOINED_LIST: Final = defer_pattern(
    r"\[\s{0,9}((?:['\"][\w:/.-]{0,40}['\"]\s{0,9},?\s{0,9}){2,20})\]\.join\(\s{0,9}(?:['\"]([^'\"]{0,5})['\"])\s{0,9}\)"
)
_ITEM: Final = defer_pattern(r"['\"]([\w:/.-]{0,40})['\"]")
_ESCAPE: Final = defer_pattern(r"\\(?:x([2-7][0-9A-Fa-f])|u00([2-7][0-9A-Fa-f])|u\{0{0,4}([2-7][0-9A-Fa-f])\})")
SCRIPT_MARKS: Final = TextMarks(
    (
        ("require", defer_pattern(r"require\s{0,9}\(")),
        ("mainModule", defer_pattern(r"\bmainModule\b")),
        ("process", defer_pattern(r"process\.(?:binding|getBuiltinModule)\b|\bchild_process\b")),
        ("import", defer_pattern(r"import\s{0,9}\(|import\b[^\n;]{1,200}\bfrom\s{1,9}\\?['\"]")),
        ("eval", defer_pattern(r"eval\s{0,9}\(\s{0,9}(?:atob|Buffer)")),
        ("Function", defer_pattern(r"Function\s{0,9}\(")),
        ("readFile", defer_pattern(r"readFile(?:Sync)?\s{0,9}\(")),
    )
)
"""The marks of a text that an act of this module may be in; with one in a document, its values are searched."""


def find_script_act(text: str) -> str:
    """Return what a text of JavaScript runs or sends: a name, and what it runs; empty for any other text."""
    if not SCRIPT_MARKS.search(text):
        return ""
    code = _JOINED.sub("", _ESCAPE.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), text))
    code = _JOINED_LIST.sub(lambda match: f"'{match[2].join(_ITEM.findall(match[1]))}'", code)
    if _STARTING_MODULE.search(code) is not None:
        call = _STARTING.search(code)
        if call is not None:
            return f"child_process: {call[1] or 'a program'}"[:_QUOTED]
    evaluating = _EVALUATING.search(code)
    if evaluating is not None:
        return " ".join(evaluating[0].split()).rstrip("( ")[:_QUOTED]
    sent = next(find_sent_places(code), None)
    return f"{sent[1]}: {sent[2]}"[:_QUOTED] if sent is not None else ""


def find_sent_places(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the first file of secrets that a script names, if it reads files and sends something over the network.

    Returns:
        The position, the call that sends, and the path.

    Raises:
        LimitReachedError: the time for the artifact is over.
    """
    sending = _SENDING.search(text)
    if sending is None or _READING.search(text) is None:
        return
    for match in iterate_within_deadline(_TEXT.finditer(text), items_per_check=256):
        place = next(group for group in match.groups() if group is not None)
        if is_secret_place(place) or place.lstrip("~/").startswith(_FILES_OF_SECRETS):
            yield match.start(), " ".join(sending[0].split()).rstrip("( "), place[:_QUOTED]
            return
