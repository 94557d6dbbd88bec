"""The pickle reader: a symbolic machine that follows every opcode and runs none of what it meets."""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration, EmbeddedStart, Sign
from modelaudit.model.content import PICKLE, TORCHSCRIPT
from modelaudit.model.defect_kind import DefectKind


class PickleDefect(DefectKind):
    """Defects of a pickle stream."""

    AMBIGUOUS_NUMBER = "ambiguous-number"
    FORGED_STATE = "forged-state"
    FRAME_TOO_LONG = "frame-too-long"
    LITERAL_INVALID = "literal-invalid"
    MARK_MISSING = "mark-missing"
    MEMO_INDEX = "memo-index"
    MEMO_MISSING = "memo-missing"
    ODD_ITEMS = "odd-items"
    PROTOCOL_UNKNOWN = "protocol-unknown"
    SIDE_FILE_OUTSIDE = "side-file-outside"
    STACK_UNDERFLOW = "stack-underflow"
    TEXT_INVALID = "text-invalid"
    UNENDED_LINE = "unended-line"
    WRONG_TARGET = "wrong-target"


# The opcodes that need nothing on the stack.
_FIRST_OPCODES: Final = b"()FGIJKLMNPSTUBCVX]cghjpqr}\x80\x82\x83\x84\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x95\x96\x97\x98"


DECLARATIONS: Final = (
    Declaration(
        "pickle",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        signs=(Sign(contents=(PICKLE,)), Sign(among=_FIRST_OPCODES, contents=(None, TORCHSCRIPT))),
        embedded=EmbeddedStart(
            begins="modelaudit.wire.pickle_start:begins_pickle", trial=f"{__name__}.trial:begins_program"
        ),
        defects=(PickleDefect,),
    ),
)
