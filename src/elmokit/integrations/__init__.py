"""ELMo in the interfaces of other libraries: one module for each, behind the extra of its name."""
