"""Matrix products for tensor cores, written in PTX by hand: small, and with every part that a fast kernel has.

Rows of a tile are 32 numbers, 128 bytes. Chunk c of 16 bytes of row r lies at place c xor (r mod 8), so that neither
eight chunks of one row nor one chunk of eight rows meet in a bank.
"""

HEAD = """
.version 8.0
.target sm_90a
.address_size 64
.extern .shared .align 16 .b8 tiles[];
"""

ROWS, COLUMNS, STAGE = 32, 8, (32 + 8) * 128  # of the product below; bytes of a stage


def _copies() -> str:
    """Fill a stage from step %t on: four chunks of A and one of B for each thread."""
    lines = [f"cp.async.cg.shared.global [%to+{1024 * i}], [%from{i}], 16;" for i in range(4)]
    lines.append("cp.async.cg.shared.global [%to+4096], [%fromB], 16;")
    lines += [f"add.u64 %from{place}, %from{place}, 128;" for place in (0, 1, 2, 3, "B")]
    return "\n    ".join(lines)


def _multiply() -> str:
    """The four products of k = 8 in a stage: a warp's 16 rows of A, and all 8 columns of B."""
    lines = []
    for k in range(4):
        lines += [
            f"xor.b32 %at, %chunkA, {32 * k};",
            "add.u32 %at, %at, %readA;",
            "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%a0, %a1, %a2, %a3}, [%at];",
            f"xor.b32 %at, %chunkB, {32 * k};",
            "add.u32 %at, %at, %readB;",
            "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%b0, %b1}, [%at];",
            "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
            "{%c0, %c1, %c2, %c3}, {%a0, %a1, %a2, %a3}, {%b0, %b1}, {%c0, %c1, %c2, %c3};",
        ]
    return "\n    ".join(lines)


PIPELINE = f"""{HEAD}
// C = A B^T of A (32, 32 steps) and B (8, 32 steps): one block of two warps, two stages of tiles.
.visible .entry product(.param .u64 A, .param .u64 B, .param .u64 C, .param .u32 steps)
{{
    .reg .b32 %tid, %lane, %warp, %row, %chunk, %to, %next, %at, %n, %t, %x, %y, %pitch;
    .reg .b32 %readA, %readB, %chunkA, %chunkB, %tileA, %tileB, %swizzle, %base, %a<4>, %b<2>;
    .reg .b64 %from<4>, %fromB, %out, %offset, %stride;
    .reg .f32 %c<4>;
    .reg .pred %p;
    mov.u32 %tid, %tid.x;
    and.b32 %lane, %tid, 31;
    shr.u32 %warp, %tid, 5;
    ld.param.u32 %n, [steps];
    shl.b32 %pitch, %n, 7;
    mov.u32 %base, tiles;

    // Where a thread copies: chunk tid mod 8 of rows tid / 8, and 8, 16, 24 further.
    shr.u32 %row, %tid, 3;
    and.b32 %chunk, %tid, 7;
    ld.param.u64 %from0, [A];
    ld.param.u64 %fromB, [B];
    mad.lo.u32 %x, %row, %pitch, 0;
    shl.b32 %y, %chunk, 4;
    add.u32 %x, %x, %y;
    cvt.u64.u32 %offset, %x;
    add.u64 %from0, %from0, %offset;
    add.u64 %fromB, %fromB, %offset;
    mul.wide.u32 %stride, %pitch, 8;
    add.u64 %from1, %from0, %stride;
    add.u64 %from2, %from1, %stride;
    add.u64 %from3, %from2, %stride;
    xor.b32 %x, %chunk, %row;  // the swizzle of what is written
    shl.b32 %x, %x, 4;
    mad.lo.u32 %swizzle, %row, 128, %x;

    // Where a thread's rows lie for ldmatrix: A's rows lane mod 16, in chunks lane / 16; B's rows lane mod 8.
    and.b32 %x, %lane, 15;
    mad.lo.u32 %x, %warp, 16, %x;
    shl.b32 %tileA, %x, 7;
    and.b32 %x, %x, 7;
    shr.u32 %y, %lane, 4;
    xor.b32 %y, %y, %x;  // the swizzle of what is read
    shl.b32 %chunkA, %y, 4;
    and.b32 %x, %lane, 7;
    shl.b32 %tileB, %x, 7;
    add.u32 %tileB, %tileB, 4096;
    shr.u32 %y, %lane, 3;
    and.b32 %y, %y, 1;
    xor.b32 %y, %y, %x;
    shl.b32 %chunkB, %y, 4;

    mov.f32 %c0, 0f00000000;
    mov.f32 %c1, 0f00000000;
    mov.f32 %c2, 0f00000000;
    mov.f32 %c3, 0f00000000;
    mov.u32 %t, 0;
    mov.u32 %next, 0;
    add.u32 %to, %base, %swizzle;
    {_copies()}
    cp.async.commit_group;
LOOP:
    add.u32 %readA, %base, %tileA;
    add.u32 %readA, %readA, %next;
    add.u32 %readB, %base, %tileB;
    add.u32 %readB, %readB, %next;
    sub.u32 %next, {STAGE}, %next;
    add.u32 %to, %base, %swizzle;
    add.u32 %to, %to, %next;
    add.u32 %t, %t, 1;
    setp.ge.u32 %p, %t, %n;
    @%p bra LAST;
    {_copies()}
LAST:
    cp.async.commit_group;  // an empty group keeps the count where nothing was copied
    cp.async.wait_group 1;
    bar.sync 0;  // the stage is full
    {_multiply()}
    bar.sync 0;  // the stage is free
    @!%p bra LOOP;

    // Thread t has columns 2 (t mod 4) and the next of rows t / 4 and 8 further.
    ld.param.u64 %out, [C];
    shr.u32 %x, %lane, 2;
    mad.lo.u32 %x, %warp, 16, %x;
    and.b32 %y, %lane, 3;
    mul.lo.u32 %y, %y, 2;
    mad.lo.u32 %x, %x, 8, %y;
    mul.wide.u32 %offset, %x, 4;
    add.u64 %out, %out, %offset;
    st.global.v2.f32 [%out], {{%c0, %c1}};
    st.global.v2.f32 [%out+256], {{%c2, %c3}};
    ret;
}}
"""

