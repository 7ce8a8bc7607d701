"""Mistakes with convolution, pooling, normalisation and losses."""

from mistakes.table import family

add = family("convolution")
add(
    "an image with the wrong number of channels",
    "nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(16, 8, 3))(tc.zeros(1, 3, 9, 9))",
    "layer 2",
    "8 channels",
    "(8, 16, 3, 3)",
    "(1, 8, 7, 7)",
    way_out="groups = 16",
)
add(
    "a kernel larger than the image",
    "nn.Conv2d(1, 1, 7)(tc.zeros(1, 1, 5, 5))",
    "Conv2d",
    "(7, 7)",
    "(5, 5)",
    way_out="a smaller kernel, or more padding",
)
add(
    "convolution groups that do not divide the channels",
    "nn.Conv2d(8, 9, 3, groups=3)",
    "Conv2d:",
    "groups=3",
    "8",
    way_out="divide",
)
add(
    "padding='same' with a stride",
    "nn.Conv2d(3, 8, 3, stride=2, padding='same')",
    "Conv2d:",
    "'same'",
    "(2, 2)",
    way_out="stride 1",
)
add(
    "a padding mode that does not exist",
    "nn.Conv2d(3, 8, 3, padding=1, padding_mode='mirror')",
    "Conv2d:",
    "'mirror'",
    way_out="'reflect'",
)
add(
    "a convolution's stride of zero",
    "F.conv2d(tc.zeros(1, 1, 5, 5), tc.zeros(1, 1, 3, 3), stride=0)",
    "conv2d:",
    "stride",
    "0",
    way_out="at least 1",
)
add(
    "a convolution's padding below zero",
    "F.conv2d(tc.zeros(1, 1, 5, 5), tc.zeros(1, 1, 3, 3), padding=-1)",
    "conv2d:",
    "-1",
    way_out="slicing",
)
add(
    "flat images into a convolution",
    "nn.Conv2d(1, 8, 3)(tc.zeros(16, 784))",
    "Conv2d",
    "(16, 784)",
    way_out="(N, C, H, W)",
)
add(
    "a convolution's bias of another size",
    "F.conv2d(tc.zeros(1, 1, 5, 5), tc.zeros(4, 1, 3, 3), bias=tc.zeros(3))",
    "conv2d:",
    "(3,)",
    way_out="(4,)",
)
add(
    "a 2-D kernel of three sizes",
    "nn.Conv2d(1, 8, (3, 3, 3))(tc.zeros(1, 1, 5, 5))",
    "Conv2d:",
    "(3, 3, 3)",
    way_out="pair",
)
add(
    "images into a convolution of volumes",
    "nn.Conv3d(3, 8, 3)(tc.zeros(2, 3, 8, 8))",
    "Conv3d",
    "input has 2 channels",
    "(2, 3, 8, 8) is read as (C, D, H, W)",
    way_out="groups = 3",
)
add(
    "a kernel deeper than the volume",
    "F.conv3d(tc.zeros(1, 1, 2, 9, 9), tc.zeros(4, 1, 3, 3, 3))",
    "conv3d:",
    "(3, 3, 3)",
    "(2, 9, 9)",
    way_out="more padding",
)
add(
    "a 3-D kernel of two sizes",
    "nn.Conv3d(1, 8, (3, 3))(tc.zeros(1, 1, 5, 5, 5))",
    "Conv3d:",
    "(3, 3)",
    way_out="3 ints",
)

