"How Sphinx builds the documentation. Nothing on the pages is fetched from another host."
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

ini = ConfigParser(delimiters=['='])
ini.read(Path(__file__).parents[1]/'settings.ini', encoding='utf-8')
project, author = ini['DEFAULT']['lib_name'], ini['DEFAULT']['author']
copyright, release = ini['DEFAULT']['copyright'], ini['DEFAULT']['version']

extensions = ['myst_nb']
html_theme = 'pydata_sphinx_theme'
html_title = project
html_math_renderer = 'mathml'
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {'show_prev_next': True, 'navigation_with_keys': False, 'secondary_sidebar_items': ['page-toc']}
html_static_path = ['_static']
html_css_files = ['matnb.css']
nb_execution_mode = 'off'
nb_ipywidgets_js: dict[str, Any] = {}
myst_enable_extensions = ['dollarmath', 'attrs_inline', 'colon_fence']
suppress_warnings = ['mystnb.unknown_mime_type']


def write_math(self: Any, node: nodes.math | nodes.math_block) -> None:
    "Formulas as MathML, which browsers draw themselves: no script, no fonts from elsewhere"
    block = isinstance(node, nodes.math_block)
    self.body.append(tex2mathml(node.astext(), as_block=block))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    "Make MathML known to Sphinx"
    app.add_html_math_renderer('mathml', (write_math, None), (write_math, None))
