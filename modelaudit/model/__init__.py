"""The value types that every room speaks in: frozen, slotted, without behaviour beyond their own invariants."""
