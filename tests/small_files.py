"Small, valid files of every format that is read, made here so that nothing large is kept beside the tests"
import io
import struct
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import tifffile
from PIL import Image

NOTE = ('ImagingMode: 3\rInvOLS: 1e-07\rMicroscopeID: 4\rScanSize: 2e-06\rTopLine: 11\rBottomLine: 0\rDFRTOn: 0\r'
        'Date:2014-02-20\rTime:5:18:38 PM\rUserIn0Unit: V\rImageNote: a note with 5 µm\r')
LABELS = ('HeightRetrace', 'PhaseRetrace', 'UserIn0Retrace')


def ramps(planes: int = 3, rows: int = 12, columns: int = 16) -> np.ndarray:
    "Numbers that are all different, so that no flip or transposition goes unnoticed"
    return (np.arange(planes * rows * columns, dtype='f4') / 7).reshape(planes, rows, columns)


def igor_wave(
    pixels: np.ndarray | None = None,  # (layer, y, x), row 0 at the bottom as in the file
    labels: Sequence[str] = LABELS,
    order: str = '<',
    axis: int = 2,
    note: str = NOTE,
    step: Sequence[float] = (1e-9, 2e-9, 1, 1),
    units: Sequence[bytes] = (b'm', b'm', b'', b''),
) -> bytes:
    "An Igor binary wave of version 5"
    pixels = ramps() if pixels is None else pixels
    kinds = {'f4': 2, 'f8': 4, 'i2': 16, 'u1': 72}
    data = pixels.astype(np.dtype(pixels.dtype).newbyteorder(order)).tobytes()
    text = note.encode('latin-1')
    if labels and axis == 2: labels = labels[:len(pixels)]
    fields = b''.join(label.encode().ljust(32, b'\0') for label in ('', *labels)) if labels else b''
    shape = [*pixels.shape[::-1], 0, 0, 0][:4]
    label_sizes = [len(fields) if i == axis else 0 for i in range(4)]
    binary = struct.pack(f'{order}hhiiii4i4iiii', 5, 0, 320 + len(data), 0, len(text), 0, 0, 0, 0, 0, *label_sizes,
                         0, 0, 0)
    kind = kinds[pixels.dtype.str[1:]]
    clock = 3475745233  # 20 February 2014, in seconds since 1904
    wave = struct.pack(f'{order}IIIihh6sh32s8x4i4d4d4s4s4s4s4s', 0, clock, clock, pixels.size, kind, 0, b'', 1,
                       b'small', *shape, *step, 0, 0, 0, 0, b'm', *units).ljust(320, b'\0')
    words = np.frombuffer(binary + wave, f'{order}u2')
    checksum = int(-words.sum(dtype='i8') % 2**16)
    header = binary[:2] + struct.pack(f'{order}H', checksum) + binary[4:] + wave
    return header + data + text + fields


def igor_curve_version_2(points: int = 20) -> bytes:
    "An Igor wave of version 2, which has one dimension"
    binary = struct.pack('<hiiih', 2, 110 + 4 * points, 0, 0, 0)
    wave = struct.pack('<hI20shhi4s4si', 2, 0, b'curve', 0, 0, 0, b'', b'', points).ljust(110, b'\0')
    checksum = int(-np.frombuffer(binary + wave, '<u2').sum(dtype='i8') % 2**16)
    return binary[:14] + struct.pack('<H', checksum) + wave + np.zeros(points, '<f4').tobytes()


def gwyddion_object(name: str, **components: object) -> bytes:
    "An object of the Gwyddion format"
    body = b''
    for key, value in components.items():
        body += key.replace('__', '/').encode() + b'\0'
        if isinstance(value, bytes): body += b'o' + value
        elif isinstance(value, str): body += b's' + value.encode() + b'\0'
        elif isinstance(value, int): body += b'i' + struct.pack('<i', value)
        elif isinstance(value, float): body += b'd' + struct.pack('<d', value)
        elif isinstance(value, np.ndarray):
            body += b'D' + struct.pack('<I', value.size) + value.astype('<f8').tobytes()
        else: raise TypeError(f'{key}: {type(value)}')
    return name.encode() + b'\0' + struct.pack('<I', len(body)) + body


def gwyddion_field(pixels: np.ndarray, wide: float, high: float, unit: str) -> bytes:
    "A data field"
    lateral, values = gwyddion_object('GwySIUnit', unitstr='m'), gwyddion_object('GwySIUnit', unitstr=unit)
    return gwyddion_object('GwyDataField', xres=pixels.shape[1], yres=pixels.shape[0], xreal=wide, yreal=high,
                           si_unit_xy=lateral, si_unit_z=values, data=pixels.ravel())


