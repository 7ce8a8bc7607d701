"""Mistakes with tensors, shapes, types, indices and the tape."""

from mistakes.table import family

add = family("tensors")
add("a tensor from ragged lists", "tc.tensor([[1.0, 2.0], [3.0]])", "tensor:", way_out="one length")
add("a tensor of text", 'tc.tensor("photo.png")', "tensor:", "str", way_out="numbers")
add("a dtype given by name", 'tc.zeros(2, dtype="float32")', "dtype", "'float32'", way_out="tinyconv.float32")
add("item() of many elements", "tc.ones(2, 3).item()", "item:", "(2, 3)", way_out="tolist()")
add("the truth value of several elements", "bool(tc.tensor([True, False]))", "(2,)", way_out=".any() or .all()")
add(
    "complex numbers",
    "tc.from_numpy(np.array([1j]))",
    "complex128",
    way_out=".astype()",
    accepted="PyTorch has complex types",
)
add("a gradient for whole numbers", "tc.tensor([1, 2], requires_grad=True)", "int64", "floating", way_out=".float()")
add("a tensor with a size below zero", "tc.zeros(2, -1)", "(2, -1)", way_out=">= 0")
add("a range with a step of zero", "tc.arange(0, 10, 0)", "arange:", "step 0", "0 to 10", way_out="step")
add(
    "a NumPy array of a tensor that requires a gradient",
    "tc.ones(2, requires_grad=True).numpy()",
    "numpy:",
    way_out="detach()",
)
add(
    "memory handed over that requires a gradient",
    "np.from_dlpack(tc.ones(2, requires_grad=True))",
    "__dlpack__:",
    "gradient",
    way_out=".detach()",
)
add("a list where memory is handed over", "tc.from_dlpack([1.0])", "from_dlpack:", "list", way_out="as_tensor()")
add("a random range without numbers", "tc.randint(5, 5, (2,))", "randint:", "low=5", "high=5", way_out="above low")

add = family("shapes")
add(
    "reshaping to another number of elements",
    "tc.ones(2, 3).reshape(4, 2)",
    "reshape:",
    "(2, 3)",
    "6",
    "(4, 2)",
    way_out="fit",
)
add("reshaping with two sizes left open", "tc.ones(2, 3).reshape(-1, -1)", "reshape:", "(-1, -1)", way_out="one")
add(
    "adding sizes that do not broadcast",
    "tc.ones(2, 3) + tc.ones(2, 4)",
    "add:",
    "(2, 3)",
    "(2, 4)",
    way_out="equal or 1",
)
add("a dimension that is not there", "tc.ones(2, 3).sum(2)", "sum:", "2", "[-2, 1]", way_out="range")
add("a dimension named twice", "tc.ones(2, 3).permute(0, 0)", "permute:", "(0, 0)", way_out="once")
add("matrices that do not fit", "tc.ones(2, 3) @ tc.ones(4, 5)", "matmul:", "(2, 3)", "(4, 5)", way_out="must equal")
add(
    "mm of batches",
    "tc.mm(tc.ones(2, 3, 4), tc.ones(2, 4, 5))",
    "mm:",
    "(2, 3, 4)",
    "(2, 4, 5)",
    way_out="use matmul",
)
add(
    "bmm of batches of other lengths",
    "tc.bmm(tc.ones(2, 3, 4), tc.ones(3, 4, 5))",
    "bmm:",
    "(2, 3, 4)",
    "(3, 4, 5)",
    way_out="(B, M, K) and (B, K, N)",
)
add(
    "concatenating images of other sizes",
    "tc.cat([tc.ones(1, 3, 8, 8), tc.ones(1, 3, 9, 8)])",
    "cat:",
    "(1, 3, 9, 8)",
    "(1, 3, 8, 8)",
    way_out="must be equal",
)
add(
    "stacking images of other sizes",
    "tc.stack([tc.ones(3, 8, 8), tc.ones(3, 9, 8)])",
    "stack:",
    "(3, 9, 8)",
    "(3, 8, 8)",
    way_out="equal",
)
add("concatenating an empty list", "tc.cat([])", "cat:", "empty", way_out="list of tensors")
add(
    "expanding a dimension whose size is not 1",
    "tc.ones(2, 3).expand(4, 3)",
    "expand:",
    "(2, 3)",
    "(4, 3)",
    way_out="only size 1",
)
add("split sizes that do not add up", "tc.ones(7).split([3, 3])", "split:", "[3, 3]", "7", way_out="add up to")
add(
    "unflattening to factors of another size",
    "tc.ones(2, 12).unflatten(1, (5, 2))",
    "unflatten:",
    "12",
    "(5, 2)",
    way_out="product",
)
add("a tensor in zero chunks", "tc.ones(4).chunk(0)", "chunk:", "0", way_out="positive")
add(
    "einsum of sizes that do not fit the equation",
    "tc.einsum('ij,jk->ik', tc.ones(2, 3), tc.ones(4, 5))",
    "einsum",
    "3",
    "4",
    way_out="j",
)

