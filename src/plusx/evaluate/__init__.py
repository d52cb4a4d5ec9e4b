"""The scores of an archive on an engine."""
