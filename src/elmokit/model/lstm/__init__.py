"""The LSTM layer with projection and clipping, and the implementations of its computation."""
