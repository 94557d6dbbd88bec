"""Find the servers to which a program sends the texts of its users, or on which it runs each step, by its settings.

An assistant of Rasa asks ``action_endpoint`` what to do next and publishes each message to ``event_broker``. Traces of
OpenTelemetry hold the prompts, and a logger of KServe sends every request and answer.

Sources: ``rasa/core/utils.py`` (``AvailableEndpoints``), ``vllm/config/observability.py`` (``otlp_traces_endpoint``),
https://kserve.github.io/website/docs/model-serving/predictive-inference/logger, the documentation of the log drivers of
Docker, ``mlflow/tracking``, ``wandb/sdk/wandb_settings.py`` and ``clearml/backend_api``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.known_hosts import is_known_host
from modelaudit.languages.settings import Interpreter, Setting, list_spellings, normalize_key
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

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
}  # fmt: skip
_ADDRESS: Final = defer_pattern(
    r"(?:[a-z][a-z0-9+.-]{1,20}://)?(?:[^/@\s]{1,200}@)?(\[[^\]\s]{1,100}\]|[\w-]{1,63}(?:\.[\w-]{1,63}){1,10})"
    r"(?::\d{1,5})?(?:[/?#]\S{0,1000})?"
)
# Services that keep such data for their users, by themselves.
_KNOWN_SERVICES: Final = ("wandb.ai", "comet.com", "neptune.ai", "clear.ml", "databricks.com", "azuredatabricks.net",
                          "dagshub.com", "amazonaws.com", "azure.com", "googleapis.com")  # fmt: skip


def read_service_addresses(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the foreign servers that a program sends texts of its users to."""
    yield from build_outlines(_collect_addresses(settings))


def _collect_addresses(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each such server."""
    for setting in settings:
        if not isinstance(setting.value, str):
            continue
        steps = tuple(step for step in setting.path if not step.isdigit())
        ends = (steps[-2:], (normalize_key(setting.key),))
        if not any(end in _PATHS for end in ends):
            continue
        can_be_host = _HOST_KEYS.intersection(steps) or "://" in setting.value
        match = _ADDRESS.fullmatch(setting.value.strip()) if can_be_host else None
        host = match[1].lower() if match is not None else ""
        if host and not is_known_host(host) and not _is_known_service(host):
            detail = f"{'.'.join(steps)}={setting.value.strip()}"
            yield Mention("switches", "sends-to", host[:200], setting.where, detail[:300])


def _is_known_service(host: str) -> bool:
    """Whether a host belongs to a service that keeps traces and experiments."""
    return any(host == service or host.endswith(f".{service}") for service in _KNOWN_SERVICES)


SERVICE_ADDRESSES = Interpreter(list_spellings(_TRIGGERS), read_service_addresses)
