"""Reading bilm-tf's training directories: TensorFlow checkpoints, without TensorFlow."""
