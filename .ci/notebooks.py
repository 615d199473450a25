"""Run notebooks in order and store their outputs: `python .ci/notebooks.py [NOTEBOOK ...]`, all of nbs/ by default.

A notebook is written back only when every cell has run. Cells marked `#| eval: false` are left alone.
"""
import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

sys.path.insert(0, str(Path(__file__).parents[1]/'docs'))
from house import ROOT, notebooks  # noqa: E402

WIDGET = 'application/vnd.jupyter.widget-view+json'  # a widget lives as long as its kernel; its still picture is stored
NOT_RUN = re.compile(r'^#\|\s*eval:\s*false\s*$', re.M)


class Runner(NotebookClient):
    "Runs a notebook, leaving out the cells that say so"

    async def async_execute_cell(self, cell, cell_index, **kwargs):
        "Run one cell unless it is marked `eval: false`"
        return cell if NOT_RUN.search(cell.source) else await super().async_execute_cell(cell, cell_index, **kwargs)


def rerun(path: Path) -> str:
    "Run one notebook and store its outputs; what it wrote to stderr is returned"
    nb = nbformat.read(path, 4)
    with tempfile.TemporaryDirectory() as folder:
        kernel = AsyncKernelManager(kernel_name='python3', transport='ipc', ip=f'{folder}/kernel')
        Runner(nb, km=kernel, timeout=3600, resources={'metadata': {'path': str(path.parent)}}).execute()
    warned = ''
    for cell in nb.cells:
        outputs = cell.get('outputs', [])
        warned += ''.join(o.text for o in outputs if is_stderr(o))
        for output in outputs: output.get('data', {}).pop(WIDGET, None)
        if outputs: cell.outputs = [o for o in outputs if not is_stderr(o)]
    nb.metadata.pop('widgets', None)
    nbformat.write(nb, path)
    return warned


def is_stderr(output: nbformat.NotebookNode) -> bool:
    "Whether an output is a warning or a log line, which is shown here and not stored"
    return output.output_type == 'stream' and output.name == 'stderr'


def main(names: list[str]) -> int:
    "Run the named notebooks, or all in reading order; how many failed"
    os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    paths = [Path(n).resolve() for n in names] or notebooks()
    failed = 0
    for path in paths:
        print(f'{path.relative_to(ROOT)}: ', end='', flush=True)
        try: warned = rerun(path)
        except CellExecutionError as e: failed, warned = failed + 1, f'failed, left as it was\n{e}'
        print(warned.strip() or 'done')
    return failed


if __name__ == '__main__': sys.exit(bool(main(sys.argv[1:])))
