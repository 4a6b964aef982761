"""The interfaces of AllenNLP, bilm-tf, TF-Hub's module and simple_elmo, on top of elmokit's implementation.

Names, arguments, shapes and keys are those of the other packages; docs/migration.md describes where results
differ on purpose.
"""
