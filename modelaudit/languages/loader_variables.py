"""Find variables that take a guard of a loader away, or send data elsewhere, in any text that sets an environment.

Dockerfiles, ``.env`` files, scripts of any shell, units of systemd, mappings of conda, Compose and Kubernetes, settings
of editors and magics of notebooks spell an assignment differently. The names are distinct: one search serves them all.

Sources: ``torch.serialization``, the reference of the variables of huggingface_hub, datasets, text-generation-launcher,
``vllm.envs``, ``mlflow.environment_variables`` and TorchServe; ``service_variables`` has those of servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.known_hosts import is_known_host
from modelaudit.languages.service_variables import ADDRESS, SERVICE
from modelaudit.model.artifact import Artifact, Window
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.model.structure import Location
from modelaudit.wire.base import Reader, Reading
from modelaudit.wire.text import get_file_name, looks_like_text
from modelaudit.wire.windows import iterate_chunks

_VOCABULARY: Final = "switches"
_ENDPOINT: Final = "endpoint"
_REMOTE_CODE: Final = "TRUST_REMOTE_CODE"
# Literals of the names below: the search for a literal is many times faster than that for a pattern.
_LITERALS: Final = (
    b"NO_WEIGHTS_ONLY_LOAD", b"TRUST_REMOTE_CODE", b"ALLOW_INSECURE_SERIALIZATION", b"ALLOW_PICKLE_DESERIALIZATION",
    b"TS_INSTALL_PY_DEP_PER_MODEL", b"HF_ENDPOINT", b"HF_HUB_ENDPOINT", b"LD_PRELOAD", b"LD_AUDIT",
    b"DYLD_INSERT_LIBRARIES", b"PYTHONSTARTUP", b"BASH_ENV", b"_BASE_URL", b"_API_BASE", b"_ENDPOINT", b"_PROXY",
    b"_proxy",
    b"_TRACKING_URI", b"LANGFUSE_HOST", b"OLLAMA_HOST", b"--rpc", b"-endpoint",
)  # fmt: skip
# Servers and images put a prefix before the name: ``HF_TRUST_REMOTE_CODE``, ``OPTION_TRUST_REMOTE_CODE``.
_SWITCH: Final = (
    r"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD|VLLM_ALLOW_INSECURE_SERIALIZATION|MLFLOW_ALLOW_PICKLE_DESERIALIZATION"
    r"|TS_INSTALL_PY_DEP_PER_MODEL|(?:[A-Z][A-Z0-9_]{0,60}_)?TRUST_REMOTE_CODE"
)
_ADDRESS: Final = "HF_ENDPOINT|HF_HUB_ENDPOINT"
# Each process that gets one of these loads, or runs, the file that it names.
_PRELOADING: Final = "LD_PRELOAD|LD_AUDIT|DYLD_INSERT_LIBRARIES|PYTHONSTARTUP|BASH_ENV"
# A path with a folder that is none of the system or of an installation, and another file than a known allocator.
_OWN_FILE: Final = (
    r"(?!/(?:usr|lib\d{0,2}|opt|etc|dev|proc|root/\.?\w*conda\w*|home/[\w.-]{1,40}/\.?\w*conda\w*)/|[^\s:;,]{0,200}"
    r"(?:tcmalloc|jemalloc|mimalloc|iomp5|gomp|libomp|libstdc\+\+|libgcc|libcuda|libcud|libnv|libnccl|libmkl|libasan"
    r"|libSegFault|libprofiler|libsystemd|site-packages|conda))"
    r"(?:\.{0,2}/|~/|[\w.-]{1,80}/)[\w./+@-]{1,300}"
)
# ``NAME=1``, ``"NAME": "1"``, ``setx NAME 1``, ``[NAME, '1']``, and ``name: NAME`` before ``value: 1``, as in JSON too.
_BETWEEN: Final = r"[\"'\\]{0,4}[\s,:=?\]]{1,60}(?:[\"'\\]{0,4}(?i:value)[\"'\\]{0,4}\s{0,8}[:=]\s{0,8})?[\"'\\]{0,4}"
# ``${NAME:-1}`` is 1 unless the user states another value.
_DEFAULT: Final = r"(?:\$\{\w{1,80}:?[-=])?"
_ASSIGNMENT: Final = defer_pattern(
    rf"(?<![\w.-])(?:(?P<switch>{_SWITCH}){_BETWEEN}{_DEFAULT}(?i:1|y|yes|true|on)(?![\w.-])"
    rf"|(?P<preloading>{_PRELOADING}){_BETWEEN}(?P<file>{_OWN_FILE})"
    rf"|(?P<service>{SERVICE}){_BETWEEN}{_DEFAULT}{ADDRESS}"
    rf"|(?P<variable>{_ADDRESS}){_BETWEEN}{_DEFAULT}(?P<address>(?i:https?)://[^\s\"'`,;<>)}}\]\\]{{1,300}}))"
)
_HOST: Final = defer_pattern(r"https?://(?:[^/@]{1,200}@)?(\[[^\]]{1,100}\]|[^/:?#]{1,200})", re.IGNORECASE)
_DOCUMENTS: Final = (".md", ".markdown", ".mdx", ".rst")
# A program reads these as data; the reader of Python knows what its assignments do.
_NOT_SETTINGS: Final = (
    ".html", ".htm", ".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".log", ".diff", ".patch", ".py", ".pyw", ".pyi",
    ".pyx",
)  # fmt: skip
_NOTEBOOK: Final = ".ipynb"
# A line of a notebook that is no Python: a magic, a line for the shell, or the begin of an assignment of a shell.
_LINE_OF_NOTEBOOK: Final = defer_pattern(r"(?:%(?:set_)?env\s+|\bexport\s+|\benv\s+|![^\"\n]{0,200}|(?<!\\)\")\Z")
_COMMENT: Final = defer_pattern(r"\s*(?:#|;|//|::|<!--|rem\b)", re.IGNORECASE)
_CHUNK_OVERLAP: Final = 1024
_AROUND: Final = 300  # characters of a line before a name


def _read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the variables that take a guard away, each with its line; of documents, only the servers.

    Raises:
        WindowError: the window could not return the requested bytes.
    """
    name = get_file_name(artifact.path)
    if not name.endswith(_NOT_SETTINGS):
        mentions = _find_variables(window, limits, name.endswith(_NOTEBOOK))
        is_document = name.endswith(_DOCUMENTS)
        yield from build_outlines(_select_suggestions(mentions) if is_document else mentions)


