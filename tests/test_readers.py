"""Every real sample file against values that were taken from it by other means than the readers under test.

Pixels: igor2 for .ibw, pycroscopy-gwyfile for .gwy, h5py for .h5, and for .spm the little-endian integers at the
offsets of the text header times the two scales of that header. Each row of PIXELS holds the pixels [0, 0], [0, -1],
[-1, 0], [100, 37], the minimum and the maximum of one channel, with row 0 at the top of the scan. Units follow from
the notes (`UserIn0Unit: V`) and from what the instrument measures; metadata entries were counted in the files.
"""
import hashlib
import json
import re
import struct

import numpy as np
import pytest
from samples import sample

from matnb.corpus.facets import VOCABULARY, read_value
from matnb.corpus.measurement import Measurement, NotAnImage
from matnb.corpus.readers.formats import personal_facets, read_file

PIXELS = """
pfm_dart.ibw
  HeightRetrace -3.43326292e-08 -3.69128657e-08 -1.35635219e-08 -8.36655545e-09 -6.76736818e-08 3.72525619e-08
  Amplitude1Retrace 6.31135769e-11 8.35139249e-11 2.36197784e-10 3.1429287e-10 3.25130547e-11 1.8385814e-09
  Amplitude2Retrace 6.98074376e-11 1.40252393e-10 1.67665354e-10 2.80186041e-10 2.93255004e-11 1.83220628e-09
  Phase1Retrace 79.6611786 32.03302 36.0618515 202.185974 -89.9996796 269.98941
  Phase2Retrace -70.779335 119.187134 133.262665 -42.2168312 -89.8972397 269.984131
  FrequencyRetrace 357523.844 361686.5 353250.875 371101.281 332527.188 378698.438
pfm_btfo_dso.ibw
  HeightRetrace 2.14868123e-10 5.02893727e-10 2.71562328e-10 -1.92983407e-10 -3.47637297e-09 2.94882341e-09
  AmplitudeRetrace 1.04456192e-11 1.46829927e-11 6.503876e-12 1.98072583e-11 1.37961008e-12 3.86290826e-11
  DeflectionRetrace 3.76940932e-08 3.76863163e-08 3.78128888e-08 3.77495581e-08 3.74428524e-08 3.84391363e-08
  PhaseRetrace -45.8347015 -84.2759705 233.275543 202.086273 -89.990921 269.999786
pfm_pto_110.gwy
  HeightRetrace -3.85853127e-10 -1.00897068e-09 -3.27759153e-09 -9.42350198e-10 -1.54585678e-08 1.09636744e-07
  AmplitudeRetrace 8.49795373e-11 1.04990003e-10 1.41112802e-10 1.2993813e-10 8.83579234e-12 1.60213709e-09
  DeflectionRetrace 1.01291178e-07 1.01401568e-07 1.01150391e-07 1.01088524e-07 4.64802987e-08 1.66053056e-07
  PhaseRetrace -47.291851 -41.0362549 -45.7846222 -34.4985504 -89.9842682 269.939301
bruker_grating_a.spm
  HeightSensor -1.49545528e-07 2.64744049e-08 -1.34911133e-07 -1.27226087e-07 -1.56988463e-07 2.99444991e-07
  DeflectionError 0 -4.20000007e-11 1.09200005e-09 3.36000006e-10 -6.69899975e-08 7.16520034e-08
PMN28Pt0000.h5
  HeightRetrace 8.33265233e-07 -4.01714203e-07 1.72871964e-07 -9.41921598e-07 -1.01200669e-06 8.67084964e-07
  AmplitudeRetrace 9.72109754e-11 5.93489369e-10 5.50034185e-11 5.53891724e-11 3.14287832e-12 3.00218383e-09
  DeflectionRetrace 9.79614256e-08 1.00219729e-07 1.01562499e-07 1.00433347e-07 6.40869118e-08 1.91284187e-07
  PhaseRetrace 48.5925293 51.4215088 33.7115479 42.121582 -90 269.989014
PMN28Pt0001.h5
  HeightRetrace -7.2188368e-07 -5.11209066e-07 -3.5559637e-07 -2.10464975e-07 -7.2188368e-07 -1.15154805e-07
  AmplitudeRetrace 2.23211366e-10 3.0920197e-11 1.93313421e-11 6.32819006e-11 2.51755127e-12 2.17535412e-09
  DeflectionRetrace 9.99450691e-08 1.00128176e-07 9.80224613e-08 9.77172832e-08 8.61206075e-08 1.12884521e-07
  PhaseRetrace 63.0780029 7.36083984 51.6137695 47.9443359 -89.9780273 269.994507
PTO_Funakubo0001.h5
  HeightRetrace -6.07914785e-07 -6.08912387e-07 -5.72690737e-07 -5.90453737e-07 -6.08912387e-07 -5.70263012e-07
  AmplitudeRetrace 4.11643969e-10 1.55146118e-10 1.60863406e-10 1.27339363e-11 2.85863867e-12 6.96988078e-10
  DeflectionRetrace 9.90936755e-08 1.00126861e-07 1.00019577e-07 9.98978607e-08 9.84075044e-08 1.01772663e-07
  PhaseRetrace 80.0298462 35.9674568 28.3800888 118.246017 -89.9901047 269.95752
PTO_Funakubo0002.h5
  HeightRetrace -7.81800907e-07 -7.83070163e-07 -7.60836372e-07 -7.67387121e-07 -7.97200755e-07 -6.93831453e-07
  AmplitudeRetrace 1.871109e-11 8.21208934e-11 4.46987135e-11 4.4438838e-11 3.11851499e-12 4.34513092e-10
  DeflectionRetrace 9.41666372e-08 1.00124957e-07 9.98990544e-08 9.92307676e-08 7.98171769e-08 1.12457514e-07
  PhaseRetrace 32.3179779 115.944168 34.3499794 -5.29865026 -89.9990768 269.987305
PTO_Funakubo0003.h5
  HeightRetrace -7.64363449e-07 -7.64479068e-07 -7.31035811e-07 -7.42668192e-07 -7.69557687e-07 -7.21264655e-07
  AmplitudeRetrace 1.06549266e-11 3.95011905e-11 5.61332716e-11 6.10709192e-11 1.5592575e-12 1.91528793e-10
  DeflectionRetrace 1.00153088e-07 9.97711425e-08 1.00011228e-07 1.00022433e-07 9.97469414e-08 1.00332734e-07
  PhaseRetrace 54.8086662 15.9640579 15.8119011 11.2883015 -89.9722137 269.723816
PTO_Funakubo0004.h5
  HeightRetrace -5.99223085e-07 -6.008367e-07 -5.952528e-07 -5.85907117e-07 -6.08981168e-07 -5.68618816e-07
  AmplitudeRetrace 7.01665896e-12 1.17983817e-10 4.78951934e-10 1.0135174e-11 3.11851499e-12 1.25884059e-09
  DeflectionRetrace 9.92150291e-08 1.00164172e-07 9.98158427e-08 1.01436612e-07 9.4436885e-08 1.04449271e-07
  PhaseRetrace 48.1451569 194.175537 66.6764526 37.3680191 -89.9925995 269.980682
PTO_Funakubo0005.h5
  HeightRetrace -6.49656442e-07 -6.47292552e-07 -6.11635585e-07 -6.08654773e-07 -6.55600047e-07 -5.94577159e-07
  AmplitudeRetrace 3.35240377e-11 2.57277481e-11 8.78381742e-11 1.82952875e-10 3.63826764e-12 1.47453783e-09
  DeflectionRetrace 1.00423691e-07 1.00420834e-07 9.96029357e-08 9.97190455e-08 9.83664989e-08 1.01389524e-07
  PhaseRetrace -68.6959457 10.9832172 12.0023489 14.1827917 -89.9777451 269.99057
PZT_final0001.h5
  HeightRetrace -3.53430238e-07 -3.38756365e-07 -3.7124849e-07 -3.3735887e-07 -3.71947237e-07 -3.18422622e-07
  AmplitudeRetrace 1.372856e-10 3.25002837e-11 1.12930013e-10 2.201683e-10 4.75064215e-13 1.39492917e-09
  NapAmplitudeRetrace 6.63128649e-11 6.57863972e-11 1.1253732e-10 9.94987565e-11 8.72578398e-12 4.23453439e-10
  DeflectionRetrace -1.4648438e-10 1.58691407e-10 6.71386696e-11 6.16455054e-10 -3.10668935e-09 3.63769526e-09
  PhaseRetrace -40.9735107 26.6033936 -37.8204346 -39.5343018 -89.9725342 269.983521
  NapPhaseRetrace 165.465088 161.564941 165.552979 163.476562 -89.6099854 269.829712
  UserIn0Retrace 0.00518798828 0.00549316406 0.00518798828 0.00518798828 0.0048828125 0.00549316406
  NapUserIn0Retrace 0.00518798828 0.00518798828 0.00518798828 0.00518798828 0.0048828125 0.00549316406
PZT_final0002.h5
  HeightRetrace -2.93407169e-07 -2.74191422e-07 -3.72436375e-07 -3.1653596e-07 -3.7397362e-07 -2.5902844e-07
  AmplitudeRetrace 2.58816024e-10 1.12974534e-11 9.93105806e-11 5.50734736e-11 5.95712065e-13 7.52126472e-10
  NapAmplitudeRetrace 3.58661656e-10 4.72247852e-10 8.62971708e-11 7.37766792e-11 4.83386985e-12 8.21264334e-10
  DeflectionRetrace 2.19726556e-10 -1.12304688e-09 2.50244131e-10 -2.44140628e-11 -3.44238282e-09 3.82080056e-09
  PhaseRetrace 91.9006348 173.045654 -32.8216553 -50.5535889 -89.9505615 269.994507
  NapPhaseRetrace -55.27771 -71.6143799 163.267822 164.498291 -89.9945068 269.994507
  UserIn0Retrace 0.00518798828 0.00518798828 0.00518798828 0.00549316406 0.0048828125 0.00549316406
  NapUserIn0Retrace 0.00518798828 0.00518798828 0.00518798828 0.00518798828 0.0048828125 0.00549316406
PZT_thick0004.h5
  HeightRetrace -4.76850914e-09 -4.17449542e-09 -8.28634938e-10 -5.39870371e-10 -1.34366758e-08 1.4931743e-08
  AmplitudeRetrace 5.93088356e-11 9.09484571e-11 2.26913391e-10 7.81815099e-11 3.32050332e-13 4.82377915e-10
  NapAmplitudeRetrace 9.81363601e-11 5.90916274e-11 3.84220711e-10 8.03378142e-10 2.69098407e-11 1.09938769e-09
  DeflectionRetrace 2.44140628e-11 8.54492171e-11 3.60107416e-10 2.44140628e-11 -3.72924802e-09 3.44238282e-09
  PhaseRetrace 199.066772 215.216675 216.644897 223.192749 -89.9505615 269.653931
  NapPhaseRetrace 28.2403564 24.7357178 49.553833 98.2946777 -55.2227783 189.607544
  UserIn0Retrace 0.00518798828 0.00518798828 0.00518798828 0.00518798828 0.0048828125 0.00549316406
  NapUserIn0Retrace 0.00518798828 0.00518798828 0.00518798828 0.00518798828 0.0048828125 0.00549316406
"""