add = family("transposed convolution")
add(
    "a transposed convolution of volumes with an ordinary one's weight",
    "F.conv_transpose3d(tc.zeros(1, 8, 2, 5, 5), tc.zeros(4, 8, 3, 3, 3))",
    "conv_transpose3d:",
    "8 channels",
    "(4, 8, 3, 3, 3)",
    way_out="4",
)
add(
    "output padding as large as the stride",
    "nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=2)(tc.zeros(1, 8, 5, 5))",
    "output_padding",
    "2",
    way_out="stride",
)
add(
    "a transposed convolution with an ordinary one's weight",
    "F.conv_transpose2d(tc.zeros(1, 8, 5, 5), tc.zeros(4, 8, 3, 3))",
    "conv_transpose2d:",
    "8 channels",
    "(4, 8, 3, 3)",
    way_out="4",
)
add(
    "a transposed convolution to a size out of reach",
    "nn.ConvTranspose2d(1, 1, 3, stride=2)(tc.zeros(1, 1, 4, 4), output_size=(20, 20))",
    "ConvTranspose2d",
    "20",
    "9",
    way_out="10",
)
add(
    "a transposed convolution with mirrored margins",
    "nn.ConvTranspose2d(1, 1, 3, padding_mode='reflect')",
    "ConvTranspose2d",
    "'reflect'",
    way_out="zeros",
)

add = family("pooling")
add(
    "a pooling window larger than the image",
    "F.max_pool2d(tc.zeros(1, 1, 3, 3), 4)",
    "max_pool2d:",
    "(4, 4)",
    "(3, 3)",
    way_out="smaller kernel",
)
add(
    "padding that fills whole pooling windows",
    "F.max_pool2d(tc.zeros(1, 1, 8, 8), 2, padding=2)",
    "max_pool2d:",
    "(2, 2)",
    way_out="at most half the window",
)
add(
    "a pooling window deeper than the volume",
    "F.max_pool3d(tc.zeros(1, 1, 1, 8, 8), 2)",
    "max_pool3d:",
    "(2, 2, 2)",
    "(1, 8, 8)",
    way_out="smaller kernel",
)
add(
    "pooling three dimensions to two sizes",
    "F.adaptive_avg_pool3d(tc.zeros(1, 1, 4, 4, 4), (2, 2))",
    "adaptive_avg_pool3d:",
    "(2, 2)",
    way_out="a number or three",
)
add(
    "a batch of images into pooling of volumes without channels",
    "nn.MaxPool3d(2)(tc.zeros(4, 8, 8))",
    "max_pool3d:",
    "(4, 8, 8)",
    way_out="(N, C, D, H, W)",
)
add("a pooling window of size zero", "nn.MaxPool2d(0)(tc.zeros(1, 1, 4, 4))", "MaxPool2d", "0", way_out="at least 1")
add(
    "pooling two dimensions to three sizes",
    "F.adaptive_avg_pool2d(tc.zeros(1, 1, 4, 4), (2, 2, 2))",
    "adaptive_avg_pool2d:",
    "(2, 2, 2)",
    way_out="pair",
)
add(
    "an average pooling's divisor of zero",
    "F.avg_pool2d(tc.zeros(1, 1, 4, 4), 2, divisor_override=0)",
    "avg_pool2d:",
    "divisor_override",
    way_out="not be 0",
)
add(
    "unpooling to a size that cannot be",
    "y, i = F.max_pool2d(tc.zeros(1, 1, 4, 4), 2, return_indices=True)\nF.max_unpool2d(y, i, 2, output_size=(9, 9))",
    "max_unpool2d:",
    "9",
    way_out="between",
)

add = family("margins and sizes")
add(
    "reflecting more pixels than there are",
    "F.pad(tc.zeros(1, 1, 3, 3), (3, 3, 0, 0), mode='reflect')",
    "pad:",
    "'reflect'",
    "(3, 3)",
    "(1, 1, 3, 3)",
    way_out="mode='replicate'",
)
add("an odd number of margins", "F.pad(tc.zeros(1, 1, 3, 3), (1, 1, 1))", "pad:", "(1, 1, 1)", way_out="even number")
add(
    "resizing to a size and by a scale at once",
    "F.interpolate(tc.zeros(1, 1, 4, 4), size=8, scale_factor=2)",
    "interpolate:",
    "size=8",
    "scale_factor=2",
    way_out="either size or scale_factor",
)
add(
    "align_corners for nearest-neighbour resizing",
    "F.interpolate(tc.zeros(1, 1, 4, 4), size=8, mode='nearest', align_corners=True)",
    "interpolate:",
    "align_corners",
    "nearest",
    way_out="bilinear",
)
add("folding the columns of another image", "F.fold(tc.zeros(1, 9, 5), (4, 4), 3)", "fold:", "5", way_out="4")
add(
    "pixel shuffle of channels that make no pixels",
    "nn.PixelShuffle(2)(tc.zeros(1, 6, 4, 4))",
    "PixelShuffle",
    "6",
    way_out="4",
)

