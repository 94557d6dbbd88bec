"""Write partly known texts and paths, with ``…`` for each part that is not.

``Path.home() / ".ssh" / name`` is ``~/.ssh/…``, and ``"https://a.example/?" + token`` is ``https://a.example/?…``. Such
a text is compared with patterns, and never used as a constant: a name is not looked up by it.

Addresses decide whether a call sends a secret. ``pandas.read_csv("https://a.example/?" + token)`` sends the token as
``requests.get`` does, for every library that opens addresses is a way out. So the address and the secret are looked at,
and the name of the function hardly counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import (
    Alternatives,
    Constant,
    Container,
    ExternalName,
    TaggedValue,
    Value,
    collect_tags,
)
from modelaudit.model.lazy_pattern import defer_pattern

UNKNOWN_PART: Final = "…"
FROM_FILE: Final = "(text of a file)"
"""The command of a call whose text comes from a file."""
_MAX_TEXT: Final = 600
_HOME: Final = "~"
# Variables that hold the home folder, or a folder in it.
_HOME_VARIABLES: Final = {"HOME": _HOME, "USERPROFILE": _HOME, "HOMEPATH": _HOME, "XDG_CONFIG_HOME": "~/.config",
                          "APPDATA": "~/AppData/Roaming"}  # fmt: skip
# Variables that code extends by a folder: the value that they had before is that of the machine.
_SEARCH_PATHS: Final = frozenset({"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "CONDA_PREFIX", "CUDA_HOME", "CUDA_PATH"})
_ENVIRONMENT_READERS: Final = frozenset({"os.getenv", "os.environ.get", "os.environ.__getitem__"})
# Functions that return the text or path that they are given, or another form of it.
_PRESERVING_FUNCTIONS: Final = frozenset(
    {"builtins.str", "os.fspath", "os.fsdecode", "os.path.expanduser", "os.path.expandvars", "os.path.abspath",
     "os.path.realpath", "os.path.normpath"}
)  # fmt: skip
_PRESERVING_METHODS: Final = frozenset(
    {"expanduser", "resolve", "absolute", "as_posix", "strip", "rstrip", "lstrip", "lower", "__str__", "__fspath__"}
)
_JOINING_FUNCTIONS: Final = frozenset(
    {"os.path.join", "pathlib.Path", "pathlib.PurePath", "pathlib.PosixPath", "pathlib.PurePosixPath"}
)
# Every function with a result that is described, whatever it is called on.
_DESCRIBED_FUNCTIONS: Final = _ENVIRONMENT_READERS | _PRESERVING_FUNCTIONS | _JOINING_FUNCTIONS | {"pathlib.Path.home"}
_PERCENT_FIELD: Final = defer_pattern(r"%[-+ #0-9.]{0,9}[a-zA-Z]")
_BRACE_FIELD: Final = defer_pattern(r"\{[^{}]{0,99}\}")


def write_text(value: Value) -> str:
    """Return the text of a value, as far as it is known."""
    if isinstance(value, Constant):
        return value.value[:_MAX_TEXT] if isinstance(value.value, str) else UNKNOWN_PART
    if isinstance(value, Alternatives):
        return next((text for each in value.values if (text := write_text(each)) != UNKNOWN_PART), UNKNOWN_PART)
    if isinstance(value, ExternalName) and value.name in ("os.sep", "os.path.sep"):
        return "/"
    if isinstance(value, ExternalName) and value.name in ("os.pathsep", "os.path.pathsep"):
        return ":"
    return (value.text if isinstance(value, TaggedValue) else "") or UNKNOWN_PART


def _has_text(value: Value) -> bool:
    """Whether something of the text of a value is known. Most values of a source are numbers, without text."""
    if isinstance(value, TaggedValue):
        return value.text != ""
    if isinstance(value, Constant):
        # Paths and addresses have a slash, and commands a blank; other texts are not worth the work.
        text = value.value if isinstance(value.value, str) else ""
        return "/" in text or " " in text or text == _HOME
    return isinstance(value, Alternatives) and write_text(value) != UNKNOWN_PART


def describe_command(call: Call) -> str:
    """Return the command that a call runs, as far as it is known, or ``FROM_FILE``; empty if nothing is known."""
    first = call.args[0] if call.args else next(iter(call.keywords.values()), None)
    if first is None:
        return ""
    if isinstance(first, Container) and not first.keys:
        words = [write_text(each) for each in first.values[:_MAX_ITEMS]]
        if words and words[0] != UNKNOWN_PART:
            return " ".join(words)
    text = write_text(first)
    if text != UNKNOWN_PART:
        return text
    return FROM_FILE if collect_tags(first) & {"file", "data-file"} else ""


def is_secret_tag(tag: str) -> bool:
    """Whether a tag says that a value is a secret, or which variable it was read from."""
    return tag == "secret" or tag.startswith(VARIABLE_TAG)


def may_span_parts(text: str) -> bool:
    """Whether a text can match a pattern by several of its parts together; each was compared by itself before."""
    return "/." in text or "|" in text or text.startswith(_HOME)


def join_parts(parts: Sequence[Value], separator: str = "") -> str:
    """Return the joined text of parts; empty if nothing of it is known."""
    is_path = separator == "/" and any(isinstance(each, Constant) for each in parts)
    if not is_path and not any(map(_has_text, parts)):
        return ""
    texts = [write_text(each) for each in parts]
    return separator.join(texts)[:_MAX_TEXT]


def fill_template(template: Value, fields: Sequence[Value], is_percent: bool) -> str:
    """Return a template with the texts of its fields in their order; empty if the template is not a text."""
    if not isinstance(template, Constant) or not isinstance(template.value, str) or "/" not in template.value:
        return ""
    texts = iter([write_text(each) for each in fields])
    pattern = _PERCENT_FIELD if is_percent else _BRACE_FIELD
    # Fields by number or name are taken in their order too: most templates use them so.
    return pattern.sub(lambda _: next(texts, UNKNOWN_PART), template.value[:_MAX_TEXT])[:_MAX_TEXT]


def list_fields(value: Value) -> Sequence[Value]:
    """Return the values that ``template % value`` puts into its fields."""
    return value.values if isinstance(value, Container) and not value.keys else (value,)


def join_list(separator: Constant, args: Sequence[Value]) -> str:
    """Return the text of ``separator.join(parts)``; empty if the parts are not listed."""
    parts = args[0] if len(args) == 1 else None
    if not isinstance(parts, Container) or parts.keys or not isinstance(separator.value, str):
        return ""
    return join_parts(parts.values, separator.value[:_MAX_TEXT])


def join_path(left: Value, right: Value) -> str:
    """Return the text of the path ``left / right``; empty if neither side is known, or the sides are numbers."""
    is_path = isinstance(right, Constant) and isinstance(right.value, str)
    has_text = isinstance(left, TaggedValue) and bool(left.text)
    return join_parts((left, right), "/") if is_path or has_text else ""


def describe_result(call: Call) -> str:
    """Return what is known of the text or path that a call of a library function returns; empty if nothing is."""
    if not call.text and call.name not in _DESCRIBED_FUNCTIONS:
        return ""
    method = call.name.rpartition(".")[2]
    if call.name == "pathlib.Path.home":
        return _HOME
    if call.name in _ENVIRONMENT_READERS and call.args:
        return describe_variable(write_text(call.args[0]))
    if call.name in _JOINING_FUNCTIONS:
        return join_parts(call.args, "/")
    if call.text and method in ("glob", "rglob"):
        return join_parts((Constant(call.text), *call.args[:1]), "/")
    if call.text and method == "joinpath":
        return "/".join((call.text, *map(write_text, call.args)))[:_MAX_TEXT]
    if call.text and method in _PRESERVING_METHODS:
        return call.text
    return join_parts(call.args[:1]) if call.name in _PRESERVING_FUNCTIONS else ""


def describe_variable(name: str) -> str:
    """Return what is known of the value of an environment variable; empty for most."""
    return _HOME_VARIABLES.get(name) or (f"${name}" if name in _SEARCH_PATHS else "")


FOREIGN_TAG: Final = "foreign"
"""The tag of a client, or of settings, that were made with an address in the source."""
VARIABLE_TAG: Final = "variable:"
"""The beginning of the tag of a secret that names the environment variable it was read from."""

_ADDRESS: Final = defer_pattern(r"([a-z][a-z0-9+.-]{1,20})://(?:[^/?#@\s]{0,200}@)?([^/?#:\s]{1,200})")
_LOCAL_SCHEMES: Final = frozenset({"file", "data", "memory", "sqlite", "about", "env", "dbfs", "hf"})
# The host of these is the name of a store, which anyone can register.
_STORE_SCHEMES: Final = frozenset(
    {"s3", "s3a", "s3n", "gs", "gcs", "az", "abfs", "abfss", "adl", "r2", "oss", "hdfs", "wasbs"}
)
_LOCAL_HOSTS: Final = ("localhost", "127.", "0.0.0.0", "host.docker.internal")
# Services that issue tokens: to send a token to its issuer is ordinary.
_ISSUERS: Final = (
    "huggingface.co", "hf.co", "openai.com", "anthropic.com", "github.com", "googleapis.com", "wandb.ai", "mistral.ai",
    "cohere.ai", "cohere.com", "replicate.com", "azure.com", "amazonaws.com", "modelscope.cn", "kaggle.com",
)  # fmt: skip
# Functions of these packages, and of the language itself, send nothing.
_SENDING_NOTHING: Final = ("builtins.", "logging.", "warnings.", "argparse.", "os.", "typing.", "dataclasses.", "re.",
                           "click.", "string.", "json.", "copy.", "functools.", "collections.")  # fmt: skip
_AUTHENTICATION: Final = frozenset(
    {"token", "use_auth_token", "auth", "api_key", "key", "headers", "password", "hf_token", "access_token", "secret",
     "aws_access_key_id", "aws_secret_access_key", "credential", "credentials", "username", "api_token"}
)  # fmt: skip
# A function with such a name fetches: what it returns came from the address, and does not lead to it.
_FETCHES: Final = defer_pattern(r"get|load|read|fetch|download|open|imread|retrieve|request|from_pretrained")
_CONFIGURES: Final = defer_pattern(r"set_|init|login|configure|connect|setup|register|use_")
_ADDRESS_VARIABLE: Final = defer_pattern(
    r"[A-Z][A-Z0-9]{1,30}_(?:[A-Z_]{1,40}_)?(?:URI|URL|HOST|ENDPOINT|ADDRESS|SERVER)"
)
_MAX_ITEMS: Final = 32
# Handlers that send what any logger of the process gets.
_LOG_SENDERS: Final = frozenset(
    f"logging.handlers.{name}"
    for name in ("HTTPHandler", "SocketHandler", "DatagramHandler", "SysLogHandler", "SMTPHandler")
)


def passes_secret_to_address(call: Call) -> bool:
    """Whether a call gets a secret, and an address in the source that does not belong to the issuer of the secret."""
    if ("secret" not in call.tags and "secret" not in call.argument_tags) or not _may_hold_address(call):
        return False
    if call.name.startswith(_SENDING_NOTHING):
        return False
    is_client_foreign = FOREIGN_TAG in call.tags or FOREIGN_TAG in call.argument_tags
    hosts = list(_find_foreign_hosts(call))
    # A client that was made with a secret and an address was recorded when it was made.
    if not hosts and (not is_client_foreign or "secret" not in call.argument_tags):
        return False
    return not _authenticates_to(call, hosts)


def configures_address(call: Call) -> bool:
    """Whether a call sets the address of its whole package, as ``mlflow.set_tracking_uri`` does."""
    if call.name in _LOG_SENDERS and (call.args or call.keywords):
        return True
    is_setting = _CONFIGURES.match(call.name.rpartition(".")[2]) is not None
    return is_setting and _may_hold_address(call) and any(True for _ in _find_foreign_hosts(call))


def find_configured_package(variable: str, value: Value) -> frozenset[str]:
    """Return the package that a variable of the environment gives an address of elsewhere, or nothing.

    ``MLFLOW_TRACKING_URI`` is one of ``mlflow``, and ``WANDB_BASE_URL`` one of ``wandb``.
    """
    is_address = _ADDRESS_VARIABLE.fullmatch(variable) is not None and find_foreign_host(write_text(value)) != ""
    return frozenset({variable.partition("_")[0].lower()}) if is_address else frozenset()


def tag_client(call: Call) -> frozenset[str]:
    """Return the tag of a client, or of settings, that a call makes with an address in the source; otherwise none."""
    if not _may_hold_address(call):
        return call.tags & {FOREIGN_TAG} if call.tags else frozenset()
    is_fetch = _FETCHES.search(call.name.rpartition(".")[2].lower()) and not _opens_for_writing(call)
    if is_fetch or call.name.startswith(_SENDING_NOTHING):
        return call.tags & {FOREIGN_TAG}
    is_made_foreign = any(True for _ in _find_foreign_hosts(call))
    return frozenset({FOREIGN_TAG}) if is_made_foreign else call.tags & {FOREIGN_TAG}


def _opens_for_writing(call: Call) -> bool:
    """Whether a call opens an address to write to it, by its mode."""
    mode = call.get_argument(1, "mode")
    return isinstance(mode, Constant) and isinstance(mode.value, str) and mode.value[:1] in ("w", "a", "x")


def _may_hold_address(call: Call) -> bool:
    """Whether an argument, or the client that is called, may hold an address: a quick test, as most calls have none."""
    if FOREIGN_TAG in call.tags:
        return True
    for value in (*call.args, *call.keywords.values()):
        if isinstance(value, Constant):
            if isinstance(value.value, str) and "://" in value.value:
                return True
        elif isinstance(value, TaggedValue):
            if "://" in value.text or FOREIGN_TAG in value.tags:
                return True
        elif isinstance(value, Container | Alternatives):
            return True
    return False


def _authenticates_to(call: Call, hosts: list[str]) -> bool:
    """Whether the secret only authenticates the caller: a single token in a keyword for it, named after the service."""
    others = (*call.args, *(value for name, value in call.keywords.items() if name not in _AUTHENTICATION))
    if any("secret" in collect_tags(each) for each in others):
        return False
    prefixes = [
        tag.removeprefix(VARIABLE_TAG).partition("_")[0].lower()
        for tag in call.argument_tags | call.tags
        if tag.startswith(VARIABLE_TAG)
    ]
    # Tokens of the Hub have an issuer of their own, not a foreign host.
    if not prefixes or not hosts or {"hf", "huggingface", "hugging"} & set(prefixes):
        return False
    return all(any(prefix in host.split(".") for prefix in prefixes) for host in hosts)


def _find_foreign_hosts(call: Call) -> Iterator[str]:
    """Yield the host of each argument that is an address of another machine, by the text that the source writes."""
    for value in (*call.args, *call.keywords.values()):
        for text in _list_texts(value, 3):
            host = find_foreign_host(text)
            if host:
                yield host


def find_foreign_host(text: str) -> str:
    """Return the host of an address of another machine; empty for anything else, and for issuers of tokens."""
    match = _ADDRESS.match(text)
    if match is None or match[1] in _LOCAL_SCHEMES:
        return ""
    host = match[2].lower()
    if match[1] in _STORE_SCHEMES:
        return host if host.strip(UNKNOWN_PART) else ""
    known_part = host.rpartition(UNKNOWN_PART)[2]
    is_issuer = any(host == issuer or host.endswith(f".{issuer}") for issuer in _ISSUERS)
    return host if "." in known_part and not host.startswith(_LOCAL_HOSTS) and not is_issuer else ""


def list_texts(value: Value) -> Iterator[str]:
    """Yield the texts of a value and of its items."""
    return _list_texts(value, 3)


def _list_texts(value: Value, depth: int) -> Iterator[str]:
    """Yield the texts of a value and of its items, ``depth`` levels down."""
    if isinstance(value, Container | Alternatives):
        for each in value.values[:_MAX_ITEMS] if depth else ():
            yield from _list_texts(each, depth - 1)
    else:
        yield write_text(value)
