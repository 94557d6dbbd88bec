"""Find out whether a call takes a secret to an address that the source writes, whatever function it calls.

``pandas.read_csv("https://a.example/?" + token)`` sends the token as ``requests.get`` does: every library that opens
addresses is a way out. So the address and the secret are looked at, and the name of the function hardly counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from modelaudit.languages.python import partial_texts
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.values import Alternatives, Container, Value, collect_tags

FOREIGN_TAG: Final = "foreign"
"""The tag of a client, or of settings, that were made with an address in the source."""
VARIABLE_TAG: Final = "variable:"
"""The beginning of the tag of a secret that names the environment variable it was read from."""

_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]{1,20})://(?:[^/?#@\s]{0,200}@)?([^/?#:\s]{1,200})")
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
_FETCHES: Final = re.compile(r"get|load|read|fetch|download|open|imread|retrieve|request|from_pretrained")
_CONFIGURES: Final = re.compile(r"set_|init|login|configure|connect|setup|register|use_")
_MAX_ITEMS: Final = 32


def passes_secret_to_address(call: Call) -> bool:
    """Whether a call gets a secret, and an address in the source that does not belong to the issuer of the secret."""
    if "secret" not in call.tags and "secret" not in call.argument_tags:
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
    is_setting = _CONFIGURES.match(call.name.rpartition(".")[2]) is not None
    return is_setting and any(True for _ in _find_foreign_hosts(call))


def tag_client(call: Call) -> frozenset[str]:
    """Return the tag of a client, or of settings, that a call makes with an address in the source; otherwise none."""
    if _FETCHES.search(call.name.rpartition(".")[2].lower()) or call.name.startswith(_SENDING_NOTHING):
        return call.tags & {FOREIGN_TAG}
    is_made_foreign = any(True for _ in _find_foreign_hosts(call))
    return frozenset({FOREIGN_TAG}) if is_made_foreign else call.tags & {FOREIGN_TAG}


def _authenticates_to(call: Call, hosts: list[str]) -> bool:
    """Whether the secret only authenticates the caller: a single token in a keyword for it, named after the service."""
    others = (*call.args, *(value for name, value in call.keywords.items() if name not in _AUTHENTICATION))
    if any("secret" in collect_tags(each) for each in others) or "secret" in call.tags:
        return False
    prefixes = [
        tag.removeprefix(VARIABLE_TAG).partition("_")[0].lower()
        for tag in call.argument_tags
        if tag.startswith(VARIABLE_TAG)
    ]
    # Tokens of the Hub have an issuer of their own, which is no foreign host.
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
        return host if host.strip(partial_texts.UNKNOWN_PART) else ""
    known_part = host.rpartition(partial_texts.UNKNOWN_PART)[2]
    is_issuer = any(host == issuer or host.endswith(f".{issuer}") for issuer in _ISSUERS)
    return host if "." in known_part and not host.startswith(_LOCAL_HOSTS) and not is_issuer else ""


def _list_texts(value: Value, depth: int) -> Iterator[str]:
    """Yield the texts of a value and of its items, ``depth`` levels down."""
    if isinstance(value, Container | Alternatives):
        for each in value.values[:_MAX_ITEMS] if depth else ():
            yield from _list_texts(each, depth - 1)
    else:
        yield partial_texts.write_text(value)
