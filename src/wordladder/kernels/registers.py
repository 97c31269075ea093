"""Vector registers for Numba kernels: rows of float32 arrays, several at a time, lane by lane.

A `Block` is `count` registers of `LANES` float32 each, held by the processor while a kernel works on them; its
count is part of its type, so every operation below becomes straight-line code without a loop, a branch or an
alias check. Arrays are flat float32; places in them are element offsets, and rows are padded to `LANES`. No
bounds are checked. What is learned with it is in the kernels; no operation here knows about words.
"""

from collections.abc import Sequence
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "LANES",
    "Block",
    "add",
    "broadcast",
    "gather",
    "load",
    "multiply_add",
    "prefetch",
    "scatter_add",
    "sigmoid",
    "splat",
    "store",
    "sums",
    "weighted",
    "zeros",
]


def _lanes() -> int:
    """float32 numbers in the widest register of this processor."""
    features = binding.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


LANES = _lanes()
_FLOAT = ir.FloatType()
_REGISTER = ir.VectorType(_FLOAT, LANES)
_INDEX = ir.IntType(32)
_FAST = ("fast",)  # sums may be regrouped, products and sums may be fused


class Block(types.Type):
    """The Numba type of `count` registers."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Block({count}x{LANES})")


@register_model(Block)
class _BlockModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Block) -> None:
        super().__init__(manager, kind, ir.ArrayType(_REGISTER, kind.count))


# ── how an operation is built: from the LLVM values of its arguments ───────────────────────────────────────


def _registers(builder: ir.IRBuilder, block: ir.Value) -> list[ir.Value]:
    return [builder.extract_value(block, i) for i in range(block.type.count)]


def _block(builder: ir.IRBuilder, registers: Sequence[ir.Value]) -> ir.Value:
    block = ir.Constant(ir.ArrayType(_REGISTER, len(registers)), ir.Undefined)
    for i, register in enumerate(registers):
        block = builder.insert_value(block, register, i)
    return block


def _pointer(
    context: Any, builder: ir.IRBuilder, kind: types.Array, array: ir.Value, at: ir.Value
) -> ir.Value:
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [at])


def _load(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    value = builder.load(builder.bitcast(pointer, _REGISTER.as_pointer()))
    value.align = 4
    return value


def _store(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value) -> None:
    builder.store(value, builder.bitcast(pointer, _REGISTER.as_pointer())).align = 4


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_REGISTER, [float(value)] * LANES)


def _splat(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    one = builder.insert_element(ir.Constant(_REGISTER, ir.Undefined), value, _INDEX(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES))


def _multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    return builder.fadd(builder.fmul(a, b, flags=_FAST), c, flags=_FAST)


def _sigmoid(builder: ir.IRBuilder, x: ir.Value) -> ir.Value:
    odd = (4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08)
    odd += (-8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16)
    even = (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
    x = builder.fmul(x, _constant(0.5), flags=_FAST)
    x = builder.select(builder.fcmp_ordered("<", x, _constant(9)), x, _constant(9))
    x = builder.select(builder.fcmp_ordered(">", x, _constant(-9)), x, _constant(-9))
    square = builder.fmul(x, x, flags=_FAST)
    above, below = _constant(odd[-1]), _constant(even[-1])
    for coefficient in odd[-2::-1]:
        above = _multiply_add(builder, above, square, _constant(coefficient))
    for coefficient in even[-2::-1]:
        below = _multiply_add(builder, below, square, _constant(coefficient))
    tanh = builder.fdiv(builder.fmul(x, above, flags=_FAST), below, flags=_FAST)
    return _multiply_add(builder, tanh, _constant(0.5), _constant(0.5))


def _shuffled(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, lanes: Sequence[int]) -> ir.Value:
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INDEX, len(lanes)), list(lanes)))


def _row_pointers(
    context: Any, builder: ir.IRBuilder, kinds: Sequence[Any], values: Sequence[ir.Value], count: int
) -> list[ir.Value]:
    """Pointers to `array[rows[first + i] + at]`, from the arguments (array, rows, first, at)."""
    array, rows, first, at = values
    start = _pointer(context, builder, kinds[1], rows, first)
    pointers = []
    for i in range(count):
        row = builder.load(builder.gep(start, [ir.Constant(ir.IntType(64), i)]))
        pointers.append(_pointer(context, builder, kinds[0], array, builder.add(row, at)))
    return pointers


# ── single registers ───────────────────────────────────────────────────────────────────────────────────────


@intrinsic
def load(typing: Any, array: Any, at: Any) -> Any:
    """The register at `array[at : at + LANES]`."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_load(builder, _pointer(context, builder, signature.args[0], *values))])

    return Block(1)(array, types.int64), build


@intrinsic
def store(typing: Any, array: Any, at: Any, block: Any) -> Any:
    """`array[at : at + LANES] = block`."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        pointer = _pointer(context, builder, signature.args[0], *values[:2])
        _store(builder, builder.extract_value(values[2], 0), pointer)
        return context.get_dummy_value()

    return types.void(array, types.int64, block), build


@intrinsic
def splat(typing: Any, value: Any) -> Any:
    """`value` in every lane."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_splat(builder, values[0])])

    return Block(1)(types.float32), build


