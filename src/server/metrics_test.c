#include "server/metrics_text.h"

#include "base/test.h"

static struct request_facts fact(const struct route *route, int status, const char *code)
{
    return (struct request_facts){.route = route,
                                  .status = status,
                                  .code = code,
                                  .seconds = 0.02,
                                  .queue_seconds = -1,
                                  .first_token_seconds = -1,
                                  .per_token_seconds = -1,
                                  .sent_bytes = 10};
}

static uint64_t count_of(const struct metrics *metrics, const struct route *route, int status,
                         const char *code)
{
    uint64_t count = 0;
    for (size_t i = 0; i < REQUEST_ROWS; i++) {
        const struct request_row *row = &metrics->requests[i];
        if (row->route == route && row->status == status && strcmp(row->code, code) == 0)
            count += row->count;
    }
    return count;
}

static void requests_are_told_apart(void **state)
{
    (void)state;
    static struct metrics metrics;
    const struct request_facts facts[] = {
        fact(&routes[0], 200, NULL), fact(&routes[1], 200, NULL), fact(&routes[0], 200, NULL),
        fact(&routes[0], 503, "draining"), fact(NULL, 404, "route_not_found")};
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        metrics_count(&metrics, &facts[i]);
    assert_int_equal(count_of(&metrics, &routes[0], 200, ""), 2);
    assert_int_equal(count_of(&metrics, &routes[1], 200, ""), 1);
    assert_int_equal(count_of(&metrics, &routes[0], 503, "draining"), 1);
    assert_int_equal(count_of(&metrics, NULL, 404, "route_not_found"), 1);
    assert_int_equal(metrics.sent_bytes, 50);
    assert_int_equal(metrics.requests_lost, 0);
    assert_int_equal(metrics.queue.counts[0], 0);
}

static void a_full_table_drops_no_count(void **state)
{
    (void)state;
    static struct metrics metrics;
    for (int status = 1; status <= REQUEST_ROWS + 10; status++) {
        const struct request_facts facts = fact(NULL, status, NULL);
        metrics_count(&metrics, &facts);
    }
    assert_int_equal(metrics.requests_lost, 10);
    assert_int_equal(count_of(&metrics, NULL, 7, ""), 1);
}

static void buckets_hold_their_bounds(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        assert_true(i == 0 || histogram_bounds[i] > histogram_bounds[i - 1]);
        histogram_add(&histogram, histogram_bounds[i]);
        assert_int_equal(histogram.counts[i], 1);
    }
    histogram_add(&histogram, 1e9);
    histogram_add(&histogram, 0);
    assert_int_equal(histogram.counts[HISTOGRAM_BUCKETS], 1);
    assert_int_equal(histogram.counts[0], 2);
}

static void assert_text(bool open_metrics, const char *wanted)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    struct metrics_text text = {.out = &out, .open_metrics = open_metrics};
    metrics_single(&text, "a_total", "counter", "A.", 3);
    metrics_family(&text, "b", "gauge", "B.");
    metrics_sample(&text, (const struct metric_label[]){{"x", "q\"b\\n\n"}, {"y", ""}, {0}}, 0.25);
    const double bounds[] = {0.5, 1};
    const uint64_t counts[] = {1, 0, 2};
    metrics_histogram(&text, "c", "C.", bounds, counts, 2, 7.5);
    metrics_end(&text);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

#define REST                                                                                       \
    "a_total 3\n# HELP b B.\n# TYPE b gauge\nb{x=\"q\\\"b\\\\n\\n\",y=\"\"} 0.25\n"                \
    "# HELP c C.\n# TYPE c histogram\nc_bucket{le=\"0.5\"} 1\nc_bucket{le=\"1\"} 1\n"              \
    "c_bucket{le=\"+Inf\"} 3\nc_sum 7.5\nc_count 3\n"

static void both_formats(void **state)
{
    (void)state;
    assert_text(false, "# HELP a_total A.\n# TYPE a_total counter\n" REST);
    assert_text(true, "# HELP a A.\n# TYPE a counter\n" REST "# EOF\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_told_apart),
        cmocka_unit_test(a_full_table_drops_no_count),
        cmocka_unit_test(buckets_hold_their_bounds),
        cmocka_unit_test(both_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
