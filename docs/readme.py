"README.md from nbs/index.ipynb: `python docs/readme.py` writes it, `--check` says whether it is up to date."
import re
import sys

from house import ROOT
from prepare import convert, read_notebook, source

HEAD = '<!-- Made from nbs/index.ipynb by `make export`. Edit the notebook. -->\n'
LOCAL = re.compile(r'\]\((?!https?:|#)([^)]+)\)')


def block(cell: dict) -> str:
    "A cell of the notebook as Markdown"
    text = source(cell)
    return text if cell['cell_type'] == 'markdown' else f'```python\n{text}\n```'


def readme() -> str:
    "The whole of README.md"
    cells = [new for cell in read_notebook(ROOT/'nbs'/'index.ipynb')['cells'] for new in convert(cell)]
    return HEAD + LOCAL.sub(r'](nbs/\1)', '\n\n'.join(block(c) for c in cells)) + '\n'


def main() -> int:
    "Write README.md, or compare"
    path = ROOT/'README.md'
    if '--check' in sys.argv: return int(path.read_text(encoding='utf-8') != readme())
    path.write_text(readme(), encoding='utf-8')
    return 0


if __name__ == '__main__': sys.exit(main())
