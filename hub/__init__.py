"""Microgrid Hub: a small core that carries messages between plugins.

Importing this package is cheap on purpose: nothing heavier than the standard library is loaded
until the part that needs it is asked for.
"""

__version__ = "0.1.0"
