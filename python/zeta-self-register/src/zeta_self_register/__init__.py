"""Registers a freshly installed node in its GitOps repository by exactly one pull request."""

__version__ = "0.1.0"
