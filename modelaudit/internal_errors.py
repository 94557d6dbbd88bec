"""Convert a defect of modelaudit to an error that names it, so that it is never mistaken for a result.

Only this module and the pipeline catch all exceptions. It imports little, because every command needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from modelaudit.model.errors import InternalError, ModelAuditError

_Result = TypeVar("_Result")


def convert_internal_errors(action: Callable[[], _Result], task: str) -> _Result:
    """Run ``action``, and convert an unexpected exception to an ``InternalError``.

    The message states that modelaudit failed while ``task``, such as "scanning 'model'".

    Raises:
        ModelAuditError: ``action`` raised it; it is not changed.
        InternalError: ``action`` raised another exception.
    """
    try:
        return action()
    except ModelAuditError:
        raise
    except MemoryError as error:
        raise InternalError(f"memory ran out while {task}; allow modelaudit more memory") from error
    except Exception as bug:
        raise InternalError(f"modelaudit failed while {task}: {type(bug).__name__}: {bug}; please report it") from bug
