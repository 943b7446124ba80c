"""From a candidate to better factors: at its own size, then at any."""
