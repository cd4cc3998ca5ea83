"""Settings of the web edition, as Sphinx reads them."""

from minitorch_attn import __version__

project = "minitorch_attn"
version = release = __version__
author = "The minitorch_attn authors"
copyright = f"2026, {author}"
html_title = "Attention from scratch"
html_short_title = html_title
language = "en"
extensions = ["myst_nb", "minitorch_attn.course.web.pages"]
nitpicky = True

# What the chapters are written in, and no more; their cells were executed by `make book`.
myst_enable_extensions = ["dollarmath"]
myst_dmath_double_inline = True
myst_dmath_allow_labels = False
myst_heading_anchors = 4
myst_heading_slug_func = "minitorch_attn.course.sources.text.slug"
myst_update_mathjax = False
myst_url_schemes = {
    "http": None,
    "https": None,
    "mailto": None,
    "lecture": "lectures/{{path}}.html",
}
nb_execution_mode = "off"
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
html_math_renderer = "katex"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["katex/katex.min.css", "cjk.css", "style.css"]
html_js_files = ["site.js"]
html_favicon = "static/favicon.svg"
html_copy_source = False
html_use_index = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # it would ask for each page, which no browser lets a file do

epub_title = html_title
epub_basename = "attention_from_scratch"
epub_identifier = epub_uid = "minitorch_attn-attention-from-scratch"
epub_show_urls = "no"
epub_css_files = ["style.css"]  # formulas are MathML, and a reader of books has its own fonts
epub_tocscope = "includehidden"
