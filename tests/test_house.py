"The house's own rules: exported and clean, floors, names, sizes, alternative text, cost of import"
import ast
import difflib
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from house import FLOORS, ROOT, notebooks

FORBIDDEN_NAMES = {'utils', 'util', 'helpers', 'helper', 'misc', 'common', 'tools', 'stuff'}
MODULES = sorted((ROOT/'matnb').rglob('*.py'))
HEAVY = {'torch', 'umap', 'bokeh', 'holoviews', 'pandas', 'matplotlib', 'scipy', 'xarray', 'zarr', 'h5py', 'numpy'}


def name_of(path):
    "A file as it is called within the repository"
    return str(path.relative_to(ROOT))


def cells(path, kind='code'):
    "The cells of one kind of a notebook, with their text joined"
    nb = json.loads(path.read_text(encoding='utf-8'))
    return [{**c, 'source': ''.join(c['source'])} for c in nb['cells'] if c['cell_type'] == kind]


def exported_cells(path):
    "The code of the cells that go into the package"
    return [c['source'] for c in cells(path) if re.search(r'^#\|\s*exports?i?\b', c['source'], re.M)]


each_notebook = pytest.mark.parametrize('path', notebooks(), ids=name_of)
each_module = pytest.mark.parametrize('path', MODULES, ids=name_of)


# --- What is committed is what the notebooks say

@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    "A copy of the notebooks, exported into an empty package and cleaned"
    copy = tmp_path_factory.mktemp('export')
    for name in ('settings.ini', 'pyproject.toml'): shutil.copy(ROOT/name, copy)
    shutil.copytree(ROOT/'nbs', copy/'nbs', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
    (copy/'matnb').mkdir()
    for command in ('nbdev_export', 'nbdev_clean'):
        done = subprocess.run([Path(sys.executable).parent/command], cwd=copy, text=True, capture_output=True)
        assert done.returncode == 0, f'{command} failed:\n{done.stdout}{done.stderr}'
    return copy


def difference(ours: Path, made: Path) -> str:
    "How two text files differ, shortened; empty when they are the same"
    texts = [p.read_text(encoding='utf-8').splitlines() if p.exists() else [] for p in (ours, made)]
    lines = list(difflib.unified_diff(*texts, 'as it is', 'as the notebooks say', lineterm='', n=1))
    missing = ' (missing)' if not ours.exists() else ' (no notebook makes it)' if not made.exists() else ''
    return f'{name_of(ours)}{missing}\n' + '\n'.join(lines[:20]) if lines or missing else ''


def test_the_package_is_what_the_notebooks_export(exported):
    names = {p.relative_to(base) for base in (ROOT, exported) for p in (base/'matnb').rglob('*.py')}
    wrong = [d for name in sorted(names) if (d := difference(ROOT/name, exported/name))]
    assert not wrong, 'run `make export` and commit:\n\n' + '\n\n'.join(wrong)


def test_the_notebooks_are_clean(exported):
    names = [p.relative_to(ROOT) for p in notebooks()]
    wrong = [d for name in names if (d := difference(ROOT/name, exported/name))]
    assert not wrong, 'run `make export` (or nbdev_clean) and commit:\n\n' + '\n\n'.join(wrong)


def test_the_readme_is_the_index_notebook():
    from readme import readme
    assert (ROOT/'README.md').read_text(encoding='utf-8') == readme(), 'run `make export` and commit README.md'


def test_the_front_end_in_the_package_is_the_one_beside_the_notebooks():
    from front import copied_files, front_files
    wrong = [name for name, text in {**copied_files(), **front_files()}.items() if copied_files().get(name) != text
             or front_files().get(name) != text]
    assert front_files() and not wrong, f'run `make export` and commit: {", ".join(wrong)}'


def test_names_in_the_front_end_are_unique_since_its_modules_become_one():
    from collections import Counter

    from front import front_files

    from matnb.explorer.front_end import top_level_names
    found = Counter(name for file, text in front_files().items() if file.endswith('.js')
                    for name in top_level_names(text.decode()))
    twice = [name for name, times in found.items() if times > 1]
    assert not twice, f'defined in several modules of nbs/explorer/front: {", ".join(twice)}'


def test_the_version_is_the_same_everywhere():
    import matnb
    version = re.search(r'^version = (.+)$', (ROOT/'settings.ini').read_text(), re.M).group(1)
    assert matnb.__version__ == version
    assert (ROOT/'matnb'/'py.typed').exists(), 'type checkers look for this file'


# --- Notebooks read like chapters

@each_notebook
def test_a_notebook_opens_with_its_title(path):
    first = cells(path, 'markdown')[0]['source']
    text = '\n'.join(c['source'] for c in cells(path, 'markdown')[:2])
    assert re.match(r'# \S', first), f'the first cell is {first[:60]!r}; it should be `# Title`'
    assert re.search(r'^> \S', text, re.M), 'below the title one line says what it is about: `> ...`'


@each_notebook
def test_a_notebook_is_short(path):
    count = len(json.loads(path.read_text(encoding='utf-8'))['cells'])
    assert count <= 60, f'{count} cells; split it at 60'
    size = path.stat().st_size
    assert size < 300_000, f'{size / 1000:.0f} kB; below 300 kB: fewer or smaller figures'


@each_notebook
def test_exported_cells_and_functions_are_short(path):
    for code in exported_cells(path):
        lines = code.count('\n') + 1
        assert lines <= 45, f'an exported cell of {lines} lines, at most 45:\n{code[:200]}'
        for node in ast.walk(ast.parse(code)):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef): continue
            length = node.end_lineno - node.lineno + 1
            assert length <= 50, f'{node.name} has {length} lines, at most 50'