def gwyddion_file() -> bytes:
    "Two channels on one grid and a third on another"
    height, phase, zoom = ramps()
    meta = gwyddion_object('GwyContainer', Instrument='Simulated', Note='with µ')
    parts = {'__0__data': gwyddion_field(height, 16e-9, 24e-9, 'm'), '__0__data__title': 'Height [retrace]',
             '__0__meta': meta, '__1__data': gwyddion_field(phase, 16e-9, 24e-9, 'deg'), '__1__data__title': 'Phase',
             '__2__data': gwyddion_field(zoom[:6, :8], 4e-9, 3e-9, 'V'), '__2__data__title': 'Zoom',
             '__filename': '/Users/nobody/small.gwy'}
    return b'GWYP' + gwyddion_object('GwyContainer', **parts)


def nanoscope_file(width: int = 4, declared: int = 2, aspect: str = '1:1', size: str = '10 10 ~m') -> bytes:
    "Two channels of 12 rows and 16 columns; `width` bytes per pixel stored, `declared` in the header"
    start, points = 2048, 12 * 16
    common = f'''\\Bytes/pixel: {declared}
\\Samps/line: 16
\\Number of lines: 12
\\Aspect Ratio: {aspect}
\\Scan Size: {size}
\\Line Direction: Retrace
'''
    lists = ['\\*File list\n\\Version: 0x09700105\n\\Date: 09:36:14 AM Wed Mar 24 2021\n',
             '\\*Equipment list\n\\Description: Simulated\n', '\\*Scanner list\n\\@Sens. Zsens: V 10.00000 nm/V\n',
             '\\*Ciao scan list\n\\Scan Rate: 2\n\\@Sens. Phase: V 1.000000 \n']
    for i, (label, scale) in enumerate([('Height', 'V [Sens. Zsens] (0.006 V/LSB) 440 V'),
                                        ('Phase', 'V [Sens. Phase] (0.005 º/LSB) 360 º')]):
        lists.append(f'\\*Ciao image list\n\\Data offset: {start + i * points * width}\n'
                     f'\\Data length: {points * width}\n{common}'
                     f'\\@2:Image Data: S [{label}] "{label}"\n\\@2:Z scale: {scale}\n')
    text = (''.join(lists) + '\\*File list end\n').replace('\n', '\r\n').encode('latin-1') + b'\x1a'
    numbers = np.arange(2 * points, dtype=f'<i{width}') * 3 - 200
    return text.ljust(start, b'\0') + numbers.tobytes()


def nsid_file(path: Path, checksum: bool = False) -> None:
    "Two channels as SciFiReaders and pyNSID write an Asylum scan"
    with h5py.File(path, 'w') as file:
        for i, (label, unit) in enumerate([('HeightRetrace', 'm'), ('PhaseRetrace', 'deg')]):
            group = file.create_group(f'Measurement_000/Channel_{i}/Channel_{i}')
            options = {'chunks': (8, 6), 'compression': 'gzip', 'fletcher32': True} if checksum else {}
            data = group.create_dataset(f'Channel_{i}', data=ramps()[i].T, **options)
            data.attrs.update({'quantity': label, 'units': unit, 'data_type': 'IMAGE', 'modality': 'generic',
                               'DIMENSION_LABELS': ['x', 'y']})
            for axis, points, step in (('x', 16, 1e-9), ('y', 12, 2e-9)):
                group[axis] = np.arange(points) * step
                group[axis].attrs['units'] = unit
            note = group.create_group('original_metadata')
            note.attrs.update({'ImagingMode': 3, 'InvOLS': 1e-7, 'MicroscopeID': 4, 'TopLine': 11,
                               'Date': '2014-02-20'})


def picture(form: str, pixels: np.ndarray | None = None, **options: object) -> bytes:
    "A PNG or JPEG"
    noise = np.random.default_rng(7).integers(0, 255, (32, 40), 'u1') if pixels is None else pixels
    Image.fromarray(noise).save(file := io.BytesIO(), form, **options)
    return file.getvalue()


def tiff(compression: str | None = 'zlib') -> bytes:
    "A film of three frames of 16-bit numbers"
    frames = np.random.default_rng(8).integers(0, 900, (3, 24, 20), 'u2')
    tifffile.imwrite(file := io.BytesIO(), frames, compression=compression, photometric='minisblack', rowsperstrip=8)
    return file.getvalue()


def array() -> bytes:
    "An .npy file"
    np.save(file := io.BytesIO(), ramps())
    return file.getvalue()
