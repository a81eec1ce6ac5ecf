#include "llhttp_compare_test.h"

#include "llhttp_reading_test.h"

static const char *const states[] = {"wants more", "is whole", "is refused"};

static void report_one(struct buf *out, const char *who, const struct reading *r)
{
    buf_printf(out, "%s: it %s at %zu%s %s\n%.*s\n", who, states[r->state], r->end,
               r->keep_alive ? ", keep-alive" : "", r->why, STR_ARG(buf_str(&r->text)));
}

/* The row that explains why one side refused, and the other did not. */
static bool explained(enum side side, const struct reading *refusal, struct str input,
                      size_t *counts)
{
    const size_t seen = side == WE_REFUSE ? refusal->end : input.len;
    for (size_t i = 0; i < difference_count; i++) {
        const struct difference *d = &differences[i];
        if (d->side != side || strncmp(refusal->why, d->why, strlen(d->why)) != 0 ||
            !d->holds(str_slice(input, 0, seen)))
            continue;
        if (counts)
            counts[i]++;
        return true;
    }
    return false;
}

static bool same(const struct reading *us, const struct reading *them)
{
    if (us->state != them->state || (us->state == READING_WHOLE && us->end != them->end))
        return false;
    return us->head != them->head || str_eq(buf_str(&us->text), buf_str(&them->text));
}

static bool close_alike(const struct reading *us, const struct reading *them, struct str input,
                        size_t *counts)
{
    if (us->state != READING_WHOLE || us->keep_alive == them->keep_alive)
        return true;
    return explained(KEEP_ALIVE_DIFFERS, us, str_slice(input, 0, us->end), counts);
}

/* We judge a line when it is complete, and what its header means when the head is: the end of the
 * line, and of the head, are added. */
static void read_on(struct reading *us, struct str input)
{
    struct buf longer;
    buf_init(&longer, input.len + 8);
    buf_add_str(&longer, input);
    buf_puts(&longer, "\r\n\r\n");
    reading_release(us);
    reading_by_us(buf_str(&longer), us);
    buf_release(&longer);
}

/* One request. *end: where the next one begins, 0: nothing follows. */
static bool compare_one(struct str input, struct buf *report, size_t *counts, size_t *end)
{
    struct reading us, them;
    reading_by_us(input, &us);
    reading_by_llhttp(input, &them);
    if (us.in_line && them.state == READING_REFUSED)
        read_on(&us, input);
    bool good;
    if (us.state == READING_REFUSED || them.state == READING_REFUSED)
        good = us.state == them.state ||
               (us.state == READING_REFUSED ? explained(WE_REFUSE, &us, input, counts)
                                            : explained(THEY_REFUSE, &them, input, counts));
    else
        good = same(&us, &them) && close_alike(&us, &them, input, counts);
    *end = us.state == READING_WHOLE && them.state == READING_WHOLE && us.keep_alive ? us.end : 0;
    if (!good) {
        report_one(report, "qvl", &us);
        report_one(report, "llhttp", &them);
    }
    reading_release(&us);
    reading_release(&them);
    return good;
}

bool llhttp_compare(struct str input, struct buf *report, size_t *counts)
{
    while (input.len > 0) {
        size_t end;
        if (!compare_one(input, report, counts, &end))
            return false;
        if (end == 0)
            return true;
        input = str_slice(input, end, input.len);
    }
    return true;
}
