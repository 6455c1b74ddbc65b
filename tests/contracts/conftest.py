"""Without pyrevm, which has no wheel for every Python, the contract itself is not run here."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("pyrevm") else ["test_books.py", "test_differential.py"]
