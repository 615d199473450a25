"The templates from nbs/ROOM/templates into the package, without outputs: `python docs/templates.py`"
import json
import re
import shutil

from house import ROOT

COPY = ROOT/'matnb'/'templates'


def template_files() -> dict[str, str]:
    "What belongs into the package, by name: `nbs/symmetry/templates/00_train_symmetry.ipynb` is `train_symmetry.ipynb`"
    found = {}
    for path in sorted((ROOT/'nbs').glob('*/templates/*.ipynb')):
        notebook = json.loads(path.read_text(encoding='utf-8'))
        for cell in notebook['cells']:
            if cell['cell_type'] == 'code': cell['outputs'] = []
        name = re.sub(r'^\d+_', '', path.name)
        if name in found: raise ValueError(f'two templates are called {name}')
        found[name] = json.dumps(notebook, indent=1, ensure_ascii=False) + '\n'
    return found


def copied_templates() -> dict[str, str]:
    "What is in the package, by name"
    return {p.name: p.read_text(encoding='utf-8') for p in sorted(COPY.iterdir())} if COPY.is_dir() else {}


def main() -> None:
    "Make the copy equal to the source"
    wanted = template_files()
    if wanted == copied_templates(): return
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for name, text in wanted.items(): (COPY/name).write_text(text, encoding='utf-8')


if __name__ == '__main__': main()
