"""The commands: one module for each, which parses options, calls the package and prints. No logic."""
