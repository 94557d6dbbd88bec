"""Find workflows of GitHub that hand secrets to a step or a server, or run the code or the text of a stranger.

``toJSON(secrets)`` writes every secret of the repository. ``pull_request_target`` gives a workflow the secrets, and a
checkout of the proposal's own commit replaces the scripts that its next steps run.

Sources: https://docs.github.com/en/actions/reference/security/secure-use and
https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.configurations.python_names import build_outlines
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.languages.shell.vocabulary import VOCABULARY
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_WORKFLOW: Final = defer_pattern(r"/\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml\Z", re.IGNORECASE)
_ALL_SECRETS: Final = defer_pattern(r"\btojson\s*\(\s*secrets\s*\)", re.IGNORECASE)
_PROPOSAL: Final = defer_pattern(
    r"\bgithub\.(?:event\.pull_request\.head\.(?:sha|ref|repo)|head_ref)\b|\brefs/pull/", re.IGNORECASE
)
# Text that a stranger writes, where a step puts it into a command or a script before the shell reads it.
_STRANGERS_TEXT: Final = defer_pattern(
    r"\$\{\{[^}]{0,200}\bgithub\.(?:head_ref\b|event\.(?:issue|comment|pull_request|review|review_comment|discussion"
    r"|head_commit|commits|pages|workflow_run)\b[^}]{0,100}\.(?:title|body|message|name|email|label|ref|head_branch"
    r"|page_name|display_title)\b)",
    re.IGNORECASE,
)
_COMMAND_KEYS: Final = frozenset({"run", "script"})
# A secret in a command that sends data; a command that only names its place passes it on by a variable.
_SECRET: Final = r"\$\{\{\s{0,9}secrets\.\w{1,100}\s{0,9}\}\}"
_SENT_SECRET: Final = defer_pattern(
    rf"\b(?:curl|wget|http|nc|ncat)\b(?=[^\n|;]{{0,2000}}{_SECRET})(?=[^\n|;]{{0,2000}}https?://([\w.-]{{1,200}}))",
    re.IGNORECASE,
)
_ISSUERS: Final = defer_pattern(
    r"(?:.*\.)?(?:huggingface\.co|hf\.co|github\.com|githubusercontent\.com|pypi\.org|npmjs\.org|docker\.(?:io|com)|ghcr\.io"
    r"|slack\.com|discord\.com|telegram\.org|codecov\.io|amazonaws\.com|googleapis\.com|azure\.com|wandb\.ai|openai\.com"
    r"|anthropic\.com|vercel\.com|netlify\.com|cloudflare\.com|sonarcloud\.io|zenodo\.org|readthedocs\.org)",
    re.IGNORECASE,
)
_TRIGGERS: Final = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
_QUOTED: Final = 200


def read_workflows(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline of the steps that get all secrets, or run the code of a proposal with the secrets at hand."""
    if _WORKFLOW.search("/" + path.replace("\\", "/")):
        yield from build_outlines(_collect_mentions(settings))


def _collect_mentions(settings: Sequence[Setting]) -> Iterator[Mention]:
    """Yield a mention of each such step."""
    triggers = {step for setting in settings for step in (*setting.path, str(setting.value))} & _TRIGGERS
    has_commands = any(setting.key == "run" for setting in settings)
    for setting in settings:
        value = str(setting.value)
        if _ALL_SECRETS.search(value):
            yield Mention(VOCABULARY, "all-secrets", setting.key, setting.where, value[:_QUOTED])
            continue
        if setting.key in _COMMAND_KEYS:
            if _STRANGERS_TEXT.search(value):
                yield Mention(VOCABULARY, "strangers-text", setting.key, setting.where, value[:_QUOTED])
            sent = _SENT_SECRET.search(value)
            if sent is not None and not _ISSUERS.fullmatch(sent[1]):
                yield Mention(VOCABULARY, "sent-secret", sent[1].lower(), setting.where, value[:_QUOTED])
        is_checkout = setting.key == "ref" or (setting.key == "run" and re.search(r"checkout|fetch", value) is not None)
        if is_checkout and triggers and has_commands and _PROPOSAL.search(value):
            yield Mention(VOCABULARY, "runs-proposal", min(triggers), setting.where, value[:_QUOTED])


WORKFLOWS = Interpreter(frozenset({"jobs"}), read_workflows)
