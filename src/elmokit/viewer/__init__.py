"""The viewer of word maps: a small front end of plain ES modules, and the pages that are made of it.

``assets/`` holds the modules and style sheets, which need no build step: the explorer serves them as they
are, and :func:`elmokit.viewer.bundle.bundle` joins them for a page in a single file.
"""
