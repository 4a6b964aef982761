"""Local files: atomic writing, checksums, memory maps, archives and the cache directory."""
