"""The tests, in the rooms of the code. They use real servers, which conftest.py starts."""
