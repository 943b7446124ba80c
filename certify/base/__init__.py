"""The base of all packages: arrays, observed entries, time, checkpoints, arithmetic."""
