"""The value types that all packages share: frozen, slotted, without behaviour beyond their own invariants."""
