"""Which source pixels an output pixel sums over: the geometry that convolution and its input gradient share.

Both are, along each axis, for every output u of a *phase* (one forward, one for each remainder modulo the stride
backward),

    out[origin + out_step u]  =  sum over t < taps of  source[start + source_step u + tap_shift t] w[first + tap_step t]

Forward, tap r reads i stride + r dilation - padding, and t is r.

Backward, dx[h] sums dy[i] w[r] over the pairs with h + padding = i stride + r dilation. All h + padding of one
remainder modulo the stride, the phase, share their taps: those with r dilation = phase (modulo the stride), which are
stride / gcd(stride, dilation) apart. From one to the next, i falls by dilation / gcd(stride, dilation).
"""

from __future__ import annotations

from tinyconv.backends.cuda.compiler import divide, helper, narrow, remainder


@helper
def forward_axis(phase, kernel, stride, padding, dilation, tap_step):  # noqa: ARG001  as its twin
    """(first, taps, origin, out_step, start, source_step, tap_shift) of the only phase."""
    return narrow(phase), narrow(kernel), narrow(0), narrow(1), narrow(-padding), narrow(stride), narrow(dilation)


@helper
def gradient_axis(phase, kernel, stride, padding, dilation, tap_step):
    """(first, taps, origin, out_step, start, source_step, tap_shift); ``tap_step``: stride / gcd(stride, dilation)."""
    first = narrow(0)
    while first < tap_step and remainder(first * dilation, stride) != phase:
        first = narrow(first + 1)
    taps = narrow(0)
    if first < tap_step:  # one beyond the kernel counts none
        taps = narrow(divide(kernel - first + tap_step - 1, tap_step))
    skipped = narrow(0)  # steps of this phase that lie in the padding
    if padding > phase:
        skipped = narrow(divide(padding - phase + stride - 1, stride))
    origin = narrow(phase - padding + skipped * stride)
    start = narrow(skipped)
    if taps > 0:
        start = narrow(skipped - narrow(divide(first * dilation - phase, stride)))
    tap_shift = narrow(-narrow(divide(tap_step * dilation, stride)))
    return first, taps, origin, narrow(stride), start, narrow(1), tap_shift


@helper
def advanced(channel, across, down, step, channels, taps_across):
    """The place ``step`` terms further in a sum over taps and channels, the channels fastest."""
    channel = narrow(channel + step)
    while channel >= channels:
        channel = narrow(channel - channels)
        across = narrow(across + 1)
        if across == taps_across:
            across = narrow(0)
            down = narrow(down + 1)
    return channel, across, down
