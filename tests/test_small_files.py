"Cases that the real files do not show: other byte orders, scans that are not square, several grids, other formats"
from pathlib import Path

import h5py
import numpy as np
import pytest
import small_files
import tifffile
from PIL import Image
from test_mutated_files import write_hspy

from matnb.corpus.measurement import Measurement, NotAnImage, Unreadable
from matnb.corpus.readers import planes, rosettasciio
from matnb.corpus.readers.formats import FORMATS, is_candidate, read_file
from matnb.corpus.readers.igor import read_header


def read_bytes_as(folder: Path, name: str, data: bytes) -> list[Measurement]:
    (path := folder / name).write_bytes(data)
    return read_file(path)


@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('kind', ['f4', 'f8', 'i2', 'u1'])
def test_igor_orders_types_and_rectangles(tmp_path: Path, order: str, kind: str) -> None:
    pixels = (small_files.ramps() % 200).astype(kind)
    m, = read_bytes_as(tmp_path, 'a.ibw', small_files.igor_wave(pixels, order=order))
    assert np.array_equal(m.image, pixels[:, ::-1]) and m.image.dtype == np.dtype(kind)
    assert m.pixel_size == (2e-9, 1e-9)
    assert [(c.key, c.unit) for c in m.channels] == [
        ('height retrace', 'm'), ('phase retrace', 'deg'), ('user in 0 retrace', 'V')]
    assert m.facets['date'] == '2014-02-20T17:18:38' and m.metadata['ImageNote'] == 'a note with 5 µm'


def test_igor_header_guards_every_byte() -> None:
    wave = small_files.igor_wave()
    for place in range(384):
        for bit in (1, 128):
            damaged = bytearray(wave)
            damaged[place] ^= bit
            with pytest.raises(Unreadable): read_header(bytes(damaged))


@pytest.mark.parametrize('end', [1, 100, 383, 384, 500, 2687, 2800, 2900])
def test_igor_cut_off_anywhere(tmp_path: Path, end: int) -> None:
    wave = small_files.igor_wave()
    assert end < len(wave)
    with pytest.raises(Unreadable): read_bytes_as(tmp_path, 'a.ibw', wave[:end])


def test_igor_other_waves(tmp_path: Path) -> None:
    with pytest.raises(NotAnImage, match='one dimension'):
        read_bytes_as(tmp_path, 'a.ibw', small_files.igor_curve_version_2())
    curves = small_files.ramps()[0]
    with pytest.raises(NotAnImage, match='force curve'):
        read_bytes_as(tmp_path, 'b.ibw', small_files.igor_wave(curves, ('Raw', 'Defl'), axis=1))
    volume = small_files.igor_wave(labels=(), units=(b'm', b'm', b'V', b''))
    with pytest.raises(NotAnImage, match='volume'): read_bytes_as(tmp_path, 'c.ibw', volume)


def test_igor_image_of_other_software(tmp_path: Path) -> None:
    plain = small_files.igor_wave(small_files.ramps()[0], (), note='Operator: x', units=(b'nm', b'', b'', b''))
    m, = read_bytes_as(tmp_path, 'a.ibw', plain)
    assert m.image.shape == (1, 12, 16) and m.channels[0].label == 'small' and m.pixel_size is None
    assert any('pixel size unknown' in w for w in m.warnings)
    assert m.facets == {'date': '2014-02-20T12:47:13'}


def test_igor_claims_before_memory(tmp_path: Path) -> None:
    import struct
    wave = bytearray(small_files.igor_wave())
    struct.pack_into('<4i', wave, 64 + 68, 2**15, 2**15, 16, 0)
    words = np.frombuffer(bytes(wave[:2] + b'\0\0' + wave[4:384]), '<u2')
    struct.pack_into('<H', wave, 2, int(-words.sum(dtype='i8') % 2**16))
    with pytest.raises(Unreadable, match='more than the limit'): read_bytes_as(tmp_path, 'a.ibw', bytes(wave))


def test_gwyddion_with_two_grids(tmp_path: Path) -> None:
    both, zoom = read_bytes_as(tmp_path, 'a.gwy', small_files.gwyddion_file())
    ramps = small_files.ramps()
    assert np.array_equal(both.image, ramps[:2]) and np.array_equal(zoom.image[0], ramps[2][:6, :8])
    assert [(c.key, c.unit) for c in both.channels] == [('height retrace', 'm'), ('phase', 'deg')]
    assert both.pixel_size == pytest.approx((2e-9, 1e-9)) and zoom.pixel_size == pytest.approx((5e-10, 5e-10))
    assert (both.place, zoom.place) == (0, 1) and both.id != zoom.id and zoom.channels[0].unit == 'V'
    assert both.metadata['Height [retrace]'] == {'Instrument': 'Simulated', 'Note': 'with µ'}


