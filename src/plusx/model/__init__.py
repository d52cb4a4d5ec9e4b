"""Networks. This room knows nothing of data or training."""
