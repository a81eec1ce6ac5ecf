#include "engine/grammar_number.h"

enum {
    INTEGER_DIGITS = 18,
    NUMBER_DIGITS = 15, /* decimals of so many digits differ as doubles too */
    EXPONENT_DIGITS = 2,
    MANTISSA_MAX = 128,
    STATES_MAX = 30000,
};

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* The exponent of a spelling from its 'e' on; what is absurd becomes ±10000. */
static int32_t parse_exponent(struct str text)
{
    int32_t value = 0;
    const bool negative = text.len > 1 && text.ptr[1] == '-';
    for (size_t i = 1; i < text.len; i++)
        if (is_digit(text.ptr[i]))
            value = value < 1000 ? value * 10 + (text.ptr[i] - '0') : 10000;
    return negative ? -value : value;
}

bool decimal_parse(struct str spelling, struct decimal *out)
{
    uint8_t digits[MANTISSA_MAX];
    int32_t count = 0, point = 0, first = 0;
    bool fraction = false;
    size_t i = str_starts(spelling, "-");
    for (; i < spelling.len && spelling.ptr[i] != 'e' && spelling.ptr[i] != 'E'; i++) {
        if (spelling.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        if (count == MANTISSA_MAX)
            return false;
        digits[count++] = (uint8_t)(spelling.ptr[i] - '0');
        point += !fraction;
    }
    point += parse_exponent(str_slice(spelling, i, spelling.len));
    while (count > 0 && digits[count - 1] == 0)
        count--;
    while (first < count && digits[first] == 0)
        first++;
    *out = (struct decimal){.count = count - first};
    if (out->count == 0)
        return true;
    out->point = point - first;
    out->negative = str_starts(spelling, "-");
    if (out->count > DECIMAL_DIGITS_MAX || out->point > DECIMAL_DIGITS_MAX ||
        out->count - out->point > DECIMAL_DIGITS_MAX)
        return false;
    memcpy(out->digits, digits + first, (size_t)out->count);
    return true;
}

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
    if (a->count == 0 || b->count == 0)
        return (a->count > 0) - (b->count > 0);
    if (a->point != b->point)
        return a->point < b->point ? -1 : 1;
    return memcmp(a->digits, b->digits, sizeof a->digits); /* unused digits are zero */
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    return a->negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

static int32_t integer_digits(const struct decimal *d)
{
    return d->point > 0 ? d->point : 1;
}

static int32_t fraction_digits(const struct decimal *d)
{
    return d->count > d->point ? d->count - d->point : 0;
}

/* The digit of weight 10^(point-1-index). */
static int digit_at(const struct decimal *d, int32_t index)
{
    return index >= 0 && index < d->count ? d->digits[index] : 0;
}

/* What the magnitude must keep to after one of the two signs. */
struct side {
    bool possible;
    struct number_bound low, high;
};

struct context {
    const struct number_range *range;
    struct side sides[2]; /* positive or zero; negative */
    int32_t most_digits;
    bool exponents;
};

enum phase { START, SIGN, ZERO, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, EXPONENT_DIGIT };
enum order { LESS, EQUAL, GREATER };

/* What is known of a number so far. */
struct progress {
    enum phase phase;
    bool negative;
    int32_t integer, fraction, exponent; /* digits */
    enum order low, high;                /* of the digits so far to those of the bounds */
    uint32_t remainder;
};

static uint64_t pack(const struct progress *p)
{
    return (uint64_t)p->phase | (uint64_t)p->negative << 4 | (uint64_t)p->integer << 8 |
           (uint64_t)p->fraction << 16 | (uint64_t)p->exponent << 24 | (uint64_t)p->low << 28 |
           (uint64_t)p->high << 32 | (uint64_t)p->remainder << 36;
}

static struct progress unpack(uint64_t key)
{
    return (struct progress){
        .phase = (enum phase)(key & 15),
        .negative = key >> 4 & 1,
        .integer = (int32_t)(key >> 8 & 255),
        .fraction = (int32_t)(key >> 16 & 255),
        .exponent = (int32_t)(key >> 24 & 15),
        .low = (enum order)(key >> 28 & 15),
        .high = (enum order)(key >> 32 & 15),
        .remainder = (uint32_t)(key >> 36),
    };
}

static enum order after_digit(enum order so_far, int digit, int bound)
{
    return so_far != EQUAL ? so_far : digit < bound ? LESS : digit > bound ? GREATER : EQUAL;
}

/* The order once the integer part is complete: longer is larger. */
static enum order after_integer(enum order so_far, int32_t digits, const struct decimal *bound)
{
    const int32_t its = integer_digits(bound);
    return digits < its ? LESS : digits > its ? GREATER : so_far;
}

static enum order final_order(const struct progress *p, enum order so_far,
                              const struct decimal *bound)
{
    if (p->phase == ZERO || p->phase == INTEGER)
        so_far = after_integer(so_far, p->integer, bound);
    return so_far == EQUAL && bound->point + p->fraction < bound->count ? LESS : so_far;
}

static bool accepts_progress(const struct context *c, const struct progress *p)
{
    if (p->phase == EXPONENT_DIGIT)
        return true;
    if (p->phase != ZERO && p->phase != INTEGER && p->phase != FRACTION)
        return false;
    const struct side *side = &c->sides[p->negative];
    const enum order low = final_order(p, p->low, &side->low.at),
                     high = final_order(p, p->high, &side->high.at);
    if (side->low.given && (low == LESS || (low == EQUAL && side->low.exclusive)))
        return false;
    if (side->high.given && (high == GREATER || (high == EQUAL && side->high.exclusive)))
        return false;
    return p->remainder == 0;
}

static bool accepts(const void *arg, uint64_t key)
{
    const struct progress p = unpack(key);
    return accepts_progress(arg, &p);
}

static bool take_integer_digit(const struct context *c, struct progress *p, int digit)
{
    const struct side *side = &c->sides[p->negative];
    if (!side->possible || p->integer >= c->most_digits)
        return false;
    /* Of a bound below 1 the integer part is one zero. */
    const int low = side->low.at.point > 0 ? digit_at(&side->low.at, p->integer) : 0;
    const int high = side->high.at.point > 0 ? digit_at(&side->high.at, p->integer) : 0;
    p->low = after_digit(p->low, digit, low);
    p->high = after_digit(p->high, digit, high);
    p->integer++;
    p->remainder = (p->remainder * 10 + (uint32_t)digit) % c->range->multiple_of;
    p->phase = p->integer == 1 && digit == 0 ? ZERO : INTEGER;
    return true;
}

static bool take_fraction_digit(const struct context *c, struct progress *p, int digit)
{
    const struct side *side = &c->sides[p->negative];
    if (p->integer + p->fraction >= c->most_digits)
        return false;
    p->low = after_digit(p->low, digit, digit_at(&side->low.at, side->low.at.point + p->fraction));
    p->high =
        after_digit(p->high, digit, digit_at(&side->high.at, side->high.at.point + p->fraction));
    p->fraction++;
    p->phase = FRACTION;
    return true;
}

static bool take_point(const struct context *c, struct progress *p)
{
    if (c->range->integer)
        return false;
    const struct side *side = &c->sides[p->negative];
    p->low = after_integer(p->low, p->integer, &side->low.at);
    p->high = after_integer(p->high, p->integer, &side->high.at);
    p->integer -= p->phase == ZERO; /* a zero before the point does not count */
    p->phase = POINT;
    return true;
}

/* 'e' behind a complete number, or a digit of the exponent. */
static bool take_exponent(const struct context *c, struct progress *p, int byte)
{
    if (p->phase < EXPONENT) {
        const bool may = c->exponents && (byte == 'e' || byte == 'E') && accepts_progress(c, p);
        const bool negative = p->negative;
        *p = (struct progress){.phase = EXPONENT, .negative = negative};
        return may;
    }
    if (p->phase == EXPONENT && (byte == '+' || byte == '-'))
        p->phase = EXPONENT_SIGN;
    else if (!is_digit(byte) || p->exponent >= EXPONENT_DIGITS)
        return false;
    else {
        p->phase = EXPONENT_DIGIT;
        p->exponent++;
    }
    return true;
}

static bool take_byte(const struct context *c, struct progress *p, int byte)
{
    switch (p->phase) {
    case START:
        if (byte == '-') {
            p->phase = SIGN;
            p->negative = true;
            return c->sides[1].possible;
        }
        return is_digit(byte) && take_integer_digit(c, p, byte - '0');
    case SIGN: return is_digit(byte) && take_integer_digit(c, p, byte - '0');
    case INTEGER:
        if (is_digit(byte))
            return take_integer_digit(c, p, byte - '0');
        return byte == '.' ? take_point(c, p) : take_exponent(c, p, byte);
    case ZERO: return byte == '.' ? take_point(c, p) : take_exponent(c, p, byte);
    case POINT: return is_digit(byte) && take_fraction_digit(c, p, byte - '0');
    case FRACTION:
        return is_digit(byte) ? take_fraction_digit(c, p, byte - '0') : take_exponent(c, p, byte);
    case EXPONENT:
    case EXPONENT_SIGN:
    case EXPONENT_DIGIT: return take_exponent(c, p, byte);
    }
    return false;
}

static uint64_t step(const void *arg, uint64_t key, uint8_t byte)
{
    struct progress p = unpack(key);
    return take_byte(arg, &p, byte) ? pack(&p) : DFA_NO_KEY;
}

static struct number_bound magnitude(struct number_bound bound)
{
    bound.at.negative = false;
    return bound;
}

static void plan_sides(struct context *c)
{
    const struct number_bound *min = &c->range->min, *max = &c->range->max;
    struct side *positive = &c->sides[0], *negative = &c->sides[1];
    positive->possible = !max->given || !max->at.negative;
    if (min->given && !min->at.negative)
        positive->low = *min;
    positive->high = *max;
    negative->possible = !min->given || min->at.negative;
    negative->low = (struct number_bound){.given = true, .exclusive = true}; /* no -0 */
    if (max->given && max->at.negative)
        negative->low = magnitude(*max);
    negative->high = magnitude(*min);
}

static void plan_digits(struct context *c)
{
    const struct number_bound *bounds[] = {&c->range->min, &c->range->max};
    c->most_digits = c->range->integer ? INTEGER_DIGITS : NUMBER_DIGITS;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        if (!bounds[i]->given)
            continue;
        const struct decimal *at = &bounds[i]->at;
        const int32_t digits = integer_digits(at) + (c->range->integer ? 0 : fraction_digits(at));
        c->most_digits = digits > c->most_digits ? digits : c->most_digits;
    }
}

enum status number_dfa(const struct number_range *range, struct arena *arena, struct dfa *out)
{
    struct context c = {
        .range = range,
        .exponents = !range->integer && !range->min.given && !range->max.given,
    };
    plan_sides(&c);
    plan_digits(&c);
    const struct progress start = {.phase = START, .low = EQUAL, .high = EQUAL};
    const struct dfa_rules rules = {step, accepts, &c, pack(&start)};
    return dfa_explore(&rules, STATES_MAX, arena, out);
}