PITCH = {  # metres, from the wave's scale, the field's size, the scan size or the axis
    'pfm_dart.ibw': 5e-6 / 255, 'pfm_btfo_dso.ibw': 2e-6 / 255, 'pfm_pto_110.gwy': 10e-6 / 255,
    'bruker_grating_a.spm': 84.8435e-6 / 256, 'PMN28Pt0000.h5': 4e-6 / 255, 'PMN28Pt0001.h5': 2e-6 / 255,
    'PTO_Funakubo0001.h5': 1e-6 / 255, 'PTO_Funakubo0002.h5': 5e-6 / 255, 'PTO_Funakubo0003.h5': 1e-6 / 255,
    'PTO_Funakubo0004.h5': 3e-6 / 255, 'PTO_Funakubo0005.h5': 1e-6 / 255, 'PZT_final0001.h5': 2e-6 / 255,
    'PZT_final0002.h5': 2e-6 / 255, 'PZT_thick0004.h5': 3e-6 / 255}

UNITS = {'Height': 'm', 'Amplitude': 'm', 'Deflection': 'm', 'Phase': 'deg', 'Frequency': 'Hz', 'UserIn0': 'V'}

ENTRIES = {  # of the instrument: lines of the note, attributes, lines of the text header
    'pfm_dart.ibw': 659, 'pfm_btfo_dso.ibw': 641, 'pfm_pto_110.gwy': 599, 'bruker_grating_a.spm': 997,
    'PMN28Pt0000.h5': 760, 'PMN28Pt0001.h5': 760, 'PZT_final0001.h5': 725, 'PZT_final0002.h5': 725,
    'PZT_thick0004.h5': 727} | {f'PTO_Funakubo000{i}.h5': 838 for i in range(1, 6)}

