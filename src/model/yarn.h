/* Long context by YaRN (Peng et al. 2023, arXiv 2309.00071): slow rotations are slowed down by a
 * factor, fast ones stay, and cosines and sines are lengthened a little. engine/rope.c computes the
 * frequencies. */
#pragma once

#include "model/config.h"

/* 0.1 · mscale · ln(factor) + 1. */
float yarn_attention(double factor, double mscale);

/* Turns YaRN on with the paper's numbers, or gives it another factor; the model's context grows
 * with it. factor ≥ 1. */
void yarn_stretch(struct text_config *config, double factor);
