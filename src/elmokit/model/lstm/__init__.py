"""The LSTM layer with projection and clipping, and its implementations."""