# scan size, scan rate, scan angle, drive amplitude, drive frequency, mode, instrument, date
FACETS = {
    'pfm_dart.ibw': (5e-6, 0.40064, 0, 3, 374070, 'DART-PFM', 'MFP3D', '2024-08-20T08:30:46'),
    'pfm_btfo_dso.ibw': (2e-6, 2.0032, 0, 1, 380740, 'PFM', 'Cypher', '2021-01-07T17:18:38'),
    'pfm_pto_110.gwy': (1e-5, 1.0016, 345, 2, 434321.9753354788, 'PFM', 'Cypher', '2023-12-20T11:44:03'),
    'bruker_grating_a.spm': (84.8435e-6, 2.44141, 90, None, None, 'contact', 'Dimension Icon', '2021-03-24T09:36:14'),
    'PMN28Pt0000.h5': (4e-6, 1.0016, 0, 1, 357810, 'PFM', 'Cypher', '2014-02-20'),
    'PMN28Pt0001.h5': (2e-6, 1.0016, 0, 1, 357810, 'PFM', 'Cypher', '2014-02-20'),
    'PTO_Funakubo0001.h5': (1e-6, 3.0048, 0, 2, 369110, 'PFM', 'Cypher', '2017-05-26'),
    'PTO_Funakubo0002.h5': (5e-6, 3.0048, 0, 2, 369110, 'PFM', 'Cypher', '2017-05-27'),
    'PTO_Funakubo0003.h5': (1e-6, 1.0016, 0, 3, 369110, 'PFM', 'Cypher', '2017-05-27'),
    'PTO_Funakubo0004.h5': (3e-6, 3.0048, 0, 3, 369110, 'PFM', 'Cypher', '2017-05-28'),
    'PTO_Funakubo0005.h5': (1e-6, 3.0048, 0, 3, 369110, 'PFM', 'Cypher', '2017-05-28'),
    'PZT_final0001.h5': (2e-6, 2.0032, 0, 1, 315000, 'PFM', 'Cypher', '2010-06-15'),
    'PZT_final0002.h5': (2e-6, 2.0032, 0, 1, 315000, 'PFM', 'Cypher', '2010-06-15'),
    'PZT_thick0004.h5': (3e-6, 1.0016, 90, 2, 265000, 'PFM', 'Cypher', '2010-06-02')}
