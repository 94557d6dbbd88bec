"""Check many small cases in one test.

A parametrized test costs more to collect, schedule and report than most cases here cost to run, and every worker of the
suite collects all of them. ``check_each`` makes one test of the cases and names every one that fails.
"""

from __future__ import annotations

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable

import pytest

Cases = Iterable[object] | Callable[[], Iterable[object]]

# The default of 30 characters would not distinguish two paths in the same folder.
_CASE_REPR = reprlib.Repr()
_CASE_REPR.maxstring = _CASE_REPR.maxother = 100


def check_each(names: str, cases: Cases) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the decorated test for every case, as ``pytest.mark.parametrize`` would, within one test.

    Decorators stack, as those of ``parametrize`` do. The cases share the fixtures of the test.

    Args:
        names: the names of the arguments that a case sets, separated by commas.
        cases: for one name its values, for several names a tuple of values each; or a function that returns them,
            which is called when the test runs.
    """
    arguments = [name.strip() for name in names.split(",")]

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: object) -> None:
            failures, count = [], 0
            for case in cases if isinstance(cases, Iterable) else cases():
                values = case if len(arguments) > 1 else (case,)
                count += 1
                try:
                    test(**fixtures, **dict(zip(arguments, values, strict=True)))  # type: ignore[call-overload]
                except (AssertionError, pytest.fail.Exception) as failure:
                    failures.append(f"{_name_case(count, case)}: {failure}")
                except Exception as error:
                    error.add_note(f"in {_name_case(count, case)}")
                    raise
            assert count, "there is no case"
            if failures:
                pytest.fail(f"{len(failures)} of {count} cases fail:\n" + "\n".join(failures))

        # pytest passes a fixture for each parameter of the signature, so the arguments of the cases are left out.
        signature = inspect.signature(test)
        fixture_parameters = [each for name, each in signature.parameters.items() if name not in arguments]
        run.__signature__ = signature.replace(parameters=fixture_parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _name_case(number: int, case: object) -> str:
    """Return the number of a case, from 1, and its values; the number distinguishes long values that are shortened."""
    return f"case {number}, {_CASE_REPR.repr(case)}"
