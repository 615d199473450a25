"""Run notebooks in order and store their outputs: `python .ci/notebooks.py [NOTEBOOK ...]`, all of nbs/ by default.

A notebook is written back only when every cell has run. Cells marked `#| eval: false` are left alone.
"""
import os
import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

sys.path.insert(0, str(Path(__file__).parents[1]/'docs'))
from house import ROOT, notebooks  # noqa: E402

NOT_RUN = re.compile(r'^#\|\s*eval:\s*false\s*$', re.M)


class Runner(NotebookClient):
    "Runs a notebook, leaving out the cells that say so"

    async def async_execute_cell(self, cell, cell_index, **kwargs):
        "Run one cell unless it is marked `eval: false`"
        return cell if NOT_RUN.search(cell.source) else await super().async_execute_cell(cell, cell_index, **kwargs)


def rerun(path: Path) -> str:
    "Run one notebook and store its outputs; what it wrote to stderr"
    nb = nbformat.read(path, 4)
    Runner(nb, timeout=3600, kernel_name='python3', resources={'metadata': {'path': str(path.parent)}}).execute()
    outputs = [o for c in nb.cells for o in c.get('outputs', [])]
    nbformat.write(nb, path)
    return ''.join(o.text for o in outputs if o.output_type == 'stream' and o.name == 'stderr')


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
