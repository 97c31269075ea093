# mypy: ignore-errors
"""Vector registers for Numba kernels: operations on rows of float32 arrays, several at a time.

A `Block` is a fixed number of registers of `LANES` float32 each, held by the processor while a kernel works
on them; the number is part of its type. So every operation below becomes a few instructions in a straight
line: no inner loop, no branch, no check whether arrays overlap, which is where a compiler loses most when it
has to find the vectors by itself. Arrays are flat float32; a place is an element's offset, and rows are
padded to `LANES`. No bounds are checked.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from .compiling import inlined


def _registers_here() -> tuple[int, int]:
    """float32 numbers in the widest register of this processor, and how many registers it has."""
    features = binding.get_host_cpu_features()
    if features.get("avx512f"):
        return 16, 32
    if features.get("avx"):
        return 8, 16
    return 4, 32 if features.get("neon") else 16


LANES, _REGISTERS = _registers_here()

# Rows of a block: two blocks, a weight for each row and a few more have to fit the registers at once.
ROWS = 6 if _REGISTERS == 32 and LANES > 4 else 3

_CACHE_LINE = 16  # float32 numbers
_REGISTER = ir.VectorType(ir.FloatType(), LANES)
_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_FAST = ("fast",)  # sums may be regrouped, a product and a sum may become one instruction


class Block(types.Type):
    """The Numba type of `count` registers."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Block({count}x{LANES})")


@register_model(Block)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Block) -> None:
        super().__init__(manager, kind, ir.ArrayType(_REGISTER, kind.count))


# ── building LLVM values ───────────────────────────────────────────────────────────────────────────────────


def _registers(builder: ir.IRBuilder, block: ir.Value) -> list[ir.Value]:
    return [builder.extract_value(block, i) for i in range(block.type.count)]


def _block(builder: ir.IRBuilder, registers: Sequence[ir.Value]) -> ir.Value:
    block = ir.Constant(ir.ArrayType(_REGISTER, len(registers)), ir.Undefined)
    for i, register in enumerate(registers):
        block = builder.insert_value(block, register, i)
    return block


def _place(context: Any, builder: ir.IRBuilder, kind: types.Array, array: ir.Value, at: ir.Value) -> ir.Value:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _load(builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
    register = builder.load(builder.bitcast(place, _REGISTER.as_pointer()))
    register.align = 4
    return register


def _store(builder: ir.IRBuilder, register: ir.Value, place: ir.Value) -> None:
    builder.store(register, builder.bitcast(place, _REGISTER.as_pointer())).align = 4


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_REGISTER, [float(value)] * LANES)


