"""What the commands do, for Python: the rooms put together."""
