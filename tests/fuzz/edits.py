"""Edits of valid files: bytes, numbers in text, values of JSON documents."""

import json
import re

from hypothesis import strategies as st

ODD = [
    *(None, True, False, 0, 1, -1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(2**63)),
    *("", "x", "\0", "é", "0x1p+0", "-0x1p+0", "0x1p+1023", "1/3", "1/0", "nan", "inf", "all"),
    *("9" * 5000, "1/1" + "0" * 5000, "0x1p+999999999", [], {}, [[]], [0], ["U"], {"kind": "x"}),
    *([1 << 40, 1 << 40], [0, 1 << 62], [[0] * 9] * 9, {"leaf": 0}, "squared", "listed", "found"),
]
NUMBERS = [
    *(b"0", b"-1", b"1", b"2", b"-0", b"9007199254740993", b"18446744073709551616", b"4294967296"),
    *(b"1e999", b"-1e999", b"1e-999", b"nan", b"0.5", b"1" * 400, b"1" * 5000, b"0x10", b"1_0"),
    *(b"true", b'""', b"[]", b"{}", b"[" * 3000, b"{a=" * 3000, b"'x'", b"\xff", b"1073741824"),
]
NUMBER = re.compile(rb"-?\d+")


def damaged(data, blob, others):
    """Return a file's bytes after some edits."""
    draw = data.draw
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 4]))):
        size = len(blob)
        at = draw(st.integers(0, size))
        kind = draw(st.integers(0, 8))
        if kind == 0 and size:  # a bit
            at = min(at, size - 1)
            blob = blob[:at] + bytes([blob[at] ^ 1 << draw(st.integers(0, 7))]) + blob[at + 1 :]
        elif kind == 1:
            blob = blob[:at]
        elif kind == 2:  # less, or twice, a piece
            end = draw(st.integers(at, min(size, at + 64)))
            blob = blob[:at] + blob[at:end] * draw(st.sampled_from([0, 2, 3])) + blob[end:]
        elif kind == 3:
            blob = blob[:at] + draw(st.binary(max_size=16)) + blob[at:]
        elif kind == 4:
            other = draw(st.sampled_from(others))
            start = draw(st.integers(0, len(other)))
            blob = blob[:at] + other[start : start + draw(st.integers(0, 200))] + blob[at:]
        elif kind == 5 and size >= 8:  # a length of eight or four bytes
            n = draw(st.sampled_from([4, 8]))
            value = draw(
                st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1])
            )
            blob = blob[:at] + (value % 256**n).to_bytes(n, "little") + blob[at + n :]
        elif found := [*NUMBER.finditer(blob)]:
            match = draw(st.sampled_from(found))
            new = draw(st.sampled_from(NUMBERS))
            blob = blob[: match.start()] + new + blob[match.end() :]
    return blob


def slots(x):
    """Return (container, key) of every value in a JSON document."""
    out, todo = [], [x]
    while todo:
        y = todo.pop()
        keys = [*y] if isinstance(y, dict) else range(len(y)) if isinstance(y, list) else ()
        out += [(y, k) for k in keys]
        todo += [y[k] for k in keys]
    return out


def odd(draw):
    """Return one of ODD, which later edits may change."""
    return json.loads(json.dumps(draw(st.sampled_from(ODD))))


def edited(data, document):
    """Return a copy of a JSON document with some values replaced, removed, moved or nested."""
    draw, out = data.draw, json.loads(json.dumps(document))
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        places = slots(out)
        if not places:
            return odd(draw)
        holder, key = draw(st.sampled_from(places))
        kind = draw(st.integers(0, 6))
        if kind <= 2:
            holder[key] = odd(draw)
        elif kind == 3:
            del holder[key]
        elif kind == 4:
            other, name = draw(st.sampled_from(places))
            if name in (other if isinstance(other, dict) else range(len(other))):
                holder[key] = json.loads(json.dumps(other[name]))
        elif kind == 5:
            for _ in range(draw(st.sampled_from([1, 3, 90, 150]))):
                holder[key] = [holder[key]] if draw(st.booleans()) else {"a": holder[key]}
        elif isinstance(holder, dict):
            holder[draw(st.sampled_from(["kind", "x", "", "U", "W", "nodes"]))] = holder[key]
        else:
            holder.append(holder[key])
    return out


def doubled(data, text):
    """Return JSON text, perhaps with a key twice, or nested deeply."""
    kind = data.draw(st.integers(0, 9))
    if kind == 0:
        return re.sub(r"\{(\"[^\"]*\")", r"{\1: 0, \1", text, count=data.draw(st.integers(1, 3)))
    if kind == 1:
        return re.sub(r": (\d+|\"[^\"]*\")", ": " + "[" * 2000 + "]" * 2000, text, count=1)
    return text