add = family("types")
add(
    "a convolution of images as bytes",
    "F.conv2d(tc.zeros(1, 1, 5, 5, dtype=tc.uint8), tc.ones(2, 1, 3, 3))",
    "conv2d:",
    "uint8",
    way_out=".float()",
)
add(
    "float64 images into a float32 layer",
    "nn.Sequential(nn.Linear(3, 2))(tc.ones(4, 3, dtype=tc.float64))",
    "layer 0",
    "float64",
    "float32",
    way_out=".float() or .double()",
)
add(
    "classes as a column of floats",
    "F.cross_entropy(tc.ones(2, 3), tc.tensor([[0.0], [1.0]]))",
    "cross_entropy:",
    "(2, 3)",
    "(2, 1)",
    way_out="int64",
)
add("the mean of whole numbers", "tc.tensor([1, 2, 4]).mean()", "mean:", "int64", way_out=".float()")
add("subtracting truth values", "tc.tensor([True]) - tc.tensor([False])", "sub:", "truth values", way_out="logical_xor")
add(
    "adding a fraction in place to whole numbers",
    "tc.tensor([1, 2]).add_(0.5)",
    "add_:",
    "float32",
    "int64",
    way_out=".to(dtype)",
)

add = family("indexing")
add("an index past the end", "tc.ones(3)[3]", "x[index]", "3", "(3,)", way_out="[-3, 2]")
add("more indices than dimensions", "tc.ones(2, 3)[0, 0, 0]", "(0, 0, 0)", "3 dimensions", way_out="(2, 3) has 2")
add("an index that is a fraction", "tc.ones(3)[1.5]", "x[index]", "1.5", way_out="integers, slices")
add("a mask of another size", "tc.ones(3)[tc.tensor([True, False])]", "(3,)", "3", "2", way_out="mask")
add(
    "index_select of a row that is not there",
    "tc.index_select(tc.ones(3, 2), 0, tc.tensor([0, 5]))",
    "index_select:",
    "5",
    way_out="[0, 2]",
)
add(
    "gather of a column that is not there",
    "tc.gather(tc.ones(2, 3), 1, tc.tensor([[0], [3]]))",
    "gather:",
    "3",
    "(2, 3)",
    way_out="[0, 2]",
)
add("a slice that runs backwards", "tc.ones(3)[::-1]", "step", "-1", way_out="flip()")
add("narrow() past the end of a dimension", "tc.ones(5).narrow(0, 3, 4)", "narrow:", "3", "4", "5", way_out="within")
add(
    "assigning a value of another shape to an index",
    "x = tc.ones(2, 3)\nx[0] = tc.ones(4)",
    "x[index]",
    "(4,)",
    "(3,)",
    way_out="shape",
)

add = family("the tape")
add(
    "backward from many elements",
    "(tc.ones(3, requires_grad=True) * 2).backward()",
    "(3,)",
    way_out="explicit gradient",
)
add("backward of what was not recorded", "tc.ones(3).sum().backward()", "backward:", way_out="requires_grad")
add(
    "backward twice",
    "y = (tc.ones(3, requires_grad=True) ** 2).sum()\ny.backward()\ny.backward()",
    "freed",
    way_out="retain_graph=True",
)
add(
    "a value overwritten before its backward",
    "x = tc.ones(3, requires_grad=True)\ny = x.exp()\nz = (y * y).sum()\ny.add_(1.0)\nz.backward()",
    "Multiply",
    "(3,)",
    "in place",
    way_out="clone()",
)
add(
    "a parameter written while the tape records",
    "w = tc.ones(3, requires_grad=True)\nw.sub_(0.1)",
    "sub_:",
    "leaf",
    way_out="no_grad()",
)
add(
    "the gradient of an input that was not used",
    "x, y = tc.ones(1, requires_grad=True), tc.ones(1, requires_grad=True)\ntc.autograd.grad((x * 2).sum(), y)",
    "grad:",
    "input 0",
    way_out="allow_unused=True",
)
add(
    "backward with a gradient of another shape",
    "(tc.ones(3, requires_grad=True) * 2).backward(tc.ones(4))",
    "(4,)",
    "(3,)",
    way_out="must be alike",
)
add(
    "switching requires_grad off for a result",
    "y = tc.ones(3, requires_grad=True) * 2\ny.requires_grad = False",
    "requires_grad",
    way_out="detach()",
)
add(
    "a hook on a tensor that gets no gradient",
    "tc.ones(3).register_hook(print)",
    "register_hook:",
    way_out="requires_grad",
)
add(
    "a Function with too few gradients",
    "class Product(tc.autograd.Function):\n"
    "    @staticmethod\n"
    "    def forward(ctx, x, y):\n"
    "        return x * y\n\n"
    "    @staticmethod\n"
    "    def backward(ctx, dz):\n"
    "        return dz\n\n"
    "x, y = tc.ones(2, requires_grad=True), tc.ones(2, requires_grad=True)\n"
    "Product.apply(x, y).sum().backward()",
    "Product.backward",
    "2 arguments",
    "1 returned",
    way_out="one gradient (or None) per argument",
)