GROUP_SHARED = (64 + 8) * 128 + 1024

WARP_GROUP = f"""{HEAD}
// C = A B^T of A (64, 32) and B (8, 32): one group of four warps, which stores the tiles itself.
.visible .entry product(.param .u64 A, .param .u64 B, .param .u64 C)
{{
    .reg .b32 %tid, %lane, %warp, %row, %chunk, %to, %x, %y, %base, %start, %v<4>;
    .reg .b64 %from, %out, %offset, %descA, %descB;
    .reg .f32 %c<4>;
    .reg .pred %adds, %p;
    mov.u32 %tid, %tid.x;
    and.b32 %lane, %tid, 31;
    shr.u32 %warp, %tid, 5;
    mov.u32 %base, tiles;
    add.u32 %base, %base, 1023;
    and.b32 %base, %base, 0xfffffc00;  // the swizzle is one of addresses: a matrix begins where it begins

    // Rows tid / 8, 16 at a time: four passes for A, and half the threads once for B.
    shr.u32 %row, %tid, 3;
    and.b32 %chunk, %tid, 7;
    ld.param.u64 %from, [A];
    mul.wide.u32 %offset, %tid, 16;
    add.u64 %from, %from, %offset;
    and.b32 %x, %row, 7;
    xor.b32 %x, %x, %chunk;
    shl.b32 %x, %x, 4;
    mad.lo.u32 %x, %row, 128, %x;
    add.u32 %to, %base, %x;
    ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%from];
    st.shared.v4.b32 [%to], {{%v0, %v1, %v2, %v3}};
    ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%from+2048];
    st.shared.v4.b32 [%to+2048], {{%v0, %v1, %v2, %v3}};
    ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%from+4096];
    st.shared.v4.b32 [%to+4096], {{%v0, %v1, %v2, %v3}};
    ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%from+6144];
    st.shared.v4.b32 [%to+6144], {{%v0, %v1, %v2, %v3}};
    setp.ge.u32 %p, %tid, 64;
    @%p bra FULL;
    ld.param.u64 %from, [B];
    add.u64 %from, %from, %offset;
    ld.global.v4.b32 {{%v0, %v1, %v2, %v3}}, [%from];
    st.shared.v4.b32 [%to+8192], {{%v0, %v1, %v2, %v3}};
FULL:
    fence.proxy.async.shared::cta;
    bar.sync 0;

    // Descriptors: address / 16; 1024 bytes, of eight rows, from one group of rows to the next; swizzle over 128 bytes.
    shr.u32 %start, %base, 4;
    cvt.u64.u32 %descA, %start;
    or.b64 %descA, %descA, 0x4000004000010000;
    add.u64 %descB, %descA, 512;
    setp.ne.u32 %adds, 0, 0;
    mov.f32 %c0, 0f00000000;
    mov.f32 %c1, 0f00000000;
    mov.f32 %c2, 0f00000000;
    mov.f32 %c3, 0f00000000;
    wgmma.fence.sync.aligned;
    PRODUCTS
    wgmma.commit_group.sync.aligned;
    wgmma.wait_group.sync.aligned 0;

    ld.param.u64 %out, [C];
    shr.u32 %x, %lane, 2;
    mad.lo.u32 %x, %warp, 16, %x;
    and.b32 %y, %lane, 3;
    mul.lo.u32 %y, %y, 2;
    mad.lo.u32 %x, %x, 8, %y;
    mul.wide.u32 %offset, %x, 4;
    add.u64 %out, %out, %offset;
    st.global.v2.f32 [%out], {{%c0, %c1}};
    st.global.v2.f32 [%out+256], {{%c2, %c3}};
    ret;
}}
""".replace(
    "PRODUCTS",
    "\n    ".join(
        [
            "wgmma.mma_async.sync.aligned.m64n8k8.f32.tf32.tf32 {%c0, %c1, %c2, %c3}, %descA, %descB, %adds, 1, 1;",
            "setp.eq.u32 %adds, 0, 0;",
            "add.u64 %descA, %descA, 2;",
            "add.u64 %descB, %descB, 2;",
        ]
        * 4
    ),
)
