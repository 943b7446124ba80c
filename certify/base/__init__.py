"""What every other package uses: arrays, observed entries, time, checkpoints, arithmetic."""
