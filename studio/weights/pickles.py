"""Reads the pickle inside a PyTorch file without running it. Importable without torch.

A pickle is a program that names functions and calls them. This interpreter knows the few functions that PyTorch's own
files use to build tensors, and builds descriptions of tensors with them. No name is ever imported: some that training
frameworks leave in checkpoints stand for objects that are ignored, and any other ends the reading.

The opcodes are those of the standard library's ``pickletools``. Its own decoder takes three times as long, too long for
the largest index that is read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from studio.errors import shorten
from studio.messages import Message, message
from studio.weights.header import MAX_DIMENSION, MAX_DIMENSIONS, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_OPCODES = 1_000_000
MAX_NUMBER = 2**62

_STORAGES = MappingProxyType(
    {
        "DoubleStorage": "F64",
        "FloatStorage": "F32",
        "HalfStorage": "F16",
        "BFloat16Storage": "BF16",
        "LongStorage": "I64",
        "IntStorage": "I32",
        "ShortStorage": "I16",
        "CharStorage": "I8",
        "ByteStorage": "U8",
        "BoolStorage": "BOOL",
        "UntypedStorage": "U8",
    }
)
_DTYPES = MappingProxyType(
    {
        "float64": "F64",
        "float32": "F32",
        "float16": "F16",
        "bfloat16": "BF16",
        "float8_e4m3fn": "F8_E4M3",
        "float8_e5m2": "F8_E5M2",
        "int64": "I64",
        "int32": "I32",
        "int16": "I16",
        "int8": "I8",
        "uint8": "U8",
        "bool": "BOOL",
    }
)
_DICTS = frozenset({"collections.OrderedDict", "collections.defaultdict"})
_IGNORED = re.compile(
    r"(?:pytorch_lightning|lightning|lightning_fabric|lightning_utilities|omegaconf|ldm|numpy)(?:\.\w+)+"
    r"|torch\.(?:device|Size|nn\.modules\.container\.ParameterDict|nn\.parameter\.Parameter)"
    r"|(?:builtins|__builtin__)\.(?:set|frozenset|list|dict|tuple|int|float|complex|bool|str|object|slice|range)"
    r"|_codecs\.encode|argparse\.Namespace|typing\.(?:Any|Dict|List|Tuple|Union|Optional)|copy_reg\._reconstructor"
)
"""Names that stand for something other than weights in the checkpoints of training frameworks."""


class PickleRefusedError(Exception):
    """A pickle contains what weights do not need. ``reason`` is a clause about the file."""

    def __init__(self, reason: Message) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Storage:
    """A block of values of one dtype in the file.

    Attributes:
        key: its name there.
        dtype: a name in `WIDTHS`.
        count: how many values it has.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True, eq=False, slots=True)
class TensorView:
    """A tensor: a part of a storage.

    Attributes:
        storage: where its values are.
        dtype: a name in `WIDTHS`; that of the storage, except where the storage is untyped.
        offset: of its first value, in values.
        shape: its sizes.
        stride: for each dimension, how many values further the next one is.
    """

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of its values."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def contiguous(self) -> bool:
        """Whether its values follow each other in the storage in their order."""
        step = 1
        for size, stride in zip(reversed(self.shape), reversed(self.stride), strict=True):
            if size > 1 and stride != step:
                return False
            step *= size
        return True


@dataclass(frozen=True, eq=False, slots=True)
class _Name:
    """A name that a pickle mentions."""

    name: str


@dataclass(eq=False, slots=True)
class Ignored:
    """What a pickle makes with a name that is ignored; `state` is what it was given afterwards."""

    name: str
    state: object = None


_MARK = object()


@dataclass(frozen=True, kw_only=True)
class Unpickled:
    """What a pickle describes.

    Attributes:
        value: made of dicts, lists, tuples, texts, numbers, `TensorView` and `Ignored`.
        storages: all that it mentions, by key.
        end: the position after it.
    """

    value: Any
    storages: Mapping[str, Storage]
    end: int


def read_pickle(data: bytes, place: int = 0) -> Unpickled:
    """Return what the pickle at a position describes.

    Raises:
        PickleRefusedError: it names a function that weights do not need, describes an impossible tensor, or is no
            pickle.
    """
    interpreter = _Interpreter()
    try:
        end = interpreter.run(data, place)
        return Unpickled(value=interpreter.stack[-1], storages=interpreter.storages, end=end)
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, struct.error) as error:
        raise PickleRefusedError(message("has a damaged index (not a valid pickle)")) from error


