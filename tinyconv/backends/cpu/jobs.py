"""A kernel's parallel loop: the same function for each of a number of jobs, shared out over the threads.

Numba's own parallel loop is built for any body and any reduction. It compiles a loop four times over, as the function
around it, as its body, as a wrapper that unpacks the body's arguments and as one that Python calls, with analyses that
find nothing here; that took a third of a kernel's compilation. A kernel needs none of it: its arguments are handed to
every thread as they are, and each calls the function for its share of the jobs.
"""

# ruff: noqa: ARG001 (an intrinsic states its parameters for the caller; their values arrive in `args`)
from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

intrinsic: Any = numba_intrinsic

BOOL, INT32, INT64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
SHARE = ir.FunctionType(ir.VoidType(), [BYTES.as_pointer(), INT64.as_pointer(), INT64.as_pointer(), BYTES])
"""What the library of threads calls: (place of the first share, number of shares, unused, what all shares have)."""

SHARED_FIFTHS = 4
"""So many fifths of the jobs are cut into shares; the rest is for whoever has time."""

PARALLEL_FOR = ir.FunctionType(
    ir.VoidType(),
    [BYTES, BYTES.as_pointer(), INT64.as_pointer(), INT64.as_pointer(), BYTES, INT64, INT64, INT32],
)


@intrinsic
def run_jobs(typingctx, function, jobs, arguments):
    """Call function(job, *arguments) for job = 0 ... jobs - 1, each thread a contiguous share of them.

    Raises MemoryError if a job found no memory.
    """
    call = function.get_call_type(typingctx, (types.intp, *arguments.types), {})

    def codegen(context, builder, signature, args):
        _, jobs_value, arguments_value = args
        compiled = function.dispatcher.overloads[tuple(call.args)]
        context.active_code_library.add_linking_library(compiled.library)
        common = cgutils.pack_struct(builder, [arguments_value, jobs_value, INT64(0), INT64(0), BOOL(0)])
        data = cgutils.alloca_once_value(builder, common)
        shares = cgutils.gep_inbounds(builder, data, 0, 2)
        share = _share(context, builder.module, compiled.fndesc, signature.args[2], data.type)
        threads = builder.call(_declared(builder, ir.FunctionType(INT64, []), "get_num_threads"), [])
        few = builder.icmp_signed("<", jobs_value, threads)
        size = builder.select(few, jobs_value, threads)
        builder.store(size, shares)

        first = cgutils.alloca_once_value(builder, BYTES(None))
        step = cgutils.alloca_once_value(builder, INT64(1))
        data_bytes = builder.bitcast(data, BYTES)
        some, one = (builder.icmp_signed(sign, size, INT64(number)) for sign, number in ((">", 0), ("==", 1)))
        with builder.if_then(some), builder.if_else(one) as (alone, together):
            with alone:
                builder.call(share, [first, shares, step, data_bytes])
            with together:
                parallel_for = _declared(builder, PARALLEL_FOR, "numba_parallel_for")
                entry, count = builder.bitcast(share, BYTES), builder.trunc(threads, INT32)
                builder.call(parallel_for, [entry, first, shares, step, data_bytes, INT64(0), INT64(1), count])
        failed = builder.load(cgutils.gep_inbounds(builder, data, 0, 4))
        with builder.if_then(failed, likely=False):
            context.call_conv.return_user_exc(builder, MemoryError, ("no memory for what a kernel works on",))
        return context.get_dummy_value()

    return types.void(function, types.intp, arguments), codegen


def _declared(builder, signature, name):
    return cgutils.get_or_insert_function(builder.module, signature, name)


def _share(context, module, description, arguments_type, data_type):
    """The function that does some shares of the jobs, and then what is left.

    The first part of all jobs is cut into contiguous shares, for the sake of the caches. The rest is taken one by one,
    by whichever thread has time: threads run at different speeds, and jobs differ.
    """
    function = ir.Function(module, SHARE, module.get_unique_name(f"share.{description.mangled_name}"))
    function.linkage = "internal"
    places, counts, _, data_bytes = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    own, left, work, done = (function.append_basic_block(name) for name in ("own", "left", "work", "done"))
    data = builder.bitcast(data_bytes, data_type)
    arguments, jobs, shares, taken, failed = (cgutils.gep_inbounds(builder, data, 0, field) for field in range(5))
    values = cgutils.unpack_tuple(builder, builder.load(arguments), len(arguments_type))
    jobs, shares = builder.load(jobs), builder.load(shares)
    shared = builder.sdiv(builder.mul(jobs, INT64(SHARED_FIFTHS)), INT64(5))
    first = builder.ptrtoint(builder.load(places), INT64)
    end = builder.add(first, builder.load(counts))
    first_job = builder.sdiv(builder.mul(shared, first), shares)
    end_job = builder.sdiv(builder.mul(shared, end), shares)
    next_job = cgutils.alloca_once_value(builder, first_job)
    callee = context.declare_function(module, description)
    builder.branch(own)

    builder.position_at_end(own)
    of_share = builder.load(next_job)
    builder.store(builder.add(of_share, INT64(1)), next_job)
    builder.cbranch(builder.icmp_signed("<", of_share, end_job), work, left)

    builder.position_at_end(left)
    of_rest = builder.add(shared, builder.atomic_rmw("add", taken, INT64(1), "monotonic"))
    builder.cbranch(builder.icmp_signed("<", of_rest, jobs), work, done)

    builder.position_at_end(work)
    job = builder.phi(INT64)
    job.add_incoming(of_share, own)
    job.add_incoming(of_rest, left)
    status, _ = context.call_conv.call_function(
        builder, callee, description.restype, description.argtypes, [job, *values]
    )
    with builder.if_then(status.is_error, likely=False):
        builder.store(BOOL(1), failed)
    builder.branch(own)

    builder.position_at_end(done)
    builder.ret_void()
    return function
