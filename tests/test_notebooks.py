"""Each notebook under `nbs/` is one test, run against the exported module.

Cells that are exported are not run. The others run within the exported module, as in the notebook they run beside the
exported cells: what they rebind, the module's functions see. So coverage counts the lines of `matnb/`, and a forgotten
export shows up as a failure. Afterwards the module is as it was before.
"""
import atexit
import sys
from contextlib import contextmanager
from importlib import import_module

import pytest
from execnb.shell import CaptureShell
from fastcore.basics import str2bool
from fastcore.xtras import working_directory
from house import ROOT, notebooks
from nbdev.config import get_config
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor

EXPORTS = {'export', 'exports', 'exporti'}
FLAGS = set(get_config(path=ROOT).tst_flags.split())


def directives(cell):
    "The `#|` lines of a cell"
    return getattr(cell, 'directives_', None) or {}


def exported_to(nb):
    "The module that a notebook exports to, or None"
    names = (directives(c)['default_exp'][0] for c in nb.cells if 'default_exp' in directives(c))
    return next(('matnb' if name == '__init__' else f'matnb.{name}' for name in names), None)


def left_out(cell, skipped_flags):
    "Whether a cell is not run at all"
    said = directives(cell)
    never = said.get('eval:', [''])[0].lower() == 'false'
    return cell.cell_type != 'code' or never or bool(skipped_flags & said.keys()) or 'nbdev_export(' in cell.source


def files_beside_notebooks():
    "What lies in nbs/, so that a notebook that leaves files there is found out"
    return {p for p in (ROOT/'nbs').rglob('*') if '.ipynb_checkpoints' not in p.parts}


@pytest.fixture
def tidy():
    "Figures are closed and nothing is left beside the notebooks"
    before = files_beside_notebooks()
    yield
    if 'matplotlib.pyplot' in sys.modules: sys.modules['matplotlib.pyplot'].close('all')
    left = files_beside_notebooks() - before
    assert not left, f'the notebook left files behind: {", ".join(str(p.relative_to(ROOT)) for p in sorted(left))}'


@pytest.mark.parametrize('path', notebooks(), ids=lambda p: str(p.relative_to(ROOT/'nbs').with_suffix('')))
def test_notebook(path, request, tidy):
    skipped = FLAGS - set(request.config.getoption('--flags').split())
    nb = NBProcessor(path, procs=FrontmatterProc, process=True).nb
    assert not str2bool(getattr(nb, 'frontmatter_', {}).get('skip_exec', False)), 'skip_exec hides it from tests'
    name, ran = exported_to(nb), []
    module = import_module(name) if name else None

    def preproc(cell):
        if left_out(cell, skipped) or (module and EXPORTS & directives(cell).keys()): return True
        ran.append(cell.idx_)
        return False

    failure = ''
    with working_directory(path.parent), shell_within(module, path) as shell:
        try: shell.run_all(nb, exc_stop=True, preproc=preproc)
        except Exception: failure = explain(path, nb, ran, shell)
    if failure: pytest.fail(failure, pytrace=False)


@contextmanager
def shell_within(module, path):
    "A shell whose cells run within a module, or on their own; what they held is freed at once"
    shell, before = CaptureShell(path), dict(vars(module)) if module else {}
    if module:
        vars(module).update({k: v for k, v in shell.user_ns.items() if not k.startswith('__')})
        shell.user_module, shell.user_ns = module, vars(module)
    try: yield shell
    finally:
        atexit.unregister(shell.atexit_operations)
        shell.atexit_operations()
        if module:
            vars(module).clear()
            vars(module).update(before)


def explain(path, nb, ran, shell):
    "Where a notebook failed and how"
    cell = next((c for c in nb.cells if ran and c.idx_ == ran[-1]), None)
    where = f'{path.relative_to(ROOT)}, cell {ran[-1] if ran else "?"}'
    return f'{where}\n\n{cell.source if cell else ""}\n\n{shell.prettytb(fname=path)}'


def test_there_are_notebooks_that_export_and_run():
    assert len(notebooks()) >= 6


def test_cells_run_within_the_module_and_leave_it_as_it_was():
    import matnb.corpus.pictures as module
    before, picture = dict(vars(module)), module.png_shape
    with shell_within(module, 'nowhere.ipynb') as shell:
        shell.run('png_shape = lambda png: (6, 4); seen = img_tag(b"", "a picture")')
        assert 'width="4" height="6"' in module.seen, 'functions of the module see what a cell rebinds'
    assert vars(module) == before and module.png_shape is picture