@each_notebook
def test_imports_are_explicit_and_exported_code_does_not_unpickle(path):
    for cell in cells(path):
        assert not re.search(r'^\s*from \S+ import \*', cell['source'], re.M), f'import *:\n{cell["source"][:200]}'
    for code in exported_cells(path):
        found = re.search(r'\bimport (pickle|dill|joblib|cloudpickle)\b|allow_pickle\s*=\s*True', code)
        assert not found, f'{found.group()}: nothing is unpickled here'


# --- What is stored in notebooks

class Images(HTMLParser):
    "Collects what matters from the HTML of an output"

    def __init__(self, text):
        super().__init__()
        self.unnamed, self.active = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        "Images without a text, and whatever runs or loads something"
        given = dict(attrs)
        if tag == 'img' and not (given.get('alt') or '').strip(): self.unnamed.append(str(given)[:80])
        if tag in ('script', 'iframe', 'object', 'embed', 'link', 'base', 'form'): self.active.append(tag)
        self.active += [f'{tag} {key}' for key in given if key.startswith('on')]
        address = (given.get('src') or '').strip().lower()
        if address and not address.startswith('data:image/'): self.active.append(f'{tag} src={address[:60]}')


def outputs(path):
    "Each stored output with the text of each of its forms"
    for i, cell in enumerate(cells(path)):
        for out in cell['outputs']:
            data = out.get('data', {'stream': out.get('text', out.get('evalue', ''))})
            yield i, out, {kind: json.dumps(v) if isinstance(v, dict) else ''.join(v) for kind, v in data.items()}


SHOWN = {'stream', 'text/plain', 'text/html', 'text/markdown', 'text/latex'}


@each_notebook
def test_stored_outputs_are_static_and_have_alternative_text(path):
    for i, _, forms in outputs(path):
        strange = forms.keys() - SHOWN
        assert not strange, (f'code cell {i} stores {", ".join(sorted(strange))}. A figure is wrapped in '
                             f'matnb.corpus.pictures.figure(fig, alt), which gives it a text; widgets are not stored')
        page = Images(forms.get('text/html', ''))
        assert not page.unnamed, f'code cell {i}: an image without alt text: {page.unnamed}'
        assert not page.active, f'code cell {i}: stored HTML that runs or loads something: {page.active}'


@each_notebook
def test_stored_outputs_hold_no_errors_and_no_paths_of_a_machine(path):
    for i, out, forms in outputs(path):
        assert out['output_type'] != 'error', f'code cell {i} stores an error: {out.get("evalue")}'
        assert out.get('name') != 'stderr', f'code cell {i} stores a warning: {forms["stream"][:200]}'
        for text in forms.values():
            found = re.search(r'(?<![\w.])(/(?:home|root|tmp|work|Users)/|[A-Z]:\\Users\\)\S*', text)
            assert not found, f'code cell {i} shows a path of one machine: {found.group()[:80]}'


# --- Rooms and floors

def imports(path):
    "All modules that a module imports, wherever in it, by their full names"
    package = path.relative_to(ROOT).with_suffix('').parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import): yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[:len(package) - node.level + 1]) if node.level else ''
            module = '.'.join(filter(None, [base, node.module or '']))
            yield from (f'{module}.{a.name}' for a in node.names)


def too_high(path):
    "Imports of a room from its own floor or a higher one"
    parts = path.relative_to(ROOT/'matnb').parts
    if len(parts) == 1: return []                       # the top of the house may open any room
    own = parts[0]
    rooms = {name.split('.')[1] for name in imports(path) if name.startswith('matnb.')} - {'__version__'}
    return [r for r in rooms if r != own and FLOORS.get(r, 99) >= FLOORS[own]]


@each_module
def test_rooms_import_only_from_floors_below(path):
    wrong = too_high(path)
    assert not wrong, f'{name_of(path)} imports from {", ".join(wrong)}, which is not on a floor below'


def test_an_import_upwards_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], 'ROOT', tmp_path)
    for room in ('corpus', 'ebsd', 'phases'): (tmp_path/'matnb'/room).mkdir(parents=True)
    code = {'corpus': 'def f():\n    from ..ebsd.patterns import x', 'ebsd': 'from matnb.corpus.store import x',
            'phases': 'import matnb.ebsd.patterns'}
    for room, text in code.items(): (tmp_path/'matnb'/room/'a.py').write_text(text)
    found = {room: too_high(tmp_path/'matnb'/room/'a.py') for room in code}
    assert found == {'corpus': ['ebsd'], 'ebsd': [], 'phases': ['ebsd']}