FACET_NAMES = ('scan_size', 'scan_rate', 'scan_angle', 'drive_amplitude', 'drive_frequency', 'mode', 'instrument',
               'date')


def read_one(name: str) -> Measurement:
    held = read_file(sample(name))
    assert len(held) == 1
    return held[0]


def rows_of(name: str) -> list[list[str]]:
    lines = PIXELS.strip().splitlines()
    start = lines.index(name) + 1
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith(' ')), len(lines))
    return [row.split() for row in lines[start:end]]


def count_entries(metadata: dict, skip: tuple[str, ...]) -> int:
    values = [v for k, v in metadata.items() if k not in skip]
    return sum(count_entries(v, skip) if isinstance(v, dict) else 1 for v in values)


@pytest.mark.parametrize('name', PITCH)
def test_channels_and_pixels(name: str) -> None:
    m = read_one(name)
    assert m.image.shape == (len(rows_of(name)), 256, 256)
    for channel, plane, (label, *numbers) in zip(m.channels, m.image, rows_of(name), strict=True):
        assert channel.label.replace(' ', '') == label
        found = [plane[0, 0], plane[0, -1], plane[-1, 0], plane[100, 37], plane.min(), plane.max()]
        np.testing.assert_allclose(found, [float(n) for n in numbers], rtol=1e-6, atol=1e-18)
        assert channel.direction == 'retrace'


