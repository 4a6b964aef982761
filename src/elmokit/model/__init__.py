"""The biLM: character encoder, projected LSTMs and softmax.

Letters that shapes in this package use:

==  =====================================================================
B   batch rows: the sentences or streams that are read side by side
T   time steps
N   packed positions: all (row, step) pairs that exist, time-major; N = B·T
    if every row is full
U   distinct word types of a batch
C   characters per word, including padding
A   symbols of the alphabet
E   width of a character embedding
F   number of convolution filters, summed over their widths
H   width of an LSTM cell
P   width of a projection, and of a token vector
L   layers, including the token layer
V   words of the vocabulary
S   sampled candidates
D   width of a biLM layer: P times the number of directions
==  =====================================================================
"""
