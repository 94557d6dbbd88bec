"""Follow data through calls: which calls fetch, decode, read secrets or send.

Values carry tags (``network``, ``hub``, ``file``, ``decoded``, ``secret``, ``installed``, ``code-path``, ``module``;
see ``Unknown``). The functions here tag the result of a call, and judge a call by the tags of its arguments.
"""

from __future__ import annotations

from typing import Final

from modelaudit.languages.python import (
    attack_texts,
    call_variants,
    loaded_files,
    model_data,
    name_resolution,
    name_tables,
    partial_texts,
    uses,
    walks,
)
from modelaudit.languages.python.call import Call
from modelaudit.languages.python.served_results import ENVIRONMENT, keep_environment
from modelaudit.languages.python.values import Constant, Value, collect_tags

_ENVIRONMENT_READERS: Final = frozenset(
    {"os.getenv", "os.environ.get", "os.environ.pop", "os.getenvb", "os.environ.__getitem__"}
)
# The path is their first argument, as in ``Path(path)`` before ``.read_text()``, and in ``Path.read_text(path)``.
_OPENERS: Final = frozenset({"open", "Path", "read_text", "read_bytes", "fdopen", "glob", "rglob", "iglob"})
# A scan reads files with these endings as configurations, whoever loads them.
_CONFIGURATION_ENDINGS: Final = (".json", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".jsonl")
# Services that issue tokens: to send a token to its issuer is ordinary.
_TOKEN_ISSUERS: Final = (
    "https://huggingface.co/",
    "https://api-inference.huggingface.co/",
    "https://router.huggingface.co/",
    "https://api.openai.com/",
    "https://api.anthropic.com/",
    "https://api.github.com/",
    "https://generativelanguage.googleapis.com/",
)


_FOLDERS_OF_ALL_SECRETS: Final = frozenset({"", "~", "/home", "/root", "/etc", "C:", "C:\\Users"})
# Arguments that become parts of an address of the Hub, or of its query.
_PARTS_OF_ADDRESS: Final = (
    "pretrained_model_name_or_path", "repo_id", "revision", "subfolder", "filename", "path", "user_agent", "repo",
    "model_id",
)  # fmt: skip
# Texts of cards: a token in one is published with it.
_CARDS: Final = ("huggingface_hub.ModelCard", "huggingface_hub.DatasetCard", "huggingface_hub.RepoCard",
                 "huggingface_hub.SpaceCard")  # fmt: skip
_WRITING_METHODS: Final = frozenset(
    {"write", "writelines", "send", "sendall", "sendto", "sendmsg", "send_bytes", "send_json", "send_string",
     "send_text", "send_message", "send_pyobj", "put", "publish", "basic_publish", "emit", "storbinary", "storlines",
     "write_message"}
)  # fmt: skip


def select_use(call: Call) -> str:
    """Return the use under which a call is recorded.

    Returns:
        ``OF_DOWNLOAD``, ``OF_DECODED`` or ``OF_MODEL_DATA`` for a call that runs code or commands from the network, a
        decoder or the values of a model file.
        Otherwise ``HIDDEN`` if the source computes the name of the callable, and ``CALL`` if it writes it out.
    """
    takes_code = (
        call.name in name_tables.COMMANDS or call.name in name_tables.LOADERS or call.name in name_tables.EVALUATORS
    )
    is_import = call.name in name_tables.IMPORT_LOCATIONS and bool(call.argument_tags & {"network", "hub"})
    if is_import or (takes_code and "network" in call.argument_tags):
        return uses.OF_DOWNLOAD
    if takes_code and "decoded" in call.argument_tags:
        return uses.OF_DECODED
    if model_data.runs_model_data(call):
        return uses.OF_MODEL_DATA
    return uses.HIDDEN if call.is_hidden else uses.CALL


def sends_secret(call: Call) -> bool:
    """Whether a call sends a secret to somewhere other than the service that issued it."""
    is_sender = call.name in name_tables.SENDERS or is_publisher(call) or _writes_to_network(call)
    is_sent = is_sender and "secret" in _collect_sent_tags(call) and not _goes_to_issuer(call)
    if is_sent or (is_publisher(call) and _publishes_secret(call)) or _asks_for_secret(call):
        return True
    return _keeps_environment_elsewhere(call) or partial_texts.passes_secret_to_address(call)


def _keeps_environment_elsewhere(call: Call) -> bool:
    """Whether a client of a service that keeps what it gets, such as a tracker of experiments, gets the environment."""
    return ENVIRONMENT in call.argument_tags and call.name.partition(".")[0] in name_tables.TRACKERS


def _asks_for_secret(call: Call) -> bool:
    """Whether a call asks the Hub for a repository, revision or file that a secret names: the address holds it."""
    if call.name.rpartition(".")[2] not in name_tables.HUB_READERS:
        return False
    named = (call.keywords[each] for each in _PARTS_OF_ADDRESS if each in call.keywords)
    return any("secret" in collect_tags(each) for each in (*call.args[:1], *named))


def _writes_to_network(call: Call) -> bool:
    """Whether a call writes to a connection, which an earlier call has opened."""
    return "network" in call.tags and call.name.rpartition(".")[2] in _WRITING_METHODS


def is_publisher(call: Call) -> bool:
    """Whether a call publishes something in a repository of the Hub, on whatever object it is called."""
    return call.name.rpartition(".")[2] in name_tables.PUBLISHERS


