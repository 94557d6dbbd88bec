"""Find the file that a call loads, where the source shows it: ``joblib.load(os.path.join(folder, "model.joblib"))``.

A path is known by its end. The part before it is written as ``…``, as in ``partial_texts``.
"""

from __future__ import annotations

import re
from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Constant, ExternalName, Value, collect_tags
from modelaudit.model.lazy_pattern import defer_pattern

_READS: Final = "reads:"
"""The beginning of the tag of what a call has opened, before its path."""
_LOADS: Final = defer_pattern(r"load|pickle|restore", re.IGNORECASE)
_OPENERS: Final = frozenset({"builtins.open", "io.open", "gzip.open", "bz2.open", "lzma.open", "pathlib.Path.open"})
_PATH_READERS: Final = frozenset({"read_text", "read_bytes"})
_TEXT_READERS: Final = frozenset(f"{opener}.read" for opener in _OPENERS)
_PATH_KEYWORDS: Final = ("file", "f", "filename", "path", "filepath_or_buffer", "fp")
# What was fetched, decoded or computed is no file of the model, whatever its name is.
_ELSEWHERE: Final = frozenset({"network", "decoded", "secret", "walked"})
_FILE_PATH: Final = defer_pattern(r"(?:…/|\./)?(?:[\w.+-]+/){0,8}[\w.+-]{1,100}")
_LONGEST_PATH: Final = 200


def tag_opened_file(call: Call) -> frozenset[str]:
    """Return the tag of the file that a call opens; no tag for any other call."""
    if call.name not in _OPENERS:
        return tag_read_path(call)
    path = call.text or _write_path(call.args[0] if call.args else call.keywords.get("file"))
    return frozenset({f"{_READS}{path}"})


def tag_read_path(call: Call) -> frozenset[str]:
    """Return the tag of the file that a method of a path reads whole; no tag for any other call."""
    is_reader = call.text != "" and call.name.rpartition(".")[2] in _PATH_READERS
    return frozenset({f"{_READS}{call.text}"}) if is_reader else frozenset()


def reads_with_ending(tags: frozenset[str], endings: tuple[str, ...]) -> bool:
    """Whether values with these tags were read from a file whose path has one of ``endings``."""
    return any(each.startswith(_READS) and each.lower().endswith(endings) for each in tags)


def find_opened_file(tags: frozenset[str]) -> str:
    """Return the path of the one file that values with these tags were read from; empty if it is not known."""
    opened = [each for each in tags if each.startswith(_READS)]
    path = opened[0].removeprefix(_READS) if len(opened) == 1 and not tags & _ELSEWHERE else ""
    return path if len(path) <= _LONGEST_PATH and _FILE_PATH.fullmatch(path) and ".." not in path else ""


def find_loaded_file(call: Call) -> str:
    """Return the path of the one file that a call loads, with ``…`` for an unknown folder; empty if it is not known."""
    if call.name == "builtins.exec":
        return _find_executed_file(call)
    if _LOADS.search(call.name) is None:
        return ""
    first = call.args[0] if call.args else next((call.keywords[k] for k in _PATH_KEYWORDS if k in call.keywords), None)
    if first is None:
        return ""
    tags = collect_tags(first)
    opened = {each for each in tags if each.startswith(_READS)}
    if tags & _ELSEWHERE or len(opened) > 1:
        return ""
    if opened and not _is_opened_file(first):
        return ""
    path = opened.pop().removeprefix(_READS) if opened else _write_path(first)
    return path if len(path) <= _LONGEST_PATH and _FILE_PATH.fullmatch(path) and ".." not in path else ""


def _find_executed_file(call: Call) -> str:
    """Return the path of the one file whose whole text a call of ``exec`` runs; empty if it is not known."""
    text = call.args[0] if call.args else None
    if not isinstance(text, ExternalName) or not text.is_result:
        return ""
    if text.name not in _TEXT_READERS and text.name.rpartition(".")[2] not in _PATH_READERS:
        return ""
    return find_opened_file(text.tags)


def _is_opened_file(value: Value) -> bool:
    """Whether a value is an opened file. Its content may be a part or another form of it, and so another program."""
    return isinstance(value, ExternalName) and value.is_result and value.name in _OPENERS


def _write_path(value: Value | None) -> str:
    """Return the text of a path that is one value, as far as it is known."""
    if value is None or isinstance(value, Alternatives):
        return ""
    if isinstance(value, Constant):
        return value.value if isinstance(value.value, str) else ""
    return partial_texts.write_text(value)


def name_state_download(call: Call) -> str:
    """Mark a download of weights that is unpickled, because ``weights_only`` is the constant ``False``."""
    weights_only = call.get_argument(6, "weights_only")
    is_off = isinstance(weights_only, Constant) and weights_only.value is False
    return f"{call.name}(weights_only=False)" if is_off else call.name
