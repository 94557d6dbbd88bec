"""Find Jinja templates in the values of JSON and YAML, whatever their keys and the names of the files.

Under a key that loaders read as a template, or one that speaks of templates or prompts, all mentions count. Elsewhere
braces are common, so only accesses that escape the template count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from modelaudit.languages.jinja.vocabularies import ATTRIBUTES, METHODS, NAMES, has_template_marks
from modelaudit.languages.settings import Interpreter, Setting
from modelaudit.model.copies import replace
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.outline import Outline
from modelaudit.model.structure import UnreadReason
from modelaudit.wire.base import LimitReachedError, Reading
from modelaudit.wire.bounds import report_bound

_TEMPLATE_KEYS: Final = frozenset(
    {"chat_template", "chat_templates", "default_chat_template", "additional_chat_templates"}
)
"""Keys whose values model loaders render as Jinja templates."""
_TEMPLATE_WORD: Final = defer_pattern(r"template|prompt|jinja", re.IGNORECASE)
# Jinja in the raw text of a document: a statement, or an expression with an access. Pairs of braces in a tokenizer
# vocabulary do not match. Escaped braces always match, because no ordinary writer escapes them.
MARKS: Final = defer_pattern(
    r"\{%[-+]?\s*(?:if|for|set|macro|do|call|with|filter|include|import|from|extends|block|generation)\b"
    r"|\{\{(?:[^{}\n\"\\]|\\.){0,300}?[.|\[(~]|\{\{[-+]?[ \t]*\\?\"(?![:,\]\s])"
    r"|\\u00(?:7[bB]|25)|\\x(?:7[bB]|25)"
)
# A workflow of GitHub writes its own expressions in such braces; GitHub evaluates them, and no loader of a model does.
# Source: https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
_WORKFLOW: Final = defer_pattern(r"(?:^|/)(?:\.github/(?:workflows|actions)/.+|action)\.ya?ml\Z")
_WORKFLOW_EXPRESSION: Final = defer_pattern(r"\$\{\{.*?\}\}", re.DOTALL)
_MAX_TEMPLATES: Final = 2000
_MAX_KEY_LENGTH: Final = 200


def _read_templates(path: str, settings: Sequence[Setting], limits: Limits) -> Iterator[Reading]:
    """Yield an outline for each template.

    Raises:
        LimitReachedError: there are more than ``_MAX_TEMPLATES`` templates.
    """
    texts_by_list: dict[tuple[str, ...], list[str]] = {}
    count = 0
    is_workflow = _WORKFLOW.search(path) is not None
    for setting in settings:
        text = setting.value
        if not isinstance(text, str) or not text:
            continue
        if is_workflow:
            text = _WORKFLOW_EXPRESSION.sub("", text)
        # The items of a list of texts are collected first: they may be lines of one template.
        if len(setting.path) > 1 and setting.path[-1].isdigit() and _is_about_templates(setting.path[-2:-1]):
            texts_by_list.setdefault(setting.path[:-1], []).append(text)
        elif _TEMPLATE_KEYS.intersection(setting.path) or has_template_marks(text):
            count += 1
            yield from _read_value(setting.path, text)
        if count > _MAX_TEMPLATES:
            raise LimitReachedError(f"only the first {_MAX_TEMPLATES} templates of the document were analysed")
    for path_of_list, parts in texts_by_list.items():
        yield from _read_list(path_of_list, parts)


def _is_about_templates(steps: Sequence[str]) -> bool:
    """Whether a key of a key path names a template or prompt."""
    return any(step in _TEMPLATE_KEYS or _TEMPLATE_WORD.search(step) for step in steps)


def _read_value(key_path: tuple[str, ...], text: str) -> Iterator[Reading]:
    """Yield the outline of the template at a key path: all mentions if the key is about templates, else attacks."""
    from modelaudit.languages.jinja.template import read_template

    is_loaded = bool(_TEMPLATE_KEYS.intersection(key_path))
    outline, unread = read_template(text, ".".join(key_path)[:_MAX_KEY_LENGTH])
    if _is_about_templates(key_path):
        yield outline
    elif unread is None or unread.reason is not UnreadReason.DAMAGED:
        # Text with braces that is not valid Jinja is not a template.
        yield _keep_attacks(outline)
    # Text that is not valid Jinja is an absence only where a loader renders it. Text that is too large is one under
    # every key about templates.
    is_too_large = unread is not None and unread.reason is not UnreadReason.DAMAGED
    if unread is not None and (is_loaded or (is_too_large and _is_about_templates(key_path))):
        yield unread


def _read_list(key_path: tuple[str, ...], parts: list[str]) -> Iterator[Reading]:
    """Read a list of texts: the lines of one template, as the llama-cpp-python server joins them, or several templates.

    Both readings are tried, because the loader decides.
    """
    from modelaudit.languages.jinja.template import read_template

    joined = "".join(parts)
    if not has_template_marks(joined):
        return
    yield from _read_value(key_path, joined)
    _, unread = read_template(joined)
    # Parts that do not join to one valid template may be templates each.
    if len(parts) > 1 and unread is not None:
        for number, part in enumerate(parts):
            if number >= _MAX_TEMPLATES:
                yield report_bound(_MAX_TEMPLATES, "templates of a list")
                return
            if has_template_marks(part):
                yield read_template(part, ".".join((*key_path, str(number)))[:_MAX_KEY_LENGTH])[0]


def _keep_attacks(outline: Outline) -> Outline:
    """Return the outline with only the accesses that let a template escape its sandbox.

    The text need not be a template: braces have many other meanings.
    """
    mentions = [
        mention
        for mention in outline.mentions
        if mention.vocabulary in (ATTRIBUTES, METHODS, NAMES)
        and mention.use in ("private-attribute", "private-name", "attribute", "method", "call")
    ]
    return replace(outline, mentions=tuple(mentions))


INTERPRETER: Final = Interpreter(_TEMPLATE_KEYS, _read_templates, marks=MARKS)
