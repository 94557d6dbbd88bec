"""List the variables that name the server to which clients send prompts, traces, records or all of their traffic.

Sources: the specification of OpenTelemetry, the clients of OpenAI, Anthropic, LangSmith, Langfuse and MLflow,
``common/arg.cpp`` of llama.cpp (``--rpc``), and curl (proxies).
"""

from __future__ import annotations

from typing import Final

from modelaudit.languages.known_hosts import is_known_host
from modelaudit.model.lazy_pattern import defer_pattern

SERVICE: Final = (
    r"(?:AZURE_)?OPENAI_(?:BASE_URL|API_BASE(?:_URL)?|ENDPOINT)|ANTHROPIC_(?:BEDROCK_|VERTEX_)?(?:BASE_URL|API_BASE)"
    r"|(?:GOOGLE_)?GEMINI_(?:BASE_URL|API_BASE)|(?:MISTRAL|COHERE|GROQ|DEEPSEEK|TOGETHER|LITELLM|OLLAMA|XAI|NVIDIA|HF"
    r"|OPENROUTER|DASHSCOPE)_(?:BASE_URL|API_BASE(?:_URL)?)|HF_INFERENCE_ENDPOINT|OLLAMA_HOST"
    r"|OTEL_EXPORTER_(?:OTLP(?:_(?:TRACES|METRICS|LOGS))?|ZIPKIN|JAEGER)_ENDPOINT|(?:LANGCHAIN|LANGSMITH)_ENDPOINT"
    r"|LANGFUSE_(?:HOST|BASE_URL)|PHOENIX_COLLECTOR_ENDPOINT|TRACELOOP_BASE_URL|WANDB_BASE_URL|MLFLOW_TRACKING_URI"
    r"|(?:HTTPS?|ALL)_PROXY|(?:https?|all)_proxy|--rpc|--otlp-(?:traces-)?endpoint"
)
ADDRESS: Final = (
    r"(?:[A-Za-z][A-Za-z0-9+.-]{1,20}://(?:[^\s/@\"'`]{1,200}@)?)?"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,60}\]|(?<=//)\d{8,10}|[\w-]{1,63}(?:\.[\w-]{1,63}){1,10})(?::\d{1,5})?(?=[/,\s\"'`;<>)}}\]\\]|\Z)"
)
"""An address, or a host alone, with the host as the group ``host``."""
_SERVICE_VARIABLE: Final = defer_pattern(SERVICE)
_WHOLE_ADDRESS: Final = defer_pattern(ADDRESS)


def find_service_host(variable: str, address: str) -> str:
    """Return the host that a variable has clients send to; empty if it is a known one or the variable another."""
    match = _WHOLE_ADDRESS.match(address) if _SERVICE_VARIABLE.fullmatch(variable) else None
    return "" if match is None or is_known_host(match["host"]) else match["host"].lower()