@intrinsic
def sigmoid(typing: Any, block: Any) -> Any:
    """1 / (1 + e^−x) in each lane, to 1e-6.

    σ(x) = ½ + ½ tanh(x/2), and tanh is a quotient of two polynomials on ±9, where it is 1 in float32: no table,
    no branch, so all lanes go at once. Source: the coefficients of Eigen's `ptanh`.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_sigmoid(builder, builder.extract_value(values[0], 0))])

    return Block(1)(block), build


@intrinsic
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of `array[at]`, which will be read and written soon."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        pointer = _pointer(context, builder, signature.args[0], *values)
        byte = builder.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type, _INDEX, _INDEX, _INDEX])
        function = builder.module.declare_intrinsic("llvm.prefetch", [byte.type], kind)
        builder.call(function, [byte, _INDEX(0), _INDEX(3), _INDEX(1)])
        return context.get_dummy_value()

    return types.void(array, types.int64), build


# ── blocks: several registers side by side ─────────────────────────────────────────────────────────────────


@intrinsic(prefer_literal=True)
def zeros(typing: Any, count: Any) -> Any:
    """Registers of zeros: as many as the constant `count` says, or as the tuple `count` is long."""
    kind = Block(count.count if isinstance(count, types.BaseTuple) else count.literal_value)

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        return _block(builder, [_constant(0)] * kind.count)

    return kind(count), build


@intrinsic
def gather(typing: Any, array: Any, rows: Any, first: Any, at: Any, like: Any) -> Any:
    """One register of each row: `array[rows[first + i] + at]` and on, for as many `i` as `like` has registers."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        pointers = _row_pointers(context, builder, signature.args, values[:4], like.count)
        return _block(builder, [_load(builder, pointer) for pointer in pointers])

    return like(array, rows, types.int64, types.int64, like), build


@intrinsic
def scatter_add(typing: Any, array: Any, rows: Any, first: Any, at: Any, block: Any) -> Any:
    """Add each register to its row, the same places as `gather`; a row that occurs twice gets both."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        pointers = _row_pointers(context, builder, signature.args, values[:4], block.count)
        for pointer, register in zip(pointers, _registers(builder, values[4])):
            _store(builder, builder.fadd(_load(builder, pointer), register, flags=_FAST), pointer)
        return context.get_dummy_value()

    return types.void(array, rows, types.int64, types.int64, block), build


@intrinsic
def broadcast(typing: Any, array: Any, at: Any, like: Any) -> Any:
    """Registers whose lanes are all `array[at + i]`, for as many `i` as `like` has registers."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        start = _pointer(context, builder, signature.args[0], *values[:2])
        places = [builder.gep(start, [ir.Constant(ir.IntType(64), i)]) for i in range(like.count)]
        return _block(builder, [_splat(builder, builder.load(place)) for place in places])

    return like(array, types.int64, like), build


@intrinsic
def multiply_add(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """a · b + c, register by register; where `b` has one register it meets all of `a`."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        first, second, third = (_registers(builder, value) for value in values)
        second = second * len(first) if len(second) == 1 else second
        return _block(builder, [_multiply_add(builder, *three) for three in zip(first, second, third)])

    return c(a, b, c), build


@intrinsic
def add(typing: Any, a: Any, b: Any) -> Any:
    """a + b, register by register."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        pairs = zip(*(_registers(builder, value) for value in values))
        return _block(builder, [builder.fadd(first, second, flags=_FAST) for first, second in pairs])

    return a(a, b), build


@intrinsic
def weighted(typing: Any, weights: Any, block: Any, start: Any) -> Any:
    """`start` plus the sum over registers of weights · block: one register."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        total = builder.extract_value(values[2], 0)
        for weight, register in zip(*(_registers(builder, value) for value in values[:2])):
            total = _multiply_add(builder, weight, register, total)
        return _block(builder, [total])

    return start(weights, block, start), build


@intrinsic
def sums(typing: Any, block: Any) -> Any:
    """One register whose lane i is the sum of the lanes of register i; zero beyond the last register.

    Registers are folded in pairs: each fold halves their number and doubles the rows in a register, so all sums
    together cost little more than one.
    """

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        rows = _registers(builder, values[0])
        rows += [_constant(0)] * (LANES - len(rows))
        fold = 1
        while fold < LANES:  # lanes with this bit go to the second row of each pair
            here = [lane + LANES * bool(lane & fold) for lane in range(LANES)]
            there = [(lane ^ fold) + LANES * bool(lane & fold) for lane in range(LANES)]
            pairs = list(zip(rows[::2], rows[1::2]))
            rows = [
                builder.fadd(_shuffled(builder, *pair, here), _shuffled(builder, *pair, there), flags=_FAST)
                for pair in pairs
            ]
            fold *= 2
        return _block(builder, rows)

    return Block(1)(block), build


@intrinsic
def gain(typing: Any, dots: Any, labels: Any, rates: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        x, label, rate = (builder.extract_value(v, 0) for v in values)
        error = builder.fsub(label, _sigmoid(builder, x), flags=_FAST)
        return _block(builder, [builder.fmul(error, rate, flags=_FAST)])

    return dots(dots, labels, rates), build
