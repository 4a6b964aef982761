"""Bytes on this disk: files that appear whole, checksums, memory maps, archives, the cache."""
