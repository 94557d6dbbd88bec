"""The answers of licence clauses to an intended use, and the duties that the use triggers.

In come the licences that bind, clause by clause, and the intended use of the policy. Out come one answer (``allow``,
``review`` or ``deny``) with its reasons, the duties with the files that meet them, and the clauses that one licence has
and another lacks.
"""
