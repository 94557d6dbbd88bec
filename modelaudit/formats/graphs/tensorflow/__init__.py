"""Read TensorFlow graphs, SavedModels and checkpoints.

A SavedModel is a program: its graphs call operators, and some operators reach files, other machines or Python. The
readers report every operator, and follow the path arguments of those that read or write files back to their origin.
"""

from __future__ import annotations

from typing import Final

from modelaudit.formats.declaration import Declaration

DECLARATIONS: Final = (
    Declaration("tensorflow", read=f"{__name__}.reader:read", recognise=f"{__name__}.reader:recognises"),
    Declaration(
        "tensorflow",
        read=f"{__name__}.reader:read_text",
        recognise=f"{__name__}.reader:recognises_text",
    ),
    Declaration("tensorflow", read=f"{__name__}.events:read_events", recognise=f"{__name__}.events:recognises_events"),
    Declaration(
        "tensorflow", read=f"{__name__}.checkpoint:read_index", recognise=f"{__name__}.checkpoint:recognises_index"
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.checkpoint:read_state",
        recognise=f"{__name__}.checkpoint:recognises_state",
    ),
    Declaration(
        "tensorflow",
        read=f"{__name__}.checkpoint:read_data",
        recognise=f"{__name__}.checkpoint:recognises_data",
        fallback=40,
    ),
)