add = family("normalisation")
add(
    "batch normalisation trained on one value per channel",
    "nn.BatchNorm2d(3)(tc.zeros(1, 3, 1, 1))",
    "BatchNorm2d",
    "(1, 3, 1, 1)",
    way_out="eval()",
)
add(
    "batch normalisation of another number of channels",
    "nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(16))(tc.zeros(2, 1, 5, 5))",
    "layer 1",
    "8 channels",
    "16",
    way_out="num_features",
)
add(
    "2-D batch normalisation of vectors",
    "nn.BatchNorm2d(3)(tc.zeros(4, 3))",
    "BatchNorm2d",
    "(4, 3)",
    way_out="(N, C, H, W)",
)
add(
    "normalisation groups that do not divide the channels",
    "nn.GroupNorm(3, 8)",
    "GroupNorm",
    "num_groups=3",
    "8",
    way_out="equal groups",
)
add(
    "layer normalisation of another shape",
    "nn.LayerNorm(5)(tc.zeros(2, 4))",
    "LayerNorm",
    "5",
    "(2, 4)",
    way_out="normalized_shape",
)
add(
    "instance normalisation of one pixel per channel",
    "nn.InstanceNorm2d(3)(tc.zeros(2, 3, 1, 1))",
    "InstanceNorm2d",
    "(2, 3, 1, 1)",
    way_out="more than",
)
add("a dropout probability above one", "nn.Dropout(1.5)", "Dropout", "1.5", way_out="between 0 and 1")

add = family("losses")
add(
    "a label beyond the last class",
    "F.cross_entropy(tc.zeros(2, 3), tc.tensor([0, 3]))",
    "cross_entropy:",
    "3",
    "[0, 2]",
    way_out="ignore_index",
)
add(
    "fewer labels than images",
    "F.cross_entropy(tc.zeros(4, 3), tc.tensor([0, 1, 2]))",
    "cross_entropy:",
    "(4, 3)",
    "(3,)",
    way_out="(4,)",
)
add(
    "a reduction that does not exist",
    "nn.MSELoss(reduction='average')(tc.zeros(2), tc.zeros(2))",
    "MSELoss",
    "'average'",
    way_out="'mean', 'sum' or 'none'",
)
add(
    "a loss with targets of another size",
    "F.binary_cross_entropy_with_logits(tc.zeros(4), tc.zeros(3))",
    "binary_cross_entropy_with_logits:",
    "(3,)",
    "(4,)",
    way_out="must have the shape",
)
add(
    "binary cross-entropy of probabilities above one",
    "F.binary_cross_entropy(tc.tensor([1.5]), tc.tensor([1.0]))",
    "binary_cross_entropy:",
    "1.5",
    way_out="sigmoid",
)
add(
    "class weights for another number of classes",
    "F.cross_entropy(tc.zeros(2, 3), tc.tensor([0, 1]), weight=tc.ones(4))",
    "cross_entropy:",
    "(4,)",
    way_out="(3,)",
)
add(
    "label smoothing above one",
    "F.cross_entropy(tc.zeros(2, 3), tc.tensor([0, 1]), label_smoothing=1.5)",
    "cross_entropy:",
    "1.5",
    way_out="[0, 1]",
)
add(
    "a Huber loss with delta below zero",
    "F.huber_loss(tc.zeros(2), tc.zeros(2), delta=-1.0)",
    "huber_loss:",
    "-1.0",
    way_out="delta",
)