def test_gwyddion_of_version_1(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match='Gwyddion 1'): read_bytes_as(tmp_path, 'a.gwy', b'GWYO' + bytes(90))


@pytest.mark.parametrize(('width', 'declared'), [(2, 2), (4, 2), (4, 4)])
def test_nanoscope_widths_and_scales(tmp_path: Path, width: int, declared: int) -> None:
    m, = read_bytes_as(tmp_path, 'a.spm', small_files.nanoscope_file(width, declared))
    integers = (np.arange(2 * 12 * 16) * 3. - 200).reshape(2, 12, 16)[:, ::-1]
    np.testing.assert_allclose(m.image[0], integers[0] / 256**declared * 440 * 10e-9, rtol=1e-6, atol=0)
    np.testing.assert_allclose(m.image[1], integers[1] / 256**declared * 360, rtol=1e-6, atol=0)
    assert [(c.key, c.unit) for c in m.channels] == [('height retrace', 'm'), ('phase retrace', 'deg')]
    assert m.pixel_size == pytest.approx((10e-6 / 12, 10e-6 / 16))


@pytest.mark.parametrize(('aspect', 'size', 'high', 'wide'), [
    ('2:1', '10 10 ~m', 5e-6, 10e-6), ('1.43:1', '300 300 nm', 300e-9 / 1.43, 300e-9), ('2:1', '10 5 ~m', 5e-6, 10e-6),
    ('1:1', '500 nm', 500e-9, 500e-9)])
def test_nanoscope_scans_that_are_not_square(tmp_path: Path, aspect: str, size: str, high: float, wide: float) -> None:
    m, = read_bytes_as(tmp_path, 'a.003', small_files.nanoscope_file(aspect=aspect, size=size))
    assert m.pixel_size == pytest.approx((high / 12, wide / 16)) and m.facets['scan_size'] == pytest.approx(wide)


def test_nsid_turns_and_scales(tmp_path: Path) -> None:
    for checksum in (False, True):
        small_files.nsid_file(path := tmp_path / f'{checksum}.h5', checksum)
        m, = read_file(path)
        assert np.array_equal(m.image, small_files.ramps()[:2, ::-1]) and m.pixel_size == pytest.approx((2e-9, 1e-9))
        assert [(c.key, c.unit) for c in m.channels] == [('height retrace', 'm'), ('phase retrace', 'deg')]


def test_nsid_of_other_instruments_is_only_transposed(tmp_path: Path) -> None:
    small_files.nsid_file(path := tmp_path / 'a.h5')
    with h5py.File(path, 'a') as file:
        for i in range(2): file[f'Measurement_000/Channel_{i}/Channel_{i}/original_metadata'].attrs.pop('ImagingMode')
    m, = read_file(path)
    assert np.array_equal(m.image, small_files.ramps()[:2])
    assert m.pixel_size == pytest.approx((2e-9, 1e-9))


def test_hdf5_that_is_no_nsid(tmp_path: Path) -> None:
    with h5py.File(path := tmp_path / 'a.h5', 'w') as file: file['x'] = np.zeros((4, 4))
    with pytest.raises(Unreadable, match='without NSID'): read_file(path)


def test_pictures_keep_their_numbers(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).integers(0, 255, (20, 30, 4), 'u1')
    for mode, channels in [('L', 'grey'), ('RGB', 'red green blue'), ('RGBA', 'red green blue alpha')]:
        samples = {'L': noise[..., 0], 'RGB': noise[..., :3], 'RGBA': noise}[mode]
        Image.fromarray(samples).save(path := tmp_path / f'{mode}.png')
        m, = read_file(path)
        assert ' '.join(c.name for c in m.channels) == channels and m.pixel_size is None
        assert np.array_equal(m.image, np.moveaxis(np.atleast_3d(samples), -1, 0))
    Image.fromarray(noise[..., 0]).convert('1').save(path := tmp_path / 'bits.png')
    assert set(np.unique(read_file(path)[0].image)) == {0, 255}


