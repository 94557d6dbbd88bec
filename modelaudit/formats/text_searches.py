"""List the searches of every text, in addition to the reader of its format; therefore none is in ``READERS``."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.encoded_strings import ENCODED_STRINGS
from modelaudit.formats.registry import LOGGING_SEARCH
from modelaudit.languages.agents.commands import AGENT_COMMANDS
from modelaudit.languages.agents.reader import AGENT_TEXTS
from modelaudit.languages.configurations.gin import GIN_FILES
from modelaudit.languages.document_programs import DOCUMENT_PROGRAMS
from modelaudit.languages.git_remotes import GIT_REMOTES
from modelaudit.languages.instructions import INSTRUCTIONS
from modelaudit.languages.loader_variables import LOADER_VARIABLES
from modelaudit.languages.named_files import NAMED_FILES
from modelaudit.languages.other_sources import OTHER_SOURCES
from modelaudit.languages.package_sources import LOCK_FILES, SCRIPT_SOURCES
from modelaudit.languages.record_paths import RECORD_PATHS
from modelaudit.languages.run_files import RUN_FILES
from modelaudit.languages.secrets import SECRETS
from modelaudit.languages.terms.package_metadata import PACKAGE_METADATA
from modelaudit.languages.terms.prose import TERMS
from modelaudit.languages.tool_files import TOOL_FILES

TEXT_SEARCHES: Final = (
    SECRETS,
    TERMS,
    PACKAGE_METADATA,
    TOOL_FILES,
    OTHER_SOURCES,
    LOADER_VARIABLES,
    RUN_FILES,
    NAMED_FILES,
    RECORD_PATHS,
    LOCK_FILES,
    SCRIPT_SOURCES,
    DOCUMENT_PROGRAMS,
    INSTRUCTIONS,
    AGENT_TEXTS,
    AGENT_COMMANDS,
    ENCODED_STRINGS,
    GIT_REMOTES,
    GIN_FILES,
    LOGGING_SEARCH,
)
