/* Elementary functions on vectors. Include after a vec.h. Polynomials: minimax fits (Remez) in
 * double, rounded to F32. */
#pragma once

/* eˣ within 1.1 ulp; x is clamped to [-87.3, 88.3], where the result is a normal number. */
static inline vec vec_exp(vec x)
{
    x = vec_max(vec_set(-87.3f), vec_min(vec_set(88.3f), x)); /* keeps NaN */
    /* x = n ln 2 + r, |r| ≤ ln 2 / 2; ln 2 in two pieces, of which n times the first is exact. */
    const vec n = vec_round(vec_mul(x, vec_set(1.44269504f)));
    vec r = vec_fnma(n, vec_set(0.693359375f), x);
    r = vec_fnma(n, vec_set(-2.12194440e-4f), r);
    vec p = vec_set(0.0013814467f);
    p = vec_fma(p, r, vec_set(0.008368781f));
    p = vec_fma(p, r, vec_set(0.041668393f));
    p = vec_fma(p, r, vec_set(0.1666652f));
    p = vec_fma(p, r, vec_set(0.49999994f));
    p = vec_fma(vec_mul(r, r), p, r);
    return vec_scale2(vec_add(p, vec_set(1.0f)), n);
}

/* x / (1 + e⁻ᶻ) */
static inline vec vec_times_sigmoid(vec x, vec z)
{
    const vec e = vec_exp(vec_sub(vec_zero(), z));
    return vec_div(x, vec_add(vec_set(1.0f), e));
}

static inline vec vec_silu(vec x)
{
    return vec_times_sigmoid(x, x);
}

/* 0.5 x (1 + tanh(u)) = x / (1 + e⁻²ᵘ) with u = sqrt(2/π) (x + 0.044715 x³) */
static inline vec vec_gelu_tanh(vec x)
{
    const vec cubic = vec_mul(vec_mul(x, x), x);
    const vec u = vec_fma(vec_set(0.044715f), cubic, x);
    return vec_times_sigmoid(x, vec_mul(vec_set(1.5957691216f), u));
}

/* 0.5 x (1 + erf(x/√2)). With t = |x|/√2, erfc(t) = e^(-t Q(t)), within 1e-7 up to t = 5, beyond
 * which it no longer counts; and 1 + erf is erfc(t) for negative x, 2 - erfc(t) for positive. */
static inline vec vec_gelu_erf(vec x)
{
    const vec t = vec_min(vec_set(5.0f), vec_mul(vec_abs(x), vec_set(0.70710678f)));
    vec q = vec_set(1.0727437e-06f);
    q = vec_fma(q, t, vec_set(-1.9943756e-05f));
    q = vec_fma(q, t, vec_set(0.00016062423f));
    q = vec_fma(q, t, vec_set(-0.00072267721f));
    q = vec_fma(q, t, vec_set(0.0017714932f));
    q = vec_fma(q, t, vec_set(-0.00022711283f));
    q = vec_fma(q, t, vec_set(-0.019131955f));
    q = vec_fma(q, t, vec_set(0.10277561f));
    q = vec_fma(q, t, vec_set(0.63661921f));
    q = vec_fma(q, t, vec_set(1.1283792f));
    const vec erfc = vec_exp(vec_mul(vec_sub(vec_zero(), t), q));
    const vec factor = vec_by_sign(x, erfc, vec_sub(vec_set(2.0f), erfc));
    return vec_mul(vec_mul(vec_set(0.5f), x), factor);
}
