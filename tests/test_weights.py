"Weights that ship: they are in the wheel, loaded from there, and known by their hash"
import json
import shutil
import subprocess
import sys
import zipfile

import pytest
import torch
from house import ROOT

from matnb.learn.weights import FORMAT, WeightsCard, WrongWeights, load_weights, save_weights, tensors_hash
from matnb.symmetry.seeing_symmetry import network_of

CARD = WeightsCard('tiny', 'two numbers', 'nothing', 'none', 'Apache-2.0', '2026-11-20')


@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    "The wheel of a copy of this package, into which a file of weights was put; and the hash of that"
    copy, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    for name in ('settings.ini', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE'): shutil.copy(ROOT/name, copy)
    shutil.copytree(ROOT/'matnb', copy/'matnb', ignore=shutil.ignore_patterns('__pycache__'))
    known = save_weights(copy/'matnb'/'weights'/'tiny.safetensors', {'a': torch.tensor([1.0, 2.0])}, CARD)
    command = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation', '-w', out, copy]
    done = subprocess.run(command, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    found, = out.glob('*.whl')
    return found, known


def test_weights_templates_and_the_front_end_are_in_the_wheel(wheel):
    names = set(zipfile.ZipFile(wheel[0]).namelist())
    wanted = {str(p.relative_to(ROOT)) for folder, ending in (('explorer/front', 'js'), ('explorer/front', 'css'),
              ('templates', 'ipynb'), ('weights', 'safetensors')) for p in (ROOT/'matnb'/folder).glob(f'*.{ending}')}
    assert wanted | {'matnb/weights/tiny.safetensors', 'matnb/py.typed'} <= names
    assert any(name.endswith('.js') for name in wanted) and any(name.endswith('.ipynb') for name in wanted)


def test_weights_are_loaded_from_an_installed_wheel(wheel, tmp_path):
    zipfile.ZipFile(wheel[0]).extractall(tmp_path/'site')
    code = ('import matnb; from matnb.learn.weights import load_weights, shipped_weights\n'
            f'print(matnb.__file__, load_weights(shipped_weights("tiny"), {wheel[1]!r}).tensors["a"].tolist())')
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path/'site', text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout and '[1.0, 2.0]' in done.stdout


@pytest.mark.parametrize('at', range(0, 100, 7))
def test_one_changed_byte_anywhere_is_noticed(tmp_path, at):
    path = tmp_path/'a.safetensors'
    known = save_weights(path, {'a': torch.arange(64.0).reshape(8, 8), 'b': torch.ones(3)}, CARD, half=True)
    data = bytearray(path.read_bytes())
    place = len(data) * at // 100
    data[place] ^= 1 << at % 8
    path.write_bytes(data)
    with pytest.raises(ValueError, match='a.safetensors'): load_weights(path, known)


def test_the_hash_does_not_depend_on_order_layout_or_the_file(tmp_path):
    state = {'a': torch.arange(6.0).reshape(2, 3), 'b': torch.ones(1)}
    turned = {'b': torch.ones(1), 'a': torch.arange(6.0).reshape(2, 3).T.contiguous().T}
    assert tensors_hash(state) == tensors_hash(turned) != tensors_hash({**state, 'b': torch.zeros(1)})
    hashes = {save_weights(tmp_path/f'{n}.safetensors', s, CARD) for n, s in enumerate((state, turned))}
    assert len(hashes) == 1


@pytest.mark.parametrize('card', [
    '[' * 200_000, 'null', '', json.dumps(CARD.to_json() | {'figures': {'a': 10**400}}),
    json.dumps(CARD.to_json() | {'figures': {'a': float('nan')}}),
    json.dumps(CARD.to_json()).replace('"network": {}', '"network": {"a": ' + '[' * 100_000 + ']' * 100_000 + '}')])
def test_a_hostile_card_is_refused_in_words(tmp_path, card):
    from safetensors.torch import save

    (tmp_path/'bad.safetensors').write_bytes(save({'a': torch.ones(2)}, {'format': FORMAT, 'hash': '', 'card': card}))
    with pytest.raises(WrongWeights, match='card cannot be read'): load_weights(tmp_path/'bad.safetensors')


@pytest.mark.parametrize('design', [{'width': 10**7}, {'width': 'x'}, {'depth': 10**9}, {'kin_share': 5.0}])
def test_a_card_cannot_ask_for_a_monstrous_network(tmp_path, design):
    card = WeightsCard(**CARD.to_json() | {'network': {'design': design}})
    save_weights(tmp_path/'bad.safetensors', {'a': torch.ones(2)}, card)
    with pytest.raises(ValueError, match=f'{next(iter(design))}='): network_of(load_weights(tmp_path/'bad.safetensors'))
