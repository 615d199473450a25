"Trainings: killed anywhere and run again they end with the same bits; damage, other settings, full disks"
import errno
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from trained_stripes import learnt, training_in

from matnb.corpus import durable
from matnb.learn.checkpoints import DamagedCheckpoint, checkpoint_steps, read_checkpoint

SCRIPT = Path(__file__).with_name('trained_stripes.py')
STEPS = 90


@pytest.fixture(scope='module')
def uninterrupted() -> str:
    "What is learnt when nobody interferes"
    training = training_in(None, STEPS)
    assert training.run(progress=False).finished
    return learnt(training)


@contextmanager
def started(folder: Path, sleep: float = 0.0) -> Iterator[subprocess.Popen]:
    "A training in a process of its own, which hears Ctrl-C even if this one does not, and does not outlive the test"
    hears = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    child = subprocess.Popen([sys.executable, SCRIPT, folder, str(STEPS), str(sleep)], text=True, preexec_fn=hears,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try: yield child
    finally:
        child.kill()
        child.wait()


def wait_for_step(child: subprocess.Popen, folder: Path, step: int) -> None:
    "Until a checkpoint of that step stands"
    until = time.monotonic() + 120
    while not folder.is_dir() or max(checkpoint_steps(folder), default=-1) < step:
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < until, f'no step {step} in {folder}'
        time.sleep(0.002)


def test_a_training_killed_three_times_ends_with_the_same_bits(tmp_path, uninterrupted):
    folder = tmp_path/'kept'
    for step in (6, 30, 60):
        with started(folder, sleep=0.01) as child:
            wait_for_step(child, folder, step)
            time.sleep(0.013 * (step % 7))       # anywhere: within a step, within a write
            child.kill()
            assert child.wait() == -signal.SIGKILL
    with started(folder) as child: out, err = child.communicate(timeout=120)
    begun, hash = out.split()
    assert child.returncode == 0 and int(begun) >= 60, err
    assert hash == uninterrupted


def test_ctrl_c_keeps_the_step_and_says_where(tmp_path, uninterrupted):
    folder = tmp_path/'kept'
    with started(folder, sleep=0.02) as child:
        wait_for_step(child, folder, 9)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=120)
    assert child.returncode and 'Run the same again to go on' in err and str(folder) in err
    stopped = max(checkpoint_steps(folder))
    again = training_in(folder, STEPS)
    assert again.run(progress=False).begun_at == stopped and learnt(again) == uninterrupted


@pytest.mark.parametrize('ending', ['json', 'safetensors'])
@pytest.mark.parametrize('damage', ['truncated', 'flipped', 'empty', 'missing'])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, uninterrupted, ending, damage):
    training_in(tmp_path, STEPS).run(until=40, progress=False)
    before, newest = checkpoint_steps(tmp_path)
    path = tmp_path/f'step-{newest:08d}.{ending}'
    data = path.read_bytes()
    middle = len(data) // 2
    changed = {'truncated': data[:middle], 'empty': b'',
               'flipped': data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1:]}
    path.unlink() if damage == 'missing' else path.write_bytes(changed[damage])
    again = training_in(tmp_path, STEPS, weights=5)
    report = again.run(progress=False)
    assert report.begun_at == before and learnt(again) == uninterrupted
    if (ending, damage) != ('json', 'missing'):    # numbers without their text were never a checkpoint
        assert f'step-{newest:08d}.json' in report.damaged and 'could not be used' in str(report)
    assert not again.run(progress=False).damaged


def test_when_every_checkpoint_is_damaged_nothing_is_begun_anew(tmp_path):
    training_in(tmp_path, STEPS).run(until=12, progress=False)
    for path in tmp_path.glob('*.safetensors'): path.write_bytes(path.read_bytes()[:-1])
    files = sorted(tmp_path.iterdir())
    with pytest.raises(DamagedCheckpoint, match='remove it to begin anew'): training_in(tmp_path, STEPS).run()
    assert sorted(tmp_path.iterdir()) == files


def test_other_settings_and_other_networks_are_refused_by_name(tmp_path):
    from torch import nn
    training_in(tmp_path, STEPS).run(until=5, progress=False)
    for change, says in [({'rate': 0.5}, 'rate was 0.01 and is 0.5'), ({'seed': 3}, 'seed was 0 and is 3'),
                         ({'about': {'pictures': 'dots'}}, "about: pictures was 'stripes' and is 'dots'"),
                         ({'steps': 91}, 'steps was 90 and is 91')]:
        with pytest.raises(ValueError, match=says): training_in(tmp_path, **{'steps': STEPS} | change).run()
    other = training_in(tmp_path, STEPS)
    other.network = nn.Sequential(*list(other.network)[:-1], nn.Linear(8, 2, bias=False))
    with pytest.raises(ValueError, match='network: 6.bias'): other.run()
    assert training_in(tmp_path, STEPS).run(until=5, progress=False).step == 5


def test_a_full_disk_stops_the_training_and_the_checkpoint_before_stays(tmp_path, monkeypatch, uninterrupted):
    training_in(tmp_path, STEPS).run(until=20, progress=False)
    write = durable.disk.write

    def full(fd, data, offset):
        "A disk that takes a little and then nothing"
        if offset: raise OSError(errno.ENOSPC, 'No space left on device')
        return write(fd, data[:100], offset)

    monkeypatch.setattr(durable.disk, 'write', full)
    with pytest.raises(OSError, match='No space left'): training_in(tmp_path, STEPS).run(progress=False)
    monkeypatch.undo()
    assert not list(tmp_path.glob('.*.draft'))
    again = training_in(tmp_path, STEPS)
    assert again.run(progress=False).begun_at == 20 and learnt(again) == uninterrupted


def test_two_trainings_in_one_folder_take_turns(tmp_path, monkeypatch):
    from matnb.learn import checkpoints, training
    monkeypatch.setattr(training, 'alone_in', lambda folder: checkpoints.alone_in(folder, patience=0))
    seen = []

    def second():
        "Another training, while the first one is on its way"
        try: training_in(tmp_path, STEPS).run(progress=False)
        except RuntimeError as e: seen.append(str(e))

    first = training_in(tmp_path, STEPS)
    batch_of = first.batch_of

    def with_company(step):
        "Try a second one within step 4"
        if step == 4:
            other = threading.Thread(target=second)
            other.start()
            other.join()
        return batch_of(step)

    first.batch_of = with_company
    assert first.run(progress=False).finished
    assert len(seen) == 1 and 'another process computes in' in seen[0]


def test_a_checkpoint_holds_no_program_and_says_what_it_is_of(tmp_path):
    training_in(tmp_path, STEPS).run(until=8, progress=False)
    newest = tmp_path/'step-00000008.json'
    told = json.loads(newest.read_text())['body']
    assert told['step'] == 8 and told['record']['settings']['about: pictures'] == 'stripes'
    assert told['record']['sessions'][0]['threads'] == 1 and told['record']['history'][0]['step'] == 7
    for path in tmp_path.iterdir():
        assert not path.read_bytes().startswith((b'\x80\x02', b'\x80\x04', b'PK')), f'{path.name} is a pickle or a zip'
    found = read_checkpoint(tmp_path)
    assert {name.partition('/')[0] for name in found.tensors} == {'network', 'average', 'step', 'exp_avg', 'exp_avg_sq'}


def test_trained_elsewhere_is_remarked(tmp_path):
    training_in(tmp_path, STEPS).run(until=8, progress=False)
    again = training_in(tmp_path, STEPS)
    again.threads = 2
    report = again.run(until=12, progress=False)
    assert report.remarks and 'threads 1, then 2' in str(report)