def _select_suggestions(mentions: Iterator[Mention]) -> Iterator[Mention]:
    """Yield the servers that a document suggests; its reader decides about everything else."""
    for mention in mentions:
        if mention.use == _ENDPOINT:
            yield replace(mention, use="suggested-endpoint")


def _find_variables(window: Window, limits: Limits, is_notebook: bool) -> Iterator[Mention]:
    """Yield a mention of each variable that is set so that a guard is away, or data goes elsewhere."""
    before, line = b"", 1
    for chunk in iterate_chunks(window, 0, min(window.size, limits.document_bytes)):
        # UTF-16, which Windows writes, puts zeros between the letters.
        piece = before + chunk.replace(b"\0", b"")
        if any(literal in piece for literal in _LITERALS):
            text = piece.decode("latin-1")
            for match in _ASSIGNMENT.finditer(text):
                if not _is_ignored(text, match.start(), is_notebook):
                    yield from _judge(match, line + text.count("\n", 0, match.start()))
        before = piece[-_CHUNK_OVERLAP:]
        line += piece.count(b"\n", 0, len(piece) - len(before))


def _is_ignored(text: str, start: int, is_notebook: bool) -> bool:
    """Whether the assignment at ``start`` is in a comment, or in Python of a notebook, which its reader judges."""
    before = text[max(text.rfind("\n", 0, start) + 1, start - _AROUND) : start]
    if is_notebook:
        return _LINE_OF_NOTEBOOK.search(before) is None
    return _COMMENT.match(before) is not None


def _judge(match: re.Match[str], line: int) -> Iterator[Mention]:
    """Yield the mention of one assignment; an address of the Hub itself or of this machine gives none."""
    where = Location(line=line)
    if match["variable"]:
        host = _HOST.match(match["address"])
        if host is not None and not is_known_host(host[1]):
            detail = f"{match['variable']}={match['address']}"
            yield Mention(_VOCABULARY, _ENDPOINT, host[1].lower()[:200], where, detail[:300])
        return
    if match["service"]:
        if not is_known_host(match["host"]):
            yield Mention("services", "sends-to", match["host"].lower()[:200], where, match["service"])
        return
    if match["preloading"]:
        yield Mention(_VOCABULARY, "preloads", match["file"][:200], where, match["preloading"])
        return
    variable = match["switch"]
    is_remote_code = variable.endswith(_REMOTE_CODE)
    name = _REMOTE_CODE if is_remote_code else variable
    yield Mention(_VOCABULARY, "variable", f"{name}=1", where, variable)


LOADER_VARIABLES: Final = Reader("text", looks_like_text, _read)
"""Examines every text, in addition to the reader of its format; therefore it is not one of ``READERS``."""
