"""Programs for a machine, whatever they are called: executables, libraries, installers, shortcuts, packed scripts."""
