"""Many inputs -> answers. NumPy alone: an engine decides what else is needed."""
