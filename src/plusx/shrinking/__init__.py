"""A trained network -> a smaller and faster one. Each step is a pure function; `search.py` composes them."""
