"""Proves that a first-boot program acts exactly once."""
