"""``rules/policies/`` and the policy files of users."""

from __future__ import annotations

import hashlib

from modelaudit.catalogue.document import Document
from modelaudit.catalogue.schema import PolicyFile, Shape
from modelaudit.model.catalogue import AllowedAbsence, Policy
from modelaudit.model.finding import Severity

_FILE = Shape(PolicyFile)


def read_policy(document: Document) -> Policy:
    """Read one policy; its digest is the SHA-256 of the file. Raises ``ConfigurationError``."""
    file = _FILE.read(document)
    return Policy(
        name=file.name,
        description=file.description,
        fail_on=None if file.fail_on == "never" else Severity(file.fail_on),
        checks=tuple(dict.fromkeys(file.checks)),
        allow_unread=tuple(AllowedAbsence(tuple(e.reasons), e.paths, e.why) for e in file.allow_unread),
        digest=hashlib.sha256(document.text.encode()).hexdigest(),
    )