def test_every_room_is_on_a_floor_and_has_a_telling_name():
    for path in [*notebooks(), *MODULES]:
        inside = path.relative_to(ROOT).parts[1:]
        assert len(inside) == 1 or inside[0] in FLOORS, f'{name_of(path)}: {inside[0]!r} is not in docs/house.py'
        names = {re.sub(r'^\d+_', '', Path(part).stem) for part in inside}
        assert not names & FORBIDDEN_NAMES, f'{name_of(path)}: name it after what it is to a materials scientist'
        if path.suffix == '.ipynb' and path.stem != 'index':
            assert re.match(r'\d\d_', path.name), f'{name_of(path)}: numbered in reading order, `07_topic.ipynb`'


def lacking(node):
    "What a public definition does not say"
    if not ast.get_docstring(node): yield 'a docstring'
    if isinstance(node, ast.ClassDef): return
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ('self', 'cls')]
    if bare: yield f'types of {", ".join(bare)}'
    if node.returns is None: yield 'the type it returns'


@each_module
def test_public_definitions_say_what_they_are(path):
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith('_'):
            wrong = list(lacking(node))
            assert not wrong, f'{name_of(path)}: {node.name} lacks {" and ".join(wrong)}'


# --- The front door

def test_the_front_door_says_the_same_to_python_and_to_type_checkers():
    import matnb
    tree = ast.parse((ROOT/'matnb'/'__init__.py').read_text())
    block = next(n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == 'TYPE_CHECKING')
    declared = {a.asname or a.name: n.module + f':{a.name}' * bool(a.asname) for n in block.body for a in n.names}
    assert declared == {name: f'matnb.{room}' for name, room in matnb._ROOM_OF.items()}
    assert sorted(matnb.__all__) == sorted(declared)
    for name in declared: assert getattr(matnb, name) is not None


LOOK = """
import json, sys, time
started, before = time.perf_counter(), set(sys.modules)
{code}
took = time.perf_counter() - started
memory = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(json.dumps([sorted(set(sys.modules) - before), memory / 1024, took]))
"""


def cost(code):
    "Modules, MB and seconds that a piece of code costs in a fresh Python"
    done = subprocess.run([sys.executable, '-c', LOOK.format(code=code)], check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def test_import_matnb_costs_nothing(measured):
    modules, memory, seconds = cost('import matnb')
    measured(f'import matnb: {seconds:.3f} s, {memory:.0f} MB, {len(modules)} modules')
    assert not HEAVY & set(modules), f'import matnb loads {", ".join(HEAVY & set(modules))}'
    assert memory < 150
    assert len(modules) < 25, f'import matnb loads {len(modules)} modules: {modules}'


def test_the_first_session_names_load_no_network_library_and_no_plots(measured):
    modules, memory, seconds = cost('import matnb\nfor name in matnb.__all__: getattr(matnb, name)')
    measured(f'all names of the first session: {seconds:.2f} s, {memory:.0f} MB, {len(modules)} modules')
    late = {'torch', 'umap', 'bokeh', 'holoviews', 'matplotlib', 'scipy', 'pooch', 'requests', 'datafed'}
    assert not late & set(modules), f'loaded too early: {", ".join(late & set(modules))}'
    assert memory < 300


# --- How tests are run

def test_tests_have_no_network():
    import socket
    import urllib.request
    with pytest.raises(PermissionError, match='no network'): socket.create_connection(('192.0.2.1', 80), timeout=1)
    with pytest.raises(Exception, match='no network'): urllib.request.urlopen('http://example.org', timeout=1)
    code = 'import socket\ntry: socket.create_connection(("192.0.2.1", 80))\nexcept PermissionError: print("refused")'
    assert subprocess.run([sys.executable, '-c', code], text=True, stdout=subprocess.PIPE).stdout == 'refused\n'


def test_own_warnings_are_errors(pytestconfig):
    assert 'error:::matnb' in pytestconfig.getini('filterwarnings')
    assert pytestconfig.getini('xfail_strict') and '--strict-markers' in pytestconfig.getini('addopts')
    code = compile('import warnings\nwarnings.warn("ours")', 'ours.py', 'exec')
    with pytest.raises(UserWarning, match='ours'): exec(code, {'__name__': 'matnb.corpus.anything'})


def test_the_tests_look_at_this_copy_of_matnb():
    import matnb
    assert Path(matnb.__file__).parent == ROOT/'matnb'


def test_pins_name_versions_only():
    for line in (ROOT/'.ci'/'constraints.txt').read_text().splitlines():
        assert re.fullmatch(r'#.*|[\w.-]+==[\w.+!]+', line), f'.ci/constraints.txt: {line}'
