"""A local page for exploring a model: type sentences and see their words in context.

The computations (``typed_text``, ``explored_text``, ``mixing``, ``explorer``) do not depend on the page
(``page``, ``sentences``, ``cards``, ``parts``, ``map_figure``, ``callbacks``, ``app``), and neither depends
on how the page is served (``server``).
"""
