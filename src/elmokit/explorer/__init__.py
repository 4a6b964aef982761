"""A local page to explore a model: type sentences, see their words in context.

What is computed (``typed_text``, ``explorer``, ``mixing``) knows nothing of the page (``page``, ``lists``,
``map_figure``, ``app``), and neither knows how it is served (``server``).
"""