def _shuffled(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, lanes: Sequence[int]) -> ir.Value:
    """Lane i is lane `lanes[i]` of `a` followed by `b`."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT32, LANES), list(lanes)))


def _everywhere(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    one = builder.insert_element(ir.Constant(_REGISTER, ir.Undefined), value, _INT32(0))
    return _shuffled(builder, one, one, [0] * LANES)


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    return builder.fadd(builder.fmul(a, b, flags=_FAST), c, flags=_FAST)


def _polynomial(builder: ir.IRBuilder, x: ir.Value, coefficients: Sequence[float]) -> ir.Value:
    value: ir.Value = _constant(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = _multiply_add(builder, value, x, _constant(coefficient))
    return value


def _sigmoid(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    """1 / (1 + e^−x), to 1e-6.

    σ(x) = ½ + ½ tanh(x/2), and tanh is a quotient of two polynomials within ±7.9, beyond which float32 cannot
    tell it from ±1. No table, no branch: all lanes go at once. Source: the coefficients of Eigen's `ptanh`.
    """
    odd = (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08)
    odd += (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16)
    even = (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
    x = builder.fmul(x, _constant(0.5), flags=_FAST)
    x = builder.select(builder.fcmp_ordered("<", x, _constant(7.9)), x, _constant(7.9))
    x = builder.select(builder.fcmp_ordered(">", x, _constant(-7.9)), x, _constant(-7.9))
    square = builder.fmul(x, x, flags=_FAST)
    above = builder.fmul(x, _polynomial(builder, square, odd), flags=_FAST)
    tanh = builder.fdiv(above, _polynomial(builder, square, even), flags=_FAST)
    return _multiply_add(builder, tanh, _constant(0.5), _constant(0.5))


def _rows(context: Any, builder: ir.IRBuilder, kinds: Any, values: Any, count: int) -> list[ir.Value]:
    """The places `array[rows[first + i] + at]`, from the arguments (array, rows, first, at)."""
    array, rows, first, at = values
    start = _place(context, builder, kinds[1], rows, first)
    offsets = [builder.load(builder.gep(start, [_INT64(i)])) for i in range(count)]
    return [_place(context, builder, kinds[0], array, builder.add(offset, at)) for offset in offsets]


def _arithmetic(like: int | None) -> Callable[[Callable[..., list[ir.Value]]], Any]:
    """Makes an intrinsic of a function of a builder and the registers of blocks that returns registers.

    The result is a block like the argument number `like`; None: one register.
    """

    def decorate(function: Callable[..., list[ir.Value]]) -> Any:
        def declare(typing: Any, *blocks: Any) -> Any:
            def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
                return _block(builder, function(builder, *(_registers(builder, value) for value in values)))

            return (Block(1) if like is None else blocks[like])(*blocks), build

        return intrinsic(wraps(function)(declare))

    return decorate


# ── one register ───────────────────────────────────────────────────────────────────────────────────────────


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """The register at `array[at : at + LANES]`."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_load(builder, _place(context, builder, array, *values))])

    return Block(1)(array, types.int64), build


@intrinsic
def store(typing: Any, array: Any, at: Any, block: Any) -> Any:
    """`array[at : at + LANES] = block`."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        place = _place(context, builder, array, *values[:2])
        _store(builder, builder.extract_value(values[2], 0), place)
        return context.get_dummy_value()

    return types.void(array, types.int64, block), build


@_arithmetic(like=0)
def gradients(builder, dots, labels, rates):
    """(label − σ(dot)) · rate in each lane: the gradient of the log likelihood, times the learning rate."""
    errors = [builder.fsub(label, _sigmoid(builder, dot), flags=_FAST) for dot, label in zip(dots, labels)]
    return [builder.fmul(*pair, flags=_FAST) for pair in zip(errors, rates)]


@_arithmetic(like=0)
def reciprocal_root(builder, block):
    """1 / √x in each lane of each register."""
    kind = ir.FunctionType(_REGISTER, [_REGISTER])
    root = cgutils.get_or_insert_function(builder.module, kind, f"llvm.sqrt.v{LANES}f32")
    roots = [builder.call(root, [one], fastmath=_FAST) for one in block]
    return [builder.fdiv(_constant(1), one, flags=_FAST) for one in roots]


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of `array[at]`, which will soon be read and written."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        byte = builder.bitcast(_place(context, builder, array, *values), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type, _INT32, _INT32, _INT32])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte.type], kind)
        builder.call(function, [byte, _INT32(0), _INT32(3), _INT32(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), build


# ── several registers side by side ─────────────────────────────────────────────────────────────────────────


@intrinsic(prefer_literal=True)
def zeros(typing: Any, count: Any) -> Any:
    """`count` registers of zeros; `count` is a constant."""
    kind = Block(count.literal_value)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_constant(0)] * kind.count)

    return kind(count), build


@intrinsic
def gather(typing: Any, array: Any, rows: Any, first: Any, at: Any, like: Any) -> Any:
    """One register a row, at `array[rows[first + i] + at]`, for as many `i` as `like` has registers."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        places = _rows(context, builder, signature.args, values[:4], like.count)
        return _block(builder, [_load(builder, place) for place in places])

    return like(array, rows, types.int64, types.int64, like), build


