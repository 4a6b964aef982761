"""Reading the models of ELMoForManyLangs (Che et al. 2018).

A directory holds ``config.json``, which names a second file of settings; ``char.dic`` and ``word.dic``, with
lines ``entry<TAB>id``; and the tensors in ``token_embedder.pkl`` and ``encoder.pkl``.
"""