@pytest.mark.parametrize('name', [n for n in PITCH if n != 'bruker_grating_a.spm'])
def test_units(name: str) -> None:
    for channel in read_one(name).channels:
        quantity = channel.label.removeprefix('Nap').removesuffix('Retrace')
        assert channel.unit == UNITS[quantity if quantity in UNITS else quantity.rstrip('12')], channel


def test_units_and_names_of_the_grating() -> None:
    assert [(c.key, c.unit) for c in read_one('bruker_grating_a.spm').channels] == [
        ('height sensor retrace', 'm'), ('deflection error retrace', 'm')]


def test_channel_keys() -> None:
    assert [c.key for c in read_one('pfm_dart.ibw').channels] == [
        'height retrace', 'amplitude 1 retrace', 'amplitude 2 retrace', 'phase 1 retrace', 'phase 2 retrace',
        'frequency retrace']
    assert [c.key for c in read_one('PZT_thick0004.h5').channels] == [
        'height retrace', 'amplitude retrace', 'nap amplitude retrace', 'deflection retrace', 'phase retrace',
        'nap phase retrace', 'user in 0 retrace', 'nap user in 0 retrace']


@pytest.mark.parametrize('name', PITCH)
def test_pixel_size(name: str) -> None:
    np.testing.assert_allclose(read_one(name).pixel_size, (PITCH[name], PITCH[name]), rtol=1e-7)


@pytest.mark.parametrize('name', PITCH)
def test_every_entry_of_the_instrument_is_kept(name: str) -> None:
    metadata = read_one(name).metadata
    assert count_entries(metadata, ('NSID', 'Gwyddion', 'Igor wave', 'Asylum footer')) == ENTRIES[name]


@pytest.mark.parametrize('name', FACETS)
def test_facets(name: str) -> None:
    facets = read_one(name).facets
    for key, expected in zip(FACET_NAMES, FACETS[name], strict=True):
        found = facets.get(key)
        if isinstance(expected, str): assert str(found).startswith(expected), key
        elif expected is None: assert found is None
        else: assert found == pytest.approx(expected, rel=1e-9), key
    assert facets['tip_voltage'] == 0
    assert set(facets) <= set(VOCABULARY)
    for key, value in facets.items(): read_value(VOCABULARY[key], value)


@pytest.mark.parametrize('name', PITCH)
def test_facets_hold_no_path_and_no_person(name: str) -> None:
    m = read_one(name)
    said = ' '.join(str(v) for v in m.facets.values())
    people = re.findall(r'(?:Users|STORAGE)[:/]([^:/]+)[:/]', json.dumps(m.metadata))
    assert people or name not in ('pfm_btfo_dso.ibw', 'pfm_pto_110.gwy')
    assert not any(word in said for word in ('Users', '\\', '/', *people))


