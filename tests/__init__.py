"""The same rooms again, tested with the real parts: see conftest.py for what starts them."""
