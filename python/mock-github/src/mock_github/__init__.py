"""A GitHub to test against: stateful, faithful, breakable."""
