"""The proxy: everything between a client's request and Claude's answer. Knows no desktop."""

__version__ = "0.1.0"