def test_jpeg_cut_off(tmp_path: Path) -> None:
    whole = small_files.picture('JPEG')
    assert read_bytes_as(tmp_path, 'a.jpg', whole)[0].image.shape == (1, 32, 40)
    for end in (len(whole) - 1, len(whole) - 2, len(whole) // 2):
        with pytest.raises(Unreadable, match='cut off'): read_bytes_as(tmp_path, 'b.jpg', whole[:end])


def test_bombs_are_refused_before_they_unfold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planes, 'MAX_PIXELS', 50 * 50)
    bomb = np.zeros((60, 60), 'u1')
    Image.fromarray(bomb).save(tmp_path / 'a.png')
    Image.fromarray(bomb).save(tmp_path / 'a.jpg')
    np.save(tmp_path / 'a.npy', bomb)
    for compression in ('zlib', None): tifffile.imwrite(tmp_path / f'{compression}.tif', bomb, compression=compression)
    small = (tmp_path / 'a.npy', tmp_path / 'a.png', tmp_path / 'a.jpg', tmp_path / 'zlib.tif', tmp_path / 'None.tif')
    for path in small:
        with pytest.raises(Unreadable, match='more than the limit'): read_file(path)


def test_pages_of_a_film_are_items_with_their_own_ids(tmp_path: Path) -> None:
    film = read_bytes_as(tmp_path, 'a.tif', small_files.tiff())
    assert [m.place for m in film] == [0, 1, 2] and len({m.id for m in film}) == 3


def test_tiff_of_an_electron_microscope(tmp_path: Path) -> None:
    header = '[Scan]\nPixelWidth=2.5e-009\nPixelHeight=2.5e-009\n[System]\nSystemType=Helios\n'
    tifffile.imwrite(path := tmp_path / 'a.tif', np.zeros((8, 8), 'u1') + np.arange(8, dtype='u1'), metadata=None,
                     extratags=[(34682, 's', 0, header, True)])
    m, = read_file(path)
    assert m.pixel_size == pytest.approx((2.5e-9, 2.5e-9)) and m.metadata['FEI']['System']['SystemType'] == 'Helios'


def test_content_wins_over_the_name(tmp_path: Path) -> None:
    m, = read_bytes_as(tmp_path, 'a.tif', small_files.picture('PNG'))
    assert m.warnings[0] == 'named .tif, but it is PNG by its content'


def test_every_format_has_a_reader_that_can_be_imported() -> None:
    for form in FORMATS:
        assert is_candidate(Path(f'a{form.suffixes[0].upper()}'))
        with pytest.raises((Unreadable, OSError)): form.read(Path('/nonexistent'))


def test_rosettasciio_reads_what_it_wrote(tmp_path: Path) -> None:
    write_hspy(path := tmp_path / 'a.hspy')
    m, = read_file(path)
    assert np.array_equal(m.image[0], small_files.ramps()[0]) and m.pixel_size == pytest.approx((2e-9, 2e-9))
    assert m.channels[0].label == 'small' and is_candidate(path)


def test_rosettasciio_reads_a_raw_file_with_its_header(tmp_path: Path) -> None:
    small_files.ramps()[0].astype('<f4').tofile(tmp_path / 'a.raw')
    lines = ['key\tvalue', 'width\t16', 'height\t12', 'depth\t1', 'offset\t0', 'data-length\t4', 'data-type\tfloat',
             'byte-order\tlittle-endian', 'record-by\tdont-care', 'width-scale\t3', 'height-scale\t5',
             'width-units\tnm', 'height-units\tnm', 'width-name\tx', 'height-name\ty']
    (path := tmp_path / 'a.rpl').write_text('\n'.join(lines))
    m, = read_file(path)
    assert np.array_equal(m.image[0], small_files.ramps()[0]) and m.pixel_size == pytest.approx((5e-9, 3e-9))


def test_rosettasciio_refuses_what_would_run_code(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match='as code'): read_bytes_as(tmp_path, 'a.nc', b'CDF\1' + bytes(60))


def test_without_rosettasciio_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rosettasciio, 'is_installed', lambda: False)
    with pytest.raises(Unreadable, match='matnb\\[formats\\]'): read_bytes_as(tmp_path, 'a.dm4', b'x' * 50)


def test_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match='folder'): read_file(tmp_path)
    with pytest.raises(Unreadable, match='cannot be opened'): read_file(tmp_path / 'missing.png')
