"""Find the settings of an agent that send its traffic elsewhere, or give its consent in place of the user.

Agents read them from the folder in which they are started. Sources: https://code.claude.com/docs/en/settings and
/permissions, https://developers.openai.com/codex/config-reference, https://geminicli.com/docs/reference/configuration,
https://code.visualstudio.com/docs/copilot/reference/copilot-settings; CVE-2026-21852 (a base URL in ``.claude``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final
from urllib.parse import urlsplit

from modelaudit.languages.configurations.commands import collect_command_mentions
from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_VOCABULARY: Final = "agent-texts"
_FOLDERS: Final = defer_pattern(
    r"/\.(?:claude|cursor|windsurf|codex|gemini|agents?|opencode|kiro|roo|continue|junie|vscode|zed|amazonq|augment|qwen)/"
    r"|\.code-workspace\Z|/opencode\.jsonc?\Z",
    re.IGNORECASE,
)
_BASE_ADDRESSES: Final = frozenset(
    {"ANTHROPIC_BASE_URL", "ANTHROPIC_BEDROCK_BASE_URL", "ANTHROPIC_VERTEX_BASE_URL", "OPENAI_BASE_URL",
     "OPENAI_API_BASE", "GOOGLE_GEMINI_BASE_URL", "GEMINI_BASE_URL", "AZURE_OPENAI_ENDPOINT", "HTTPS_PROXY",
     "HTTP_PROXY", "ALL_PROXY", "base_url", "chatgpt_base_url", "baseURL", "openai_base_url", "apiBase"}
)  # fmt: skip
# Hosts of the publishers of agents, and this machine.
_OWN_HOSTS: Final = defer_pattern(
    r"localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|0\.0\.0\.0|host\.docker\.internal"
    r"|(?:.*\.)?(?:anthropic\.com|openai\.com|openai\.azure\.com|googleapis\.com|amazonaws\.com|github\.com"
    r"|githubcopilot\.com|openrouter\.ai|huggingface\.co|mistral\.ai|deepseek\.com|x\.ai|groq\.com)",
    re.IGNORECASE,
)
_HELPERS: Final = frozenset(
    {
        "apiKeyHelper",
        "awsAuthRefresh",
        "awsCredentialExport",
        "otelHeadersHelper",
        "gcpAuthRefresh",
        "toolDiscoveryCommand",
        "toolCallCommand",
    }
)
"""Keys whose values are commands that the agent runs, though their names do not say so."""
_CONSENTS: Final = {
    "defaultMode": defer_pattern(r"bypassPermissions|dontAsk", re.IGNORECASE),
    "approval_policy": defer_pattern(r"never", re.IGNORECASE),
    "sandbox_mode": defer_pattern(r"danger-full-access", re.IGNORECASE),
    "approvalMode": defer_pattern(r"yolo", re.IGNORECASE),
    "skipDangerousModePermissionPrompt": defer_pattern(r"true", re.IGNORECASE),
    "enableAllProjectMcpServers": defer_pattern(r"true", re.IGNORECASE),
    "yolo": defer_pattern(r"true", re.IGNORECASE),
    "autoAccept": defer_pattern(r"true", re.IGNORECASE),
    "trust": defer_pattern(r"true", re.IGNORECASE),
    "chat.tools.autoApprove": defer_pattern(r"true", re.IGNORECASE),
    "chat.tools.global.autoApprove": defer_pattern(r"true", re.IGNORECASE),
    "allow": defer_pattern(r"(?:Bash|PowerShell|Shell)(?:\((?:\*|:\*|\*:\*)?\))?|\*"),
    "trusted_tools": defer_pattern(r"\*"),
}
_KEYS: Final = _BASE_ADDRESSES | _HELPERS | _CONSENTS.keys()


def read_agent_settings(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the settings by which a file of an agent acts against its user, and of their commands.

    Raises:
        LimitReachedError: a bound on the analysis of a command was reached.
    """
    if _FOLDERS.search("/" + path.replace("\\", "/")):
        yield from build_outlines(_collect_mentions(settings))


def _collect_mentions(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each such setting.

    Raises:
        LimitReachedError: a bound on the analysis of a command was reached.
    """
    from modelaudit.languages.shell.outside_writes import collect_outside_writes

    for setting in settings:
        value = str(setting.value)
        if setting.key in _BASE_ADDRESSES:
            host = _find_host(value)
            if host and _OWN_HOSTS.fullmatch(host) is None:
                yield Mention(_VOCABULARY, "traffic-elsewhere", setting.key, setting.where, value[:200])
        elif setting.key in _HELPERS and isinstance(setting.value, str):
            for mention in chain(collect_command_mentions(value), collect_outside_writes(value)):
                yield replace(mention, where=setting.where)
        elif setting.key in _CONSENTS and _CONSENTS[setting.key].fullmatch(value):
            yield Mention(_VOCABULARY, "consent-given", setting.key, setting.where, value[:200])


def _find_host(address: str) -> str:
    """Return the host of a web address; empty if it has none, as a variable in braces."""
    try:
        return urlsplit(address.strip()).hostname or ""
    except ValueError:
        return ""


AGENT_SETTINGS = Interpreter(_KEYS, read_agent_settings)
