"""Read ``bytecode.pkl``, the instructions that torch executes on phones (``_save_for_lite_interpreter``).

The pickle holds plain tuples: for each function its instructions, the operators that these refer to by number,
constants and types. Every text that could be an operator counts as a mention; the pickle reader examines the file as a
pickle. Source: ``torch/csrc/jit/mobile/import.cpp`` and ``parse_operators.cpp``.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from typing import Final

from modelaudit.model.artifact import TORCHSCRIPT, Artifact, Window
from modelaudit.model.lazy_pattern import defer_pattern
from modelaudit.model.limits import Limits
from modelaudit.model.structure import Location, Unread, UnreadReason
from modelaudit.model.torch import NameUse, TorchMention, TorchProgram
from modelaudit.wire.base import Head, LimitReachedError, Reading
from modelaudit.wire.deadline import iterate_within_deadline
from modelaudit.wire.ledger import claim_parsed
from modelaudit.wire.text import get_file_name
from modelaudit.wire.windows import read_all_bytes

_MOST_OPCODES: Final = 3_000_000
_MOST_NAMES: Final = 50_000
_LONGEST_NAME: Final = 200  # characters of a mention
_OPERATOR: Final = defer_pattern(r"\w+::[\w.]+")  # aten::add.Tensor
_CLASS: Final = defer_pattern(r"__torch__\.torch\.classes(?:\.\w+)+")  # __torch__.torch.classes.quantized.Conv2d


def recognises(head: Head) -> bool:
    """Whether this is the member ``bytecode.pkl`` of a TorchScript archive."""
    return head.content == TORCHSCRIPT and get_file_name(head.path) == "bytecode.pkl"


def read(artifact: Artifact, window: Window, limits: Limits) -> Iterator[Reading]:
    """Yield the operators and classes that the instructions may refer to, up to the first damage.

    Raises:
        WindowError: it is larger than is read at once, or the window could not return the requested bytes.
    """
    data = read_all_bytes(window, limits.document_bytes)
    mentions: dict[TorchMention, None] = {}
    unread: Unread | None = None
    end = 0
    try:
        for number, (opcode, argument, position) in enumerate(iterate_within_deadline(pickletools.genops(data))):
            # Each opcode ends where the next one begins, and STOP, the last one, takes a single byte.
            end = (position or 0) + (1 if opcode.name == "STOP" else 0)
            if number >= _MOST_OPCODES or len(mentions) >= _MOST_NAMES:
                unread = Unread(UnreadReason.LIMIT, f"only the first {number} opcodes were searched for operators")
                break
            if isinstance(argument, str):
                # ``pickletools`` gives a global as its module and its name with a blank between them.
                text = argument.replace(" ", ".") if opcode.name in ("GLOBAL", "INST") else argument
                mentions.update((mention, None) for mention in _find_mentions(text))
    except LimitReachedError as error:
        unread = Unread(UnreadReason.LIMIT, f"the table of operators was not searched to its end: {error}")
    except ValueError as error:
        detail = f"the table of operators is damaged: {error}".splitlines()[0]
        unread = Unread(UnreadReason.DAMAGED, detail, Location(key="bytecode.pkl"))
    claim_parsed(window, 0, end)
    yield TorchProgram("torch-bytecode", tuple(mentions))
    if unread is not None:
        yield unread


def _find_mentions(text: str) -> Iterator[TorchMention]:
    """Yield the operator that ``text`` names; if it is the text of a type, the registered C++ classes in it."""
    if _OPERATOR.fullmatch(text):
        yield TorchMention(NameUse.OPERATOR, text[:_LONGEST_NAME], called=True)
    elif "__torch__" in text:
        yield from (TorchMention(NameUse.TYPE, name[:_LONGEST_NAME]) for name in _CLASS.findall(text))
