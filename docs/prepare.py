"""Turn the notebooks into the sources of the documentation: `python docs/prepare.py` fills docs/_src.

A page shows what its notebook shows, code included, since the short exported cells are the best description there is.
Hidden cells go, directives go, each public name gets an anchor, and each room gets a page that lists its names.
"""
import ast
import hashlib
import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

from house import FLOORS, ROOT, notebooks

OUT = ROOT/'docs'/'_src'
Cell = dict[str, Any]
DIRECTIVE = re.compile(r'^#\|\s*([\w-]+)\b:?[ \t]*(.*)$', re.M)
TAGS = {('echo', 'false'): 'remove-input', ('output', 'false'): 'remove-output', ('include', 'false'): 'remove-cell'}


def source(cell: Cell) -> str:
    "The text of a cell, which is a string or a list of lines"
    return ''.join(cell['source'])


def read_notebook(path: Path) -> dict[str, Any]:
    "A notebook as JSON"
    return json.loads(path.read_text(encoding='utf-8'))


def public_definitions(code: str) -> list[ast.FunctionDef | ast.ClassDef]:
    "Functions and classes that a cell defines for others"
    return [n for n in ast.parse(code).body if isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name[0] != '_']


def markdown(text: str) -> Cell:
    "A markdown cell"
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {'cell_type': 'markdown', 'id': name, 'metadata': {}, 'source': text}


def convert(cell: Cell) -> list[Cell]:
    "The cells of the page that stand for one cell of the notebook"
    if cell['cell_type'] != 'code': return [cell]
    said = dict(DIRECTIVE.findall(source(cell)))
    if 'hide' in said or 'default_exp' in said: return []
    code = DIRECTIVE.sub('', source(cell)).strip('\n')
    exported = {'export', 'exports', 'exporti'} & said.keys()
    anchors = [f'<span id="{node.name}"></span>' for node in (public_definitions(code) if exported else [])]
    tags = [tag for (key, value), tag in TAGS.items() if said.get(key, '').strip() == value]
    cell = {**cell, 'source': code, 'metadata': {'tags': cell['metadata'].get('tags', []) + tags}}
    return [markdown('\n'.join(anchors)), cell] if anchors else [cell]


def toctree(pages: list[str], **options: Any) -> str:
    "A table of contents as Sphinx wants it"
    settings = ''.join(f':{key}: {value}\n'.rstrip(' ') for key, value in options.items())
    return f'```{{toctree}}\n{settings}\n' + '\n'.join(pages) + '\n```\n'


def write_page(path: Path, extra: str = '') -> str:
    "Write the page of one notebook; its name within the documentation"
    nb, name = read_notebook(path), path.relative_to(ROOT/'nbs')
    nb['cells'] = [new for cell in nb['cells'] for new in convert(cell)] + ([markdown(extra)] if extra else [])
    (OUT/name).parent.mkdir(parents=True, exist_ok=True)
    (OUT/name).write_text(json.dumps(nb, indent=1), encoding='utf-8')
    return str(name.with_suffix(''))


def names_table(path: Path, page: str) -> str:
    "The public names that a notebook exports, each with its one line and a link to its place"
    cells = [source(c) for c in read_notebook(path)['cells'] if c['cell_type'] == 'code']
    rows = []
    for code in (DIRECTIVE.sub('', c) for c in cells if {'export', 'exports'} & dict(DIRECTIVE.findall(c)).keys()):
        for node in public_definitions(code):
            line = html.escape((ast.get_docstring(node) or '').split('\n')[0])
            link = f'<a href="{page}.html#{node.name}"><code>{node.name}</code></a>'
            rows.append(f'<tr><td>{link}</td><td>{line}</td></tr>')
    return '<table class="table">' + '\n'.join(rows) + '</table>\n' if rows else ''


def write_room(room: str, paths: list[Path]) -> str:
    "Write the page of a room: its notebooks in reading order, and the names that they export"
    pages = [str(p.relative_to(ROOT/'nbs'/room).with_suffix('')) for p in paths]
    parts = [f'# {room.capitalize()}\n', toctree(pages, maxdepth=1)]
    for path, page in zip(paths, pages, strict=True):
        title = source(read_notebook(path)['cells'][0]).split('\n')[0].removeprefix('# ')
        if table := names_table(path, page): parts.append(f'## {title}: names\n\n{table}')
    (OUT/room/'index.md').write_text('\n'.join(parts), encoding='utf-8')
    return f'{room}/index'


def main() -> None:
    "Write all pages"
    shutil.rmtree(OUT, ignore_errors=True)
    top, rooms = [], {room: [] for room in FLOORS}
    for path in notebooks():
        inside = path.relative_to(ROOT/'nbs')
        if inside.name != 'index.ipynb': write_page(path)
        if len(inside.parts) > 1: rooms[inside.parts[0]].append(path)
        elif inside.name != 'index.ipynb': top.append(inside.stem)
    shutil.copytree(ROOT/'nbs'/'pictures', OUT/'pictures')
    pages = top + [write_room(room, paths) for room, paths in rooms.items() if paths]
    for name in ['CONTRIBUTING', 'CHANGELOG']:
        shutil.copy(ROOT/f'{name}.md', OUT/f'{name.lower()}.md')
        pages.append(name.lower())
    write_page(ROOT/'nbs'/'index.ipynb', toctree(pages, hidden='', maxdepth=2))


if __name__ == '__main__': main()
