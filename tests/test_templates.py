"Templates with real kernels: run, stopped, killed and run again; the command line; what is in the package"
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from house import ROOT

from matnb.batch.templates import FOLDER, parameters_of, read_run, read_template, run_template, templates
from matnb.learn.checkpoints import checkpoint_steps
from matnb.learn.weights import load_weights

TINY = {'patterns': 40, 'batch': 20, 'side': 64, 'families': ['field', 'binary'], 'judged': 20, 'threads': 1,
        'device': 'cpu'}


def command(output, steps: int) -> list[str]:
    "`matnb run train_symmetry` with tiny parameters"
    told = {**TINY, 'steps': steps, 'families': ','.join(TINY['families'])}
    options = [word for name, value in told.items() for word in ('-p', f'{name}={value}')]
    words = ['run', 'train_symmetry', '--out', str(output), '--quiet', *options]
    return [sys.executable, '-m', 'matnb.command_line', *words]


@contextmanager
def started(folder: Path, steps: int) -> Iterator[subprocess.Popen]:
    "A run in a process of its own, which hears Ctrl-C even if this one does not, and does not outlive the test"
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    child = subprocess.Popen(command(folder, steps), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             preexec_fn=hears)
    try: yield child
    finally:
        child.kill()
        child.wait()


def wait_for_step(child: subprocess.Popen, folder, step: int) -> None:
    "Until a checkpoint of that step stands"
    until = time.monotonic() + 200
    while max(checkpoint_steps(folder/'checkpoints') if (folder/'checkpoints').is_dir() else [], default=-1) < step:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until, f'no step {step} in {folder}'
        time.sleep(0.01)


def test_templates_in_the_package_are_those_beside_the_notebooks():
    from templates import copied_templates, template_files
    assert template_files() and template_files() == copied_templates(), 'run `make export` and commit matnb/templates'


@pytest.mark.parametrize('name', templates())
def test_each_template_has_a_line_and_parameters_that_papermill_knows_too(name):
    import papermill
    ours = parameters_of(read_template(name))
    theirs = papermill.inspect_notebook(str(FOLDER/f'{name}.ipynb'))
    assert templates()[name] and {n: p.kind.partition('[')[0] for n, p in ours.items()} == {
        n: told['inferred_type_name'].partition('[')[0].lower() for n, told in theirs.items()}
    assert all(p.about for p in ours.values()) and 'folder' in ours


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    "A run that nobody disturbs"
    folder = tmp_path_factory.mktemp('runs')/'whole'
    return folder, run_template('train_symmetry', folder, progress=False, steps=150, **TINY)


def test_a_run_leaves_a_notebook_a_record_and_results(uninterrupted):
    folder, run = uninterrupted
    assert run.status == 'done' and run == read_run(folder) and run.parameters['steps'] == 150
    left = {name.partition('/')[0] for name in run.results}
    assert left == {'symmetry.safetensors', 'history.csv'} and run.versions['torch']
    assert sorted(p.name for p in folder.iterdir() if p.name[0] != '.') == [
        'checkpoints', 'evidence', 'history.csv', 'run.json', 'symmetry.safetensors', 'train_symmetry.ipynb']
    notebook = json.loads((folder/'train_symmetry.ipynb').read_text())
    assert notebook['metadata']['papermill']['exception'] is None
    said = ''.join(''.join(out.get('text', '')) for c in notebook['cells'] for out in c.get('outputs', []))
    weights = load_weights(folder/'symmetry.safetensors')
    assert weights.hash in said and 'right, atoms' in said and '-p steps=150' in weights.card.command
    assert run_template('train_symmetry', folder, steps=150, **TINY) == run, 'nothing is left to do'


