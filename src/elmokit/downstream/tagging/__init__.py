"""Sequence tagging: tagged files, spans, scores, and a biLSTM-CRF."""
