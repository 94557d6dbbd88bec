"""The bytes of a tensor, which its loader copies into memory as numbers whatever they are."""
