/* The worked examples of specification 7.3, and prompts that do not fit their pictures. */
#include "engine/positions.h"

#include "base/test.h"

enum { IMAGE = 100, VIDEO = 101, TEXT = 1, MOST = 64 };

static const struct model_config CONFIG = {.image_token = IMAGE, .video_token = VIDEO};

struct built {
    int32_t positions[3 * MOST], delta;
    struct segment segments[8];
    enum status status;
};

/* layout: 't' a text token, 'i' an image pad, 'v' a video pad. */
static struct built build(const char *layout, struct visual *visuals, size_t count)
{
    int32_t ids[MOST];
    const size_t n = strlen(layout);
    assert_true(n <= MOST);
    for (size_t i = 0; i < n; i++)
        ids[i] = layout[i] == 'i' ? IMAGE : layout[i] == 'v' ? VIDEO : TEXT;
    const struct prompt_input prompt = {
        .tokens = {ids, n, n}, .visuals = visuals, .visual_count = count};
    struct built built = {0};
    struct reason why = {0};
    assert_true(segment_count(&prompt) <= ARRAY_LEN(built.segments));
    built.status =
        positions_build(&prompt, &CONFIG, built.positions, &built.delta, built.segments, &why);
    if (built.status != STATUS_OK)
        assert_string_equal(why.code, "invalid_value");
    return built;
}

static void assert_place(const struct built *b, size_t n, size_t at, int32_t t, int32_t h,
                         int32_t w)
{
    assert_int_equal(b->positions[at], t);
    assert_int_equal(b->positions[n + at], h);
    assert_int_equal(b->positions[2 * n + at], w);
}

static void one_image(void **state)
{
    (void)state;
    struct visual image = {.grid = {1, 4, 6}};
    const struct built b = build("ttttiiiiiitttttttttt", &image, 1);
    assert_int_equal(b.status, STATUS_OK);
    assert_int_equal(b.delta, -3);
    assert_int_equal(b.segments[0].first, 4);
    assert_place(&b, 20, 3, 3, 3, 3);
    assert_place(&b, 20, 4, 4, 4, 4);
    assert_place(&b, 20, 6, 4, 4, 6);
    assert_place(&b, 20, 7, 4, 5, 4);
    assert_place(&b, 20, 9, 4, 5, 6);
    assert_place(&b, 20, 10, 7, 7, 7);
    assert_place(&b, 20, 19, 16, 16, 16);
}

static void two_images(void **state)
{
    (void)state;
    struct visual images[] = {{.grid = {1, 4, 6}}, {.grid = {1, 4, 4}}};
    const struct built b = build("ttttiiiiiittiiiittttttt", images, 2);
    assert_int_equal(b.delta, -5);
    assert_int_equal(b.segments[1].first, 12);
    assert_place(&b, 23, 10, 7, 7, 7);
    assert_place(&b, 23, 13, 9, 9, 10);
    assert_place(&b, 23, 15, 9, 10, 10);
    assert_place(&b, 23, 16, 11, 11, 11);
    assert_place(&b, 23, 22, 17, 17, 17);
}

static void a_video(void **state)
{
    (void)state;
    struct visual video = {.grid = {2, 4, 4}, .is_video = true};
    const struct built b = build("ttttttttttvvvvttttttttvvvvttttttt", &video, 1);
    assert_int_equal(b.status, STATUS_OK);
    assert_int_equal(b.delta, -4);
    assert_int_equal(b.segments[1].first, 22);
    assert_ptr_equal(b.segments[1].patches, (float *)NULL + 16 * 1536);
    assert_place(&b, 33, 13, 10, 11, 11);
    assert_place(&b, 33, 14, 12, 12, 12);
    assert_place(&b, 33, 23, 20, 20, 21);
    assert_place(&b, 33, 32, 28, 28, 28);
}

static void text_alone_counts_up(void **state)
{
    (void)state;
    const struct built b = build("ttit", NULL, 0); /* a pad without pictures is text */
    assert_int_equal(b.status, STATUS_OK);
    assert_int_equal(b.delta, 0);
    assert_place(&b, 4, 3, 3, 3, 3);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct visual visuals[] = {{.grid = {1, 4, 4}}, {.grid = {1, 4, 4}}};
    struct visual video = {.grid = {1, 4, 4}, .is_video = true};
    assert_int_equal(build("ttiiitt", visuals, 1).status, STATUS_INVALID); /* cut short */
    assert_int_equal(build("ttiii", visuals, 1).status, STATUS_INVALID);   /* by the end */
    assert_int_equal(build("ttiiiii", visuals, 1).status, STATUS_INVALID); /* one too many */
    assert_int_equal(build("itiiiit", visuals, 1).status, STATUS_INVALID); /* and before */
    assert_int_equal(build("tt", visuals, 1).status, STATUS_INVALID);      /* none */
    assert_int_equal(build("tiiiit", visuals, 2).status, STATUS_INVALID);  /* too few */
    assert_int_equal(build("tiiiit", &video, 1).status, STATUS_INVALID);   /* of the other kind */
    assert_int_equal(build("tiiiivt", visuals, 1).status, STATUS_INVALID); /* both kinds */
    assert_int_equal(build("tiiiiiiii", visuals, 2).status, STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_image),
        cmocka_unit_test(two_images),
        cmocka_unit_test(a_video),
        cmocka_unit_test(text_alone_counts_up),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
