"""The biLM, complete: character encoder, projected LSTMs, softmax.

Letters of every shape in this package:

==  =====================================================================
B   lanes: the sentences or streams that are read side by side (batch)
T   time steps
N   packed positions: all (lane, step) pairs that exist, time-major; N = B·T
    when every lane is full
U   distinct word types of a batch
C   characters of a word, places of its row
A   symbols of the alphabet
E   width of a character embedding
F   number of convolution filters, all widths together
H   width of an LSTM cell
P   width of a projection, and of a token vector
L   layers, the token layer included
V   words of the vocabulary
S   sampled candidates
D   width of a biLM layer, directions·P
==  =====================================================================
"""
