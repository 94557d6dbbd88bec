"""Judge facts: lay structures out as subjects, and match subjects against rules.

Readers yield structures, which state facts and judge nothing. ``subjects.build_subjects`` turns the structures of one
artifact into subjects with a standing for each name. ``engine.judge_subjects`` matches subjects against rules and
returns findings and the absences that remain.
"""
