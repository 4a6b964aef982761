"""A local page for exploring a model: type sentences and see their words in context.

The computations (``typed_text``, ``word_splitting``, ``explored_text``, ``mixing``, ``explorer``) do not
depend on the questions that the page asks (``questions``, ``answers``), and neither depends on how they are
served (``server``). The page itself is in :mod:`elmokit.viewer`.
"""
