"""The reader of scripts and of files in which tools find commands: shells, PowerShell, Dockerfiles, Makefiles, git."""