def test_a_run_that_is_killed_and_run_again_ends_with_the_same_weights(tmp_path, uninterrupted):
    folder = tmp_path/'run'
    with started(folder, 150) as child: wait_for_step(child, folder, 0)     # and is killed
    assert read_run(folder).status == 'running'
    again = subprocess.run(command(folder, 150), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    run = read_run(folder)
    assert run.status == 'done' and run.attempts == 2 and 'train_symmetry.ipynb' in again.stdout
    made, wanted = (load_weights(place/'symmetry.safetensors').hash for place in (folder, uninterrupted[0]))
    assert made == wanted


def test_ctrl_c_stops_the_run_and_keeps_what_was_trained(tmp_path):
    folder = tmp_path/'run'
    with started(folder, 5000) as child:
        wait_for_step(child, folder, 0)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    assert child.returncode == 130 and 'run the same again to go on' in err, err
    run = read_run(folder)
    assert run.status == 'stopped' and 'KeyboardInterrupt: stopped after' in run.error
    assert max(checkpoint_steps(folder/'checkpoints')) > 0


def test_wrong_parameters_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match='did you mean steps'): run_template('train_symmetry', tmp_path/'a', stpes=3)
    with pytest.raises(ValueError, match="steps='many' is no int"):
        run_template('train_symmetry', tmp_path/'a', steps='many')
    with pytest.raises(KeyError, match='did you mean train_symmetry'): run_template('train_symetry', tmp_path/'a')
    assert not (tmp_path/'a').exists()


def test_a_failing_run_says_which_cell_and_why(tmp_path):
    with pytest.raises(RuntimeError, match='ValueError: precision=.*say single or bfloat16'):
        run_template('train_symmetry', tmp_path/'a', progress=False, precision='double', **TINY)
    run = read_run(tmp_path/'a')
    assert run.status == 'failed' and 'cell' in run.error and (tmp_path/'a'/'train_symmetry.ipynb').exists()


def own_template(folder: Path, name: str, does: str) -> Path:
    "A folder with a template of one cell"
    parameters = "words: str = ''  # To be kept\nfolder: str = ''  # Where"
    cells = [('markdown', [], f'# {name}\n\n> A template'), ('code', ['parameters'], parameters), ('code', [], does)]
    made = [{'cell_type': kind, 'id': f'{name}-{n}', 'metadata': {'tags': tags} if tags else {}, 'source': source}
            | ({'execution_count': None, 'outputs': []} if kind == 'code' else {})
            for n, (kind, tags, source) in enumerate(cells)]
    folder.mkdir(exist_ok=True)
    (folder/f'{name}.ipynb').write_text(json.dumps({'cells': made, 'metadata': {}, 'nbformat': 4, 'nbformat_minor': 5}))
    return folder


def test_a_kernel_that_dies_ends_the_run_in_words(tmp_path):
    place = own_template(tmp_path/'templates', 'dying', 'import os\nos.kill(os.getpid(), 9)')
    with pytest.raises(RuntimeError, match='the kernel died.*memory'):
        run_template('dying', tmp_path/'run', templates_in=place, progress=False)
    assert read_run(tmp_path/'run').status == 'failed'


@pytest.mark.parametrize('words', [
    'it\'s "q" \\ and\n\'\'\' """ # \r\t\0 \u2028 é {x} {{y}}', "\\'); raise SystemExit('run'); ('", 'ends in \\'])
def test_a_text_reaches_the_notebook_as_it_is_and_is_never_run(tmp_path, words):
    place = own_template(tmp_path/'templates', 'echo', 'from pathlib import Path\n'
                         "Path(folder, 'words').write_bytes(words.encode())")
    assert run_template('echo', tmp_path/'run', templates_in=str(place), progress=False, words=words).status == 'done'
    assert (tmp_path/'run'/'words').read_bytes().decode() == words


def test_what_cannot_be_text_a_template_or_a_record_is_refused(tmp_path):
    place = own_template(tmp_path/'templates', 'echo', 'pass')
    with pytest.raises(ValueError, match='words=.* is no str'):
        run_template('echo', tmp_path/'a', templates_in=place, words='\ud800')
    for name in ('../echo', str(place/'echo'), 'echo.ipynb', '', None):
        with pytest.raises(KeyError, match='there is no template'): read_template(name, place)
    (tmp_path/'run').mkdir()
    for text in ('[' * 100_000, '{}', '[]', json.dumps({'template': 'echo', 'sha256': '', 'parameters': None,
                                                        'status': 'done', 'begun': ''})):
        (tmp_path/'run'/'run.json').write_text(text)
        with pytest.raises(ValueError, match='no record of a run'):
            run_template('echo', tmp_path/'run', templates_in=place)


def test_every_template_is_documented_as_a_notebook():
    assert {p.name for p in (ROOT/'nbs').glob('*/templates/*.ipynb')} and FOLDER == ROOT/'matnb'/'templates'
