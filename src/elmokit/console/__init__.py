"""What the commands share: options, progress bars, output for a terminal."""
