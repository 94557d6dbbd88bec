"""Read TensorFlow graphs, SavedModels and checkpoints.

A SavedModel is a program: its graphs call operators, and some operators reach files, other machines or Python. The
readers report every operator, and follow the path arguments of those that read or write files back to their origin.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import FIRST_OF_MESSAGE, FIRST_OF_PROTOBUF_TEXT, Declaration, Sign

DECLARATIONS: Final = (
    Declaration(
        "tensorflow",
        read=f"{__name__}.reader:read",
        recognise=f"{__name__}.recognition:recognises",
        signs=(Sign(among=FIRST_OF_MESSAGE), Sign(path=(".pb",))),
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.reader:read_text",
        recognise=f"{__name__}.recognition:recognises_text",
        signs=(Sign(among=FIRST_OF_PROTOBUF_TEXT, is_text=True),),
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.events:read_events",
        recognise=f"{__name__}.events:recognises_events",
        signs=(Sign(among=b"\x09\x1a", offset=12, holds=(b"brain.event:",)),),
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.checkpoint:read_index",
        recognise=f"{__name__}.checkpoint:recognises_index",
        signs=(Sign(path=(".index",)),),
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.checkpoint:read_state",
        recognise=f"{__name__}.checkpoint:recognises_state",
        signs=(Sign(is_text=True, holds=(b"model_checkpoint_path",)),),
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.checkpoint:read_data",
        recognise=f"{__name__}.checkpoint:recognises_data",
        signs=(Sign(path=(".data-",)),),
        fallback=40,
    ),
)
