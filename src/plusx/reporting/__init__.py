"""A run's page: what was learned, how well, and where it fails."""
