"""Why an op takes more than twice torch's time, looked into by hand."""

from __future__ import annotations

from collections.abc import Mapping

_PASSES = "torch does all in one pass over memory, NumPy takes one for each step: "
_SUMS = "NumPy adds in pairs, so that rounding does not grow with the size; its pass takes three times torch's"
_ERF = (
    "NumPy has no error function; ours evaluates two polynomials, of 10 and 13 terms, for every element, a pass in "
    "the cache for each term"
)
_ACCUMULATE = "NumPy's accumulate takes 3 ns per element along either axis, torch's 1 ns"
_STANDARDIZE = "shift, mean, subtract, mean square, scale, weight, bias; shifted first, so that no digits cancel"
_SCATTER = "NumPy adds at places that may repeat one number at a time; torch adds whole rows"

REASONS: Mapping[tuple[str, str], str] = {
    ("rsqrt", "forward"): "two passes, the root and one over it",
    ("erf", "forward"): _ERF,
    ("gelu", "forward"): f"{_ERF}; the share is erfc, so that the negative tail keeps its digits",
    ("sigmoid", "forward"): f"{_PASSES}|x|, e^-|x|, 1 + that, the quotient, the sign; both tails keep their digits",
    ("tanh", "vjp"): "1 - y² would lose its digits in the tails: e^-2|x| is computed again, with eight passes in all",
    ("relu", "vjp"): f"{_PASSES}the comparison, its conversion to float, the product",
    ("leaky_relu", "forward"): f"{_PASSES}a product, the larger one",
    ("leaky_relu", "vjp"): f"{_PASSES}the comparison, its conversion, three steps, the product",
    ("elu", "vjp"): f"{_PASSES}a mask, a clipped part, its exponential, two steps, the product",
    ("selu", "vjp"): f"{_PASSES}a mask, a clipped part, its exponential, three steps, the product",
    ("relu6", "vjp"): f"{_PASSES}two comparisons, their product, its conversion, the product",
    ("hardtanh", "vjp"): f"{_PASSES}two comparisons, their product, its conversion, the product",
    ("hardsigmoid", "forward"): f"{_PASSES}sum, clip, quotient",
    ("hardsigmoid", "vjp"): f"{_PASSES}two comparisons, their product, its conversion, the quotient, the product",
    ("hardswish", "forward"): f"{_PASSES}sum, clip, quotient, product",
    ("hardswish", "vjp"): f"{_PASSES}sum, clip, two comparisons, their product and conversion, four steps more",
    ("silu", "forward"): f"{_PASSES}minus, exponential, 1 + that, one over it, product",
    ("silu", "vjp"): f"{_PASSES}the logistic function of -x is computed again, since 1 - share cancels",
    ("softplus", "vjp"): f"{_PASSES}product, expm1, minus, product",
    ("logsigmoid", "vjp"): f"{_PASSES}expm1, minus, product",
    ("softmax", "forward"): f"{_PASSES}largest, difference, exponential, sum, quotient",
    ("softmax", "vjp"): f"{_PASSES}product, sum, difference, product",
    ("logsoftmax", "forward"): (
        f"{_PASSES}place of the largest, difference, exponential, sum, quotient; the largest is left to log1p, which "
        "keeps the digits of a probability near 1"
    ),
    ("logsoftmax", "vjp"): f"{_PASSES}sum, product, difference, and the largest's entry from all the others",
    ("cross_entropy", "forward"): f"{_PASSES}it is logsoftmax first, which keeps the digits of a probability near 1",
    ("bce_with_logits", "forward"): f"{_PASSES}checking that targets lie in [0, 1], then eight steps",
    ("bce_with_logits", "vjp"): f"{_PASSES}both the share and 1 minus it, neither as a difference",
    ("huber", "forward"): f"{_PASSES}difference, size, clip, two products, sum",
    ("smooth_l1", "forward"): f"{_PASSES}difference, size, clip, two products, sum",
    ("sum", "forward"): _SUMS,
    ("mean", "forward"): _SUMS,
    ("vector_norm", "forward"): f"a pass for the largest or the squares, and one for the sum; {_SUMS}",
    ("var", "forward"): f"{_PASSES}mean, difference, squares, sum",
    ("max", "forward"): "one pass each; why NumPy's takes longer is not known",
    ("min", "forward"): "one pass each; why NumPy's takes longer is not known",
    ("sum", "vjp"): "ours writes an array of the input's size, torch gives a view that repeats one number",
    ("prod", "forward"): "NumPy multiplies along the last axis one number after the other",
    ("cumsum", "forward"): _ACCUMULATE,
    ("cumsum", "vjp"): _ACCUMULATE,
    ("cumprod", "forward"): _ACCUMULATE,
    (
        "outer",
        "forward",
    ): "NumPy's loop begins anew for each row: twice the time of a product of two arrays of that size",
    (
        "cholesky",
        "vjp",
    ): "NumPy solves no triangular system: ours inverts the triangle as a full matrix, and multiplies twice",
    ("expand", "forward"): "NumPy repeats numbers one by one",
    ("expand", "vjp"): "NumPy's sum over 16 neighbours begins anew a quarter of a million times",
    ("broadcast_to", "vjp"): "NumPy's sum over the middle axis goes over its result a hundred times",
    ("take", "vjp"): _SCATTER,
    ("embedding", "vjp"): _SCATTER,
    ("scatter_add", "forward"): _SCATTER,
    (
        "det",
        "vjp",
    ): "beside the inverse ours measures how many digits it loses, and takes singular values where too many",
    ("conv1d", "forward"): (
        "a third of the time brings the signals into the order with the batch last, which one layer alone pays whole; "
        "in a network only the first does"
    ),
    (
        "max_pool2d",
        "vjp",
    ): "several passes, over rows and then columns of all windows; torch has kept the place of each largest",
    ("layer_norm", "forward"): _PASSES + _STANDARDIZE,
    ("layer_norm", "vjp"): f"{_PASSES}two means and a projection, then the sums for weight and bias",
    ("group_norm", "forward"): _PASSES + _STANDARDIZE,
    ("group_norm", "vjp"): f"{_PASSES}two means and a projection, then the sums for weight and bias",
}
"""Op and way -> the reason."""
