"""What each opcode of protocols 0 to 5 does to the machine (``pickletools``; PEP 307, 3154, 574)."""

from __future__ import annotations

import _compat_pickle
import pickletools
from typing import Final

from modelaudit.formats.pickles.pickle import PickleDefect
from modelaudit.formats.pickles.pickle.arrays import note_items, note_state
from modelaudit.formats.pickles.pickle.constants import (
    byte_array,
    constant,
    cut,
    next_buffer,
    nothing,
    number,
    sized,
    text_line,
)
from modelaudit.formats.pickles.pickle.machine import Handler, Machine
from modelaudit.formats.pickles.pickle.values import Box, Slot, Stretch, acting, items_of
from modelaudit.model.pickle import STATE_OWNER, Act, Name, Unknown
from modelaudit.wire.base import DamagedError

# -- stack and memo -------------------------------------------------------------------------------------------------


def _mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))
    machine.marked()


def _pop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.pop()


def _pop_mark(machine: Machine) -> None:
    machine.pop_mark_unseen()


def _dup(machine: Machine) -> None:
    value = machine.top()
    machine.stack.append(value)
    if isinstance(value, Name):
        machine.uses[value] += 1


def _index(machine: Machine, width: int) -> int:
    if width == 1 and machine.pos < len(machine.buffer):
        machine.pos += 1
        return machine.buffer[machine.pos - 1]
    if width:
        return int.from_bytes(machine.take(width), "little")
    line, whole = machine.take_line()
    if not whole:
        raise DamagedError("a memo index of thousands of digits", machine.at)
    number, nul, _ = line.partition(b"\0")
    if nul:
        # CPython's own unpickler reads as far as the zero byte, the one written in Python raises.
        machine.defect(PickleDefect.AMBIGUOUS_NUMBER, "a memo index with a zero byte in it")
    try:
        return int(number)
    except ValueError:
        machine.defect(PickleDefect.LITERAL_INVALID, "a memo index that is no number")
        return -1


def _get(width: int) -> Handler:
    def recall(machine: Machine) -> None:
        machine.recall(_index(machine, width))

    return recall


def _put(width: int) -> Handler:
    def remember(machine: Machine) -> None:
        machine.remember(_index(machine, width))

    return remember


def _memoize(machine: Machine) -> None:
    machine.memoize()


# -- containers -----------------------------------------------------------------------------------------------------


def _empty(kind: str) -> Handler:
    def push(machine: Machine) -> None:
        machine.stack.append(Box(kind))

    return push


def _sequence(kind: str) -> Handler:
    def push(machine: Machine) -> None:
        values = machine.pop_mark() if kind == "tuple" else machine.pop_mark_unseen()
        machine.stack.append(_boxed(kind, values))

    return push


def _tuple(count: int) -> Handler:
    def push(machine: Machine) -> None:
        values = [machine.pop() for _ in range(count)]
        machine.stack.append(_boxed("tuple", values[::-1]))

    return push


def _boxed(kind: str, values: list[Slot]) -> Box:
    box = Box(kind)
    if kind == "tuple":
        box.fill(values)
    else:
        box.extend(values)
    return box


def _dict(machine: Machine) -> None:
    box = Box("dict")
    _set_pairs(machine, "DICT", box, machine.pop_mark())
    machine.stack.append(box)


def _set_item(machine: Machine) -> None:
    value = machine.pop()
    key = machine.pop()
    _set_pairs(machine, "SETITEM", machine.top(), [key, value])


def _set_items(machine: Machine) -> None:
    pairs = machine.pop_mark_unseen()
    target = machine.top()
    if type(target) is not Box:
        machine.act(Act.SET_ITEM, "SETITEMS", target, tuple(pairs[:64]))
    elif len(pairs) == 1 and type(pairs[0]) is Stretch:
        target.unseen = True
    else:
        # What is plain beside something that is not is followed: its last value may be the key of that.
        _set_pairs(machine, "SETITEMS", target, machine.followed(pairs))


