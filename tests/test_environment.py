"Making an environment: a pin that cannot be had is left out in words, and only then"
import os
import re
import stat
import subprocess
import sys
import zipfile

import pytest
from house import ROOT

# Stands in for the Python of an environment: what asks is done by this Python's pip, what installs is written down,
# and fails as long as the pins hold what nobody has
PYTHON = """#!/usr/bin/env bash
if [[ "$1" == -c || "$*" == *--dry-run* ]]; then exec {python} "$@"; fi
pins=
for ((n = 1; n < $#; n++)); do if [[ "${{!n}}" == -c ]]; then m=$((n + 1)); pins=${{!m}}; fi; done
echo "$pins: $*" >> {log}
[[ -z "$pins" ]] || ! grep -q "invented==9.9" "$pins" || {{ echo "ERROR: No matching distribution" >&2; exit 1; }}
"""
PINS = 'plain==1.0\ninvented==9.9\ninvented-too==9.9\nother==1.0\n'


def write_wheel(folder, name, version='1.0'):
    "A package of nothing"
    about = f'{name}-{version}.dist-info'
    with zipfile.ZipFile(folder/f'{name}-{version}-py3-none-any.whl', 'w') as file:
        file.writestr(f'{about}/METADATA', f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')
        file.writestr(f'{about}/WHEEL', 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n')
        file.writestr(f'{about}/RECORD', '')


@pytest.fixture
def environment(tmp_path):
    "Runs `.ci/environment` with packages from a folder; gives its words and what was installed"
    (tmp_path/'venv'/'bin').mkdir(parents=True)
    (tmp_path/'wheels').mkdir()
    python, log = tmp_path/'venv'/'bin'/'python', tmp_path/'log'
    python.write_text(PYTHON.format(python=sys.executable, log=log))
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (tmp_path/'pins.txt').write_text(PINS)

    def run(**changes):
        own = {name: value for name, value in os.environ.items() if not name.startswith('PIP_')}
        told = {'PINS': str(tmp_path/'pins.txt'), 'PIP_CONFIG_FILE': os.devnull, 'PIP_NO_INDEX': '1',
                'PIP_FIND_LINKS': str(tmp_path/'wheels'), **changes}
        done = subprocess.run([ROOT/'.ci'/'environment', tmp_path/'venv', 'tests'], env=own | told, text=True,
                              capture_output=True, timeout=300)
        return done, log.read_text().splitlines()

    return run


def test_pins_that_nobody_has_are_left_out_and_named(environment, tmp_path):
    for name in ('plain', 'other', 'invented', 'invented_too'): write_wheel(tmp_path/'wheels', name)
    done, tries = environment()
    assert done.returncode == 0, done.stderr
    said = re.findall(r'the pinned version of (\S+) cannot be had here; another one is taken', done.stderr)
    assert said == ['invented', 'invented-too']
    assert (tmp_path/'venv'/'pins.txt').read_text() == 'plain==1.0\nother==1.0\n'
    assert (tmp_path/'pins.txt').read_text() == PINS, 'the file of the repository stays as it is'
    first, second, matnb = tries
    assert first.startswith(f'{tmp_path}/pins.txt: ') and second.startswith(f'{tmp_path}/venv/pins.txt: ')
    assert matnb.startswith(f'{tmp_path}/venv/pins.txt: ') and matnb.endswith('--editable .[tests]')


NOBODY = {'PIP_NO_INDEX': '0', 'PIP_INDEX_URL': 'http://127.0.0.1:9/', 'PIP_RETRIES': '0'}


@pytest.mark.parametrize('changes', [{}, NOBODY], ids=['no packages', 'nobody answers'])
def test_without_a_network_no_pin_is_left_out(environment, tmp_path, changes):
    "Where nothing can be fetched at all, no version of anything is there: that says nothing about the pins"
    done, tries = environment(**changes)
    assert done.returncode == 1 and 'pip could not install' in done.stderr and 'Without a network' in done.stderr
    assert 'cannot be had here' not in done.stderr
    assert len(tries) == 2 and all('invented==9.9' in open(t.partition(': ')[0]).read() for t in tries)


def test_without_pins_none_are_looked_for(environment, tmp_path):
    done, tries = environment(PINS='')
    assert done.returncode == 0, done.stderr
    assert len(tries) == 2 and all(t.startswith(': ') and ' -c ' not in t for t in tries)
    assert not (tmp_path/'venv'/'pins.txt').exists()
