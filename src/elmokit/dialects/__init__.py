"""The calls of AllenNLP, bilm-tf, TF-Hub's module and simple_elmo, over the one implementation here.

Names, arguments, shapes and keys are theirs; docs/migration.md says where a result differs on purpose.
"""
