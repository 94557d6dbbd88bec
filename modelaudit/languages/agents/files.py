"""Recognise the files that agents load as their instructions, by name and folder."""

from __future__ import annotations

from re import IGNORECASE
from typing import Final

from modelaudit.model.lazy_pattern import defer_pattern

# https://agents.md, https://code.claude.com/docs/en/memory and /skills, https://cursor.com/docs/context/rules,
# https://docs.github.com/en/copilot/how-tos/configure-custom-instructions, https://docs.windsurf.com, https://docs.cline.bot
_INSTRUCTIONS: Final = defer_pattern(
    r".*/(?:skill|agents?|claude(?:\.local)?|gemini|codex|copilot-instructions|warp|qwen|memory)\.md"
    r"|.*/\.(?:cursor|windsurf|cline|roo|goose)(?:rules|hints)(?:/.*)?|.*\.mdc|.*\.(?:instructions|prompt|chatmode|agent)\.md"
    r"|.*/\.(?:claude|cursor|windsurf|codex|gemini|agents?|opencode|kiro|roo|continue|junie|aiassistant|amazonq|augment)"
    r"/(?:.*/)?[^/]+\.(?:md|mdc|txt|hook)|.*/\.github/(?:agents|instructions|prompts|chatmodes|skills)/.*\.md",
    IGNORECASE,
)
# A file of Ollama states the prompt of the system, and the licence of the model.
_MODEL_FILE: Final = defer_pattern(r".*/(?:[\w.-]+\.)?modelfile(?:\.[\w-]+)?", IGNORECASE)


def holds_instructions(path: str) -> bool:
    """Whether an agent loads the file by its name or folder, and all of its prose is addressed to the agent."""
    return _INSTRUCTIONS.fullmatch(f"/{path}") is not None


def is_agent_file(path: str) -> bool:
    """Whether an agent loads the file, or a part of it, as instructions."""
    return holds_instructions(path) or _MODEL_FILE.fullmatch(f"/{path}") is not None
