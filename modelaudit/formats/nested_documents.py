"""Find documents in the single values of other documents: JSON and YAML as a text, plainly or in Base64.

A program that keeps its settings in a field of another file writes them as a text. Such a text is read as a document of
its own, by the readers of JSON and YAML, if it has a key or a value on which a loader acts. All other texts are left as
they are, for most of them are prose, templates or lists of words.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from modelaudit.formats.embedded import DecodedWindow
from modelaudit.languages import auto_map
from modelaudit.languages.configurations import CONFIGURATIONS, any_key
from modelaudit.languages.jinja import documents as templates
from modelaudit.languages.settings import Interpreter, Setting, TextMarks
from modelaudit.model.address import join_member
from modelaudit.model.artifact import Artifact
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import MIB, Limits
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import report_bound
from modelaudit.wire.json_text import check_bounds, convert_recursion_error
from modelaudit.wire.windows import Budget, make_opener
from modelaudit.wire.yaml_text import YamlError, YamlFacts

_SHORTEST: Final = 10  # characters: ``{"a":"b.c"}`` has more
_LONGEST: Final = 2 * MIB  # characters
_MOST_DOCUMENTS: Final = 500
_MOST_NESTED_CHARACTERS: Final = 8 * MIB  # of all texts of one document
_LONGEST_NAME: Final = 120
# Keys of loaders that prose does not have: words joined by an underscore or a slash.
_KEYS: Final = sorted(
    {key for each in (auto_map.INTERPRETER, *CONFIGURATIONS) for key in each.keys if "_" in key or "/" in key}
    | {"class_name", "py/reduce", "py/object", "py/type", "py/function", "py/repr"}
)
_LOADER_KEY: Final = defer_pattern(r"(?:" + "|".join(map(re.escape, _KEYS)) + r")\\{0,8}[\"']?\s{0,9}[:=]")
# A tag ends at a space, a tab or a line break of YAML 1.1, and at no other control character.
_YAML_TAG: Final = defer_pattern(
    r"!!?(?:tag:yaml\.org,2002:)?(?:python/|\w{1,40}:[A-Za-z_]|[A-Za-z_]\w{0,40}[ \t\r\n\x85\u2028\u2029])"
)
# Parts of the keys, names and marks above, in bytes of any format that stores text in UTF-8.
_WORDS: Final = (
    *(b"__", b"py/", b"os.", b"subprocess", b"builtins.", b"pty.", b"exec(", b"eval(", b"importlib.", b"ctypes."),
    *(b"runpy.", b"pickle.", b"marshal.", b"shutil.", b"import ", b"_target_", b"_component_", b"class_path"),
    *(b"_instantiator", b"class_name", b"trust_remote_code", b"auto_map", b"attn_implementation", b"chat_template"),
    *(b"!!python/", b"{{", b"{%", b"_callable", b"implementation", b"eyJ", b"eyAi", b"ewog", b"W3si", b"torch.load"),
    *(b"webbrowser.", b"multiprocessing.", b"joblib.load", b"dill.load", b"weights_only", b"allow_pickle", b"\\u00"),
    b"\\x",
)
_JSON_START: Final = defer_pattern(r"\s*+(?:\{\s*+[\"}]|\[\s*+[\[{\"\]])")
_YAML_PAIR: Final = defer_pattern(
    r"^(?:[ \t]{0,40}-[ \t]{1,4})?[ \t]{0,40}[\"']?[\w./-]{1,80}[\"']?[ \t]{0,4}:(?:[ \t]|$)", re.MULTILINE
)
_BASE64: Final = defer_pattern(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_BASE64_HEADS: Final = ("eyJ", "eyAi", "ewo", "ewkJ", "W3si", "W3sK", "WyJ", "W3sg")
# The texts of a document that may hold another one: JSON with its quotes escaped, a pair of YAML behind a line break
# that is written as an escape, a tag, and the first letters of JSON and of words with a colon in Base64.
_MARKS: Final = TextMarks(
    (
        (r"\"", defer_pattern(r"[{\[,]\s{0,20}\\{1,8}\"")),
        (r"\n", defer_pattern(r"\\n[ ]{0,20}[\w/]{1,60}:[ ]")),
        ("!!python/", defer_pattern("!!python/")),
        ("'", defer_pattern(r"'\s{0,9}[{\[]\s{0,9}\"")),
        ("|", defer_pattern(r"\|[-+]?\s*\n\s*[{\[]")),
        (">", defer_pattern(r">[-+]?\s*\n\s*[{\[]")),
        *((head, defer_pattern(head + r"[A-Za-z0-9+/_-]{13}")) for head in _BASE64_HEADS),
    )
)


def may_act_on_loaders(data: bytes) -> bool:
    """Whether bytes contain a part of what ``acts_on_loaders`` looks for, or its Base64; the search is fast."""
    return any(word in data for word in _WORDS)


def acts_on_loaders(text: str) -> bool:
    """Whether a text has a key, a tag or a value on which a loader may act, as JSON, YAML or a template has them."""
    return (
        _LOADER_KEY.search(text) is not None
        or any_key.MARKS.search(text)
        or _YAML_TAG.search(text) is not None
        or templates.MARKS.search(text) is not None
    )


def may_be_document(text: str) -> bool:
    """Whether a text may be a document; ``find_document`` decides."""
    is_long = _SHORTEST <= len(text) <= _LONGEST
    return is_long and (":" in text or _BASE64.fullmatch(text.strip()) is not None)


def find_document(text: str, limits: Limits) -> tuple[str, str] | None:
    """Return the document that a text is, with the ending of its name; ``None`` for a text that is none.

    Base64 around it is removed. Only documents on which a loader may act are returned, and only those that parse.
    """
    if not may_be_document(text):
        return None
    decoded = _decode_base64(text.strip())
    text = text if decoded is None else decoded
    if not acts_on_loaders(text):
        return None
    if _JSON_START.match(text) and _is_json(text, limits):
        return text, ".json"
    if _YAML_PAIR.search(text) and _is_yaml(text, limits):
        return text, ".yaml"
    return None


def _decode_base64(text: str) -> str | None:
    """Return the text that letters of Base64 encode; ``None`` if they encode none."""
    if _BASE64.fullmatch(text) is None:
        return None
    letters = text.rstrip("=").replace("-", "+").replace("_", "/")
    with suppress(binascii.Error, UnicodeDecodeError):
        return base64.b64decode(letters + "=" * (-len(letters) % 4)).decode("utf-8")
    return None


def _is_json(text: str, limits: Limits) -> bool:
    """Whether a text is valid JSON within the limits."""
    try:
        check_bounds(text, limits)
        with convert_recursion_error():
            json.loads(text)
    except (ValueError, LimitReachedError):
        return False
    return True


def _is_yaml(text: str, limits: Limits) -> bool:
    """Whether a text is a mapping or a sequence of valid YAML within the limits."""
    facts = YamlFacts()
    try:
        facts.scan((text,), limits)
    except (YamlError, LimitReachedError):
        return False
    return facts.root in ("mapping", "sequence")


def _read_texts(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield each document in a single value as an artifact, and an absence if there are too many."""
    count = characters = 0
    for setting in settings:
        if not isinstance(setting.value, str):
            continue
        document = find_document(setting.value, limits)
        if document is None:
            continue
        text, ending = document
        count += 1
        characters += len(text)
        if count > _MOST_DOCUMENTS or characters > _MOST_NESTED_CHARACTERS:
            yield report_bound(_MOST_DOCUMENTS, "documents in values")
            return
        data = text.encode("utf-8", "replace")
        window = DecodedWindow(data, Budget(limits, len(data)))
        name = f"{'.'.join(setting.path)[-_LONGEST_NAME:]}{ending}"
        yield Artifact(join_member(path, name), window.size, make_opener(window), may_be_program=False)


NESTED_DOCUMENTS: Final = Interpreter(frozenset(), _read_texts, marks=_MARKS, unsearched=any_key.VOCABULARY_FILES)
