"""Files to batches. Knows nothing of networks."""
