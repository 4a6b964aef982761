"""What the commands share: progress bars, options, output for a terminal."""