@intrinsic
def scatter_add(typing: Any, array: Any, rows: Any, first: Any, at: Any, block: Any) -> Any:
    """Add each register to its row, in the places of `gather`. A row named twice gets both."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        places = _rows(context, builder, signature.args, values[:4], block.count)
        for place, register in zip(places, _registers(builder, values[4])):
            _store(builder, builder.fadd(_load(builder, place), register, flags=_FAST), place)
        return context.get_dummy_value()

    return types.void(array, rows, types.int64, types.int64, block), build


@intrinsic
def broadcast(typing: Any, array: Any, at: Any, like: Any) -> Any:
    """Registers whose lanes are all `array[at + i]`, for as many `i` as `like` has registers."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        start = _place(context, builder, array, *values[:2])
        places = [builder.gep(start, [_INT64(i)]) for i in range(like.count)]
        return _block(builder, [_everywhere(builder, builder.load(place)) for place in places])

    return like(array, types.int64, like), build


@_arithmetic(like=2)
def multiply_add(builder, a, b, c):
    """a · b + c, register by register; a `b` of one register meets every register of `a`."""
    b = b * len(a) if len(b) == 1 else b
    return [_multiply_add(builder, *three) for three in zip(a, b, c)]


@_arithmetic(like=0)
def add(builder, a, b):
    """a + b, register by register."""
    return [builder.fadd(*pair, flags=_FAST) for pair in zip(a, b)]


@_arithmetic(like=None)
def weighted(builder, weights, block, start):
    """One register: `start` plus weights · block, summed over their registers."""
    (total,) = start
    for pair in zip(weights, block):
        total = _multiply_add(builder, *pair, total)
    return [total]


@_arithmetic(like=None)
def sums(builder, block):
    """One register: lane i is the sum of the lanes of register i, 0 beyond the last one.

    Registers are folded in pairs. A fold halves their number and lets one register hold twice as many of the
    sums; after log2(LANES) folds one register holds them all, in order, for little more work than one sum.
    """
    rows = block + [_constant(0)] * (LANES - len(block))
    fold = 1
    while fold < LANES:  # lanes with this bit go to the second register of each pair
        here = [lane + LANES * bool(lane & fold) for lane in range(LANES)]
        there = [(lane ^ fold) + LANES * bool(lane & fold) for lane in range(LANES)]
        rows = [
            builder.fadd(_shuffled(builder, *pair, here), _shuffled(builder, *pair, there), flags=_FAST)
            for pair in zip(rows[::2], rows[1::2])
        ]
        fold *= 2
    return rows


# ── rows of a matrix ───────────────────────────────────────────────────────────────────────────────────────


@inlined
def prefetch_row(matrix, row, width):
    """Ask for the cache lines of a row that is needed in a moment."""
    for at in range(row, row + width, _CACHE_LINE):
        prefetch(matrix, at)


@inlined
def pool_rows(matrix, rows, begin, end, width, factor, hidden):
    """Write the sum of `rows[begin:end]` of the matrix, times `factor[0]`, to `hidden`."""
    for at in range(0, width, LANES):
        total, more = zeros(1), zeros(1)
        for i in range(begin, end - 1, 2):  # two sums: an addition does not wait for the one before
            total = add(total, load(matrix, rows[i] + at))
            more = add(more, load(matrix, rows[i + 1] + at))
        if (end - begin) & 1:
            total = add(total, load(matrix, rows[end - 1] + at))
        store(hidden, at, multiply_add(add(total, more), broadcast(factor, 0, total), zeros(1)))


@inlined
def move_rows(matrix, rows, begin, end, width, factor, move):
    """Add `move` times `factor[0]` to each of `rows[begin:end]`."""
    for at in range(0, width, LANES):
        step = load(move, at)
        step = multiply_add(step, broadcast(factor, 0, step), zeros(1))
        for i in range(begin, end):
            store(matrix, rows[i] + at, add(load(matrix, rows[i] + at), step))