class _Interpreter:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.names: dict[str, _Name] = {}

    def run(self, data: bytes, place: int) -> int:
        """Carry out the pickle at ``place`` and return the position after it."""
        for _ in range(MAX_OPCODES):
            code = data[place]
            place += 1
            if code == _STOP:
                return place
            if code not in _OPCODES:
                name = _REFUSED.get(code)
                if name is None:
                    raise ValueError
                reason = message("uses the pickle instruction {name}, which weights never need", name=name)
                raise PickleRefusedError(reason)
            handler, read = _OPCODES[code]
            if read is None:
                handler(self, None)
            else:
                argument, place = read(data, place)
                handler(self, argument)
        raise PickleRefusedError(message("has more instructions than any model needs"))

    # ------------------------------------------------------------------------------------------------ the stack
    def push(self, value: object) -> None:
        self.stack.append(value)

    def to_mark(self) -> list[Any]:
        """Remove and return what lies above the last mark."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                above = self.stack[place + 1 :]
                del self.stack[place:]
                return above
        raise IndexError

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise IndexError
        made = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(made)

    def remember(self, place: int | None) -> None:
        self.memo[len(self.memo) if place is None else place] = self.stack[-1]

    def recall(self, place: int) -> None:
        self.push(self.memo[place])

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Ignored):
            return
        if not isinstance(target, dict):
            raise TypeError
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            # Numbers are limited because many large ones can be made to collide in a dict.
            if isinstance(key, str) or (isinstance(key, int) and abs(key) < MAX_DIMENSION):
                target[key] = value

    def append_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif not isinstance(target, Ignored):
            raise TypeError

    def build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Ignored):
            target.state = state
        elif not isinstance(target, dict | TensorView):  # whose attributes are no weights
            raise TypeError

    # ---------------------------------------------------------------------------------------- names and calls
    def name(self, module: object, name: object) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise TypeError
        full = f"{module}.{name}"
        if full in self.names:
            self.push(self.names[full])
            return
        known = full in _DICTS or full in _CONSTRUCTORS or _storage_dtype(full) or _tensor_dtype(full)
        if not known and not _IGNORED.fullmatch(full):
            reason = message(
                "names {name}, which has no place among weights; nothing of it was run",
                name=repr(shorten(full)),
            )
            raise PickleRefusedError(reason)
        self.names[full] = _Name(full)
        self.push(self.names[full])

    def call(self) -> None:
        arguments = self.stack.pop()
        function = self.stack.pop()
        if not isinstance(arguments, tuple):
            raise TypeError
        self.push(self.result(function, arguments))

    def result(self, function: object, arguments: tuple[Any, ...]) -> object:
        if isinstance(function, Ignored):
            return Ignored(function.name)
        if not isinstance(function, _Name):
            raise TypeError
        name = function.name
        if name in _DICTS:
            return _dict_of(arguments)
        if name in _CONSTRUCTORS:
            return _CONSTRUCTORS[name](arguments)
        if name == "torch.Size":
            return tuple(arguments[0])
        if _IGNORED.fullmatch(name):
            return Ignored(name)
        raise TypeError

    def persistent(self) -> None:
        """Replace the description of a storage on the stack by the storage."""
        described = self.stack.pop()
        if not isinstance(described, tuple) or len(described) not in (5, 6) or described[0] != "storage":
            raise PickleRefusedError(message("refers to something that is not a tensor"))
        kind, key, count = described[1], described[2], described[4]
        dtype = _storage_dtype(kind.name) if isinstance(kind, _Name) else None
        if dtype is None or not isinstance(key, str) or not _is_number(count):
            raise TypeError
        if len(described) == 6 and described[5] is not None:
            raise PickleRefusedError(message("has storages inside storages, as very old PyTorch wrote them"))
        storage = Storage(key, dtype, count)
        if self.storages.setdefault(key, storage) != storage:
            raise PickleRefusedError(
                message("describes the storage {key} in two ways", key=repr(shorten(key)))
            )
        self.push(self.storages[key])


def _storage_dtype(name: str) -> str | None:
    module, _, last = name.rpartition(".")
    return _STORAGES.get(last) if module in ("torch", "torch.storage", "torch.cuda") else None


def _tensor_dtype(name: str) -> str | None:
    module, _, last = name.rpartition(".")
    return _DTYPES.get(last) if module == "torch" else None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_NUMBER


def _dict_of(arguments: tuple[Any, ...]) -> dict[str, Any]:
    """Return the dict of ``OrderedDict()`` or ``OrderedDict(pairs)``."""
    pairs = arguments[0] if arguments and isinstance(arguments[0], list | tuple) else ()
    return {key: value for key, value in pairs if isinstance(key, str)}


def _tensor(arguments: tuple[Any, ...]) -> TensorView:
    """Return the tensor of ``_rebuild_tensor(storage, offset, size, stride, ...)`` and its later versions."""
    storage, offset, shape, stride = arguments[:4]
    if not isinstance(storage, Storage):
        raise TypeError
    return _checked(storage, storage.dtype, storage.count, offset, shape, stride)


def _typed_tensor(arguments: tuple[Any, ...]) -> TensorView:
    """Return the tensor of ``_rebuild_tensor_v3``, whose storage is untyped and whose seventh argument is the dtype."""
    storage, offset, shape, stride, _, _, kind = arguments[:7]
    dtype = _tensor_dtype(kind.name) if isinstance(kind, _Name) else None
    if not isinstance(storage, Storage) or dtype is None:
        raise TypeError
    count = storage.count * WIDTHS[storage.dtype] // WIDTHS[dtype]
    return _checked(storage, dtype, count, offset, shape, stride)


def _checked(
    storage: Storage, dtype: str, count: int, offset: object, shape: object, stride: object
) -> TensorView:
    """Return a view of a storage with ``count`` values of ``dtype``; raises PickleRefusedError if it is impossible."""
    if not (isinstance(shape, tuple) and isinstance(stride, tuple) and len(shape) == len(stride)):
        raise TypeError
    if not all(map(_is_number, (offset, *shape, *stride))) or not isinstance(offset, int):
        raise PickleRefusedError(message("describes a tensor with impossible sizes"))
    if len(shape) > MAX_DIMENSIONS or any(size > MAX_DIMENSION for size in shape):
        raise PickleRefusedError(message("describes a tensor with impossible sizes"))
    last = 0
    for step, size in sorted((step, size) for step, size in zip(stride, shape, strict=True) if size > 1):
        if step <= last:
            raise PickleRefusedError(message("describes a tensor that repeats the same values"))
        last += (size - 1) * step
    if 0 not in shape and offset + last >= count:
        raise PickleRefusedError(message("describes a tensor that reaches beyond its storage"))
    return TensorView(storage, dtype, offset, shape, stride)


_CONSTRUCTORS: Mapping[str, Callable[[tuple[Any, ...]], object]] = MappingProxyType(
    {
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_tensor_v3": _typed_tensor,
        "torch._utils._rebuild_parameter": lambda arguments: arguments[0],
        "torch._utils._rebuild_parameter_with_state": lambda arguments: arguments[0],
    }
)


def _set_item(reader: _Interpreter, _: object) -> None:
    value = reader.stack.pop()
    key = reader.stack.pop()
    reader.set_items([key, value])


def _make_dict(reader: _Interpreter, _: object) -> None:
    pairs = reader.to_mark()
    reader.push({})
    reader.set_items(pairs)


def _stack_global(reader: _Interpreter, _: object) -> None:
    name = reader.stack.pop()
    reader.name(reader.stack.pop(), name)


def _append(reader: _Interpreter, _: object) -> None:
    item = reader.stack.pop()
    reader.append_items([item])


def _frozen_set(reader: _Interpreter, _: object) -> None:
    reader.to_mark()
    reader.push(Ignored("frozenset"))


def _skip(reader: _Interpreter, _: object) -> None:
    """Do nothing: the version and the frames of a pickle change nothing."""


def _put(reader: _Interpreter, argument: Any) -> None:  # noqa: ANN401
    reader.remember(argument)


def _get(reader: _Interpreter, argument: Any) -> None:  # noqa: ANN401
    reader.recall(argument)


def _value(reader: _Interpreter, argument: Any) -> None:  # noqa: ANN401
    reader.push(argument)


_Reader = Callable[[bytes, int], tuple[Any, int]]
"""Returns an instruction's argument at a position, and the position after it."""


