"""The meaning of each cause of an exit code, and the next step, for ``explain`` and the documentation."""

from __future__ import annotations

from typing import Final

from modelaudit.model.verdict import CauseKind

CAUSES: Final = {
    CauseKind.FINDINGS: (
        "Findings at or above the severity of the policy.",
        "Read each with its evidence, then fix or replace the files, or decide where the policy permits it.",
    ),
    CauseKind.LICENCE_DENIED: (
        "A licence, or the policy, denies the planned use.",
        "Ask the licensor for an agreement, plan another use, or choose another model.",
    ),
    CauseKind.UNREAD: (
        "Parts of the model were not read: program code, no reader, damaged, encrypted, over a limit, or empty.",
        "Remove the part, fetch it again, accept it in the policy under allow-unread, or record a decision.",
    ),
    CauseKind.UNCLAIMED_BYTES: (
        "A file contains bytes that belong to no part of its format.",
        "Look at the bytes: they may be a second file that another loader reads.",
    ),
    CauseKind.UNVERIFIED_TYPE: (
        "A file constructs a type, or uses a name, that is on no list of reviewed names. The file itself was read.",
        "Look at what the name does. Then accept the file in the policy, or record a decision, as below.",
    ),
    CauseKind.UNVERIFIED_BYTES: (
        "Files of the model were read, and no source states a digest of their bytes.",
        "Fetch the model from the Hub again, or accept the files in the policy under allow-unread with a reason.",
    ),
    CauseKind.NOTHING_SCANNED: (
        "No file could be examined.",
        "Check the target and the permissions of its files.",
    ),
    CauseKind.LICENCE_REVIEW: (
        "The licences leave the planned use open, so a person must decide.",
        "Read the reasons with modelaudit license, state more of the use, or record a decision.",
    ),
    CauseKind.INSTRUCTIONS_REVIEW: (
        "Texts of the model instruct people or agents to do something risky.",
        "Read the instructions before anyone follows them.",
    ),
    CauseKind.USE_NOT_STATED: (
        "The policy requires a planned use, and none is stated.",
        "State it with --use, or in the policy under use.",
    ),
    CauseKind.BASE_MODEL_UNREAD: (
        "A base model, whose licence may bind, was not read.",
        "Scan again with a connection, or read the licence of the base model yourself.",
    ),
    CauseKind.REFUSED: (
        "A person refused the model, or a part of it, by a decision.",
        "Read the reason in the register of decisions, or choose another model.",
    ),
    CauseKind.REFUSAL_REOPENED: (
        "A person refused the model, or a part of it, and the refusal expired, or its bytes changed or are gone.",
        "Record a decision on what is there now, or on the model, or remove the entry from the register.",
    ),
    CauseKind.UNPINNED: (
        "The revision of the model can move, and the policy requires a commit.",
        "Name the 40 digits of the commit after the @ of the target.",
    ),
    CauseKind.LOCK: (
        "The policy requires that the model fits a lock, and none was given or it differs.",
        "Give the lock with --lock; if a difference is wanted, read it and run modelaudit lock again.",
    ),
    CauseKind.RULES_AGE: (
        "The policy requires newer rules than those of this installation.",
        "Install a newer modelaudit, or use a pack of newer rules: --rules FILE --rules-key KEY.",
    ),
    CauseKind.SIGNER: (
        "The policy requires that a trusted signer signed the model, and no such signature was verified.",
        "Fetch the signature of the publisher into the folder, and name who may sign in trusted-signers of the policy.",
    ),
    CauseKind.SIGNOFF: (
        "The policy requires that a person signs off the model, and no approval of this judgement holds.",
        "Read the report, and record the answer with modelaudit decide model --report FILE --answer approve "
        '--reason "TEXT" --by "NAME".',
    ),
}

ACCEPTANCE: Final = {
    CauseKind.UNVERIFIED_TYPE: (
        "Accept it in modelaudit.yaml, with the path as the report shows it:",
        (
            "allow-unread:",
            "  - reasons: [unverified-type]",
            '    paths: "conf.pkl"',
            '    why: "we reviewed the class that this file constructs"',
        ),
        "Or record a decision for these bytes, with the fingerprint of the finding:",
        (
            "modelaudit scan TARGET -o json=report.json",
            "modelaudit decide FINGERPRINT --report report.json --answer accept \\",
            "  --reason TEXT --by NAME --approved-by NAME --expires DATE",
        ),
    ),
}
"""For ``explain``: a sentence and the entry of a policy that accepts the cause, then a sentence and the commands."""
