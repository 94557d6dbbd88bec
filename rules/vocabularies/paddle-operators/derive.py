"""Derive the list of trusted operators of PaddlePaddle from the operators of an installed paddle.

Run it where paddlepaddle is installed, and review the difference::

    python rules/vocabularies/paddle-operators/derive.py

Programs of paddle 2 use the names of its registry. Programs of paddle 3 add a dialect, such as ``pd_op``; these names
are whole strings in the library. Operators compute on their inputs. Those that access files, other machines, Python
or other engines are left out; they are listed in ``dangerous.yaml`` or stay unlisted.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path

import paddle
import yaml
from paddle.base import core, libpaddle

HERE = Path(__file__).resolve().parent
# Names without their dialect, such as "py_func", "load_combine", "read_file", "c_allreduce_sum" or "listen_and_serv".
LEFT_OUT = re.compile(
    r"py_func|pylayer|run_program|^(save|load)(_combine)?$|read_file|py_reader|double_buffer_reader|^read$|engine|listen"
    r"|fusion_group|^ap_|_comm_init|comm_init|gen_\w*id$|^(send|recv)_v2|^p_(send|recv)|^partial_(send|recv|allgather)"
    r"|barrier|global_(gather|scatter)|all_?gather|all_?reduce|all_?to_?all|reduce_scatter|^broadcast$|^c_(?!embedding|id)"
    r"|^reduce$|distributed|dgc|custom|share_var|fused_multi_transformer_int8|^memcpy_d2h_multi"
)
# A name with its dialect as a whole C string of the library, between two zero bytes: "pd_op.conv2d".
NAME = re.compile(rb"\0((?:pd_op|cf|builtin)\.[a-z][a-z0-9_]{2,60})(?=\0)")
# Operators for the structure of a program; the library composes most of these names from parts.
STRUCTURE = {
    *("builtin.combine", "builtin.constant", "builtin.group", "builtin.insert_slice", "builtin.module"),
    *("builtin.parameter", "builtin.set_parameter", "builtin.shadow_output", "builtin.slice", "builtin.split"),
    *("cf.has_elements", "cf.stack_create", "cf.tuple_pop", "cf.tuple_push", "cf.yield", "pd_op.if", "pd_op.while"),
}
WHY = "computes on its input tensors, or runs blocks of its own program"


def main() -> None:
    """Write ``derived.yaml``."""
    dangerous = yaml.safe_load((HERE / "dangerous.yaml").read_text(encoding="utf-8"))["dangerous"]
    listed = {name for part in dangerous for alike in part.get("alike", ()) for name in alike["names"]}
    with Path(libpaddle.__file__).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        strings = {match.group(1).decode() for match in NAME.finditer(data)}
    functions = {f"pd_op.{name}" for name in dir(paddle._C_ops) if re.fullmatch(r"[a-z]\w+", name)}
    names = {*core.get_all_op_names(), *strings, *functions, *STRUCTURE}
    # A final underscore marks the variant of an operator that changes its input in place.
    bare_names = {name: name.rpartition(".")[2].rstrip("_") for name in names - listed}
    trusted = sorted(name for name, bare_name in bare_names.items() if not LEFT_OUT.search(bare_name))
    lines = [
        f"# Derived by derive.py from PaddlePaddle {paddle.__version__}; change that, not this.",
        "library: paddlepaddle",
        "trusted:",
        "  alike:",
        f'    - why: "{WHY}"',
        "      names:",
        *(f'        - "{name}"' for name in trusted),
    ]
    (HERE / "derived.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