def _number(form: str) -> _Reader:
    layout = struct.Struct(form)

    def read(data: bytes, place: int) -> tuple[Any, int]:
        return layout.unpack_from(data, place)[0], place + layout.size

    return read


def _sized(length: str, decode: Callable[[bytes], object]) -> _Reader:
    """Return the reader of an argument after its length."""
    layout = struct.Struct(length)

    def read(data: bytes, place: int) -> tuple[Any, int]:
        (count,) = layout.unpack_from(data, place)
        begin = place + layout.size
        if count < 0 or begin + count > len(data):
            raise IndexError
        return decode(data[begin : begin + count]), begin + count

    return read


def _line(decode: Callable[[str], object]) -> _Reader:
    """Return the reader of an argument that ends with its line."""

    def read(data: bytes, place: int) -> tuple[Any, int]:
        end = data.index(b"\n", place)
        return decode(data[place:end].decode("utf-8")), end + 1

    return read


def _two_lines(data: bytes, place: int) -> tuple[Any, int]:
    middle = data.index(b"\n", place)
    end = data.index(b"\n", middle + 1)
    return (data[place:middle].decode("utf-8"), data[middle + 1 : end].decode("utf-8")), end + 1


def _utf8(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _long(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


_BYTE, _WORD, _INT, _UNSIGNED = map(_number, ("<B", "<H", "<i", "<I"))

_OPCODES: Mapping[int, tuple[Callable[[_Interpreter, Any], object], _Reader | None]] = MappingProxyType(
    {
        ord(code): (handler, read)
        for code, handler, read in (
            ("\x80", _skip, _BYTE),  # PROTO
            ("\x95", _skip, _number("<Q")),  # FRAME
            ("N", lambda reader, _: reader.push(None), None),
            ("\x88", lambda reader, _: reader.push(True), None),
            ("\x89", lambda reader, _: reader.push(False), None),
            ("K", _value, _BYTE),  # BININT1
            ("M", _value, _WORD),  # BININT2
            ("J", _value, _INT),  # BININT
            ("I", _value, _line(int)),  # INT
            ("L", _value, _line(lambda line: int(line.removesuffix("L")))),  # LONG
            ("\x8a", _value, _sized("<B", _long)),  # LONG1
            ("\x8b", _value, _sized("<i", _long)),  # LONG4
            ("F", _value, _line(float)),  # FLOAT
            ("G", _value, _number(">d")),  # BINFLOAT
            ("X", _value, _sized("<I", _utf8)),  # BINUNICODE
            ("\x8c", _value, _sized("<B", _utf8)),  # SHORT_BINUNICODE
            ("\x8d", _value, _sized("<Q", _utf8)),  # BINUNICODE8
            ("V", _value, _line(str)),  # UNICODE
            ("S", _value, _line(lambda line: line.strip("'\""))),  # STRING
            ("U", _value, _sized("<B", _utf8)),  # SHORT_BINSTRING, the text of Python 2
            ("T", _value, _sized("<i", _utf8)),  # BINSTRING
            ("C", _value, _sized("<B", bytes)),  # SHORT_BINBYTES
            ("B", _value, _sized("<I", bytes)),  # BINBYTES
            ("\x8e", _value, _sized("<Q", bytes)),  # BINBYTES8
            ("\x96", _value, _sized("<Q", bytes)),  # BYTEARRAY8
            ("(", lambda reader, _: reader.push(_MARK), None),
            ("0", lambda reader, _: reader.stack.pop(), None),  # POP
            ("1", lambda reader, _: reader.to_mark(), None),  # POP_MARK
            ("2", lambda reader, _: reader.push(reader.stack[-1]), None),  # DUP
            (")", lambda reader, _: reader.push(()), None),  # EMPTY_TUPLE
            ("t", lambda reader, _: reader.push(tuple(reader.to_mark())), None),  # TUPLE
            ("\x85", lambda reader, _: reader.tuple_of(1), None),
            ("\x86", lambda reader, _: reader.tuple_of(2), None),
            ("\x87", lambda reader, _: reader.tuple_of(3), None),
            ("]", lambda reader, _: reader.push([]), None),  # EMPTY_LIST
            ("l", lambda reader, _: reader.push(reader.to_mark()), None),  # LIST
            ("a", _append, None),
            ("e", lambda reader, _: reader.append_items(reader.to_mark()), None),  # APPENDS
            ("}", lambda reader, _: reader.push({}), None),  # EMPTY_DICT
            ("d", _make_dict, None),
            ("s", _set_item, None),
            ("u", lambda reader, _: reader.set_items(reader.to_mark()), None),  # SETITEMS
            ("\x8f", lambda reader, _: reader.push(Ignored("set")), None),  # EMPTY_SET
            ("\x90", lambda reader, _: reader.append_items(reader.to_mark()), None),  # ADDITEMS
            ("\x91", _frozen_set, None),
            ("p", _put, _line(int)),  # PUT
            ("q", _put, _BYTE),  # BINPUT
            ("r", _put, _UNSIGNED),  # LONG_BINPUT
            ("\x94", _put, None),  # MEMOIZE
            ("g", _get, _line(int)),  # GET
            ("h", _get, _BYTE),  # BINGET
            ("j", _get, _UNSIGNED),  # LONG_BINGET
            ("c", lambda reader, names: reader.name(*names), _two_lines),  # GLOBAL
            ("\x93", _stack_global, None),
            ("R", lambda reader, _: reader.call(), None),  # REDUCE
            ("\x81", lambda reader, _: reader.call(), None),  # NEWOBJ
            ("b", lambda reader, _: reader.build(), None),  # BUILD
            ("Q", lambda reader, _: reader.persistent(), None),  # BINPERSID
        )
    }
)
_STOP = ord(".")
_REFUSED: Mapping[int, str] = MappingProxyType(
    {
        ord("i"): "INST",
        ord("o"): "OBJ",
        ord("P"): "PERSID",
        0x82: "EXT1",
        0x83: "EXT2",
        0x84: "EXT4",
        0x92: "NEWOBJ_EX",
        0x97: "NEXT_BUFFER",
        0x98: "READONLY_BUFFER",
    }
)
