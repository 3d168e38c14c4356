# SPDX-License-Identifier: GPL-2.0
"""How Sphinx makes pages of this folder (`make htmldocs`)."""

project = "rigb"
# Beside the text there are only its programs' names: no version, no authors.
html_show_copyright = False
html_show_sourcelink = False
html_theme = "alabaster"
html_theme_options = {
    "description": "SR-IOV for Linux in Rust",
    "fixed_sidebar": True,
    "page_width": "70em",
}
# `x` is text of a program here, as in the kernel's documentation.
default_role = "code"
highlight_language = "none"
nitpicky = True
