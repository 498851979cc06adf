"""The version, in a module of its own so that anything may import it."""

__version__ = "1.0.0rc1"