def _set_pairs(machine: Machine, opcode: str, target: Slot, pairs: list[Slot]) -> None:
    if not pairs:
        return  # to every loader this is nothing at all, whatever the target
    if len(pairs) % 2:
        machine.defect(PickleDefect.ODD_ITEMS, f"{opcode} with a key that has no value")
    if type(target) is Box and target.type == "dict":
        if target.is_state:
            note_items(machine, target)
        acts = False
        for index in range(0, len(pairs) - 1, 2):
            acts = target.put(pairs[index], pairs[index + 1]) or acts
        if acts and target.is_state:
            # An object may have kept its state by reference, and gets this too.
            machine.act(Act.SET_STATE, opcode, STATE_OWNER, (target,), acting(target))
    elif type(target) is Box:
        if target.type == "list":
            target.extend(pairs[1::2])
        else:
            machine.defect(PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, which has no items to set")
    else:
        machine.act(Act.SET_ITEM, opcode, target, tuple(pairs[:64]))


def _append(machine: Machine) -> None:
    value = machine.pop()
    _extend(machine, "APPEND", [value])


def _appends(machine: Machine) -> None:
    _extend(machine, "APPENDS", machine.pop_mark_unseen())


def _add_items(machine: Machine) -> None:
    _extend(machine, "ADDITEMS", machine.pop_mark_unseen())


def _extend(machine: Machine, opcode: str, values: list[Slot]) -> None:
    target = machine.top()
    if not values:
        return
    if type(target) is Box:
        if target.type == ("set" if opcode == "ADDITEMS" else "list"):
            target.extend(values)
        else:
            machine.defect(PickleDefect.WRONG_TARGET, f"{opcode} on a {target.type}, to which it cannot add")
    else:
        machine.act(Act.SET_ITEM, opcode, target, tuple(values[:64]))


# -- names ----------------------------------------------------------------------------------------------------------


def _name_line(machine: Machine) -> str | None:
    line, whole = machine.take_line()
    try:
        return line.decode("utf-8") if whole else None
    except UnicodeDecodeError:
        return None


def _found(machine: Machine, opcode: str, module: Slot, qualname: Slot) -> Name | Unknown:
    found: Name | Unknown
    if isinstance(module, str) and isinstance(qualname, str):
        found = _renamed(module, qualname) if machine.protocol < 3 else Name(module, qualname)
    else:
        found = Unknown("a name that is only known when the file is loaded")
    machine.act(Act.IMPORT, opcode, found)
    if isinstance(found, Name):
        machine.uses[found] += 1
    return found


def _renamed(module: str, qualname: str) -> Name:
    """The Python 3 name that ``fix_imports`` makes of a Python 2 one."""
    pair = _compat_pickle.NAME_MAPPING.get((module, qualname))
    if pair:
        return Name(*pair)
    return Name(_compat_pickle.IMPORT_MAPPING.get(module, module), qualname)


def _global(machine: Machine) -> None:
    module = _name_line(machine)
    machine.stack.append(_found(machine, "GLOBAL", module, _name_line(machine)))


def _stack_global(machine: Machine) -> None:
    qualname = machine.pop()
    module = machine.pop()
    machine.stack.append(_found(machine, "STACK_GLOBAL", module, qualname))


def _extension(width: int) -> Handler:
    def push(machine: Machine) -> None:
        code = int.from_bytes(machine.take(width), "little")
        machine.act(Act.EXTENSION, f"EXT{width}", Unknown(f"extension code {code}"))
        machine.stack.append(Unknown(f"extension code {code}"))

    return push


def _persistent_line(machine: Machine) -> None:
    line, whole = machine.take_line()
    if not (line.isascii() and line.decode("ascii").isprintable()):
        machine.defect(PickleDefect.TEXT_INVALID, "a persistent id that is not printable ASCII")
    _persistent(machine, "PERSID", line.decode("ascii", "replace") if whole else cut("str", line))


def _persistent_top(machine: Machine) -> None:
    _persistent(machine, "BINPERSID", machine.pop())


def _persistent(machine: Machine, opcode: str, id_: Slot) -> None:
    machine.act(Act.PERSISTENT_LOAD, opcode, Unknown("persistent object"), (id_,))
    given = items_of(id_)
    # torch before zip names a module's class this way, with its source (torch.serialization, persistent_load).
    is_class = len(given) > 1 and given[0] == "module" and isinstance(given[1], Name)
    value = Unknown("persistent object")
    machine.storages.claimed(given, value, machine.at)
    if is_class:
        machine.uses[given[1]] += 1  # type: ignore[index]
    machine.stack.append(given[1] if is_class else value)


# -- acts -----------------------------------------------------------------------------------------------------------


def _reduce(machine: Machine) -> None:
    arguments = machine.pop()
    machine.called("REDUCE", machine.pop(), arguments)


def _new_object(machine: Machine) -> None:
    arguments = machine.pop()
    machine.called("NEWOBJ", machine.pop(), arguments, Act.CONSTRUCT)


def _new_object_ex(machine: Machine) -> None:
    keywords = machine.pop()
    arguments = machine.pop()
    cls = machine.pop()
    machine.called("NEWOBJ_EX", cls, [*items_of(arguments), keywords], Act.CONSTRUCT)


def _object(machine: Machine) -> None:
    values = machine.pop_mark()
    if not values:
        machine.defect(PickleDefect.STACK_UNDERFLOW, "OBJ without a class")
        values = [Unknown("a class missing from the stack")]
    machine.called("OBJ", values[0], values[1:])


def _instance(machine: Machine) -> None:
    module = _name_line(machine)
    found = _found(machine, "INST", module, _name_line(machine))
    machine.called("INST", found, machine.pop_mark())


def _build(machine: Machine) -> None:
    state = machine.pop()
    target = machine.top()
    machine.act(Act.SET_STATE, "BUILD", target, (state,), acting(state))
    if isinstance(state, Box):
        state.is_state = True
        for _, part in state.pairs():
            if isinstance(part, Box):
                part.is_state = True
    note_state(machine, target, state)


def _protocol(machine: Machine) -> None:
    machine.protocol = machine.take(1)[0]
    if machine.protocol > 5:
        machine.defect(PickleDefect.PROTOCOL_UNKNOWN, f"protocol {machine.protocol} does not exist")


def _frame(machine: Machine) -> None:
    size = int.from_bytes(machine.take(8), "little")
    machine.frame = machine.offset + size
    if machine.offset + size > machine.size:
        machine.defect(
            PickleDefect.FRAME_TOO_LONG, f"a frame of {size} bytes where {machine.size - machine.offset} are left"
        )


def _stop(machine: Machine) -> bool:
    machine.result = machine.pop()
    return True


_HANDLERS: Final[dict[str, Handler]] = {
    "MARK": _mark, "STOP": _stop, "POP": _pop, "POP_MARK": _pop_mark, "DUP": _dup,
    "NONE": constant(None), "NEWTRUE": constant(True), "NEWFALSE": constant(False),
    "INT": text_line("int"), "LONG": text_line("int"), "FLOAT": text_line("float"),
    "STRING": text_line("quoted"), "UNICODE": text_line("str"),
    "BININT": number("<i"), "BININT1": number("<B"), "BININT2": number("<H"), "BINFLOAT": number(">d"),
    "LONG1": sized("int", "<B"), "LONG4": sized("int", "<i"),
    "BINSTRING": sized("latin", "<i"), "SHORT_BINSTRING": sized("latin", "<B"),
    "BINBYTES": sized("bytes", "<I"), "SHORT_BINBYTES": sized("bytes", "<B"), "BINBYTES8": sized("bytes", "<Q"),
    "BINUNICODE": sized("str", "<I"), "SHORT_BINUNICODE": sized("str", "<B"), "BINUNICODE8": sized("str", "<Q"),
    "BYTEARRAY8": byte_array, "NEXT_BUFFER": next_buffer, "READONLY_BUFFER": nothing,
    "EMPTY_LIST": _empty("list"), "EMPTY_DICT": _empty("dict"), "EMPTY_SET": _empty("set"),
    "EMPTY_TUPLE": _empty("tuple"), "LIST": _sequence("list"), "TUPLE": _sequence("tuple"),
    "FROZENSET": _sequence("frozenset"), "DICT": _dict,
    "TUPLE1": _tuple(1), "TUPLE2": _tuple(2), "TUPLE3": _tuple(3),
    "APPEND": _append, "APPENDS": _appends, "ADDITEMS": _add_items, "SETITEM": _set_item, "SETITEMS": _set_items,
    "GET": _get(0), "BINGET": _get(1), "LONG_BINGET": _get(4),
    "PUT": _put(0), "BINPUT": _put(1), "LONG_BINPUT": _put(4), "MEMOIZE": _memoize,
    "GLOBAL": _global, "STACK_GLOBAL": _stack_global, "INST": _instance,
    "EXT1": _extension(1), "EXT2": _extension(2), "EXT4": _extension(4),
    "PERSID": _persistent_line, "BINPERSID": _persistent_top,
    "REDUCE": _reduce, "NEWOBJ": _new_object, "NEWOBJ_EX": _new_object_ex, "OBJ": _object, "BUILD": _build,
    "PROTO": _protocol, "FRAME": _frame,
}  # fmt: skip


def _invalid(machine: Machine) -> None:
    raise DamagedError(f"byte 0x{machine.buffer[machine.op]:02x} is no pickle opcode", machine.at)


def _dispatch() -> list[Handler]:
    table: list[Handler] = [_invalid] * 256
    for opcode in pickletools.opcodes:
        table[ord(opcode.code)] = _HANDLERS[opcode.name]
    return table


DISPATCH: Final = _dispatch()
"""Handler by opcode byte; building it fails if an opcode of the running Python has no handler."""


def is_opcode(byte: int) -> bool:
    """Whether a byte is the opcode of any protocol."""
    return DISPATCH[byte] is not _invalid
