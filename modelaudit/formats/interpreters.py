"""List all interpreters: functions that read the settings of a configuration for the keys that they know.

The readers of JSON, YAML and TOML pass their settings to each. Languages export their interpreters; formats declare
theirs.
"""

from __future__ import annotations

from modelaudit.formats.encoded_strings import SERIALIZED_VALUES
from modelaudit.formats.nested_documents import NESTED_DOCUMENTS
from modelaudit.formats.registry import DECLARATIONS, import_object
from modelaudit.languages import auto_map
from modelaudit.languages.architectures import settings as architectures
from modelaudit.languages.configurations import CONFIGURATIONS
from modelaudit.languages.jinja import documents as jinja
from modelaudit.languages.package_sources import MANIFEST
from modelaudit.languages.settings import Interpreter
from modelaudit.languages.stated_values import DESCRIPTIONS
from modelaudit.languages.terms import statements as terms

INTERPRETERS: tuple[Interpreter, ...] = (
    auto_map.INTERPRETER,
    *CONFIGURATIONS,
    MANIFEST,
    jinja.INTERPRETER,
    SERIALIZED_VALUES,
    NESTED_DOCUMENTS,
    terms.INTERPRETER,
    architectures.TRAITS,
    DESCRIPTIONS,
    *(import_object(each.interpreter) for each in DECLARATIONS if each.interpreter),
)