def test_people_only_on_request() -> None:
    metadata = read_one('pfm_btfo_dso.ibw').metadata
    owner = metadata['SaveImage (2)'].split(':')[5]  # C:Users:Asylum User:Documents:Users:OWNER:…
    assert 'Asylum' not in owner and personal_facets(metadata) == {'measured_by': owner}
    assert personal_facets(read_one('pfm_dart.ibw').metadata) == {}


def test_details_that_others_lose() -> None:
    note = read_one('pfm_btfo_dso.ibw').metadata
    assert note['Time'] == '5:18:38 PM'
    assert (note['SaveImage'], note['SaveImage (2)'][:9]) == ('2', 'C:Users:A')
    assert note['Cypher Temps Start'] == '' and note['LaserModule'] == '10x30 µm Laser'
    assert note['ImageNote'] == read_one('pfm_btfo_dso.ibw').facets['notes'] == 'sample is at 45 deg to cantilever'
    assert len(note['Flatten Offsets 0'].split(',')) == 257  # a number per line and a trailing comma
    assert note['Asylum footer']['IsImage'] == '1'


def test_first_bytes_of_the_wave_are_its_lower_left_corner() -> None:
    raw = sample('pfm_dart.ibw').read_bytes()
    assert struct.unpack_from('<f', raw, 384)[0] == read_one('pfm_dart.ibw').image[0, -1, 0]
    assert b'TopLine: 255\rBottomLine: 0\r' in raw


def test_first_bytes_of_the_nanoscope_image_are_its_lower_left_corner() -> None:
    raw = sample('bruker_grating_a.spm').read_bytes()
    volts = struct.unpack_from('<i', raw, 80960)[0] / 2**32 * 0.6973971
    assert read_one('bruker_grating_a.spm').image[0, -1, 0] == pytest.approx(volts * 858.7503e-9, rel=1e-6)


def test_thumbnails_of_the_microscope_agree_with_channels() -> None:
    "The software appends a small picture of each channel: an independent word on order, labels and fast axis"
    raw, m = sample('pfm_dart.ibw').read_bytes(), read_one('pfm_dart.ibw')
    for channel, plane in zip(m.channels, m.image, strict=True):
        start = int(m.metadata['Asylum footer'][f'{channel.label}FileStart'])
        small = np.frombuffer(raw, 'i1', 128 * 128, start).reshape(128, 128)[::-1]
        half = plane.reshape(128, 2, 128, 2).mean((1, 3))
        assert np.corrcoef(small.ravel(), half.ravel())[0, 1] > 0.95, channel


def test_a_force_curve_is_named_as_one() -> None:
    with pytest.raises(NotAnImage, match='force curve of 1,261 points'): read_file(sample('force_curve.ibw'))


def test_identity() -> None:
    m = read_one('pfm_dart.ibw')
    assert m.sha256 == hashlib.sha256(sample('pfm_dart.ibw').read_bytes()).hexdigest()
    assert (m.source, m.place) == ('pfm_dart.ibw', 0) and m.id == read_one('pfm_dart.ibw').id


def test_wrong_units_of_a_converter_are_reported() -> None:
    assert [w.split(':')[0] for w in read_one('PZT_final0001.h5').warnings] == [
        'NapPhaseRetrace', 'UserIn0Retrace', 'NapUserIn0Retrace']
    assert read_one('PMN28Pt0000.h5').warnings == []


def test_pixels_equal_those_of_igor2() -> None:
    from igor2 import binarywave
    for name in ('pfm_dart.ibw', 'pfm_btfo_dso.ibw'):
        wave = binarywave.load(str(sample(name)))['wave']['wData']
        assert np.array_equal(read_one(name).image, wave[:, ::-1].transpose(2, 1, 0))


def test_pixels_equal_those_of_gwyfile() -> None:
    import gwyfile
    tree, m = gwyfile.load(str(sample('pfm_pto_110.gwy'))), read_one('pfm_pto_110.gwy')
    for i, plane in enumerate(m.image): assert np.array_equal(plane, tree[f'/{i}/data'].data)
