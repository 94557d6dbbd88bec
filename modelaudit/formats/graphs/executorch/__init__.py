"""Programs of ExecuTorch: the operators and backends that they name, and whether segments and indices stay inside."""
