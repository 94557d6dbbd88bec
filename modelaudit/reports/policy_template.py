"""The text of a new policy file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from modelaudit.model.policy import PinnedModel
from modelaudit.reports.policy_page import escape_text, quote_text

_ENTRIES: Final = """\
# For whom the models are reviewed, under which number, and by whom; documents show it.
# organization: Acme GmbH
# reference: AI-2026-17
# reviewer: Jane Roe

# The lowest severity that fails, for each family of checks: info, low, medium, high, critical, or never.
# gates:
#   security: high
#   integrity: high
#   license: high
#   use: gate                 # or report: the answer to the stated use then changes no exit code

# Conditions without which a scan does not pass.
# require: [stated-use, pinned-revisions, verified-bytes, lock, signer, signoff, rules-not-older-than: 90d]

# The intended use. What is not stated is unknown, and an unknown never permits.
# use:
#   commercial: true
#   hosted-service: true
#   redistribute: false
# purpose: research           # or other; some licences allow research alone
# territories: [EU]
# field: general
# monthly-active-users: 50000
# annual-revenue-usd: 2000000

# Licences by SPDX id, by id of `modelaudit explain`, or by category.
# licenses:
#   allow: [permissive, Apache-2.0]
#   deny: [non-commercial, research-only]

# Whose signatures of models count, and which paths of a model a signature may leave out.
# trusted-signers:
#   - public-key: keys/acme.pub   # or certificate-root, or identity with issuer and trusted-root
# allowed-signature-gaps: [onnx/cache]

# Code that `modelaudit scan --discover` leaves out, as a shell glob below the folder of this file.
# discover-exclude:
#   - paths: "third_party/*"
#     why: a copy of a package, which we do not change

# Whether a decision of decisions.yaml may accept a critical finding.
# accept-critical: false
"""


_NO_MODELS: Final = """\
# The models of this project: `modelaudit scan` without a target scans them.
# models:
#   - name: org/model
#     revision: 0123456789abcdef0123456789abcdef01234567
#     note: the commit that we tested
#   - name: ./models/tiny       # a file or folder below the folder of this file
"""


def render_template(
    extends: str, description: str, models: Sequence[PinnedModel] = (), remarks: Sequence[str] = ()
) -> str:
    """Render a policy that extends another one, with every further entry as a comment.

    Args:
        extends: a policy of the rule set.
        description: of that policy.
        models: to list.
        remarks: a line for each use of a model that could not be listed.
    """
    about = textwrap.fill(description, 118, initial_indent="# ", subsequent_indent="# ")
    head = "# The policy of this project. `modelaudit policy show` prints every entry that applies, and its place."
    return f"{head}\n\n{about}\nextends: {extends}\n\n{_ENTRIES}\n{_render_models(models, remarks)}"


def _render_models(models: Sequence[PinnedModel], remarks: Sequence[str]) -> str:
    """Render the list of models; without any, an example in comments."""
    lines = [f"# Not listed: {escape_text(remark)}" for remark in remarks]
    if not models:
        return _NO_MODELS + "".join(f"{line}\n" for line in lines)
    lines += ["# `modelaudit scan` without a target scans these models.", "models:"]
    for model in models:
        lines += [f"  - name: {quote_text(model.name)}"]
        lines += [f"    revision: {quote_text(model.revision)}"] if model.revision else []
        lines += [f"    note: {quote_text(model.note)}"] if model.note else []
    return "".join(f"{line}\n" for line in lines)
