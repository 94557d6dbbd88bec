"""Decide whether a call runs the functions that it gets as arguments.

A function of the source that a module hands to a library is not called by importing the module, unless the receiver
calls it there and then. Receivers in the source itself, in an unknown value and in the standard library count as
callers, unless they are known to keep the function for later.
"""

from __future__ import annotations

import sys
from typing import Final

from modelaudit.languages.python.name_tables import CALLBACK_TAKERS
from modelaudit.languages.python.values import ExternalName, LocalDefinition, PartialCall, Value, list_alternatives

_MOST_VALUES: Final = 64
_CALLING: Final = CALLBACK_TAKERS | {
    *("map", "imap", "imap_unordered", "starmap", "map_async", "starmap_async", "filter", "reduce", "foreach", "apply"),
    *("applymap", "transform", "agg", "aggregate", "pipe", "vectorize", "frompyfunc", "fromfunction", "sort", "sorted"),
    *("apply_along_axis", "apply_over_axes", "piecewise", "map_batches", "map_elements", "map_rows", "map_blocks"),
    *("map_partitions", "map_fn", "map_structure", "map_structure_up_to", "tree_map", "tree_multimap", "vmap", "pmap"),
    *("scan", "while_loop", "fori_loop", "cond", "switch", "pure_callback", "io_callback", "py_function", "checkpoint"),
    *("tree_map_", "tree_map_only", "tree_map_only_", "tree_map_with_path", "tree_all", "tree_all_only", "tree_any"),
    *("tree_any_only", "map_only", "map_", "apply_", "map_nested", "recursively_apply", "broadcast_map"),
    *("numpy_function", "py_func", "eval_shape", "make_jaxpr", "from_generator", "run", "run_sync", "run_async"),
    *("run_until_complete", "run_in_threadpool", "run_in_process", "create_task", "ensure_future", "gather", "spawn"),
    *("start", "start_processes", "start_soon", "launch", "elastic_launch", "notebook_launcher", "debug_launcher"),
    *("call", "invoke", "execute", "retry", "retry_call", "call_function", "with_retries", "timeit", "repeat"),
    *("blocked_autorange", "benchmark", "do_bench", "profile", "runcall", "runfunc", "trace", "wrapper", "main"),
    *("sub", "subn", "minimize", "root", "curve_fit", "quad", "fsolve", "fmin", "optimize", "enable"),
    *("solve_ivp", "solve_bvp", "odeint", "least_squares", "leastsq", "newton", "brentq", "brenth", "bisect", "ridder"),
    *(
        "fixed_point",
        "root_scalar",
        "minimize_scalar",
        "differential_evolution",
        "dual_annealing",
        "basinhopping",
        "shgo",
    ),
    *("brute", "quad_vec", "dblquad", "tplquad", "nquad", "approx_fprime", "check_grad", "fmin_bfgs", "fmin_l_bfgs_b"),
    *(
        "generic_filter",
        "generic_filter1d",
        "geometric_transform",
        "labeled_comprehension",
        "thread_map",
        "process_map",
    ),
    *("p_map", "t_map", "p_umap", "run_parallel", "grad_and_value", "make_fx", "jacobian", "hessian", "hvp", "vhp"),
    *("gradcheck", "linearize", "value_and_grad", "custom_partitioning", "host_callback", "measure", "bootstrap"),
    *("permutation_test", "monte_carlo_test", "cross_val_score", "run_once", "run_and_report", "memory_usage"),
    *("settrace", "setprofile", "addaudithook", "register_loader", "fire", "Fire"),
}
"""Functions and methods, by their last name, that call the functions passed to them at once."""

_KEEPING: Final = frozenset({"set_defaults", "add_parser", "signal", "wraps", "update_wrapper", "singledispatch"})
"""Functions and methods of the standard library, by their last name, that keep a function for a later event."""

_WRAPPERS: Final = frozenset(
    {"functools.partial", "functools.partialmethod", "functools.lru_cache", "functools.cache", "builtins.staticmethod",
     "builtins.classmethod", "builtins.property"}
)  # fmt: skip
"""Functions whose result calls the function that they get; the receiver of the result decides."""


def find_keeper(callee: Value) -> str:
    """Return the full name of the function of a library that gets a function and may keep it.

    Returns:
        Empty if the callee, or one of those that it may be, counts as one that calls its arguments.
    """
    callees = list_alternatives(callee)
    names = [each.name for each in callees if isinstance(each, ExternalName) and _may_keep(each.name)]
    return names[0] if names and len(names) == len(callees) else ""


def _may_keep(name: str) -> bool:
    """Whether the function of this full name is not known to call the functions that it gets."""
    package, last_name = name.partition(".")[0], name.rpartition(".")[2]
    if package in sys.stdlib_module_names or package in ("builtins", "*", ""):
        return last_name in _KEEPING
    return last_name not in _CALLING


def is_caller(callee: Value) -> bool:
    """Whether the callee is a function of another module that is known to call the functions that it gets."""
    return isinstance(callee, ExternalName) and callee.name.rpartition(".")[2] in _CALLING


def is_wrapper(callee: Value) -> bool:
    """Whether the callee returns something that calls the function that it gets, such as ``functools.partial``."""
    return isinstance(callee, ExternalName) and callee.name in _WRAPPERS and not callee.is_result


def list_functions(value: Value) -> list[LocalDefinition]:
    """List the functions and classes of the source that a value may be, or may call with bound arguments."""
    functions: list[LocalDefinition] = []
    waiting = [value]
    # Partial calls of alternatives that are partial calls double with each level.
    for _ in range(_MOST_VALUES):
        if not waiting:
            break
        for each in list_alternatives(waiting.pop()):
            if isinstance(each, LocalDefinition):
                functions.append(each)
            elif isinstance(each, PartialCall):
                waiting.append(each.callee)
    return functions
