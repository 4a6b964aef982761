"""The file formats of models and vectors, one module or package per format.

A format of models is a module with ``matches``, ``read`` and, where elmokit can write it, ``write``; see
:class:`~elmokit.formats.stored.Format`. No format uses another one.
"""
