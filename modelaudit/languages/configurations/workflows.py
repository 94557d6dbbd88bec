"""Find workflows of GitHub that hand all secrets to a step, or run the code of a stranger's proposal with them.

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
from modelaudit.languages.shell.script import VOCABULARY
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Mention
from modelaudit.wire.base import Reading

_WORKFLOW: Final = defer_pattern(r"/\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml\Z", re.IGNORECASE)
_ALL_SECRETS: Final = defer_pattern(r"\btojson\s*\(\s*secrets\s*\)", re.IGNORECASE)
_PROPOSAL: Final = defer_pattern(
    r"\bgithub\.(?:event\.pull_request\.head\.(?:sha|ref|repo)|head_ref)\b|\brefs/pull/", re.IGNORECASE
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
        is_checkout = setting.key == "ref" or (setting.key == "run" and re.search(r"checkout|fetch", value) is not None)
        if is_checkout and triggers and has_commands and _PROPOSAL.search(value):
            yield Mention(VOCABULARY, "runs-proposal", min(triggers), setting.where, value[:_QUOTED])


WORKFLOWS = Interpreter(frozenset({"jobs"}), read_workflows)
