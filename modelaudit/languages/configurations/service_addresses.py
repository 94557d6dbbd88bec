"""Find the servers to which a program sends the texts of its users, or on which it runs each step, by its settings.

An assistant of Rasa asks ``action_endpoint`` what to do next and publishes each message to ``event_broker``. Traces of
OpenTelemetry hold the prompts, and a logger of KServe sends every request and answer. An agent asks each server of the
Model Context Protocol for its tools, and follows their descriptions. A deployment takes its model from a store.

Sources: ``rasa/core/utils.py`` (``AvailableEndpoints``), ``vllm/config/observability.py`` (``otlp_traces_endpoint``),
https://kserve.github.io/website/docs/model-serving/predictive-inference/logger, the documentation of the log drivers of
Docker, ``mlflow/tracking``, ``wandb/sdk/wandb_settings.py``, ``clearml/backend_api``, https://modelcontextprotocol.io
(``mcpServers``), ``storageUri`` and ``storage`` of KServe, and ``modelUri`` of Seldon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.known_hosts import is_known_host
from modelaudit.languages.settings import Interpreter, Setting, list_spellings, normalize_key
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading
from modelaudit.wire.text import get_file_name

_SERVICE: Final = "sends-to"
_TOOLS: Final = "tool-server"
# The last steps of the paths, without positions in lists.
_PATHS: Final = frozenset(
    {
        *((part, "url") for part in ("action_endpoint", "nlg", "nlu", "event_broker", "tracker_store", "lock_store")),
        ("logger", "url"),
        ("otlp_traces_endpoint",), ("otlp_endpoint",), ("collect_detailed_traces_endpoint",),
        ("options", "gelf-address"), ("options", "syslog-address"), ("options", "fluentd-address"),
        ("options", "splunk-url"), ("options", "loki-url"),
        ("tracking_uri",), ("mlflow_tracking_uri",),
        ("default", "base_url"), ("wandb", "base_url"), ("api", "api_server"), ("api", "files_server"),
    }
)  # fmt: skip
# Under these keys, a host without a scheme is an address.
_HOST_KEYS: Final = frozenset({"event_broker", "tracker_store", "lock_store"})
_TRIGGERS: Final = frozenset(path[0] for path in _PATHS) - {"options", "default", "api"} | {
    "gelf-address", "syslog-address", "fluentd-address", "splunk-url", "loki-url", "base_url", "api_server",
    "mcpServers", "mcp_servers", "context_servers", "mcp", "storageUri", "storage_uri", "modelUri",
    "containers", "initContainers", "bucket",
}  # fmt: skip
_ADDRESS: Final = defer_pattern(
    r"(?:[a-z][a-z0-9+.-]{1,20}://)?(?:[^/@\s]{1,200}@)?(\[[^\]\s]{1,100}\]|[\w-]{1,63}(?:\.[\w-]{1,63}){1,10})"
    r"(?::\d{1,5})?(?:[/?#]\S{0,1000})?"
)
# An agent takes its tools from the servers below these keys, or from each server of a file with these names.
_TOOL_TABLES: Final = frozenset({"mcpServers", "mcp_servers", "context_servers", "mcp"})
_TOOL_FILES: Final = frozenset({"mcp.json", ".mcp.json"})
_TOOL_KEYS: Final = frozenset({"url", "serverUrl", "httpUrl", "server_url", "uri"})
# A deployment of KServe or Seldon fetches the model that it serves.
_STORE_KEYS: Final = frozenset({"storageUri", "storage_uri", "modelUri"})
# A container of Kubernetes gets the address among its arguments.
# ``storage`` of KServe names the credentials of a bucket by a key, and the bucket itself among the parameters.
_BUCKET_PATH: Final = ("storage", "parameters", "bucket")
_ARGUMENT_KEYS: Final = frozenset({"args", "command"})
_CONTAINERS: Final = frozenset({"containers", "initContainers"})
_BUCKET: Final = defer_pattern(r"(?:--?[\w-]{1,40}=)?(?:s3|gs|abfss?|wasbs?)://[^\s{$]{1,1000}", re.IGNORECASE)
_STORE: Final = defer_pattern(r"(?:s3|gs|https?|hdfs|webhdfs|abfss?|wasbs?)://[^\s{$]{1,1000}", re.IGNORECASE)


def read_service_addresses(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the foreign servers that a program sends texts of its users to."""
    yield from build_outlines(_collect_addresses(path, settings))


def _collect_addresses(path: str, settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each such server, and of each store from which a deployment takes its model."""
    is_tool_file = get_file_name(path) in _TOOL_FILES
    for setting in settings:
        if not isinstance(setting.value, str):
            continue
        value = setting.value.strip()
        steps = tuple(step for step in setting.path if not step.isdigit())
        is_argument = setting.key in _ARGUMENT_KEYS and not _CONTAINERS.isdisjoint(steps)
        is_store = setting.key in _STORE_KEYS and _STORE.fullmatch(value) is not None
        if is_store or steps[-3:] == _BUCKET_PATH or (is_argument and _BUCKET.fullmatch(value)):
            yield Mention("weight-sources", "served", value[:200], setting.where, ".".join(steps)[:200])
            continue
        use = _find_use(steps, is_tool_file)
        host = _find_host(value, has_scheme=use == _TOOLS or _HOST_KEYS.isdisjoint(steps)) if use else ""
        if host and not is_known_host(host):
            yield Mention("services", use, host[:200], setting.where, f"{'.'.join(steps)}={value}"[:300])


def _find_use(steps: tuple[str, ...], is_tool_file: bool) -> str:
    """Return the use of an address at a path of keys; empty for all other paths."""
    if steps[-1:] and steps[-1] in _TOOL_KEYS and (is_tool_file or not _TOOL_TABLES.isdisjoint(steps[:-1])):
        return _TOOLS
    is_service = steps[-2:] in _PATHS or tuple(map(normalize_key, steps[-1:])) in _PATHS
    return _SERVICE if is_service else ""


def _find_host(value: str, has_scheme: bool) -> str:
    """Return the host of an address, in lower case; empty for other texts.

    Args:
        value: the text.
        has_scheme: whether an address has to begin with its scheme.
    """
    match = _ADDRESS.fullmatch(value) if "://" in value or not has_scheme else None
    return match[1].lower() if match is not None else ""


SERVICE_ADDRESSES = Interpreter(list_spellings(_TRIGGERS), read_service_addresses, _TOOL_FILES)
