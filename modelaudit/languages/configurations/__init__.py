"""Interpret the configuration keys that make a loader import, call, fetch or allow something, whatever the file name.

Readers of JSON, YAML and TOML call each interpreter of ``CONFIGURATIONS`` with the settings of a document. Each module
knows the keys of one library or of one concern. It yields mentions (names that a loader imports or evaluates) and
references (files that it opens). ``tags.read_tags`` and ``text_names.read_text_names`` find such names in YAML tags and
in text that is not parsed value by value.
"""

from __future__ import annotations

from modelaudit.languages.configurations import (
    agent_settings,
    any_key,
    command_lines,
    commands,
    data_files,
    data_types,
    expressions,
    indexes,
    langchain,
    library_keys,
    mlflow,
    moving_sources,
    script_values,
    sentence_transformers,
    service_addresses,
    serving,
    shards,
    sizes,
    started_commands,
    switches,
    tags,
    targets,
    tool_settings,
    weight_sources,
    workflows,
)
from modelaudit.languages.settings import Interpreter

CONFIGURATIONS: tuple[Interpreter, ...] = (
    targets.TARGETS,
    library_keys.LIBRARY_KEYS,
    expressions.EXPRESSIONS,
    any_key.ANY_KEY,
    tags.TAGGED_VALUES,
    data_files.DATA_FILES,
    data_types.DATA_TYPES,
    mlflow.MODELS,
    mlflow.ENVIRONMENTS,
    sentence_transformers.MODULES,
    switches.SWITCHES,
    serving.SERVING,
    sizes.SIZES,
    langchain.SERIALIZED,
    commands.COMMANDS,
    command_lines.COMMAND_LINES,
    tool_settings.TOOL_SETTINGS,
    started_commands.STARTED_COMMANDS,
    commands.CONTAINERS,
    shards.SHARDS,
    indexes.INDEXES,
    weight_sources.WEIGHT_SOURCES,
    agent_settings.AGENT_SETTINGS,
    workflows.WORKFLOWS,
    moving_sources.MOVING_SOURCES,
    script_values.SCRIPT_VALUES,
    service_addresses.SERVICE_ADDRESSES,
)

__all__ = ["CONFIGURATIONS"]