def _publishes_secret(call: Call) -> bool:
    """Whether a call publishes a file or folder of secrets, or an object that was made of the whole environment."""
    texts = [partial_texts.write_text(each) for each in (*call.args, *call.keywords.values())]
    if any(attack_texts.is_secret_place(text) for text in texts if "/" in text):
        return True
    if any(text.rstrip("/*") in _FOLDERS_OF_ALL_SECRETS for text in texts if text):
        return True
    # A client or model that was fetched with a token carries the tag of that token, and publishes nothing of it.
    is_token = any(tag.startswith(partial_texts.VARIABLE_TAG) for tag in call.tags)
    if "secret" in call.tags and call.name.startswith(_CARDS):
        return True
    return "secret" in call.tags and not is_token and not call.name.startswith("huggingface_hub.")


def _collect_sent_tags(call: Call) -> frozenset[str]:
    """Collect the tags of the data that a call sends, without the token that authenticates the caller.

    Libraries take that token by a keyword such as ``token``. Headers count as authentication only if the address is
    unknown. If it is known, they are data like any other, because ``sends_secret`` leaves out the issuers of tokens.
    """
    is_address_known = any(isinstance(each, Constant) for each in _list_possible_addresses(call))
    authentication = {"token", "use_auth_token", "auth", "hub_token", "hf_token"}
    if not is_address_known:
        authentication.add("headers")
    sent = [value for name, value in call.keywords.items() if name not in authentication]
    return frozenset().union(*(collect_tags(each) for each in (*call.args, *sent)))


def _goes_to_issuer(call: Call) -> bool:
    """Whether the address of a call belongs to a service that issues tokens."""
    texts = [each.value for each in _list_possible_addresses(call) if isinstance(each, Constant)]
    return any(isinstance(text, str) and text.startswith(_TOKEN_ISSUERS) for text in texts)


def _list_possible_addresses(call: Call) -> list[Value]:
    """List the arguments that can be the address: ``url``, the first, or the second behind an HTTP method."""
    return [call.keywords["url"]] if "url" in call.keywords else [*call.args[:2]]


def passes_secret(call: Call) -> bool:
    """Whether an argument of a call is a secret, or the path of a file or folder of secrets."""
    texts = (partial_texts.write_text(each) for each in (*call.args, *call.keywords.values()))
    return "secret" in call.argument_tags or any(attack_texts.is_secret_place(text) for text in texts if "/" in text)


def tag_result(call: Call) -> frozenset[str]:
    """Return the tags of the result of a call: those of its arguments, and those that the function itself adds."""
    # A client is foreign by the address that it was made with, and not by what was passed to it.
    passed_tags = call.tags | call.argument_tags
    if passed_tags:
        passed_tags -= {partial_texts.FOREIGN_TAG, walks.PICKED}
        passed_tags = walks.drop_own(passed_tags, call.args)
    tags = passed_tags | partial_texts.tag_client(call) | name_tables.RESULT_TAGS.get(call.name, frozenset())
    tags |= model_data.RESULTS.get(call.name, frozenset())
    if call.name in name_tables.SECRET_RESULTS or _opens_secret_file(call) or _reads_secret_variable(call):
        tags |= {"secret"} | _tag_variable(call)
    if call.name in name_tables.DECODING_FUNCTIONS:
        tags |= {"decoded"}
    tags |= loaded_files.tag_opened_file(call)
    if "file" in tags and _reads_data_file(call):
        tags |= {"data-file"}
    tags = keep_environment(call, tags)
    if call.name in name_tables.PATH_BUILDERS:
        tags |= frozenset().union(*map(call_variants.tag_path, call.args))
    return tags


def _reads_data_file(call: Call) -> bool:
    """Whether a call reads a file whose name is known, and which is not read as a configuration by its name."""
    if "file" not in name_tables.LOCAL_RESULTS.get(call.name, frozenset()):
        return False
    path = partial_texts.write_text(call.args[0]) if call.args and not call.text else call.text
    name = path.rpartition("/")[2]
    return not path.endswith((partial_texts.UNKNOWN_PART, *_CONFIGURATION_ENDINGS)) and bool(name)


def _tag_variable(call: Call) -> frozenset[str]:
    """Return a tag with the name of the environment variable that a call reads; no tag for any other call."""
    variable = call.get_argument(0, "key")
    if call.name not in _ENVIRONMENT_READERS or not isinstance(variable, Constant):
        return frozenset()
    return name_resolution.tag_secret_variable(str(variable.value))


def _opens_secret_file(call: Call) -> bool:
    """Whether a call opens a file of secrets such as ``~/.ssh/id_rsa``, as far as the source shows its path."""
    if call.name.rpartition(".")[2] not in _OPENERS:
        return False
    # The path is the object of a method, or the first argument.
    text = partial_texts.describe_result(call) if call.name.endswith("glob") else call.text
    text = text or (partial_texts.write_text(call.args[0]) if call.args else "")
    return attack_texts.is_secret_place(text)


def _reads_secret_variable(call: Call) -> bool:
    """Whether a call reads an environment variable whose name marks a secret, such as ``HF_TOKEN``."""
    variable = call.get_argument(0, "key")
    return (
        call.name in _ENVIRONMENT_READERS
        and isinstance(variable, Constant)
        and name_resolution.is_secret_variable(str(variable.value))
    )
