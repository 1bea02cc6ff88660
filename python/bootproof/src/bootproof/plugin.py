"""The pytest plugin of bootproof."""
