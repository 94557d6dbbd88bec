"""Temporary files of the suite lie in memory only where the system has the room."""

from __future__ import annotations

from pathlib import Path

from support.temporary_files import has_room


def test_memory_is_used_only_where_it_has_room_and_files_can_be_written(tmp_path: Path) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal: 2 kB\nMemAvailable: 1 kB\n")
    assert has_room(tmp_path, 1024, memory)
    assert not has_room(tmp_path, 1025, memory)
    assert not has_room(Path("/proc"), 1, memory)  # it has no room at all
    assert not has_room(tmp_path / "absent", 0, memory)
    assert not has_room(tmp_path, 0, tmp_path / "absent")
    memory.write_text("MemTotal: 2 kB\n")
    assert not has_room(tmp_path, 0, memory)
