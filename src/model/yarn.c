#include "model/yarn.h"

#include <math.h>

float yarn_attention(double factor, double mscale)
{
    return factor <= 1 ? 1 : (float)(0.1 * mscale * log(factor) + 1);
}

void yarn_stretch(struct text_config *config, double factor)
{
    struct yarn *yarn = &config->yarn;
    if (yarn->factor == 0) {
        yarn->beta_fast = YARN_BETA_FAST;
        yarn->beta_slow = YARN_BETA_SLOW;
        yarn->truncate = true;
        yarn->original_positions = config->max_positions;
    }
    yarn->factor = (float)factor;
    yarn->attention = yarn_attention(factor, 1);
    const double positions = floor(yarn->original_positions * factor);
    if (positions > config->max_positions)
        config->max_positions =
            positions < CONFIG_POSITIONS_MAX ? (uint32_t)positions : CONFIG_POSITIONS_MAX;
}
